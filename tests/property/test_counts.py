"""What is true of every legal config: sums, layers, ties, spellings, nulls."""

from __future__ import annotations

import json
import random

from hypothesis import given
from hypothesis import strategies as st

import cardscope
from cardscope.archs import build
from cardscope.harvest import declared
from cardscope.inventory import take
from cardscope.report.model import Report
from tests.property.configs import LISTS, Config, legal


def inspect(config: Config) -> Report:
    """The analytic report."""
    return cardscope.inspect(config, exact=False, headers=False)


def total(config: Config) -> int:
    """Analytic parameters."""
    count = inspect(config).parameters.analytic.total
    assert count is not None
    return count


@given(legal())
def test_components_and_groups_sum_to_the_total(config):
    found = inspect(config)
    analytic = found.parameters.analytic
    assert sum(analytic.components.values()) == analytic.total
    assert sum(group.count * group.parameters for group in found.inventory.groups) == analytic.total
    assert analytic.active is None or 0 < analytic.active <= analytic.total


@given(legal())
def test_named_terms_sum_to_what_the_rule_misses(config):
    parameters = inspect(config).parameters
    (difference,) = parameters.differences
    assert sum(term.delta for term in difference.terms) == parameters.analytic.total - parameters.heuristic.total
    assert difference.explained


@given(legal().filter(lambda found: not any(key in found for key in LISTS)))
def test_one_more_layer_adds_exactly_one_layer(config):
    key = "n_layer" if "n_layer" in config else "num_hidden_layers"
    longer = take(build({**config, key: config[key] + 1}))
    added = next(group for group in longer.groups if config[key] in group.layers)
    assert longer.parameters - take(build(config)).parameters == added.parameters > 0


@given(legal())
def test_tying_removes_one_table(config):
    width = config.get("hidden_size", config.get("n_embd"))
    saved = total({**config, "tie_word_embeddings": False}) - total({**config, "tie_word_embeddings": True})
    assert saved == config["vocab_size"] * width


@given(legal())
def test_the_other_spelling_of_a_key_changes_nothing(config):
    """`hidden_size` for `n_embd`, and back: whatever names the class itself knows for one another."""
    aliases = declared(config["model_type"]).aliases
    other = {**aliases, **{own: name for name, own in aliases.items()}}
    assert build({other.get(key, key): value for key, value in config.items()}) == build(config)


@given(legal(), st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_nothing(config, chance: random.Random):
    keys = list(config)
    chance.shuffle(keys)
    assert inspect({key: config[key] for key in keys}).to_dict() == inspect(config).to_dict()


@given(
    legal("llama", "gpt2", "mistral"),
    st.dictionaries(st.sampled_from(["rope_theta", "bos_token_id", "_name_or_path"]), st.integers(0, 10**6)),
)
def test_keys_that_shape_nothing_change_nothing(config, more):
    """Rotary bases, token ids and private notes of other tools."""
    assert inspect({**config, **more}).to_dict() == inspect(config).to_dict()


@given(legal("mistral"))
def test_a_null_window_is_no_window_and_an_absent_one_the_classes(config):
    absent = {key: value for key, value in config.items() if key != "sliding_window"}
    nothing, default = inspect({**absent, "sliding_window": None}), inspect(absent)
    assert (nothing.spec.sliding_window, default.spec.sliding_window) == (None, 4096)
    assert nothing.parameters.analytic.total == default.parameters.analytic.total
    assert nothing.kv_cache.per_token_bytes_long == nothing.kv_cache.per_token_bytes
    assert default.kv_cache.per_token_bytes_long == 0


@given(legal("deepseek_v2", "deepseek_v3"))
def test_a_null_query_rank_is_no_compression_and_an_absent_one_the_classes(config):
    """Both classes declare 1,536: down, norm and up instead of one projection, in every layer."""
    absent = {key: value for key, value in config.items() if key != "q_lora_rank"}
    width, rows = config["hidden_size"], config["num_attention_heads"]
    rows *= config["qk_nope_head_dim"] + config["qk_rope_head_dim"]
    more = 1536 * (width + 1 + rows) - width * rows
    assert total(absent) - total({**absent, "q_lora_rank": None}) == config["num_hidden_layers"] * more


@given(legal("llama"))
def test_null_kv_heads_are_as_many_as_there_are_heads(config):
    plain = {**config, "num_key_value_heads": config["num_attention_heads"]}
    assert total({**config, "num_key_value_heads": None}) == total(plain)


@given(legal())
def test_the_report_survives_json(config):
    made = inspect(config).to_dict()
    assert json.loads(json.dumps(made, allow_nan=False)) == made


@given(legal())
def test_the_same_config_gives_the_same_report(config):
    assert inspect(config) == inspect(json.loads(json.dumps(config)))


@given(legal())
def test_legal_configs_are_read_in_full(config):
    """No finding but the missing dtype and a default that moved: nothing in a legal config goes unread."""
    assert {item.code for item in inspect(config).findings} <= {"CS102", "CS111", "CS114"}

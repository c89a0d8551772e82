"""Configs that were written to hurt: each is answered under a cap on memory and processor time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import cardscope
from cardscope.assemble import UNREAD_SHOWN
from cardscope.errors import BadField, CardscopeError
from cardscope.report.lines import columns, fit, line, pad, shorten, wrap
from cardscope.report.render import render
from tests import facts

ROOT = Path(__file__).resolve().parents[2]
LIMITED = """
import json, resource, sys
import cardscope
from cardscope.report.render import render
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20))
base = {"model_type": "llama"}
cases = {
    "ten to the nine layers": {**base, "num_hidden_layers": 10**9},
    "as many layers as are allowed": {**base, "num_hidden_layers": 10_000},
    "ten to the eighteen words": {**base, "vocab_size": 10**18},
    "a trillion heads": {**base, "num_attention_heads": 10**12, "num_key_value_heads": 7},
    "a trillion experts": {"model_type": "mixtral", "num_local_experts": 10**12},
    "a list for a number": {**base, "num_key_value_heads": [1] * 200_000},
    "a few bytes asking for a billion words": {"model_type": "gpt_neo", "attention_types": [[["global"] * 1000, 10**4]] * 100},
    "a hundred thousand keys": {**base, **{f"key_{n}": 1 for n in range(100_000)}},
    "keys without end": {**base, **{f"{n}" * 2000: [1] for n in range(1000)}},
    "labels without end": {**base, "architectures": ["LlamaForSequenceClassification"], "id2label": {str(n): "x" for n in range(100_000)}},
    "every layer dense by a list": {"model_type": "qwen3_moe", "num_hidden_layers": 10_000, "mlp_only_layers": list(range(10_000))},
    "an alternating list": {"model_type": "gemma3_text", "num_hidden_layers": 10_000, "layer_types": ["full_attention", "sliding_attention"] * 5000},
    "a wrapper in a wrapper": {"model_type": "a", "text_config": {"text_config": {"text_config": {"model_type": "llama"}}}},
    "a name without end": {"model_type": "x" * 90_000},
    "a class without end": {**base, "architectures": ["x" * 90_000]},
}
for name, config in cases.items():
    try:
        report = cardscope.inspect(config, exact=False, headers=False)
    except cardscope.CardscopeError as error:
        print(json.dumps([name, len(error.message), 0]))
        continue
    print(json.dumps([name, 0, len(render(report, "json")) + len(render(report, "human")) + len(render(report, "html"))]))
"""  # fmt: skip  # noqa: E501 - one case a line


def test_absurd_configs_are_answered_in_little_memory_and_time():
    """20 seconds of processor time and 700 MB for all of them; no message and no report grows with the input."""
    done = subprocess.run([sys.executable, "-c", LIMITED], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    assert len(rows) == 15
    assert all(message <= 1000 for _, message, _ in rows)
    assert all(size < 2_000_000 for _, _, size in rows)


def inspect(config, **options):
    """The analytic report of a config."""
    return cardscope.inspect(config, exact=False, headers=False, **options)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000, which is not between 0 and 10,000"),
        ({"vocab_size": 10**18}, "vocab_size is 1000000000000000000, which is not between 1 and 1,099,511,627,776"),
        ({"hidden_size": -4096}, "hidden_size is -4096, which is not at least 1"),
        ({"hidden_size": 0}, "hidden_size is 0, which is not at least 1"),
        ({"hidden_size": "4096"}, "hidden_size is '4096', which is not an integer"),
        ({"hidden_size": 4096.5}, "hidden_size is 4096.5, which is not an integer"),
        ({"hidden_size": float("nan")}, "hidden_size is nan, which is not an integer"),
        ({"hidden_size": True}, "hidden_size is True, which is not an integer"),
        ({"hidden_size": [4096]}, "hidden_size is [4096], which is not an integer"),
        ({"hidden_size": None}, "hidden_size is None, which is not an integer"),
        ({"num_attention_heads": 0}, "num_attention_heads is 0, which is not at least 1"),
        ({"num_key_value_heads": 7}, "num_key_value_heads is 7, which is not a divisor of the 32 attention heads"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings is 'yes', which is not true or false"),
        ({"architectures": "LlamaForCausalLM"}, "architectures is 'LlamaForCausalLM', which is not a list"),
    ],
)
def test_a_value_no_model_can_have_is_named_with_its_key(change, said):
    with pytest.raises(BadField) as caught:
        inspect({**facts.LLAMA3_8B, **change})
    assert caught.value.message == said
    assert caught.value.hint


def test_kv_heads_that_do_not_divide_suggest_a_divisor():
    with pytest.raises(BadField) as caught:
        inspect({**facts.LLAMA3_8B, "num_key_value_heads": 7})
    assert "--set num_key_value_heads=8" in caught.value.hint


def test_a_whole_float_is_an_integer():
    """Some exporters write 4096.0."""
    assert inspect({**facts.LLAMA3_8B, "hidden_size": 4096.0}).parameters.analytic.total == 8_030_261_248


def test_unread_keys_beyond_a_few_dozen_share_one_finding():
    found = inspect({**facts.LLAMA3_8B, **{f"odd_{n}": 1 for n in range(1000)}}).findings
    assert [item.code for item in found] == ["CS110"] * (UNREAD_SHOWN + 1)
    assert found[-1].message == f"so may {1000 - UNREAD_SHOWN} more keys"


@pytest.mark.parametrize(
    "name", ["LlamaForRewardModel", "GPT2DoubleHeadsModel", "InternLM2ForRewardModel", "LlamaForMultipleChoice"]
)
def test_a_class_with_a_head_of_its_own_is_not_counted_as_the_base_model(name):
    with pytest.raises(CardscopeError, match="a head that is not modelled"):
        inspect({**facts.LLAMA3_8B, "architectures": [name]})


def test_the_base_model_has_no_head():
    found = inspect({**facts.LLAMA3_8B, "architectures": ["LlamaModel"]})
    assert found.parameters.analytic.total == 8_030_261_248 - 128_256 * 4096


def test_a_class_that_transformers_lacks_lowers_the_confidence():
    found = inspect({**facts.LLAMA3_8B, "architectures": ["MedusaLlamaForCausalLM"]})
    assert found.parameters.analytic.confidence == "declared-unseen"
    assert [item.code for item in found.findings] == ["CS119"]


def test_the_old_capitals_of_llama_are_no_other_class():
    assert inspect({**facts.LLAMA3_8B, "architectures": ["LLaMAForCausalLM"]}).findings == ()


def test_a_changed_infinity_survives_as_a_word():
    """Nemotron's time_step_limit holds a bare Infinity, which JSON has no word for."""
    config = {**facts.LLAMA3_8B, "limit": [0.0, float("inf")]}
    made = inspect(config, sets=["limit=[0.0, 1.0]"]).to_dict()
    assert made["model"]["changes"] == [["limit", [0.0, "Infinity"], [0.0, 1.0]]]
    json.dumps(made, allow_nan=False)


def test_control_characters_stay_escaped_in_json():
    """A C1 control or a direction override in a config cannot reach the terminal through --json."""
    text = render(inspect({**facts.LLAMA3_8B, "hidden_act": "a\x9b31m\u202eb\x7f"}), "json")
    assert "\\u009b31m\\u202eb\\u007f" in text
    assert json.loads(text)["spec"]["fields"]


def test_wide_characters_take_two_columns():
    assert columns("日本語") == 6
    assert pad("日本", 6) == "日本  "
    assert shorten("日本語", 5) == "日本…"


def test_a_word_wider_than_a_line_is_cut():
    rows = wrap(["x" * 200], 4, 10)
    assert [len(row) for row in rows] == [0, 80, 80, 52]
    assert "".join(row.strip() for row in rows) == "x" * 200


def test_a_piece_that_fits_a_line_of_its_own_is_kept_whole():
    assert wrap(["a", "b" * 70, "c"], 4, 40) == ["a", "    " + "b" * 70 + "  c"]
    assert wrap(["b" * 70], 4, 40) == ["", "    " + "b" * 70]


def test_a_line_that_is_too_long_loses_its_end_visibly():
    (span,) = fit(line("9" * 100))
    assert (len(span.text), span.text[-1]) == (80, "…")

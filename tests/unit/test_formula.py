"""nanochat's depth rule and its native metas."""

import pytest

from cardscope.errors import UsageError
from cardscope.source import formula

META = {
    "step": 21400,
    "val_bpb": 0.81,
    "model_config": {
        "sequence_len": 2048, "vocab_size": 65536, "n_layer": 20, "n_head": 10, "n_kv_head": 10, "n_embd": 1280,
    },
    "user_config": {"depth": 20, "target_param_data_ratio": 20},
}  # fmt: skip


def _count(config):
    """Parameters of the original release: 2·V·D + L·(2·D² + 2·D·KV·hd + 8·D²)."""
    width = config["hidden_size"]
    kv = config["num_key_value_heads"] * width // config["num_attention_heads"]
    return 2 * config["vocab_size"] * width + config["num_hidden_layers"] * (10 * width**2 + 2 * width * kv)


@pytest.mark.parametrize(
    ("depth", "total"),
    [
        (4, 36_700_160),
        (12, 185_597_952),
        (20, 560_988_160),
        (26, 1_081_999_360),
        (32, 1_879_048_192),
        (34, 2_217_082_880),
    ],
)
def test_depths_give_the_published_sizes(depth, total):
    config, _ = formula.config(f"d{depth}", [])
    assert _count(config) == total
    assert config["intermediate_size"] == 4 * config["hidden_size"] == 256 * depth


@pytest.mark.parametrize("depth", [1, 3, 7, 15, 31, 63])
def test_odd_depths_that_the_original_accepts(depth):
    config, _ = formula.config(f"d{depth}", [])
    assert config["hidden_size"] % config["num_attention_heads"] == 0


@pytest.mark.parametrize("depth", [5, 9, 11, 19, 25])
def test_odd_depths_that_the_original_refuses(depth):
    with pytest.raises(UsageError, match="heads do not divide") as caught:
        formula.config(f"d{depth}", [])
    assert f"nanochat:d{depth + 1}" in caught.value.hint


def test_options_shape_the_config_and_other_keys_are_left_as_edits():
    config, rest = formula.config("d12", [("vocab", "32768"), ("kv_heads", "2"), ("num_hidden_layers", "3")])
    assert (config["vocab_size"], config["num_key_value_heads"]) == (32768, 2)
    assert rest == (("num_hidden_layers", "3"),)


@pytest.mark.parametrize(
    ("body", "edits"),
    [("20", []), ("d0", []), ("d-1", []), ("", []), ("d1e9", []), ("d20", [("vocab", "0")]), ("d20", [("vocab", "x")]),
     ("d20", [("kv_heads", "3")]), ("d20", [("release", "newest")])],
)  # fmt: skip
def test_formulas_that_mean_nothing_are_refused(body, edits):
    with pytest.raises(UsageError) as caught:
        formula.config(body, edits)
    assert caught.value.hint


def test_a_meta_of_the_original_release_gives_its_config():
    assert formula.is_native_meta(META)
    assert formula.from_meta(META, "meta_021400.json") == formula.config("d20", [])[0]

"""GGUF sizes against files that llama.cpp itself quantized (fixtures/gguf_mixes.json)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cardscope.assemble import outline
from cardscope.fitting.precisions import canonical
from cardscope.measures import gguf_mix
from cardscope.model import RawConfig

RECORDED = json.loads((Path(__file__).resolve().parents[2] / "fixtures" / "gguf_mixes.json").read_text("utf-8"))
CASES = [(name, kind) for name, model in RECORDED["models"].items() for kind in model["bytes"]]


def inventory(name):
    found = outline(RawConfig(RECORDED["models"][name]["config"], name, "object"))[1]
    assert found is not None
    return found


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_mix_takes_what_llama_cpp_makes_it_take(name, kind):
    """Every tensor's type in every file type: the sum is the file's tensors to the byte."""
    assert sum(size for _, size in gguf_mix.sizes(inventory(name), kind)) == RECORDED["models"][name]["bytes"][kind]


@pytest.mark.parametrize("name", RECORDED["models"])
def test_the_table_s_rows_are_the_same_sizes(name):
    """The report and `fit --quant` read one table."""
    stated = RECORDED["models"][name]["bytes"]
    for label, size, _ in gguf_mix.rows(inventory(name)):
        assert size == stated[label.removeprefix("GGUF ")]


@pytest.mark.parametrize("kind", gguf_mix.MIXES)
def test_every_mix_may_be_named_in_fit(kind):
    assert canonical(kind.replace("_", "-").lower()) == kind.lower()


def test_rows_that_no_block_divides_stay_in_sixteen_bits():
    """Widths such as GPT-3 13B's printed 5,140, which neither 256 nor 32 divides, are not quantized at all."""
    config = {
        "model_type": "llama", "hidden_size": 100, "intermediate_size": 256, "num_hidden_layers": 1, "vocab_size": 64,
        "num_attention_heads": 4, "num_key_value_heads": 4, "tie_word_embeddings": False,
    }  # fmt: skip
    found = outline(RawConfig(config, "odd", "object"))[1]
    assert found is not None
    sizes = {t.name: 8 * size / t.numel for t, size in gguf_mix.sizes(found, "Q4_0") if len(t.shape) == 2}
    assert sizes.pop("down.weight") == 4.5
    assert set(sizes.values()) == {16.0}

"""The Hub's totals of packed checkpoints, explained to the last number by what packing takes and scales add."""

from __future__ import annotations

import pytest

from cardscope.assemble import assemble
from cardscope.model import HubFacts, RawConfig

QWEN3 = {
    "model_type": "qwen3", "hidden_size": 5120, "intermediate_size": 25600, "num_hidden_layers": 64,
    "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
QWEN3_14B = {**QWEN3, "intermediate_size": 17408, "num_hidden_layers": 40, "num_attention_heads": 40}
GPT_OSS = {
    "model_type": "gpt_oss", "hidden_size": 2880, "intermediate_size": 2880, "num_hidden_layers": 24,
    "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 201088,
    "num_local_experts": 32, "num_experts_per_tok": 4, "tie_word_embeddings": False,
    "quantization_config": {"quant_method": "mxfp4"},
}  # fmt: skip
CASES = {
    "nvidia/Qwen3-32B-NVFP4": (QWEN3, 17_159_312_384, 32_762_123_264, {"packed words"}),
    "openai/gpt-oss-20b": (GPT_OSS, 21_511_953_984, 20_914_757_184, {"quantization scales"}),
    "lmstudio-community/Qwen3-14B-MLX-4bit": (
        {**QWEN3_14B, "quantization": {"bits": 4, "group_size": 64}},
        2_307_906_560,
        14_768_307_200,
        {"packed words", "quantization scales", "zero points"},
    ),
}
"""Published totals of stored numbers (the Hub's safetensors.total), the model's parameters, and the reasons."""


@pytest.mark.parametrize("name", CASES)
def test_a_published_total_of_packed_weights_is_explained(name):
    """The named terms sum to the difference exactly, and the parameters come out unpacked."""
    config, stored, total, reasons = CASES[name]
    report = assemble(RawConfig(config, name, "hub", hub=HubFacts(safetensors_total=stored)))
    last = report.parameters.differences[-1]
    assert {term.name for term in last.terms} == reasons
    assert sum(term.delta for term in last.terms) == last.delta == stored - total
    assert report.parameters.checkpoint.total == report.parameters.analytic.total == total


def test_a_total_that_is_merely_smaller_has_no_reason():
    """One number off from half is not packing: it stays unexplained and gives no count."""
    report = assemble(RawConfig(QWEN3, "x", "hub", hub=HubFacts(safetensors_total=17_159_312_385)))
    assert [term.name for term in report.parameters.differences[-1].terms] == ["unexplained"]
    assert report.parameters.checkpoint.total is None

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
LATENT = {
    "model_type": "deepseek_v3", "moe_layer_freq": 1, "n_shared_experts": 1, "kv_lora_rank": 512,
    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "tie_word_embeddings": False, "topk_method": "noaux_tc",
}  # fmt: skip
MOONLIGHT = {
    **LATENT, "hidden_size": 2048, "intermediate_size": 11264, "moe_intermediate_size": 1408, "num_hidden_layers": 27,
    "num_attention_heads": 16, "num_key_value_heads": 16, "n_routed_experts": 64, "n_shared_experts": 2,
    "num_experts_per_tok": 6, "q_lora_rank": None, "first_k_dense_replace": 1, "vocab_size": 163840,
    "num_nextn_predict_layers": 0,
}  # fmt: skip
V3_NVFP4 = {
    **LATENT, "hidden_size": 7168, "intermediate_size": 18432, "moe_intermediate_size": 2048, "num_hidden_layers": 61,
    "num_attention_heads": 128, "num_key_value_heads": 128, "n_routed_experts": 256, "num_experts_per_tok": 8,
    "q_lora_rank": 1536, "first_k_dense_replace": 3, "vocab_size": 129280, "num_nextn_predict_layers": 1,
}  # fmt: skip
V3_REASONS = {
    "router correction biases", "extra prediction layers", "packed words", "quantization scales",
    "embedding and head repeated for the extra layers",
}  # fmt: skip
KIMI = {
    **V3_NVFP4, "model_type": "kimi_k2", "num_attention_heads": 64, "num_key_value_heads": 64, "n_routed_experts": 384,
    "first_k_dense_replace": 1, "vocab_size": 163840, "num_nextn_predict_layers": 0,
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
}  # fmt: skip
CASES = {
    "moonshotai/Moonlight-16B-A3B": (
        MOONLIGHT,
        15_960_111_936,
        15_960_108_544,
        {"router correction biases", "rotary frequencies"},
    ),
    "nvidia/DeepSeek-V3-0324-NVFP4": (V3_NVFP4, 396_767_013_632, 671_026_404_352, V3_REASONS),
    "nvidia/DeepSeek-V3.1-NVFP4": (V3_NVFP4, 393_632_819_968, 671_026_404_352, V3_REASONS),
    "moonshotai/Kimi-K2-Instruct": (
        KIMI,
        1_026_470_731_056,
        1_026_408_209_408,
        {"router correction biases", "quantization scales", "rotary frequencies"},
    ),
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


def test_a_total_without_the_head_counts_what_is_stored():
    """Qwen3-Embedding-8B's config declares a head that its checkpoint lacks (7,567,295,488 stored)."""
    config = {**QWEN3, "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "vocab_size": 151665}
    config["num_attention_heads"] = 32
    report = assemble(RawConfig(config, "x", "hub", hub=HubFacts(safetensors_total=7_567_295_488)))
    assert [(t.name, t.delta) for t in report.parameters.differences[-1].terms] == [("not stored: head", -621_219_840)]
    assert report.parameters.checkpoint.total == 7_567_295_488

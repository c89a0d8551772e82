"""Bytes at each precision, against sizes that the tools' own files have."""

from __future__ import annotations

import pytest

import cardscope
from cardscope.measures.quantized import published

LLAMA_3_8B = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "tie_word_embeddings": False,
}  # fmt: skip
GPT_OSS_20B = {
    "model_type": "gpt_oss", "hidden_size": 2880, "intermediate_size": 2880, "num_hidden_layers": 24, "head_dim": 64,
    "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 201088, "num_local_experts": 32,
    "num_experts_per_tok": 4, "attention_bias": True, "tie_word_embeddings": False,
}  # fmt: skip


def rows(config):
    return {row.precision: row for row in cardscope.inspect(config, exact=False, headers=False).weights}


def test_llama_cpp_s_mix_of_llama_3_8b():
    """llama.cpp prints 4.89 bits for Q4_K_M, not 4.5."""
    found = rows(LLAMA_3_8B)
    assert round(found["GGUF Q4_K_M"].bits_per_weight, 2) == 4.89
    assert found["GGUF Q8_0"].bits_per_weight == pytest.approx(8.5, abs=0.002)


def test_llama_cpp_s_mix_of_llama_2_7b():
    """llama.cpp prints 4.54 bits for Q4_0."""
    llama_2 = {**LLAMA_3_8B, "intermediate_size": 11008, "num_key_value_heads": 32, "vocab_size": 32000}
    assert round(rows(llama_2)["GGUF Q4_0"].bits_per_weight, 2) == 4.54


def test_mxfp4_of_gpt_oss_is_its_checkpoint():
    """openai/gpt-oss-20b's index says 13,761,264,768 bytes; only the experts are packed."""
    assert rows(GPT_OSS_20B)["mxfp4"].bytes == pytest.approx(13_761_264_768, rel=0.001)


def test_a_scale_for_each_group_is_counted():
    """4 bits and an fp32 scale for 64 weights are 4.5 bits, with double quantization 4.127; tables come to each matrix.

    Of 7 · 32 matrices each carries 16 fp32 values and a blob of 80 bytes, nested 256 more and 170; NVFP4 two scales.
    """
    found = rows(LLAMA_3_8B)
    packed = sum(n * a * b * 32 for n, a, b in ((2, 4096, 4096), (2, 1024, 4096), (3, 14336, 4096)))
    rest = 2 * (8_030_261_248 - packed)
    assert found["nf4"].bytes == rest + packed * 4.5 / 8 + 224 * (64 + 80)
    assert found["nf4 double"].bytes == rest + int(packed * (4 + 8 / 64 + 32 / 64 / 256) / 8) + 224 * (1088 + 170)
    assert found["mxfp4"].bytes == rest + packed * 4.25 / 8
    assert found["nvfp4"].bytes == rest + packed * 4.5 / 8 + 224 * 8


def test_what_is_not_packed_stays_in_16_bits():
    """Everything is smaller than bf16 and larger than its own bits a weight."""
    found = rows(LLAMA_3_8B)
    for name, bits in (("fp8", 8), ("int8", 8), ("int4", 4), ("nf4", 4), ("nvfp4", 4), ("fp8 blocks", 8)):
        assert bits < found[name].bits_per_weight < 16
        assert found[name].basis == "estimated"


def test_a_list_that_keeps_only_extra_layers_out_leaves_the_scheme():
    """GLM and DeepSeek number their extra prediction layers behind the last one, which is never counted as packed."""
    settings = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    kept = {"num_hidden_layers": 4, "quantization_config": {**settings, "modules_to_not_convert": ["model.layers.4"]}}
    assert published(kept) == published({"quantization_config": settings})
    kept["num_hidden_layers"] = 5
    assert "model.layers.4 stays unpacked" in published(kept)

"""Towers before the first Qwen, LLaVA's own class, Kimi-VL and dots.ocr: published totals, and what is refused."""

import pytest

from cardscope.archs import build, interpret, open_config
from cardscope.errors import CardscopeError, NotModelled
from cardscope.inventory import take

QWEN = {
    "model_type": "qwen", "architectures": ["QWenLMHeadModel"], "hidden_size": 4096, "intermediate_size": 22016,
    "kv_channels": 128, "no_bias": True, "num_attention_heads": 32, "num_hidden_layers": 32, "vocab_size": 151936,
    "seq_length": 2048, "tie_word_embeddings": False,
}  # fmt: skip
VISUAL = {
    "heads": 16, "image_size": 448, "image_start_id": 151857, "layers": 48, "mlp_ratio": 4.9231, "output_dim": 4096,
    "patch_size": 14, "width": 1664,
}  # fmt: skip
AUDIO = {
    "add_audio_bos_eos_token": True, "audio_start_id": 155163, "avg_pool": True, "n_ctx": 1500, "n_head": 20,
    "n_layer": 32, "n_mels": 80, "n_state": 1280, "output_dim": 4096,
}  # fmt: skip
LLAVA = {
    "model_type": "llava_mistral", "architectures": ["LlavaMistralForCausalLM"], "hidden_size": 4096,
    "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "vocab_size": 32000, "mm_vision_tower": "openai/clip-vit-large-patch14-336", "mm_hidden_size": 1024,
    "mm_projector_type": "mlp2x_gelu", "tie_word_embeddings": False,
}  # fmt: skip
ONEVISION = {
    "model_type": "llava_qwen", "architectures": ["LlavaQwenForCausalLM"], "hidden_size": 3584,
    "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
    "vocab_size": 152064, "mm_vision_tower": "google/siglip-so400m-patch14-384", "mm_hidden_size": 1152,
    "mm_projector_type": "mlp2x_gelu", "mm_patch_merge_type": "spatial_unpad", "tie_word_embeddings": False,
}  # fmt: skip
DOTS = {
    "model_type": "dots_ocr", "architectures": ["DotsOCRForCausalLM"], "hidden_size": 1536, "intermediate_size": 8960,
    "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2, "vocab_size": 151936,
    "attention_bias": True, "tie_word_embeddings": False,
    "vision_config": {
        "embed_dim": 1536, "hidden_size": 1536, "intermediate_size": 4224, "num_hidden_layers": 42,
        "num_attention_heads": 12, "num_channels": 3, "patch_size": 14, "post_norm": True, "spatial_merge_size": 2,
        "temporal_patch_size": 1, "use_bias": False, "is_causal": False,
    },
}  # fmt: skip
CASES = {
    # index total_size of Qwen/Qwen-VL-Chat-Int4: 9,731,786,240 bytes, GPTQ's words and zeros unpacked
    "Qwen-VL": ({**QWEN, "visual": VISUAL}, 9_656_935_168),
    # safetensors total of Qwen/Qwen-Audio-Chat
    "Qwen-Audio": ({**QWEN, "vocab_size": 155947, "audio": AUDIO}, 8_396_222_464),
    # safetensors total of microsoft/llava-med-v1.5-mistral-7b
    "LLaVA on Mistral": (LLAVA, 7_566_219_264),
    # remembered, not fetched again: safetensors total of lmms-lab/llava-onevision-qwen2-7b-ov
    "LLaVA-OneVision": (ONEVISION, 8_030_348_832),
    # safetensors total of rednote-hilab/dots.ocr
    "dots.ocr": (DOTS, 3_039_179_264),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_declaration_gives_the_published_total(name):
    """To the last number, and no key of the config is left unread."""
    config, total = CASES[name]
    fields = open_config(config)
    assert take(interpret(fields)).parameters == total
    assert fields.unread() == ()


def test_the_first_llava_is_told_by_the_tower_it_names():
    """liuhaotian/llava-v1.5-7b's file says `llava` as transformers' later class does, but names its tower."""
    config = {
        **LLAVA, "model_type": "llava", "architectures": ["LlavaLlamaForCausalLM"], "intermediate_size": 11008,
        "num_key_value_heads": 32,
    }  # fmt: skip
    found = take(build(config))
    assert found.components()["vision"] == 303_507_456
    assert found.parameters == 6_738_415_616 + 303_507_456 + 20_979_712


def test_kimi_vl_is_moonlight_with_moonvit():
    """moonshotai/Kimi-VL-A3B-Instruct stores 16,407,657,776 numbers: 26 × 64 correction biases and 1,728 more."""
    text = {
        "hidden_size": 2048, "num_hidden_layers": 27, "n_routed_experts": 64, "moe_intermediate_size": 1408,
        "n_shared_experts": 2, "first_k_dense_replace": 1, "intermediate_size": 11264, "num_attention_heads": 16,
        "num_key_value_heads": 16, "kv_lora_rank": 512, "q_lora_rank": None, "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 163840, "num_experts_per_tok": 6,
        "tie_word_embeddings": False, "num_nextn_predict_layers": 0,
    }  # fmt: skip
    vision = {
        "hidden_size": 1152, "intermediate_size": 4304, "num_attention_heads": 16, "num_hidden_layers": 27,
        "patch_size": 14, "init_pos_emb_height": 64, "init_pos_emb_width": 64, "merge_kernel_size": [2, 2],
    }  # fmt: skip
    found = take(build({"model_type": "kimi_vl", "text_config": text, "vision_config": vision}))
    assert (found.parameters, found.buffers) == (16_407_654_384, 26 * 64)


@pytest.mark.parametrize(
    "change",
    [
        {"mm_vision_tower": "convnext-1024,siglip2-384"},
        {"mm_vision_tower": None},
        {"mm_projector_type": "sva"},
        {"mm_resampler_type": "perceiver"},
        {"architectures": ["LlavaMptForCausalLM"]},
        {"add_faster_video": True},
    ],
)
def test_an_unknown_tower_or_projector_is_not_modelled(change):
    """What was not seen in published code is said, never guessed."""
    with pytest.raises(NotModelled):
        build({**LLAVA, **change})


@pytest.mark.parametrize(
    "config",
    [
        {**QWEN, "visual": {}},
        {**QWEN, "visual": {**VISUAL, "layers": 10**9}},
        {**QWEN, "audio": {"n_state": "wide"}},
        {**DOTS, "vision_config": {**DOTS["vision_config"], "num_hidden_layers": 10**7}},
    ],
)
def test_hostile_towers_are_one_error(config):
    """Missing, wrong and huge sizes are refused with a sentence."""
    with pytest.raises(CardscopeError):
        build(config)


RETRIEVER = {
    "model_type": "qwen3_5", "architectures": ["ColQwen3_5"], "dim": 128, "tie_word_embeddings": True,
    "text_config": {"model_type": "qwen3_5_text", "num_hidden_layers": 4, "hidden_size": 2560},
    "vision_config": {"model_type": "qwen3_5_vision", "depth": 2, "out_hidden_size": 2560},
}  # fmt: skip


def test_a_retriever_has_a_short_vector_for_each_token():
    """tencent/EVIE-Preview-4.5B: the base model of Qwen3.5 and one projection of 128 rows with a bias, no head."""
    base = take(build({**RETRIEVER, "architectures": ["Qwen3_5Model"]}))
    assert take(build(RETRIEVER)).parameters == base.parameters + 128 * 2560 + 128
    with pytest.raises(NotModelled):
        build({**RETRIEVER, "head_dims": [64, 128]})

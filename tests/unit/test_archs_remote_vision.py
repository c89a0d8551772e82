"""Towers named rather than described: published totals of remote-code vision-language models, and what is refused."""

import pytest

from cardscope.archs import build, interpret, open_config
from cardscope.errors import CardscopeError, NotModelled
from cardscope.inventory import take

PHI3_V = {
    "model_type": "phi3_v", "architectures": ["Phi3VForCausalLM"], "hidden_size": 3072, "intermediate_size": 8192,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32064,
    "max_position_embeddings": 131072, "tie_word_embeddings": False,
    "embd_layer": {"embedding_cls": "image", "hd_transform_order": "sub_glb", "projection_cls": "mlp",
                   "use_hd_transform": True, "with_learnable_separator": True},
    "img_processor": {"image_dim_out": 1024, "model_name": "openai/clip-vit-large-patch14-336",
                      "name": "clip_vision_model", "num_img_tokens": 144},
}  # fmt: skip
MOLMO = {
    "model_type": "molmo", "architectures": ["MolmoForCausalLM"], "hidden_size": 3584, "intermediate_size": 37888,
    "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064,
    "embedding_size": 152064, "qkv_bias": True, "layer_norm_type": "rms", "attention_layer_norm": False,
    "norm_after": False, "weight_tying": False, "tie_word_embeddings": False, "max_position_embeddings": 4096,
}  # fmt: skip
DEEPSEEK = {
    "model_type": "deepseek_v2", "hidden_size": 1280, "intermediate_size": 6848, "moe_intermediate_size": 896,
    "num_hidden_layers": 12, "num_attention_heads": 10, "num_key_value_heads": 10, "n_routed_experts": 64,
    "n_shared_experts": 2, "num_experts_per_tok": 6, "first_k_dense_replace": 1, "kv_lora_rank": None,
    "q_lora_rank": None, "qk_nope_head_dim": 0, "qk_rope_head_dim": 0, "v_head_dim": 0, "use_mla": False,
    "topk_method": "greedy", "n_group": 1, "topk_group": 1, "vocab_size": 129280, "max_position_embeddings": 8192,
}  # fmt: skip
SAM_B = {
    "downsample_channels": [512, 1024], "global_attn_indexes": [2, 5, 8, 11], "heads": 12, "layers": 12, "width": 768,
}  # fmt: skip
CLIP_L = {"heads": 16, "image_size": 224, "layers": 24, "patch_size": 14, "width": 1024}


def deepseek(vision, projector):
    """A config of DeepSeek's vision-language models."""
    return {
        "model_type": "deepseek_vl_v2", "language_config": DEEPSEEK, "vision_config": vision,
        "projector_config": {"model_type": "mlp_projector", "n_embed": 1280, **projector},
        "tile_tag": "2D", "global_view_pos": "head",
    }  # fmt: skip


def ocr(name, width, wide):
    """DeepSeek-OCR's two towers."""
    vision = {"image_size": 1024, "mlp_ratio": 3.7362, "model_name": name, "model_type": "vision", "width": width}
    return deepseek(vision, {"projector_type": "linear", "input_dim": wide})


VL2_TINY = deepseek(
    {"layers": 27, "mlp_ratio": 3.7362, "model_name": "siglip_so400m_patch14_384", "patch_size": 14, "width": 1152}, {}
)
CASES = {
    # remembered, not fetched again: safetensors total of microsoft/Phi-3.5-vision-instruct
    "phi3_v": (PHI3_V, 4_146_621_440),
    # metadata.total_parameters in the index of a quantized copy of allenai/Molmo-7B-D-0924
    "molmo": (MOLMO, 8_021_025_280),
    # remembered, not fetched again: safetensors total of deepseek-ai/DeepSeek-OCR
    "DeepSeek-OCR": (ocr("deeplip_b_l", {"clip-l-14-224": CLIP_L, "sam_vit_b": SAM_B}, 2048), 3_336_106_240),
    # safetensors total of deepseek-ai/DeepSeek-OCR-2
    "DeepSeek-OCR-2": (ocr("deepencoderv2", {"qwen2-0-5b": {"dim": 896}, "sam_vit_b": SAM_B}, 896), 3_389_119_360),
    # deepseek-ai/deepseek-vl2-tiny: 3.37 B on the Hub; by its published layout, SigLIP's unused probe included
    "deepseek-vl2-tiny": (VL2_TINY, 3_370_501_440),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_declaration_gives_the_published_total(name):
    """To the last number, and no key of the config is left unread."""
    config, total = CASES[name]
    fields = open_config(config)
    assert take(interpret(fields)).parameters == total
    assert fields.unread() == ()


def test_without_compression_keys_and_values_are_those_of_all_heads():
    """`use_mla` false: Llama's attention, and what it keeps for each token."""
    states = take(build(CASES["DeepSeek-OCR-2"][0])).states()
    assert {(count, state.per_token) for count, state in states} == {(1, 2 * 1280), (11, 2 * 1280)}


def test_compression_and_correction_are_read():
    """A VL2 that compresses keys and values caches the latent; `noaux_tc` has a learned bias per expert."""
    text = {**DEEPSEEK, "use_mla": True, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64}
    latent = {**VL2_TINY, "language_config": {**text, "v_head_dim": 128}}
    corrected = {**VL2_TINY, "language_config": {**text, "v_head_dim": 128, "topk_method": "noaux_tc"}}
    assert {state.per_token for _, state in take(build(latent)).states()} == {576}
    assert take(build(corrected)).parameters - take(build(latent)).parameters == 11 * 64


@pytest.mark.parametrize(
    ("config", "change"),
    [
        (PHI3_V, {"img_processor": {**PHI3_V["img_processor"], "model_name": "another"}}),
        (PHI3_V, {"embd_layer": {"projection_cls": "linear"}}),
        (MOLMO, {"moe_num_experts": 64}),
        (MOLMO, {"layer_norm_type": "default"}),
        (VL2_TINY, {"vision_config": {"model_name": "unheard"}}),
        (VL2_TINY, {"projector_config": {"projector_type": "identity"}}),
    ],
)
def test_another_form_is_not_modelled(config, change):
    """What was not seen in published code is said, never guessed."""
    with pytest.raises(NotModelled):
        build({**config, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"vision_config": {"model_name": "deepencoderv2", "width": {"qwen2-0-5b": {"dim": 896}, "sam_vit_b": {}}}},
        {"vision_config": {"model_name": "deepencoderv2", "width": 3}},
        {"language_config": {**DEEPSEEK, "num_experts_per_tok": 65}},
        {"projector_config": []},
    ],
)
def test_hostile_towers_are_one_error(change):
    """Missing and wrong sizes are refused with a sentence."""
    with pytest.raises(CardscopeError):
        build({**VL2_TINY, **change})

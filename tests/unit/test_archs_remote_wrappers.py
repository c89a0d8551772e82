"""Remote-code wrappers and mixtures against published totals; each fact names where it was published."""

import pytest

from cardscope.archs import build, interpret, open_config
from cardscope.errors import CardscopeError, NotModelled
from cardscope.inventory import take

INTERN_VIT = {
    "hidden_size": 1024, "num_attention_heads": 16, "num_hidden_layers": 24, "intermediate_size": 4096,
    "qkv_bias": True, "qk_normalization": False, "norm_type": "layer_norm", "image_size": 448, "patch_size": 14,
}  # fmt: skip
INTERN_VIT_6B = {
    "hidden_size": 3200, "num_attention_heads": 25, "num_hidden_layers": 45, "intermediate_size": 12800,
    "qkv_bias": False, "qk_normalization": True, "norm_type": "rms_norm", "image_size": 448, "patch_size": 14,
}  # fmt: skip


def internvl(text, vision=INTERN_VIT):
    """A config of InternVL's remote code around a text model."""
    return {
        "model_type": "internvl_chat", "architectures": ["InternVLChatModel"], "downsample_ratio": 0.5,
        "use_backbone_lora": 0, "use_llm_lora": 0, "llm_config": text, "vision_config": vision,
    }  # fmt: skip


def qwen2(width, inner, layers, heads, kv_heads):
    """The text model of InternVL 2.5 and 3."""
    return {
        "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "hidden_size": width, "num_hidden_layers": layers,
        "intermediate_size": inner, "num_attention_heads": heads, "num_key_value_heads": kv_heads,
        "vocab_size": 151674, "tie_word_embeddings": False,
    }  # fmt: skip


def internlm2(width, inner, layers, heads):
    """The text model of InternVL 2 and 2.5, its type named by its class alone."""
    return {
        "architectures": ["InternLM2ForCausalLM"], "bias": False, "hidden_size": width, "num_hidden_layers": layers,
        "intermediate_size": inner, "num_attention_heads": heads, "num_key_value_heads": 8, "vocab_size": 92553,
    }  # fmt: skip


QWEN3_8B = {
    "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "hidden_size": 4096, "intermediate_size": 12288,
    "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "vocab_size": 151936, "tie_word_embeddings": False,
}  # fmt: skip
MINICPM_V = {
    "model_type": "minicpmv", "architectures": ["MiniCPMV"], "query_num": 64, "drop_vision_last_layer": False,
    "tie_word_embeddings": False, "max_position_embeddings": 32768,
}  # fmt: skip
CASES = {
    # safetensors totals of the Hub for OpenGVLab's repositories of these names
    "InternVL2_5-8B-MPO": (internvl(internlm2(4096, 14336, 32, 32)), 8_075_365_376),
    "InternVL2-26B": (internvl(internlm2(6144, 16384, 48, 48), INTERN_VIT_6B), 25_514_186_112),
    "InternVL2_5-4B": (internvl(qwen2(2048, 11008, 36, 16, 2)), 3_712_637_952),
    "InternVL3-1B": (internvl(qwen2(896, 4864, 24, 14, 2)), 938_193_024),
    "InternVL3-8B-Instruct": (internvl(qwen2(3584, 18944, 28, 28, 4)), 7_944_373_760),
    "InternVL3-38B": (internvl(qwen2(5120, 27648, 64, 40, 8), INTERN_VIT_6B), 38_388_164_992),
    "InternVL3_5-8B": (internvl(QWEN3_8B), 8_528_318_464),
    # index total_size of openbmb/MiniCPM-V: 6,869,931,584 bytes of bf16
    "MiniCPM-V": (
        {
            **MINICPM_V, "hidden_size": 2304, "intermediate_size": 5760, "num_hidden_layers": 40,
            "num_attention_heads": 36, "num_key_value_heads": 36, "vocab_size": 122753, "drop_vision_last_layer": True,
            "vision_encoder": "vit_so400m_patch14_siglip_384.webli",
        },
        3_434_965_792,
    ),
    # safetensors totals of openbmb/MiniCPM-V-2_6, -4 and -4_5
    "MiniCPM-V-2_6": (
        {
            **MINICPM_V, "version": 2.6, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
            "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 151666,
        },
        8_099_175_152,
    ),
    "MiniCPM-V-4": (
        {
            **MINICPM_V, "version": 4.0, "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 32,
            "num_attention_heads": 32, "num_key_value_heads": 2, "head_dim": 128, "vocab_size": 73448,
            "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 1152, "image_size": 980,
                              "intermediate_size": 4304, "num_hidden_layers": 27, "patch_size": 14},
        },
        4_059_533_040,
    ),
    "MiniCPM-V-4_5": (
        {
            **MINICPM_V, "version": "4.5", "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
            "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151748,
        },
        8_695_895_280,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_declaration_gives_the_published_total(name):
    """To the last number, and no key of the config is left unread."""
    config, total = CASES[name]
    fields = open_config(config)
    assert take(interpret(fields)).parameters == total
    assert fields.unread() == ()


KIMI_VISION = {
    "attn_bias": False, "linear_bias": False, "patch_embed_proj_bias": False, "norm_type": "rmsnorm",
    "mlp_type": "mlp2", "mm_projector_type": "patchmergerv2", "mm_hidden_size": 1024, "merge_kernel_size": [2, 2],
    "init_pos_emb_height": 64, "init_pos_emb_width": 64, "patch_size": 14, "qkv_hidden_size": 1536,
    "vt_hidden_size": 1024, "vt_intermediate_size": 4096, "vt_num_attention_heads": 12, "vt_num_hidden_layers": 27,
}  # fmt: skip
KIMI_TEXT = {
    "model_type": "kimi_linear", "hidden_size": 7168, "intermediate_size": 33792, "num_hidden_layers": 93,
    "num_attention_heads": 96, "num_key_value_heads": 96, "q_lora_rank": 1536, "kv_lora_rank": 512,
    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 163840, "num_experts": 896,
    "num_experts_per_token": 16, "num_shared_experts": 2, "moe_intermediate_size": 3072, "first_k_dense_replace": 1,
    "routed_expert_hidden_size": 3584, "latent_moe_use_norm": True, "mla_use_output_gate": True,
    "mla_use_nope": True, "attn_res_block_size": 12, "tie_word_embeddings": False,
    "linear_attn_config": {
        "full_attn_layers": [*range(4, 93, 4), 93], "head_dim": 128, "num_heads": 96, "short_conv_kernel_size": 4,
        "kda_layers": [index for index in range(1, 93) if index % 4], "use_full_rank_gate": True,
    },
}  # fmt: skip


def test_kimi_k3_is_counted_whole():
    """moonshotai/Kimi-K3's total, 2,779,931,837,184, is its parameters and 92 × 896 correction biases."""
    config = {"model_type": "kimi_k3", "text_config": KIMI_TEXT, "vision_config": KIMI_VISION}
    found = take(build(config))
    parts = found.components()
    assert (parts["vision"], parts["projector"]) == (401_214_464, 46_144_512)
    assert found.parameters + found.buffers == 2_779_931_837_184
    assert found.buffers == 92 * 896


HUNYUAN = {
    "model_type": "hunyuan", "architectures": ["HunYuanMoEV1ForCausalLM"], "hidden_size": 4096,
    "intermediate_size": 3072, "num_hidden_layers": 4, "num_attention_heads": 32, "num_key_value_heads": 8,
    "attention_head_dim": 128, "vocab_size": 128167, "num_experts": 64, "moe_topk": [8] * 4, "use_qk_norm": True,
    "num_shared_expert": [1] * 4, "moe_intermediate_size": [3072] * 4, "use_mixed_mlp_moe": True,
    "tie_word_embeddings": True,
}  # fmt: skip


def test_hunyuan_is_what_transformers_calls_hunyuan_v1_moe():
    """Hunyuan-A13B under its first name and its later one: 80,393,183,232 with all 32 layers."""
    deep = {**HUNYUAN, "num_hidden_layers": 32}
    lists = {key: [HUNYUAN[key][0]] * 32 for key in ("moe_topk", "num_shared_expert", "moe_intermediate_size")}
    later = {"model_type": "hunyuan_v1_moe", "head_dim": 128}
    found = take(build({**deep, **lists}))
    assert found.parameters == take(build({**deep, **lists, **later})).parameters == 80_393_183_232
    assert found.active == 12_747_448_320


def test_shared_keys_and_values_keep_no_cache_and_no_projection():
    """With `use_cla` every second layer has neither k nor v, but still the norm of the keys."""
    plain, reused = (take(build({**HUNYUAN, "use_cla": flag, "cla_share_factor": 2})) for flag in (False, True))
    assert plain.parameters - reused.parameters == 2 * 2 * 1024 * 4096
    assert sum(count for count, _ in plain.states()) == 2 * sum(count for count, _ in reused.states()) == 4


@pytest.mark.parametrize(
    ("config", "change"),
    [
        (CASES["MiniCPM-V"][0], {"vision_encoder": "eva02_enormous"}),
        (CASES["MiniCPM-V-4"][0], {"version": 9}),
        (CASES["InternVL3-1B"][0], {"use_llm_lora": 16}),
        (CASES["InternVL3-1B"][0], {"llm_config": {"architectures": ["UnheardForCausalLM"]}}),
        (CASES["InternVL2-26B"][0], {"llm_config": {**QWEN3_8B, "architectures": ["InternLM2VEForCausalLM"]}}),
        (CASES["InternVL3-1B"][0], {"vision_config": {**INTERN_VIT, "architectures": ["InternVisionPatchModel"]}}),
        (HUNYUAN, {"use_mla": True}),
        (HUNYUAN, {"vit_type": "Vit-g"}),
    ],
)
def test_what_has_no_known_layout_is_not_modelled(config, change):
    """A tower, a version or a flag without a published layout is said, never guessed."""
    with pytest.raises(NotModelled):
        build({**config, **change})


@pytest.mark.parametrize(
    ("config", "change"),
    [
        (CASES["InternVL3-1B"][0], {"downsample_ratio": 0}),
        (CASES["InternVL3-1B"][0], {"vision_config": {**INTERN_VIT, "norm_type": "batch"}}),
        (HUNYUAN, {"moe_topk": [8] * 3}),
        (HUNYUAN, {"moe_topk": 65}),
        ({"model_type": "kimi_k3", "text_config": KIMI_TEXT}, {"vision_config": {**KIMI_VISION, "qkv_hidden_size": 7}}),
    ],
)
def test_a_config_that_cannot_be_is_one_error(config, change):
    """Sizes that contradict each other are refused with a sentence."""
    with pytest.raises(CardscopeError):
        build({**config, **change})

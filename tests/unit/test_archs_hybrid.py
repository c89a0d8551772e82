"""Hybrids and one-offs: published totals of real models, and the states that tiny real models hold."""

import pytest

from cardscope.archs import build
from cardscope.errors import BadField, CardscopeError, ConfigError, NotModelled
from cardscope.inventory import take
from cardscope.parts import Mamba2, Reused

NEMOTRON = {
    "model_type": "nemotron_h",
    "hybrid_override_pattern": "M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-",
}
GRANITE = {
    "model_type": "granitemoehybrid",
    "vocab_size": 100352,
    "num_hidden_layers": 40,
    "layer_types": ["attention" if index in {5, 15, 25, 35} else "mamba" for index in range(40)],
    "mamba_d_head": 64,
    "mamba_d_state": 128,
    "tie_word_embeddings": True,
}
GRANITE_H_1B = {
    **GRANITE,
    "hidden_size": 1536,
    "mamba_n_heads": 48,
    "num_attention_heads": 12,
    "num_key_value_heads": 4,
    "intermediate_size": 4096,
    "shared_intermediate_size": 4096,
    "num_local_experts": 0,
}
KIMI_K3 = {
    "model_type": "kimi_linear",
    "vocab_size": 163840,
    "hidden_size": 7168,
    "num_hidden_layers": 93,
    "intermediate_size": 33792,
    "moe_intermediate_size": 3072,
    "num_attention_heads": 96,
    "num_key_value_heads": 96,
    "q_lora_rank": 1536,
    "num_experts": 896,
    "num_experts_per_token": 16,
    "num_shared_experts": 2,
    "routed_expert_hidden_size": 3584,
    "latent_moe_use_norm": True,
    "mla_use_output_gate": True,
    "attn_res_block_size": 12,
    "linear_attn_config": {
        "head_dim": 128,
        "num_heads": 96,
        "short_conv_kernel_size": 4,
        "use_full_rank_gate": True,
        "full_attn_layers": [*range(4, 93, 4), 93],
        "kda_layers": [number for number in range(1, 93) if number % 4],
    },
}

PUBLISHED = {
    "nvidia/Nemotron-H-8B-Base-8K": (NEMOTRON, 8_100_852_736),
    "nvidia/Nemotron-H-4B-Base-8K": (
        {**NEMOTRON, "hidden_size": 3072, "intermediate_size": 12288, "mamba_num_heads": 112},
        4_489_223_040,
    ),
    "ibm-granite/granite-4.0-h-1b": (GRANITE_H_1B, 1_461_538_368),
    "ibm-granite/granite-4.0-h-micro": (
        {
            **GRANITE,
            "hidden_size": 2048,
            "mamba_n_heads": 64,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "shared_intermediate_size": 8192,
            "num_local_experts": 0,
        },
        3_191_396_096,
    ),
    "ibm-granite/granite-4.0-h-tiny": (
        {
            **GRANITE_H_1B,
            "intermediate_size": 512,
            "shared_intermediate_size": 1024,
            "num_local_experts": 64,
            "num_experts_per_tok": 6,
        },
        6_939_037_248,
    ),
    "tiiuae/Falcon-H1-0.5B-Base": (
        {
            "model_type": "falcon_h1",
            "hidden_size": 1024,
            "intermediate_size": 2048,
            "num_hidden_layers": 36,
            "num_attention_heads": 8,
            "num_key_value_heads": 2,
            "head_dim": 64,
            "mamba_d_ssm": 1536,
            "mamba_n_heads": 24,
            "mamba_d_head": 64,
            "mamba_d_state": 128,
            "vocab_size": 32784,
        },
        521_411_104,
    ),
    "LiquidAI/LFM2.5-350M": (
        {
            "model_type": "lfm2",
            "hidden_size": 1024,
            "num_hidden_layers": 16,
            "num_attention_heads": 16,
            "full_attn_idxs": [2, 5, 8, 10, 12, 14],
            "block_ff_dim": 6656,
        },
        354_483_968,
    ),
}
"""Config facts of published models and the Hub's safetensors totals."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_total_is_counted(name):
    config, total = PUBLISHED[name]
    inventory = take(build(config))
    assert inventory.parameters == total
    assert sum(inventory.components().values()) == total


def test_kimi_k3_language_model_is_what_vision_leaves_of_the_published_total():
    """Published 2,779,931,837,184: 82,432 correction biases, 401,214,464 vision tower, 46,144,512 projector."""
    inventory = take(build(KIMI_K3))
    assert inventory.buffers == 82_432
    assert inventory.parameters == 2_779_931_837_184 - 82_432 - 401_214_464 - 46_144_512


def test_granite_without_experts_keeps_its_shared_mlp_alone():
    assert "experts" not in take(build(GRANITE_H_1B)).components()


def test_zamba2_shares_its_blocks_where_it_ties_and_caches_in_each():
    config = {
        "model_type": "zamba2",
        "hidden_size": 64,
        "num_attention_heads": 4,
        "n_mamba_heads": 4,
        "num_hidden_layers": 5,
        "num_mem_blocks": 2,
        "adapter_rank": 8,
        "layers_block_type": ["hybrid", "mamba", "hybrid", "hybrid", "mamba"],
    }
    spec = build(config)
    assert sum(isinstance(part, Reused) for part in spec.main.layers[3].parts) == 4
    full = [state for count, state in take(spec).states() for _ in range(count) if state.kind == "full"]
    assert len(full) == 3
    untied = take(build({**config, "tie_word_embeddings": False}))
    assert untied.parameters - take(spec).parameters > 32_000 * 64


def test_a_layer_list_of_the_wrong_length_is_refused():
    config = {"model_type": "zamba", "num_hidden_layers": 4, "layers_block_type": ["mamba", "mamba", "hybrid"]}
    with pytest.raises(BadField, match="layers_block_type"):
        build(config)


def test_the_inner_width_of_mamba2_follows_expand_whatever_the_file_adds():
    base = {"model_type": "mamba2", "hidden_size": 64, "num_heads": 4, "head_dim": 32, "num_hidden_layers": 1}
    part = build({**base, "intermediate_size": 999}).main.layers[0].parts[0]
    assert isinstance(part, Mamba2)
    assert part.inner == 128


def test_the_window_of_moshi_bounds_its_cache():
    states = [state for _, state in take(build({"model_type": "moshi"})).states()]
    assert {state.window for state in states} == {3000}


def test_musicgen_s_whole_model_is_not_counted_as_its_decoder():
    with pytest.raises(NotModelled, match="MusicgenForConditionalGeneration"):
        build({"model_type": "musicgen", "architectures": ["MusicgenForConditionalGeneration"]})


def test_musicgen_reads_its_decoder():
    whole = {"model_type": "musicgen", "decoder": {"hidden_size": 96, "num_attention_heads": 6, "num_codebooks": 3}}
    inner = {"model_type": "musicgen_decoder", **whole["decoder"]}
    assert take(build(whole)).parameters == take(build(inner)).parameters


def test_prophetnet_with_an_encoder_is_the_decoder_and_more():
    base = {"model_type": "prophetnet", "hidden_size": 64, "num_encoder_layers": 2, "num_decoder_layers": 2}
    both = build({**base, "architectures": ["ProphetNetForConditionalGeneration"]})
    assert [tower.name for tower in both.towers] == ["encoder", "decoder"]
    assert build(base).main.layers == both.main.layers


def test_reformer_axes_must_sum_to_the_width():
    with pytest.raises(BadField, match="axial_pos_embds_dim"):
        build({"model_type": "reformer", "axial_pos_embds_dim": [64, 64]})


def test_xlm_with_an_adaptive_softmax_is_refused():
    with pytest.raises(ConfigError, match="adaptive softmax"):
        build({"model_type": "xlm", "asm": True})


@pytest.mark.parametrize(
    ("model_type", "key", "value"),
    [
        ("nemotron_h", "hybrid_override_pattern", "M" * 10_001),
        ("recurrent_gemma", "block_types", []),
        ("bamba", "attn_layer_indices", "all"),
        ("xlstm", "num_blocks", 10**9),
        ("rwkv", "num_hidden_layers", 10**9),
        ("zamba2", "num_mem_blocks", 0),
        ("lfm2_moe", "layer_types", None),
        ("reformer", "attn_layers", ["global"]),
        ("blt", "encoder_config", 3),
        ("moshi", "ffn_dim", 41),
    ],
)
def test_a_hostile_value_is_one_error(model_type, key, value):
    """Never a traceback, a hang or a giant allocation."""
    with pytest.raises(CardscopeError):
        build({"model_type": model_type, key: value})

"""State-space models and hybrids: sizes and states as transformers 5.23 builds them."""

import pytest

from cardscope.archs import build
from cardscope.errors import BadField
from cardscope.inventory import take

LLAMA = {
    "model_type": "llama",
    "vocab_size": 500,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
}


def test_prelu_adds_one_slope_a_layer():
    plain, learned = take(build(LLAMA)), take(build({**LLAMA, "hidden_act": "prelu"}))
    assert learned.parameters - plain.parameters == 3
    assert learned.buffers == 0


def test_xielu_adds_two_parameters_and_two_buffers_a_layer():
    plain, learned = take(build(LLAMA)), take(build({**LLAMA, "hidden_act": "xielu"}))
    assert learned.parameters - plain.parameters == 6
    assert learned.buffers == 6


def test_old_words_of_layer_types_mean_the_new_ones():
    base = {"model_type": "qwen3_next", "num_hidden_layers": 2, "num_experts": 4, "num_experts_per_tok": 2}
    new = build({**base, "layer_types": ["linear_attention", "full_attention"]})
    assert build({**base, "layer_types": ["mamba", "attention"]}) == new


def test_nemotron_3_super_is_its_published_total():
    """huggingface.co/nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16: 123,611,012,096 with its prediction layer."""
    pattern = "MEMEMEM*EMEMEMEM*EMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEM*EMEMEMEME"
    inventory = take(
        build(
            {
                "model_type": "nemotron_h",
                "hidden_size": 4096,
                "hybrid_override_pattern": pattern,
                "intermediate_size": 2688,
                "moe_intermediate_size": 2688,
                "moe_latent_size": 1024,
                "moe_shared_expert_intermediate_size": 5376,
                "mtp_hybrid_override_pattern": "*E",
                "n_routed_experts": 512,
                "num_attention_heads": 32,
                "num_experts_per_tok": 22,
                "num_key_value_heads": 2,
                "num_nextn_predict_layers": 1,
                "vocab_size": 131072,
            }
        )
    )
    assert inventory.parameters == 120_668_687_360
    assert inventory.parameters + inventory.mtp_parameters == 123_611_012_096


def test_qwen3_5_prediction_layer_is_what_the_hub_total_has_more():
    """Hub total of Qwen3.5-35B-A3B 35,951,822,704, the same without MTP (keras-hub) 35,107,181,936."""
    moe = {"model_type": "qwen3_5_moe_text", "mtp_num_hidden_layers": 1}
    assert take(build(moe)).mtp_parameters == 35_951_822_704 - 35_107_181_936


def test_a_latent_expert_works_in_its_own_width():
    base = {"model_type": "nemotron_h", "hidden_size": 64, "moe_intermediate_size": 24, "n_routed_experts": 4}
    wide, narrow = take(build(base)), take(build({**base, "moe_latent_size": 16}))
    experts = 4 * 2 * 24
    assert narrow.parameters - wide.parameters == experts * 16 - experts * 64 + 2 * 64 * 16


def test_an_unknown_letter_of_a_pattern_is_refused():
    with pytest.raises(BadField, match="hybrid_override_pattern"):
        build({"model_type": "nemotron_h", "hybrid_override_pattern": "MX"})


def test_kimi_linear_layer_numbers_start_at_one():
    section = {"full_attn_layers": [2], "kda_layers": [1, 3]}
    spec = build({"model_type": "kimi_linear", "num_hidden_layers": 3, "linear_attn_config": section})
    states = [layer.parts[0].label for layer in spec.main.layers]
    assert states == ["linear attention", "latent attention", "linear attention"]


def test_a_kimi_layer_number_out_of_range_is_refused():
    section = {"full_attn_layers": [4], "kda_layers": [1, 2, 3]}
    with pytest.raises(BadField, match="linear_attn_config"):
        build({"model_type": "kimi_linear", "num_hidden_layers": 3, "linear_attn_config": section})


def test_falcon_h1_keeps_both_a_growing_cache_and_a_state():
    """Tiny bf16 model of transformers 5.23: keys and values in bf16, convolution in bf16, state in float32."""
    config = {
        "model_type": "falcon_h1",
        "hidden_size": 64,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "mamba_d_ssm": 96,
        "mamba_n_heads": 6,
        "mamba_d_state": 8,
        "mamba_d_conv": 4,
        "num_hidden_layers": 1,
    }
    kinds = {state.kind: state for _, state in take(build(config)).states()}
    assert kinds["full"].per_token == 2 * 2 * 16
    assert kinds["recurrent"].constant == (((96 + 2 * 8) * 4, None), (96 * 8, "float32"))


def test_minimax_stores_its_decays_as_buffers():
    config = {"model_type": "minimax", "num_hidden_layers": 2, "num_attention_heads": 32, "block_size": 256}
    assert take(build(config)).buffers == 32 * (1 + 2 * 256 + 256 * 256)

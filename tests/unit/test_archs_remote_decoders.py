"""Decoders of repositories' own code whose layers differ in size, against published totals and formulas."""

import pytest

from cardscope.archs import build, interpret, open_config
from cardscope.errors import CardscopeError, NotModelled
from cardscope.inventory import take

OPENELM = {
    "model_type": "openelm", "architectures": ["OpenELMForCausalLM"], "head_dim": 64, "ffn_dim_divisor": 256,
    "ffn_with_glu": True, "normalize_qk_projections": True, "share_input_output_layers": True, "vocab_size": 32000,
    "num_gqa_groups": 4, "qkv_multipliers": [0.5, 1.0], "max_context_length": 2048, "rope_max_length": 4096,
}  # fmt: skip
OPENELM_270M = {
    **OPENELM, "model_dim": 1280, "num_transformer_layers": 16,
    "num_kv_heads": [3] * 5 + [4] * 7 + [5] * 4, "num_query_heads": [12] * 5 + [16] * 7 + [20] * 4,
    "ffn_multipliers": [0.5, 0.73, 0.97, 1.2, 1.43, 1.67, 1.9, 2.13, 2.37, 2.6, 2.83, 3.07, 3.3, 3.53, 3.77, 4.0],
}  # fmt: skip
OPENELM_1B = {
    **OPENELM, "model_dim": 2048, "num_transformer_layers": 28,
    "num_kv_heads": [4] * 3 + [5] * 7 + [6] * 8 + [7] * 6 + [8] * 4,
    "num_query_heads": [16] * 3 + [20] * 7 + [24] * 8 + [28] * 6 + [32] * 4,
    "ffn_multipliers": [0.5, 0.63, 0.76, 0.89, 1.02, 1.15, 1.28, 1.41, 1.54, 1.67, 1.8, 1.93, 2.06, 2.19, 2.31, 2.44,
                        2.57, 2.7, 2.83, 2.96, 3.09, 3.22, 3.35, 3.48, 3.61, 3.74, 3.87, 4.0],
}  # fmt: skip
SKYWORK = {
    "model_type": "skywork", "architectures": ["SkyworkForCausalLM"], "hidden_size": 4608, "num_hidden_layers": 52,
    "num_attention_heads": 36, "num_key_value_heads": 36, "intermediate_size": 12288, "vocab_size": 65519,
    "tie_word_embeddings": False,
}  # fmt: skip
DECI = {
    "model_type": "deci", "architectures": ["DeciLMForCausalLM"], "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads_per_layer": [1] * 8 + [2] * 19 + [4] * 5,
    "intermediate_size": 14336, "vocab_size": 32000, "tie_word_embeddings": False,
}  # fmt: skip
RWKV5 = {
    "model_type": "rwkv5", "architectures": ["RwkvForCausalLM"], "hidden_size": 2560, "attention_hidden_size": 2560,
    "head_size": 64, "num_hidden_layers": 32, "intermediate_size": None, "vocab_size": 65536, "context_length": 4096,
    "model_version": "5_2", "rescale_every": 6, "tie_word_embeddings": True,
}  # fmt: skip
STEP = {
    "model_type": "step3p5", "architectures": ["Step3p5ForCausalLM"], "hidden_size": 4096, "intermediate_size": 11264,
    "num_hidden_layers": 45, "num_attention_heads": 64, "num_attention_groups": 8, "head_dim": 128,
    "vocab_size": 128896, "moe_num_experts": 288, "moe_top_k": 8, "moe_intermediate_size": 1280,
    "share_expert_dim": 1280, "sliding_window": 512, "num_nextn_predict_layers": 3,
    "layer_types": (["full_attention"] + ["sliding_attention"] * 3) * 12, "use_head_wise_attn_gate": True,
    "attention_other_setting": {"attention_type": "sliding_attention", "num_attention_heads": 96},
    "moe_layers_enum": ",".join(map(str, range(3, 45))),
}  # fmt: skip
LLADA = {
    "model_type": "llada", "architectures": ["LLaDAModelLM"], "d_model": 4096, "n_layers": 32, "n_heads": 32,
    "n_kv_heads": 32, "mlp_hidden_size": 12288, "mlp_ratio": 4, "embedding_size": 126464, "vocab_size": 126464,
    "weight_tying": False, "include_bias": False, "include_qkv_bias": False, "block_type": "llama", "rope": True,
    "layer_norm_type": "rms", "max_sequence_length": 4096, "block_group_size": 1, "activation_type": "silu",
}  # fmt: skip
DREAM = {
    "model_type": "Dream", "architectures": ["DreamModel"], "hidden_size": 3584, "intermediate_size": 18944,
    "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064,
    "tie_word_embeddings": False, "max_position_embeddings": 131072, "max_window_layers": 28,
}  # fmt: skip
CASES = {
    # remembered, not fetched again: safetensors totals of GSAI-ML/LLaDA-8B-Instruct and Dream-org/Dream-v0-Instruct-7B
    "LLaDA-8B": (LLADA, 8_015_581_184),
    "Dream-7B": (DREAM, 7_615_616_512),
    # remembered, not fetched again: safetensors totals of apple/OpenELM-270M and apple/OpenELM-1_1B
    "OpenELM-270M": (OPENELM_270M, 271_527_168),
    "OpenELM-1_1B": (OPENELM_1B, 1_079_891_456),
    # arXiv:2310.19341, table of sizes: 52 layers of 4,608; Llama's layout gives 13.85 B
    "Skywork-13B": (SKYWORK, 13_854_113_280),
    # arXiv:2404.05892: 13·D²·L + 14·D·L + 4·D + 2·D·V
    "RWKV-5 3B": (RWKV5, 13 * 2560**2 * 32 + 14 * 2560 * 32 + 4 * 2560 + 2 * 2560 * 65536),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_declaration_gives_the_published_total(name):
    """To the last number, and no key of the config is left unread."""
    config, total = CASES[name]
    fields = open_config(config)
    assert take(interpret(fields)).parameters == total
    assert fields.unread() == ()


def test_kv_heads_may_differ_from_layer_to_layer():
    """DeciLM: what a layer caches follows its own number of KV heads."""
    found = take(build(DECI))
    heads = DECI["num_key_value_heads_per_layer"]
    assert sum(count * state.per_token for count, state in found.states()) == sum(heads) * 2 * 128
    body = 32 * (2 * 4096**2 + 3 * 4096 * 14336 + 2 * 4096) + 4096 + 2 * 32000 * 4096
    assert found.parameters == body + sum(heads) * 2 * 128 * 4096


def test_rwkv5_keeps_a_matrix_for_each_head():
    """A state of heads × 64 × 64 numbers in float32 and two vectors in the model's dtype, whatever the context."""
    ((count, state),) = take(build({**RWKV5, "num_hidden_layers": 1})).states()
    assert count == 1
    assert state.per_token == 0
    assert state.constant == ((2 * 2560, None), (2560 * 64, "float32"))


@pytest.mark.parametrize("config", [LLADA, DREAM], ids=["LLaDA", "Dream"])
def test_a_diffusion_model_caches_nothing(config):
    """Every token is written at once, so there are no keys and values to keep."""
    assert list(take(build(config)).states()) == []


def test_step_is_explained_to_the_last_number():
    """stepfun-ai/Step-3.5-Flash: 199,384,301,376 = parameters + correction biases + three extra prediction layers."""
    fields = open_config(STEP)
    found = take(interpret(fields))
    assert found.parameters + found.buffers + found.mtp_parameters == 199_384_301_376
    assert (found.parameters, found.buffers) == (196_956_118_272, 42 * 288)
    assert fields.unread() == ()


def test_step_slides_with_more_heads():
    """A window of 512 on three layers of four; both kinds cache eight KV heads."""
    states = list(take(build(STEP)).states())
    slides = sum(count for count, state in states if (state.kind, state.window) == ("sliding", 512))
    assert (sum(count for count, _ in states), slides) == (45, 33)
    assert {state.per_token for _, state in states} == {2 * 8 * 128}


@pytest.mark.parametrize(
    ("config", "change"),
    [
        (OPENELM_270M, {"ffn_multipliers": [0.5]}),
        (OPENELM_270M, {"ffn_multipliers": [True] * 16}),
        (OPENELM_270M, {"num_kv_heads": [5] * 16}),
        (OPENELM_270M, {"num_query_heads": None}),
        (DECI, {"num_key_value_heads_per_layer": [3] * 32}),
        (DECI, {"num_key_value_heads_per_layer": [0] * 32}),
        (RWKV5, {"head_size": 7}),
        (STEP, {"moe_layers_enum": "3,four"}),
        (STEP, {"layer_types": ["full_attention"]}),
        (STEP, {"attention_other_setting": {"num_attention_heads": 7}}),
    ],
)
def test_a_config_that_cannot_be_is_one_error(config, change):
    """Lists of the wrong length and sizes that contradict each other are refused with a sentence."""
    with pytest.raises(CardscopeError):
        build({**config, **change})


@pytest.mark.parametrize(
    ("config", "change"),
    [
        (RWKV5, {"model_version": "6_0"}),
        (STEP, {"use_head_wise_attn_gate": False}),
        (LLADA, {"block_type": "sequential"}),
        (LLADA, {"include_bias": True}),
    ],
)
def test_another_form_is_not_modelled(config, change):
    """What was not seen in published code is said, never guessed."""
    with pytest.raises(NotModelled):
        build({**config, **change})

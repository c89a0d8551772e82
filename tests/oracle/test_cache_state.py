"""The cache that cardscope declares is the cache that a real model holds: bytes of both, on tiny models in bf16.

One convention differs.  Attention over a window of w tokens needs w of them, and that is cardscope's live figure; but
transformers' sliding layer drops the oldest once the newest has been attended to, so that between two steps it holds
w - 1.  The tests allow for exactly this one token, and for nothing else.
"""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from cardscope.archs import build
from cardscope.inventory import take
from cardscope.measures.kvcache import kv_cache
from cardscope.units import dtype_bytes
from tests.oracle.live import held, held_by_layer, run

pytestmark = [pytest.mark.exact, pytest.mark.filterwarnings("ignore")]

DTYPE = "bfloat16"
WINDOW = 16
LENGTHS = (7, WINDOW - 1, WINDOW, WINDOW + 1, 41)
"""Tokens so far: fewer than the window, around it, well beyond."""

BASE = {
    "vocab_size": 96,
    "hidden_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
GPT = {"vocab_size": 96, "n_embd": 48, "n_layer": 3, "n_head": 6, "n_positions": 64}
SSD = {"mamba_n_heads": 6, "mamba_d_head": 16, "mamba_d_state": 10, "mamba_d_conv": 5, "mamba_expand": 2}
DELTA = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 10,
    "linear_conv_kernel_dim": 5,
}
MLA = {
    "num_key_value_heads": 6,
    "kv_lora_rank": 20,
    "q_lora_rank": 18,
    "qk_nope_head_dim": 12,
    "qk_rope_head_dim": 6,
    "v_head_dim": 10,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
ROUTED = {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
LOCAL = {"num_local_experts": 4, "num_experts_per_tok": 2}
TURNS = ["sliding_attention", "full_attention"] * 2
LINEAR = ["linear_attention", "full_attention"] * 2
SHARED = ["linear_attention", "hybrid", "linear_attention", "hybrid", "hybrid"]
CONV = ["conv", "full_attention"] * 2
DSA = {**MLA, **ROUTED, "index_head_dim": 14, "index_n_heads": 3, "n_group": 1, "topk_group": 1}
SHORT = {"head_dim": 10, "sliding_window": WINDOW, "layer_types": TURNS}
HYBRIDS = ["hybrid_sliding", "hybrid"] * 2

CONFIGS = {
    "gpt2": GPT,
    "gpt_bigcode": GPT,
    "bloom": {"vocab_size": 96, "hidden_size": 48, "n_layer": 3, "n_head": 6},
    "falcon": {**BASE, "multi_query": True},
    "llama": BASE,
    "qwen3": {**BASE, "head_dim": 10},
    "mistral": {**BASE, "sliding_window": WINDOW},
    "phi3": {**BASE, "sliding_window": WINDOW},
    "gemma2": {**BASE, "head_dim": 10, "sliding_window": WINDOW, "layer_types": TURNS},
    "gemma3_text": {**BASE, "head_dim": 10, "sliding_window": WINDOW, "layer_types": TURNS},
    "cohere2": {**BASE, "sliding_window": WINDOW, "layer_types": TURNS},
    "gpt_oss": {**BASE, **LOCAL, "head_dim": 10, "sliding_window": WINDOW, "layer_types": TURNS},
    "smollm3": {**BASE, "sliding_window": WINDOW, "use_sliding_window": True, "no_rope_layer_interval": 2},
    "deepseek_v2": {**BASE, **MLA, **ROUTED, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1},
    "deepseek_v3": {**BASE, **MLA, **ROUTED, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1},
    "mamba": {**BASE, "state_size": 10, "conv_kernel": 5, "expand": 2},
    "falcon_mamba": {**BASE, "state_size": 10, "conv_kernel": 5, "expand": 2},
    "mamba2": {**BASE, "num_heads": 6, "head_dim": 16, "n_groups": 1, "state_size": 10, "conv_kernel": 5},
    "jamba": {**BASE, **EXPERTS, "attn_layer_period": 2, "attn_layer_offset": 1, "mamba_d_conv": 5},
    "bamba": {**BASE, **SSD, "attn_layer_indices": [2]},
    "falcon_h1": {**BASE, **SSD, "mamba_d_ssm": 96},
    "granitemoehybrid": {**BASE, **SSD, **LOCAL, "shared_intermediate_size": 40, "layer_types": LINEAR},
    "nemotron_h": {**BASE, **ROUTED, "mamba_num_heads": 6, "mamba_head_dim": 10, "n_groups": 2},
    "lfm2": {**BASE, "layer_types": CONV, "conv_L_cache": 4},
    "lfm2_moe": {**BASE, **EXPERTS, "layer_types": CONV, "conv_L_cache": 4, "num_dense_layers": 1},
    "lfm3": {**BASE, "head_dim": 10, "sliding_window": WINDOW, "conv_L_cache": 4, "num_hidden_layers": 6},
    "qwen3_next": {**BASE, **DELTA, **EXPERTS, "head_dim": 12, "layer_types": LINEAR},
    "qwen3_5_text": {**BASE, **DELTA, "head_dim": 16, "layer_types": LINEAR},
    "olmo_hybrid": {**BASE, **DELTA, "layer_types": LINEAR},
    "kimi_linear": {
        **BASE,
        **MLA,
        **EXPERTS,
        "layer_types": LINEAR,
        "linear_head_dim": 8,
        "linear_num_heads": 4,
        "linear_conv_kernel_dim": 5,
    },
    "bailing_hybrid": {**BASE, **MLA, **EXPERTS, "n_group": 1, "topk_group": 1, "head_dim": 8, "layer_types": LINEAR},
    "zamba": {**BASE, "num_hidden_layers": 5, "layers_block_type": SHARED, "mamba_d_conv": 5},
    "zamba2": {
        **BASE,
        "num_hidden_layers": 5,
        "layers_block_type": SHARED,
        "num_mem_blocks": 2,
        "n_mamba_heads": 6,
        "mamba_d_conv": 5,
    },
    "recurrent_gemma": {**BASE, "attention_window_size": WINDOW, "lru_width": 60, "conv1d_width": 5},
    "rwkv": BASE,
    "xlstm": {**BASE, "hidden_size": 128, "num_heads": 4},
    "beam": {**BASE, **EXPERTS, "head_dim": 10, "sliding_window": WINDOW, "n_group": 1, "topk_group": 1},
    "reformer": {
        "vocab_size": 96,
        "hidden_size": 48,
        "num_attention_heads": 6,
        "attention_head_size": 10,
        "attn_layers": ["local", "lsh", "local"],
        "is_decoder": True,
        "num_buckets": 4,
        "axial_pos_shape": [16, 16],
        "axial_pos_embds_dim": [16, 32],
        "max_position_embeddings": 256,
    },
    "xlnet": {"vocab_size": 96, "d_model": 48, "n_layer": 3, "n_head": 6, "d_inner": 40, "mem_len": WINDOW},
    "moshi": {**BASE, "ffn_dim": 40, "sliding_window": WINDOW},
    "musicgen": {"decoder": {**BASE, "ffn_dim": 40, "num_codebooks": 1}},
    "prophetnet": {
        "vocab_size": 96,
        "hidden_size": 48,
        "pad_token_id": 0,
        "num_encoder_attention_heads": 4,
        "decoder_ffn_dim": 40,
        "num_decoder_layers": 3,
        "num_decoder_attention_heads": 6,
    },
    "blt": {
        "vocab_size": 96,
        "encoder_hash_byte_group_vocab": 50,
        "local_attention_window_len": WINDOW,
        "encoder_config": BASE,
        "patcher_config": BASE,
        "global_config": {**BASE, "hidden_size": 96},
        "decoder_config": {**BASE, "num_hidden_layers": 3, "hidden_size_global": 96},
    },
    "minimax": {**BASE, **LOCAL, "block_size": 8, "layer_types": LINEAR},
    "gemma3n_text": {**BASE, **SHORT, "num_kv_shared_layers": 2, "vocab_size_per_layer_input": 96},
    "gemma4_text": {
        **BASE,
        **SHORT,
        "global_head_dim": 16,
        "num_global_key_value_heads": 1,
        "attention_k_eq_v": True,
        "num_kv_shared_layers": 1,
        "layer_types": [*TURNS[:3], "full_attention"],
        "vocab_size_per_layer_input": 96,
    },
    "llama4_text": {**BASE, **LOCAL, "head_dim": 10, "attention_chunk_size": WINDOW, "intermediate_size_mlp": 40},
    "mimo_v2_flash": {**BASE, **SHORT, **ROUTED, "v_head_dim": 6, "num_attention_heads": 8},
    "laguna": {**BASE, **SHORT, **EXPERTS, "num_attention_heads_per_layer": [4, 6, 4, 8]},
    "deepseek_v32": {**BASE, **DSA},
    "glm_moe_dsa": {**BASE, **DSA, "indexer_types": ["full", "shared"] * 2},
    "hy_v4": {**BASE, **DSA, "indexer_types": ["full", "shared"] * 2, "hc_mult": 2},
    "axk2": {**BASE, **DSA, "gated_norm_rank": 4},
    "minimax_m3_vl_text": {
        **BASE,
        **LOCAL,
        "head_dim": 12,
        "rotary_dim": 6,
        "index_head_dim": 8,
        "index_n_heads": 2,
        "dense_intermediate_size": 40,
        "shared_intermediate_size": 24,
        "layer_types": ["full_attention", "minimax_m3_sparse"] * 2,
    },
    "qwen4_exp_text": {
        **BASE,
        **DELTA,
        **EXPERTS,
        "head_dim": 12,
        "shared_expert_intermediate_size": 24,
        "hc_count": 2,
        "hc_lowrank": 8,
        "indexer_n_heads": 2,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 14,
        "indexer_budget": 8,
        "indexer_compress_ratio": 4,
        "layer_types": ["linear_attention", "indexed_attention"] * 2,
    },
    "inkling_text": {
        **BASE,
        **ROUTED,
        "head_dim": 10,
        "swa_head_dim": 8,
        "swa_num_attention_heads": 4,
        "swa_num_key_value_heads": 2,
        "sliding_window_size": WINDOW,
        "conv_kernel_size": 5,
        "layer_types": HYBRIDS,
    },
    "zaya": {
        **BASE,
        "head_dim": 10,
        "num_experts": 4,
        "moe_intermediate_size": 24,
        "router_hidden_size": 12,
        "cca_time0": 3,
        "sliding_window": WINDOW,
        "layer_types": HYBRIDS,
    },
    "jetmoe": {**BASE, **LOCAL, "kv_channels": 10},
    "hrm_text": {**BASE, "head_dim": 10, "num_hidden_layers": 2, "H_cycles": 2, "L_cycles": 3},
}
"""A tiny config of each type; windows where it has any."""


BESIDE = {
    "minimax",
    "rwkv",
    "xlstm",
    "reformer",
    "xlnet",
    "recurrent_gemma",
    "prophetnet",
    "blt",
    "musicgen",
    "hrm_text",
}
"""Types whose cache is no list of layers, or keeps some states beside it: only the sum can be compared."""
KEEPS_WHOLE_WINDOW = {"xlnet"}
"""Types with a memory of their own that keeps as many tokens as it says."""


def surplus(inventory, tokens):
    """Bytes of the one token for each full window that cardscope counts and transformers has dropped already."""
    size = dtype_bytes(DTYPE)
    return sum(n * s.per_token * size for n, s in inventory.states() if s.window and tokens >= s.window)


def declared_by_layer(inventory, tokens):
    """What each layer should hold, in order, by its own states and transformers' window convention."""
    layers: dict[int, int] = {}
    for group in inventory.groups:
        for index in group.layers:
            layers[index] = sum(_bytes(state, tokens) for state in group.states)
    return [layers[index] for index in sorted(layers)]


def _bytes(state, tokens):
    kept = state.window - 1 if state.window and tokens >= state.window else tokens
    constant = sum(count * dtype_bytes(dtype or DTYPE) for count, dtype in state.constant)
    return int(state.per_token * kept * dtype_bytes(DTYPE) + constant)


@pytest.mark.parametrize("model_type", CONFIGS)
def test_live_bytes_are_what_the_cache_holds(model_type):
    """Of every type and at every length, to the byte, and layer by layer after the longest."""
    config = {"model_type": model_type, **CONFIGS[model_type]}
    inventory = take(build(config))
    windowed = any(state.window for _, state in inventory.states())
    lengths = LENGTHS if windowed else (LENGTHS[0], LENGTHS[-1])
    rows = kv_cache(inventory, DTYPE, lengths).rows
    exact = model_type in KEEPS_WHOLE_WINDOW
    caches = {tokens: run(config, tokens) for tokens in lengths}
    expected = {row.tokens: row.live_bytes - (0 if exact else surplus(inventory, row.tokens)) for row in rows}
    assert {tokens: held(kept) for tokens, kept in caches.items()} == expected
    if model_type not in BESIDE:
        assert held_by_layer(caches[lengths[-1]][0]) == declared_by_layer(inventory, lengths[-1])

"""The limits of single model types: words their lists may hold, keys that stand together, seeds, what is not legal."""

from __future__ import annotations

DENSE_SPARSE = ("dense", "sparse")
FULL_SLIDING = ("full_attention", "sliding_attention")
FULL_LINEAR = ("linear_attention", "full_attention")
HYBRID = ("hybrid", "hybrid_sliding")

# The words a per-layer list may hold, where they are not those of `kinds_of`.
KINDS: dict[str, dict[str, tuple[str, ...]]] = {
    "axk2": {"layer_types": ("indexed_attention",)},
    "bailing_hybrid": {"layer_types": FULL_LINEAR},
    "deepseek_v32": {"layer_types": ("indexed_attention",)},
    "deepseek_v4": {
        "layer_types": ("heavily_compressed_attention", "compressed_sparse_attention", "sliding_attention"),
        "mlp_layer_types": ("hash_moe", "moe"),
    },
    "dots3_note_text": {"layer_types": ("indexed_attention", "sliding_attention")},
    "glm_moe_dsa": {"layer_types": ("indexed_attention",)},
    "granitemoehybrid": {"layer_types": FULL_LINEAR},
    "hy_v4": {"layer_types": ("indexed_attention",)},
    "inkling2_text": {"layer_types": HYBRID},
    "inkling_text": {"layer_types": HYBRID},
    "kimi_linear": {"layer_types": FULL_LINEAR},
    "lfm2": {"layer_types": ("conv", "full_attention")},
    "lfm2_moe": {"layer_types": ("conv", "full_attention")},
    "lfm3": {"layer_types": ("conv", "full_attention", "sliding_attention")},
    "llama4_text": {"layer_types": ("chunked_attention", "full_attention")},
    "minimax": {"layer_types": FULL_LINEAR},
    "minimax_m3_vl_text": {"layer_types": ("minimax_m3_sparse", "full_attention")},
    "nemotron_h": {
        "layers_block_type": ("linear_attention", "moe", "full_attention", "mlp"),
        "mtp_layers_block_type": ("full_attention", "moe"),
    },
    "olmo_hybrid": {"layer_types": FULL_LINEAR},
    "qwen3_5_moe_text": {"layer_types": FULL_LINEAR},
    "qwen3_5_text": {"layer_types": FULL_LINEAR},
    "qwen3_next": {"layer_types": FULL_LINEAR},
    "qwen4_exp_text": {"layer_types": ("linear_attention", "indexed_attention")},
    "zamba": {"layers_block_type": ("linear_attention", "hybrid")},
    "zamba2": {"layers_block_type": ("linear_attention", "hybrid")},
    "zaya": {"layer_types": HYBRID},
}


def kinds_of(model_type: str, key: str) -> tuple[str, ...]:
    """The words that a per-layer list of this type may hold."""
    return KINDS.get(model_type, {}).get(key) or (DENSE_SPARSE if key == "mlp_layer_types" else FULL_SLIDING)


ROPE_BY_KIND = {kind: {"rope_type": "default", "rope_theta": 10000.0} for kind in FULL_SLIDING}

FIXED: dict[str, dict[str, object]] = {
    "reformer": {"is_decoder": True},
}

# The facts that a type which does not build from its defaults needs, from a real config of it.
SEEDS: dict[str, dict[str, object]] = {
    # facebook/esm2_t6_8M_UR50D
    "esm": {"vocab_size": 33, "pad_token_id": 1, "mask_token_id": 32, "position_embedding_type": "rotary"},
    "cohere_compass_text": {"rope_parameters": ROPE_BY_KIND},
    # databricks/dbrx-instruct
    "dbrx": {
        "d_model": 6144,
        "n_heads": 48,
        "n_layers": 40,
        "max_seq_len": 32768,
        "vocab_size": 100352,
        "attn_config": {"clip_qkv": 8, "kv_n_heads": 8, "rope_theta": 500000},
        "ffn_config": {"ffn_hidden_size": 10752, "moe_num_experts": 16, "moe_top_k": 4},
    },
    "dots1": {"n_routed_experts": 128, "n_shared_experts": 2, "num_experts_per_tok": 6},
    # the tower of CohereForAI/aya-vision-8b
    "aya_vision": {
        "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 1152, "num_attention_heads": 16}
    },
    "gemma4_unified_assistant": {"text_config": {"model_type": "gemma4_unified_text", "num_kv_shared_layers": 20}},
    "hunyuan_v1_dense": {"head_dim": 128},
    "hunyuan_v1_moe": {"head_dim": 128},
    # LiquidAI/LFM2-8B-A1B
    "lfm2_moe": {
        "num_hidden_layers": 24,
        "layer_types": ["full_attention" if n in (2, 6, 10, 14, 18, 21) else "conv" for n in range(24)],
    },
    "ministral": {"head_dim": 128},
    # Their own default is a ResNet of timm's; transformers' has the same tensors.
    "detr": {"use_timm_backbone": False, "backbone_config": {"model_type": "resnet", "out_features": ["stage4"]}},
    "table-transformer": {
        "use_timm_backbone": False,
        "backbone_config": {"model_type": "resnet", "out_features": ["stage4"]},
    },
    "nemotron": {"num_key_value_heads": 8},
    "qwen4_exp_text": {
        "indexer_n_heads": 4,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 256,
        "indexer_budget": 2048,
        "indexer_compress_ratio": 16,
    },
    "qwen4_exp": {
        "text_config": {
            "model_type": "qwen4_exp_text",
            "indexer_n_heads": 4,
            "indexer_kv_heads": 1,
            "indexer_head_dim": 256,
            "indexer_budget": 2048,
            "indexer_compress_ratio": 16,
        }
    },
    "reformer": {"is_decoder": True},
}

# Cases that transformers builds though they contradict themselves; no count of them can be right.
ILLEGAL: dict[str, dict[str, str]] = {
    "dbrx": {
        "without:d_model": "the heads of attn_config do not divide the default's",
        "without:n_heads": "the key/value heads do not divide the default heads",
        "alias:hidden_size": "the experts take their width before the alias is followed",
    },
    "hunyuan_v1_moe": {"without:num_experts": "more experts fire than there are"},
    "inkling_text": {
        "without:swa_num_attention_heads": "the key/value heads do not divide the default heads",
        "without:swa_num_key_value_heads": "the default does not divide the heads",
    },
    "laguna": {
        "without:num_attention_heads": "heads per layer fall back too",
        "without:num_key_value_heads": "the default does not divide the heads per layer",
        "spelled:kv heads = heads": "does not divide the heads per layer",
    },
}

QWEN4_INDEXER = ("indexer_n_heads", "indexer_kv_heads", "indexer_head_dim", "indexer_budget", "indexer_compress_ratio")
# Keys that stand all together or not at all: a random draw leaves them.
TOGETHER: dict[str, tuple[str, ...]] = {
    "qwen4_exp_text": QWEN4_INDEXER,
    "dots3_note_vision_encoder": ("mlp_layer_types",),
}

# Nested configs that stay at their defaults, as `wrapper.key`.
# DPT has a convolutional backbone only where it is hybrid.
LEFT_ALONE: frozenset[str] = frozenset({"dpt.backbone_config"})

"""What single model types ask for beyond the shared rules: their rules, layer kinds, fixed values, seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle import knobs
from tests.oracle.knobs import INNERS, POSITIONS, RANKS, divisor_of, pool

if TYPE_CHECKING:
    from tests.oracle.draw import Draw
    from tests.oracle.knobs import Rule

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


def full_last(d: Draw) -> list[str]:
    """Sliding and full layers, the last one full (Gemma 4 forces it)."""
    return [*knobs.kinds("layer_types")(d)[:-1], "full_attention"]


def sizes_per_layer(d: Draw) -> object:
    """One inner width, or one for each layer."""
    if d.rng.random() < 0.5:
        return d.pick(INNERS)
    return [d.pick(INNERS) for _ in range(d.layers())]


def heads_per_layer(d: Draw) -> list[int]:
    """Head counts that the key/value heads divide, one for each layer."""
    return [int(d.of("num_key_value_heads")) * d.rng.choice((2, 3, 4)) for _ in range(d.layers())]


def first_full(d: Draw) -> list[str]:
    """Indexers, own or shared; the first layer has its own."""
    return ["full", *(d.rng.choice(("full", "shared")) for _ in range(d.layers() - 1))]


RULES: dict[str, dict[str, Rule]] = {
    "cohere2_moe": {"prefix_dense_sliding_window_pattern": pool(2, 3)},
    "deepseek_v4": {"o_groups": divisor_of("num_attention_heads")},
    "dots3_note_text": {"num_key_value_heads": knobs.same_as("num_attention_heads")},
    "falcon_h1": {
        "mamba_d_ssm": pool(*(48 * n for n in (5, 7, 9, 11, 13))),
        "mamba_n_heads": lambda d: d.pick((4, 6, 8, 12, 24)),
        "mamba_d_head": lambda d: int(d.of("mamba_d_ssm")) // int(d.of("mamba_n_heads")),
    },
    "gemma3n_text": {
        "layer_types": lambda d: [
            "full_attention",
            "sliding_attention",
            *d.some(FULL_SLIDING, d.layers() - 2),
        ],
        "num_kv_shared_layers": lambda d: d.rng.randrange(d.layers() - 1),
        "intermediate_size": sizes_per_layer,
        "vocab_size_per_layer_input": pool(*knobs.VOCABULARIES),
        "altup_num_inputs": pool(3, 5),
        "altup_active_idx": pool(0, 1),
    },
    "glm_moe_dsa": {"indexer_types": first_full},
    "hy_v4": {"indexer_types": first_full},
    "jetmoe": {"num_key_value_heads": pool(4, 6, 8), "num_attention_heads": lambda d: d.skip()},
    "laguna": {"num_attention_heads_per_layer": heads_per_layer},
    "mamba2": {
        "num_heads": lambda d: d.pick([n for n in (6, 8, 12, 16, 24) if int(d.of("hidden_size")) % n == 0]),
        "head_dim": lambda d: int(d.of("expand")) * int(d.of("hidden_size")) // int(d.of("num_heads")),
        "hidden_size": pool(*knobs.WIDTHS),
        "n_groups": pool(2),
    },
    "reformer": {
        "hidden_size": lambda d: sum(d.of("axial_pos_embds_dim")),  # type: ignore[arg-type]
        "axial_pos_embds_dim": pool([32, 112], [112, 80], [64, 176]),
        "axial_pos_shape": pool([7, 11], [9, 13]),
        "attn_layers": lambda d: d.some(("local", "lsh"), d.rng.choice((2, 3, 5))),
        "num_hidden_layers": lambda d: len(d.of("attn_layers")),  # type: ignore[arg-type]
        "attention_head_size": pool(14, 18, 22),
    },
    "zaya": {"num_experts_per_tok": pool(1)},
}

FIXED: dict[str, dict[str, object]] = {
    "reformer": {"is_decoder": True},
}

# The facts that a type which does not build from its defaults needs, from a real config of it.
SEEDS: dict[str, dict[str, object]] = {}

PARTS_LEFT_ALONE: dict[str, tuple[str, ...]] = {}

__all__ = ["FIXED", "KINDS", "PARTS_LEFT_ALONE", "POSITIONS", "RANKS", "RULES", "SEEDS", "kinds_of"]

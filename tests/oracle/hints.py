"""How single model types draw the keys that ask for more than the shared rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle import hints_encoders, knobs
from tests.oracle.knobs import INNERS, POSITIONS, divisor_of, pool
from tests.oracle.limits import FULL_SLIDING, ROPE_BY_KIND

if TYPE_CHECKING:
    from tests.oracle.draw import Draw
    from tests.oracle.knobs import Rule


def both_kinds_first(d: Draw) -> list[str]:
    """Gemma 4: both kinds among the layers that keep a cache, the last layer full."""
    return ["full_attention", "sliding_attention", *d.some(FULL_SLIDING, d.layers() - 3), "full_attention"]


SHARED_TAIL: dict[str, Rule] = {
    "layer_types": both_kinds_first,
    "num_kv_shared_layers": lambda d: d.rng.randrange(d.layers() - 1),
}


def less_vocabulary(d: Draw) -> int:
    """A vocabulary smaller than its padded size."""
    return int(d.of("vocab_size")) - d.rng.choice((5, 9, 13))


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


def global_and_local(d: Draw) -> list[object]:
    """GPT-Neo's pattern: kinds and how often they repeat, together one for each layer."""
    layers = d.layers()
    return [[["global", "local"], layers // 2]] if d.distinct else [[[d.rng.choice(("global", "local"))], layers]]


def some_linear_layers(d: Draw) -> list[int]:
    """Qwen4's layers with per-layer embeddings: some of the linear ones, counted from one."""
    linear = [n for n, word in enumerate(d.of("layer_types"), start=1) if word == "linear_attention"]  # type: ignore[arg-type]
    return sorted(d.rng.sample(linear, d.rng.randint(min(1, len(linear)), len(linear))))


RULES: dict[str, dict[str, Rule]] = {
    "blt": {
        "cross_attn_k": pool(3),
        "encoder_hash_byte_group_vocab": pool(*POSITIONS),
        "encoder_hash_byte_group_nb_functions": pool(2),
        "encoder_hash_byte_group_size": pool([3, 4], [2, 3, 5]),
    },
    "blt.encoder_config": {"cross_attn_k": lambda d: d.above("cross_attn_k")},
    "blt.decoder_config": {
        "cross_attn_k": lambda d: d.above("cross_attn_k"),
        "hidden_size_global": lambda d: d.skip(),
    },
    "cohere2_moe": {"prefix_dense_sliding_window_pattern": pool(2, 3)},
    "cohere_compass_text": {"rope_parameters": lambda _: ROPE_BY_KIND},
    "dbrx": {"n_heads": pool(6, 8, 12)},
    "dbrx.attn_config": {
        "kv_n_heads": lambda d: d.pick([n for n in (2, 3, 4) if d.above("n_heads") % n == 0]),
        "rope_theta": lambda _: 10000.0,
    },
    "dbrx.ffn_config": {
        "hidden_size": lambda d: d.skip(),
        "moe_top_k": pool(2, 3),
        "ffn_hidden_size": pool(*INNERS),
    },
    "gemma4_assistant.text_config": {
        "hidden_size_per_layer_input": lambda _: 0,
        "vocab_size_per_layer_input": lambda _: 0,
        "num_kv_shared_layers": lambda d: d.layers(),
    },
    "gemma4_unified_assistant.text_config": {
        "layer_types": lambda d: ["sliding_attention", *["full_attention"] * (d.layers() - 1)],
        "num_kv_shared_layers": lambda d: d.layers() - 2,
        "num_hidden_layers": pool(3, 4, 5),
    },
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
    "cpmant": {
        "dim_head": pool(*knobs.HEAD_WIDTHS),
        "position_bias_num_buckets": pool(*POSITIONS),
        "prompt_types": pool(9, 11),
        "prompt_length": pool(13, 17),
        "segment_types": pool(15, 19),
    },
    "ernie4_5_moe": {
        "moe_layer_start_index": pool(0, 1),
        "moe_layer_end_index": lambda d: d.rng.choice((-1, d.layers() - 1, max(1, d.layers() - 2))),
    },
    "falcon": {"num_ln_in_parallel_attn": pool(1, 2)},
    "gemma4_text": {**SHARED_TAIL, "num_hidden_layers": pool(3, 4, 5)},
    "gemma4_unified_text": {**SHARED_TAIL, "num_hidden_layers": pool(3, 4, 5)},
    "gpt_neox_japanese": {"intermediate_multiple_size": pool(3, 5)},
    "hrm_text": {"H_cycles": pool(3), "L_cycles": pool(2)},
    "deepseek_v4": {
        "o_groups": divisor_of("num_attention_heads"),
        "compress_rates": pool(
            {"compressed_sparse_attention": 3, "heavily_compressed_attention": 17},
            {"compressed_sparse_attention": 5, "heavily_compressed_attention": 23},
        ),
    },
    "inkling2_text": {
        "d_rel": pool(*knobs.HEAD_WIDTHS),
        "rel_extent": pool(*POSITIONS),
        "unpadded_vocab_size": less_vocabulary,
    },
    "inkling_text": {
        "d_rel": pool(*knobs.HEAD_WIDTHS),
        "rel_extent": pool(*POSITIONS),
        "unpadded_vocab_size": less_vocabulary,
    },
    "lfm2": {"block_multiple_of": pool(24, 40), "block_ffn_dim_multiplier": pool(1.3, 0.7)},
    "mellum": {"num_mtp_layers": pool(1)},
    "mvp": {"prompt_length": pool(13, 17), "prompt_mid_dim": pool(*INNERS)},
    "nemotron_h": {
        "mamba_num_heads": pool(6, 8, 12),
        "mamba_head_dim": pool(*knobs.HEAD_WIDTHS),
    },
    "prophetnet": {"ngram": pool(3), "num_buckets": pool(*POSITIONS)},
    "xlm": {"n_langs": pool(2, 3)},
    "xlstm": {
        "qk_dim_factor": pool(0.25, 0.75),
        "v_dim_factor": pool(0.5, 1.5),
        "ffn_proj_factor": pool(1.5, 3.1),
        "ffn_round_up_to_multiple_of": pool(24, 40),
    },
    "xmod": {
        "adapter_reduction_factor": pool(3, 4),
        "languages": pool(["en_XX", "fr_XX"], ["en_XX", "de_DE", "ta_IN"]),
        "default_language": lambda _: "en_XX",
    },
    "glm_moe_dsa": {"indexer_types": first_full},
    "gpt_neo": {"attention_types": global_and_local, "num_layers": pool(2, 4, 6)},
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
    "qwen4_exp_text": {
        "indexer_n_heads": pool(2, 5),
        "indexer_kv_heads": lambda _: 1,
        "indexer_head_dim": pool(60, 66, 74),
        "indexer_budget": lambda _: 64,
        "indexer_compress_ratio": lambda _: 8,
        "rope_parameters": lambda _: {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.25},
        "ple_layer_ids": some_linear_layers,
        "ngram_size": pool(2, 3),
        "heads_per_ngram": pool(2, 3),
        "ple_embed_dim": lambda d: (int(d.of("ngram_size")) - 1) * int(d.of("heads_per_ngram")) * d.pick((11, 15, 19)),
        "ngram_vocab_size_base": pool(211, 307, 401),
        "make_ngram_vocab_size_divisible_by": pool(24, 32),
        "hc_count": pool(2, 3, 5),
        "eos_token_id": knobs.ids(1, 2, 3),
    },
    "zaya": {"num_experts_per_tok": pool(1), "cca_time0": pool(3, 4), "cca_time1": pool(3, 4)},
}

RULES.update(hints_encoders.RULES)

"""Other ways to say things: words a key may hold, older spellings, keys that only act together.

A spelling is a function from a perturbed config to the keys to change in it; ABSENT takes a key away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle import hints_encoders, hints_late
from tests.oracle.declared import keys_of
from tests.oracle.meta import config_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.oracle.declared import Key

    Config = Mapping[str, object]
    Spelling = Callable[[Config], Config]

ABSENT = object()

# Two activations that are modules with parameters of their own, and one that is not.
ACTIVATIONS = ("relu", "prelu", "xielu")
ACTIVATION_KEYS = (
    "hidden_act",
    "activation_function",
    "hidden_activation",
    "mlp_hidden_act",
    "ff_activation",
    "afn",
    "activation",
    "pooler_act",
    "summary_activation",
    "classifier_activation",
    "feat_extract_activation",
)

WORDS: dict[str, tuple[object, ...]] = {
    **dict.fromkeys(ACTIVATION_KEYS, ACTIVATIONS),
    "mamba_hidden_act": ("silu", "gelu"),
    "hidden_mamba_act": ("silu", "gelu"),
    "mamba_d_head": ("auto",),
    "mamba_dt_rank": ("auto",),
    "time_step_rank": ("auto",),
    "position_embedding_type": ("rope", "nope"),
    "topk_method": ("greedy", "group_limited_greedy"),
    "scoring_func": ("sigmoid", "softmax", "sqrtsoftplus"),
    "expert_selection_fn": ("sigmoid", "softmax"),
    "shared_expert_combination_strategy": ("sum", "average"),
    "attention_type": ("original_full", "block_sparse"),
    "attn_type": ("uni", "bi"),
    "weight_mode": ("single", "fused"),
    "output_gate_type": ("sigmoid", "silu"),
    "use_bidirectional_attention": ("all", "vision"),
    "norm_type": ("low_precision_layernorm", "layernorm"),
    "pooling": ("mean", "last"),
    "gating": ("per-head", "per-element"),
}


def words(key: Key) -> tuple[object, ...]:
    """The words to try for a key; none where it is a switch or a number."""
    return () if key.annotation in ("bool", "bool | None", "int", "int | None") else WORDS.get(key.name, ())


def renamed(config: Config, name: str, alias: str) -> Config:
    """The same config with one key under its other name."""
    return {alias if each == name else each: value for each, value in config.items()}


def patched(config: Config, spell: Spelling) -> Config:
    """The same config with a spelling applied."""
    changed = {**config, **spell(config)}
    return {name: value for name, value in changed.items() if value is not ABSENT}


def said(*gone: str, **instead: object) -> Spelling:
    """Take these keys away and say it by others."""
    return lambda _: {**dict.fromkeys(gone, ABSENT), **instead}


def moved(key: str, *to: str) -> Spelling:
    """The same value under another key, perhaps nested."""
    return lambda c: {key: ABSENT, to[0]: c[key] if len(to) == 1 else {to[1]: c[key]}}


def listed(key: str, new: str, marks: Mapping[str, object]) -> Spelling:
    """A per-layer list said under another name, by other marks."""
    return lambda c: {key: ABSENT, new: [marks[word] for word in c[key]]}


def old_words(key: str, old: Mapping[str, str]) -> Spelling:
    """A per-layer list in the words used before."""
    return lambda c: {key: [old.get(word, word) for word in c[key]]}


def per_layer_widths(c: Config) -> Config:
    """Dots3 and its like: sliding layers with dimensions of their own."""
    return {
        "swa_num_attention_heads": 10,
        "swa_num_key_value_heads": 10,
        "swa_q_lora_rank": 41,
        "swa_kv_lora_rank": 53,
        "swa_head_dim": 30,
        "swa_qk_nope_head_dim": 18,
        "swa_v_head_dim": 32,
        "layer_types": [*c["layer_types"][:-1], "sliding_attention"],
    }


def linear_attention_config(c: Config) -> Config:
    """Kimi Linear's checkpoint form: a nested section, layers numbered from one."""
    numbered = list(enumerate(c["layer_types"], start=1))
    section = {
        "head_dim": 22,
        "num_heads": 5,
        "short_conv_kernel_size": 7,
        "full_attn_layers": [number for number, word in numbered if word == "full_attention"],
        "kda_layers": [number for number, word in numbered if word == "linear_attention"],
    }
    return {"layer_types": ABSENT, "linear_attn_config": section}


DENSE_FIRST = {"first_k_dense_replace": said("mlp_layer_types", first_k_dense_replace=2)}
DENSE_FREQUENCY = {
    **DENSE_FIRST,
    "moe_layer_freq": said("mlp_layer_types", first_k_dense_replace=1, moe_layer_freq=2),
}
WINDOW_PATTERN = {"sliding_window_pattern": said("layer_types", sliding_window_pattern=2)}
INTERVAL = {"full_attention_interval": said("layer_types", full_attention_interval=2)}
MAMBA_WORDS = {"linear_attention": "mamba", "full_attention": "attention"}
OTHER_INDEXED = {"indexed_attention": "deepseek_sparse_attention"}
GLOBAL_HEADS = {
    "global_head_dim": lambda _: {"global_head_dim": 62},
    "global kv heads": lambda _: {"num_global_key_value_heads": 2, "attention_k_eq_v": True},
    "one layer apart": lambda _: {"per_layer_config": {"1": {"head_dim": 42, "num_key_value_heads": 1}}},
    "no shared kv": lambda _: {"num_kv_shared_layers": 0, "use_double_wide_mlp": True},
}
EXPERTS_OTHERWISE = {"num_experts": moved("n_routed_experts", "num_experts")}
NEMOTRON_LETTERS = {"linear_attention": "M", "full_attention": "*", "moe": "E", "mlp": "-"}

SPELLINGS: dict[str, dict[str, Spelling]] = {
    "axk1": DENSE_FREQUENCY,
    "axk2": {**DENSE_FREQUENCY, "old words": old_words("layer_types", OTHER_INDEXED)},
    "bloom": {"n_embed": moved("hidden_size", "n_embed")},
    "cohere2": WINDOW_PATTERN,
    "cohere2_moe": {
        "first_k_dense_replace": said("layer_types", "mlp_layer_types", first_k_dense_replace=1),
        "dense prefix": lambda _: {"prefix_dense_intermediate_size": 136},
    },
    "deepseek_v32": {**EXPERTS_OTHERWISE, "old words": old_words("layer_types", OTHER_INDEXED)},
    "deepseek_v4": {
        "compress_ratios": listed(
            "layer_types",
            "compress_ratios",
            {"sliding_attention": 0, "compressed_sparse_attention": 4, "heavily_compressed_attention": 128},
        ),
        "num_hash_layers": said("mlp_layer_types", num_hash_layers=1),
        "compress rates": lambda _: {"compress_rate_csa": 5, "compress_rate_hca": 37},
        "qk_rope_head_dim": lambda _: {"qk_rope_head_dim": 6},
    },
    "dots3_note_text": {
        "first_k_dense_replace": said("mlp_layer_types", first_k_dense_replace=2),
        "moe_layer_freq": said("mlp_layer_types", first_k_dense_replace=1, moe_layer_freq=2),
        "no dsa": lambda _: {"use_dsa": False},
        "no windows": said("layer_types", use_sliding_window=False),
        "sliding widths": per_layer_widths,
    },
    "falcon": {
        "n_embed": moved("hidden_size", "n_embed"),
        "40B layout": lambda _: {"new_decoder_architecture": True, "num_kv_heads": 2, "bias": True},
        "old multi-head": lambda _: {"multi_query": False, "parallel_attn": False, "alibi": True},
    },
    "gemma3_text": WINDOW_PATTERN,
    "gemma4_text": {**GLOBAL_HEADS, "experts": lambda _: {"enable_moe_block": True}},
    "gemma4_unified_text": GLOBAL_HEADS,
    "glm_moe_dsa": {
        **EXPERTS_OTHERWISE,
        "index_topk_pattern": said("indexer_types", index_topk_pattern="FSFSSFSFSS"),
        "index_topk_freq": said("indexer_types", index_topk_freq=3, index_skip_topk_offset=1),
        "old words": old_words("layer_types", OTHER_INDEXED),
    },
    "hrm_text": {
        "inflated layers": lambda c: {
            "num_layers_per_stack": c["num_hidden_layers"],
            "num_hidden_layers": c["num_hidden_layers"] * c["H_cycles"] * (c["L_cycles"] + 1),
        }
    },
    "granitemoehybrid": {"old words": old_words("layer_types", MAMBA_WORDS)},
    "inkling_text": {
        "dense_mlp_idx": said("mlp_layer_types", dense_mlp_idx=2),
        "dense_intermediate_size": lambda _: {"dense_intermediate_size": 136},
    },
    "mellum": {
        "mtp layers": lambda _: {
            "num_mtp_layers": 1,
            "mtp_layer_types": ["full_attention"],
            "mtp_mlp_layer_types": ["dense"],
        }
    },
    "internlm3": {"both biases": lambda _: {"attention_bias": True, "mlp_bias": True}},
    "kimi_linear": {**DENSE_FIRST, "linear_attn_config": linear_attention_config},
    "lfm2": {
        "full_attn_idxs": said("layer_types", full_attn_idxs=[1]),
        "tie_embedding": said("tie_word_embeddings", tie_embedding=False),
        "block_ff_dim": moved("intermediate_size", "block_ff_dim"),
        "as it is": lambda _: {"block_auto_adjust_ff_dim": False},
        "multiplier": lambda _: {"block_ffn_dim_multiplier": 1.3, "block_multiple_of": 24},
    },
    "lfm2_moe": {"tie_embedding": said("tie_word_embeddings", tie_embedding=False)},
    "llama4_text": {
        "interleave": said("moe_layers", interleave_moe_layer_step=2),
        "no_rope_layer_interval": said("no_rope_layers", "layer_types", no_rope_layer_interval=2),
    },
    "minimax_m3_vl_text": {
        "moe_layer_freq": listed("mlp_layer_types", "moe_layer_freq", {"sparse": 1, "dense": 0}),
        "sparse_attention_config": lambda c: {
            "layer_types": ABSENT,
            "sparse_attention_config": {
                "sparse_attention_freq": [int("sparse" in word) for word in c["layer_types"]],
                "sparse_num_index_heads": 3,
                "sparse_index_dim": 32,
            },
        },
    },
    "modernbert-decoder": {"global_attn_every_n_layers": said("layer_types", global_attn_every_n_layers=2)},
    "mpt": {"alibi off": lambda c: {"attn_config": {**(c.get("attn_config") or {}), "alibi": False}}},
    "nemotron_h": {
        "hybrid_override_pattern": lambda c: {
            "layers_block_type": ABSENT,
            "hybrid_override_pattern": "".join(NEMOTRON_LETTERS[word] for word in c["layers_block_type"]),
        },
        "old words": old_words("layers_block_type", MAMBA_WORDS),
        "old mamba keys": lambda _: {"mamba_n_groups": 2, "mamba_d_conv": 6, "mamba_conv_bias": False},
    },
    "qwen3_5_moe_text": INTERVAL,
    "qwen3_5_text": INTERVAL,
    "qwen3_next": {**INTERVAL, "old words": old_words("layer_types", MAMBA_WORDS)},
    "qwen4_exp_text": {
        **INTERVAL,
        "full words": old_words("layer_types", {"indexed_attention": "full_attention"}),
    },
    "zamba": {
        "period": said("layers_block_type", num_hidden_layers=7, attn_layer_period=2, attn_layer_offset=1),
        "old words": old_words("layers_block_type", {"linear_attention": "mamba"}),
    },
    "zamba2": {
        "default pattern": said("layers_block_type", num_hidden_layers=54),
        "shared adapter": lambda _: {"use_shared_attention_adapter": True},
    },
}


OTHER_TOWERS = {
    "text_config": ("llama", "qwen2", "mistral"),
    "vision_config": ("siglip_vision_model", "clip_vision_model"),
}


def other_towers(config: type) -> Iterator[tuple[str, str]]:
    """(key, model type) of other towers that a wrapper may hold, where the file's own model_type decides."""
    for key, spec in config.sub_configs_defaults.items():
        if spec.config_class.__name__ == "AutoConfig":
            yield from ((key, other) for other in OTHER_TOWERS.get(key, ()) if other != spec.model_type)


def of(model_type: str) -> Iterator[tuple[str, Spelling]]:
    """The spellings to try for a type."""
    yield from SPELLINGS.get(model_type, {}).items()
    yield from hints_encoders.SPELLINGS.get(model_type, {}).items()
    yield from hints_late.SPELLINGS.get(model_type, {}).items()
    declared = set(keys_of(config_class(model_type)))
    if {"is_decoder", "add_cross_attention"} <= declared:
        yield "decoder with cross attention", lambda _: {"is_decoder": True, "add_cross_attention": True}
    if {"num_key_value_heads", "num_attention_heads"} <= declared:
        yield "one kv head", lambda _: {"num_key_value_heads": 1}
        yield "kv heads = heads", lambda c: {"num_key_value_heads": c.get("num_attention_heads", ABSENT)}

"""Random legal configs of a dozen declared types, and random JSON for configs that are not legal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from cardscope.harvest import declared

Config = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]
FULL, SLIDING, LINEAR = "full_attention", "sliding_attention", "linear_attention"


def _sizes(draw: Draw) -> Config:
    """Sizes that fit together, each away from every class default."""
    kv, group, dim = draw(st.integers(1, 4)), draw(st.integers(1, 4)), 2 * draw(st.integers(1, 8))
    return {
        "hidden_size": kv * group * dim,
        "num_attention_heads": kv * group,
        "num_key_value_heads": kv,
        "num_hidden_layers": draw(st.integers(1, 9)),
        "intermediate_size": draw(st.integers(1, 200)),
        "vocab_size": draw(st.integers(1, 500)),
        "max_position_embeddings": draw(st.integers(1, 9000)),
    }


def _optional(draw: Draw, config: Config, **choices: st.SearchStrategy[Any]) -> None:
    """Adds each key or leaves it out."""
    for key, values in choices.items():
        if draw(st.booleans()):
            config[key] = draw(values)


def _dense(draw: Draw) -> Config:
    config = _sizes(draw)
    _optional(draw, config, attention_bias=st.booleans(), mlp_bias=st.booleans(), head_dim=st.integers(1, 40))
    return config


def _windowed(draw: Draw) -> Config:
    config = _sizes(draw)
    _optional(draw, config, sliding_window=st.none() | st.integers(1, 9000))
    return config


def _mixed(draw: Draw) -> Config:
    """Gemma 3: full and sliding layers by pattern, or by a list."""
    config = _sizes(draw) | {"sliding_window": draw(st.integers(1, 9000)), "head_dim": draw(st.integers(1, 40))}
    if draw(st.booleans()):
        kinds = st.sampled_from([FULL, SLIDING])
        count = config["num_hidden_layers"]
        config["layer_types"] = draw(st.lists(kinds, min_size=count, max_size=count))
    else:
        config["sliding_window_pattern"] = draw(st.integers(1, 7))
    return config


def _gpt2(draw: Draw) -> Config:
    sizes = _sizes(draw)
    config = {
        "n_embd": sizes["hidden_size"],
        "n_head": sizes["num_attention_heads"],
        "n_layer": sizes["num_hidden_layers"],
        "n_positions": sizes["max_position_embeddings"],
        "vocab_size": sizes["vocab_size"],
    }
    _optional(draw, config, n_inner=st.none() | st.integers(1, 200), add_cross_attention=st.booleans())
    return config


def _falcon(draw: Draw) -> Config:
    config = _sizes(draw)
    config["num_kv_heads"] = config.pop("num_key_value_heads")
    del config["intermediate_size"]
    for key in ("new_decoder_architecture", "multi_query", "parallel_attn", "bias"):
        config[key] = draw(st.booleans())
    return config


def _mixtral(draw: Draw) -> Config:
    config = _windowed(draw)
    config["num_local_experts"] = draw(st.integers(1, 20))
    config["num_experts_per_tok"] = draw(st.integers(1, config["num_local_experts"]))
    return config


def _deepseek(draw: Draw) -> Config:
    config = _sizes(draw)
    config |= {key: draw(st.integers(1, 40)) for key in ("kv_lora_rank", "qk_nope_head_dim", "v_head_dim")}
    config |= {
        "q_lora_rank": draw(st.none() | st.integers(1, 40)),
        "qk_rope_head_dim": 2 * draw(st.integers(1, 20)),
        "n_routed_experts": draw(st.integers(8, 40)),
        "num_experts_per_tok": draw(st.integers(1, 8)),
        "n_shared_experts": draw(st.none() | st.integers(1, 3)),
        "moe_intermediate_size": draw(st.integers(1, 40)),
        "first_k_dense_replace": draw(st.integers(0, 4)),
    }
    return config


def _gpt_oss(draw: Draw) -> Config:
    config = _mixtral(draw) | {"sliding_window": draw(st.integers(1, 9000))}
    _optional(draw, config, head_dim=st.integers(1, 40), attention_bias=st.booleans())
    return config


def _qwen3_next(draw: Draw) -> Config:
    config = _sizes(draw) | {
        "head_dim": draw(st.integers(1, 40)),
        "num_experts": draw(st.integers(10, 40)),
        "num_experts_per_tok": draw(st.integers(1, 10)),
        "moe_intermediate_size": draw(st.integers(1, 40)),
        "shared_expert_intermediate_size": draw(st.integers(1, 40)),
        "linear_num_key_heads": draw(st.integers(1, 4)),
        "linear_key_head_dim": draw(st.integers(1, 20)),
        "linear_value_head_dim": draw(st.integers(1, 20)),
        "linear_conv_kernel_dim": draw(st.integers(1, 6)),
        "full_attention_interval": draw(st.integers(1, 5)),
    }
    config["linear_num_value_heads"] = config["linear_num_key_heads"] * draw(st.integers(1, 3))
    return config


def _mamba(draw: Draw) -> Config:
    sizes = _sizes(draw)
    config = {key: sizes[key] for key in ("hidden_size", "num_hidden_layers", "vocab_size")}
    config |= {key: draw(st.integers(1, 20)) for key in ("state_size", "conv_kernel")}
    _optional(
        draw, config, expand=st.integers(1, 4), time_step_rank=st.just("auto") | st.integers(1, 20),
        use_bias=st.booleans(), use_conv_bias=st.booleans(), intermediate_size=st.integers(1, 80),
    )  # fmt: skip
    return config


def _jamba(draw: Draw) -> Config:
    config = _sizes(draw)
    for name in ("attn_layer", "expert_layer"):
        period = draw(st.integers(1, 5))
        config |= {f"{name}_period": period, f"{name}_offset": draw(st.integers(0, period - 1))}
    config |= {"num_experts": draw(st.integers(2, 20)), "num_experts_per_tok": draw(st.integers(1, 2))}
    config |= {key: draw(st.integers(1, 20)) for key in ("mamba_d_state", "mamba_d_conv", "mamba_expand")}
    return config


MAKERS: dict[str, Callable[[Draw], Config]] = {
    "llama": _dense,
    "qwen3": _dense,
    "nanochat": _dense,
    "olmo2": _dense,
    "mistral": _windowed,
    "starcoder2": _windowed,
    "gemma3_text": _mixed,
    "gpt2": _gpt2,
    "falcon": _falcon,
    "mixtral": _mixtral,
    "deepseek_v2": _deepseek,
    "deepseek_v3": _deepseek,
    "gpt_oss": _gpt_oss,
    "qwen3_next": _qwen3_next,
    "mamba": _mamba,
    "jamba": _jamba,
}
TYPES = tuple(MAKERS)
LISTS = ("layer_types", "mlp_layer_types")
"""Keys with one entry a layer: a config that has one cannot simply be given another layer."""


@st.composite
def legal(draw: Draw, *types: str) -> Config:
    """A config of keys the type's class declares, with a random subset of the optional ones."""
    kind = draw(st.sampled_from(types or TYPES))
    made = MAKERS[kind](draw)
    declaration = declared(kind)
    known = {*declaration.defaults, *declaration.aliases, *declaration.aliases.values()}
    config = {"model_type": kind} | {key: value for key, value in made.items() if key in known}
    _optional(
        draw, config, tie_word_embeddings=st.booleans(),
        torch_dtype=st.sampled_from(["float32", "float16", "bfloat16"]),
    )  # fmt: skip
    return config


BIG = st.sampled_from([10**9, 10**12, 10**18, 10**29, 2**31, 2**40, 2**63])
INTEGERS = st.integers(-3, 70) | st.integers(-(10**29), 10**29) | BIG
SCALARS = st.none() | st.booleans() | INTEGERS | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5)
)
"""Any JSON value, NaN and infinities included, as Python's own reader gives them."""

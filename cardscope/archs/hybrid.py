"""Attention beside Mamba-2, short convolutions or linear attention, in turns or in the same layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cardscope.archs._read import (
    act,
    attention,
    block,
    decoder,
    heads,
    layer_types,
    mlp,
    modern,
    moe,
    neutral,
    pick,
    width,
    windowed,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.errors import BadField, MissingField
from cardscope.fields import ABSENT, MAX_LAYERS, Fields
from cardscope.parts import (
    Attention,
    Bag,
    Lightning,
    Mamba2,
    Mlp,
    Moe,
    Part,
    ShortConv,
    Spec,
    Tensor,
    Tower,
    linear,
    norm,
    project,
)


def ssd(c: Fields, inner: int | None = None, **changes: Any) -> Mamba2:
    """Mamba-2 under the `mamba_` keys of Bamba and its kin; `mamba_d_head` "auto" splits the inner width."""
    size = inner or c.int("mamba_expand") * width(c)
    count = c.int("mamba_n_heads")
    auto = c.raw("mamba_d_head") == "auto"
    return Mamba2(
        width(c),
        size,
        count,
        c.derive("mamba_d_head", size // count) if auto else c.int("mamba_d_head"),
        c.int("mamba_n_groups"),
        c.int("mamba_d_state"),
        c.int("mamba_d_conv"),
        **{
            "bias": c.flag("mamba_proj_bias"),
            "conv_bias": c.flag("mamba_conv_bias"),
            "extra": act(c, "mixer"),
            **changes,
        },
    )


@arch("bamba")
def bamba(c: Fields) -> Spec:
    """Bamba: Mamba-2 layers with a few of full attention, all with a gated MLP."""
    full = c.ints("attn_layer_indices") or ()
    mixer, part = ssd(c), attention(c)
    mixers: list[Part] = [part if index in full else mixer for index in range(c.layers())]
    return decoder(c, zipped(c, mixers, [mlp(c, bias=c.flag("mlp_bias"))] * len(mixers)))


@arch("falcon_h1")
def falcon_h1(c: Fields) -> Spec:
    """Falcon-H1 (arXiv:2507.22448): attention and Mamba-2 side by side in every layer."""
    mixer = ssd(c, c.opt_int("mamba_d_ssm"), proj_bias=c.flag("projectors_bias"), gated_norm=c.flag("mamba_rms_norm"))
    layer = block(attention(c), mlp(c, bias=c.flag("mlp_bias")), width=width(c), extra=(mixer,))
    c.touch("mamba_expand", "mamba_norm_before_gate")
    return decoder(c, [layer] * c.layers())


@arch("granitemoehybrid")
def granitemoehybrid(c: Fields) -> Spec:
    """Granite 4: Mamba-2 and attention layers, a shared MLP beside the experts, or alone where there are none."""
    kinds = layer_types(c, lambda _: "linear_attention")
    mixers = pick(kinds, {"linear_attention": ssd(c), "full_attention": attention(c)})
    shared = c.int("shared_intermediate_size")
    c.touch("position_embedding_type")
    ffn: Part = mlp(c, shared)
    if c.int("num_local_experts", low=0):
        ffn = moe(c, "num_local_experts", "intermediate_size", shared=shared)
    return decoder(c, zipped(c, mixers, [ffn] * len(mixers)))


def conv_layers(c: Fields, part: Attention, kinds: tuple[str, ...]) -> list[Part]:
    """LFM's mixers: short convolutions, full attention, and attention over a window."""
    choices: dict[str, Part] = {
        "conv": ShortConv(width(c), c.int("conv_L_cache"), c.flag("conv_bias")),
        "full_attention": part,
    }
    if c.declares("sliding_window"):
        choices["sliding_attention"] = windowed(part, c.opt_int("sliding_window"))
    return pick(kinds, choices)


def lfm_tied(c: Fields) -> bool:
    """LFM2's own spelling, `tie_embedding`, goes before the usual one."""
    usual = c.flag("tie_word_embeddings", fallback=True)
    return c.flag("tie_embedding") if c.has("tie_embedding") else usual


@arch("lfm2")
def lfm2(c: Fields) -> Spec:
    """LFM2 (arXiv:2511.23404): short gated convolutions with a few layers of grouped-query attention."""
    full = c.ints("full_attn_idxs")
    kinds = layer_types(c, lambda i: "full_attention" if full is None or i in full else "conv")
    mixers = conv_layers(c, attention(c, bias=False, qkv_bias=False, qk_norm="head"), kinds)
    neutral(c, block_dim=width(c), conv_dim=width(c), conv_dim_out=width(c), num_heads=heads(c))
    neutral(c, block_use_swiglu=True, block_use_xavier_init=True, conv_use_xavier_init=True, use_pos_enc=True)
    ffn = Mlp(width(c), _lfm2_inner(c))
    return decoder(c, zipped(c, mixers, [ffn] * len(mixers)), tied=lfm_tied(c))


def _lfm2_inner(c: Fields) -> int:
    """Two thirds of the inner width, times a factor, rounded up to a multiple (Lfm2MLP)."""
    inner = c.int("intermediate_size")
    c.touch("block_multiple_of")
    if c.has("block_ff_dim"):
        inner = c.int("block_ff_dim")
    if not c.flag("block_auto_adjust_ff_dim"):
        return inner
    inner = int(2 * inner / 3)
    if c.raw("block_ffn_dim_multiplier") is not None:
        multiple = c.int("block_multiple_of")
        inner = multiple * -(-int(c.number("block_ffn_dim_multiplier") * inner) // multiple)
    return c.derive("intermediate_size", inner)


@arch("lfm2_moe")
def lfm2_moe(c: Fields) -> Spec:
    """LFM2-8B-A1B: LFM2 with routed experts after the first dense layers."""
    if c.raw("layer_types") in (None, ABSENT):
        raise MissingField("layer_types", ("layer_types",))
    kinds = layer_types(c, lambda _: "conv")
    mixers = conv_layers(c, attention(c, bias=False, qkv_bias=False, qk_norm="head"), kinds)
    routed, dense = moe(c, correction=c.flag("use_expert_bias")), mlp(c)
    first = c.int("num_dense_layers", low=0)
    ffns: list[Part | None] = [dense if index < first else routed for index in range(len(mixers))]
    return decoder(c, zipped(c, mixers, ffns), tied=lfm_tied(c))


@arch("lfm3")
def lfm3(c: Fields) -> Spec:
    """LFM3: convolutions, windows and full attention in turns of four, with a gate and two more norms."""
    kinds = layer_types(
        c, lambda i: "full_attention" if i % 4 == 2 else "sliding_attention" if i % 4 == 0 and i else "conv"
    )
    part = attention(c, qk_norm="head", gate="head" if c.flag("use_attention_gate") else None)
    mixers = conv_layers(c, part, kinds)
    norms = 4 if c.flag("use_sandwich_norm") else 2
    return decoder(c, zipped(c, mixers, [mlp(c)] * len(mixers), norms))


LETTERS = {"M": "linear_attention", "*": "full_attention", "E": "moe", "-": "mlp"}
"""Nemotron-H's pattern string."""


def _letters(c: Fields, name: str) -> tuple[str, ...] | None:
    """A pattern string written out, or None where there is none."""
    if not c.has(name):
        return None
    pattern = c.text(name)
    if len(pattern) > MAX_LAYERS or set(pattern) - LETTERS.keys():
        raise BadField(name, pattern, f"at most {MAX_LAYERS:,} of the letters {' '.join(LETTERS)}")
    return tuple(LETTERS[letter] for letter in pattern)


def _nemotron_kinds(c: Fields) -> tuple[str, ...]:
    """The list beats the pattern; `num_hidden_layers` is ignored beside either."""
    listed, pattern = c.texts("layers_block_type"), _letters(c, "hybrid_override_pattern")
    c.touch("num_hidden_layers")
    if listed is not None and len(listed) > MAX_LAYERS:
        raise BadField("layers_block_type", f"{len(listed):,} entries", f"at most {MAX_LAYERS:,} layers")
    if listed is not None:
        return tuple(map(modern, listed))
    return pattern if pattern is not None else ("linear_attention", "moe", "full_attention", "mlp")


def _newest(c: Fields, winner: str, usual: str) -> str:
    """The key that decides where a file may hold both."""
    c.touch(usual)
    return winner if c.has(winner) else usual


def _nemotron_mamba(c: Fields) -> Mamba2:
    """Mamba-2 under Nemotron's keys, or the older ones that beat them."""
    count, dim = c.int("mamba_num_heads"), c.int("mamba_head_dim")
    return Mamba2(
        width(c),
        count * dim,
        count,
        dim,
        c.int(_newest(c, "mamba_n_groups", "n_groups")),
        c.int("ssm_state_size"),
        c.int(_newest(c, "mamba_d_conv", "conv_kernel")),
        bias=c.flag("use_bias"),
        conv_bias=c.flag(_newest(c, "mamba_conv_bias", "use_conv_bias")),
        extra=act(c, "mixer", "mamba_hidden_act"),
    )


def _nemotron_experts(c: Fields, *, bias: bool) -> Moe:
    """Experts of two matrices, in a latent width where there is one, beside one shared block."""
    latent = c.opt_int("moe_latent_size", low=1)
    around: tuple[Tensor, ...] = ()
    if latent:
        into, out = ("latent_in", latent, width(c)), ("latent_out", width(c), latent)
        around = (*linear(*into, "experts", bias=bias), *linear(*out, "experts", bias=bias))
    return moe(
        c,
        "n_routed_experts",
        gated=False,
        shared=c.int("moe_shared_expert_intermediate_size"),
        shared_gated=False,
        shared_bias=bias,
        correction=True,
        expert_width=latent,
        extra=around,
    )


def _nemotron_mixers(c: Fields) -> dict[str, Part]:
    """What a layer of each kind is made of, its norm aside."""
    bias = c.flag("mlp_bias")
    return {
        "linear_attention": _nemotron_mamba(c),
        "full_attention": attention(c, bias=False, qkv_bias=False),
        "mlp": mlp(c, bias=bias, gated=False),
        "moe": _nemotron_experts(c, bias=bias),
    }


def _nemotron_mtp(c: Fields, mixers: dict[str, Part]) -> Tower | None:
    """Extra prediction layers: a pattern of their own after two norms and a projection, and a final norm."""
    count = c.int("num_nextn_predict_layers", 0, low=0, high=64)
    default = ("full_attention", "moe")
    kinds = c.texts("mtp_layers_block_type") or default
    if kinds == default:
        kinds = _letters(c, "mtp_hybrid_override_pattern") or default
    if not count:
        return None
    size = width(c)
    norms = Bag(tuple(t for name in ("enorm", "hnorm", "final_norm") for t in norm(name, size)))
    layers = [block(part, None, 1, width=size) for part in pick(map(modern, kinds), mixers)]
    first = replace(layers[0], parts=(*layers[0].parts, norms, project("eh_proj", size, 2 * size, "mtp")))
    return Tower("mtp", (first, *layers[1:]) * count, component="mtp", caches=False)


@arch("nemotron_h")
def nemotron_h(c: Fields) -> Spec:
    """Nemotron-H (arXiv:2504.03624): each layer is one of Mamba-2, attention, an MLP or experts, with one norm."""
    mixers = _nemotron_mixers(c)
    parts = pick(_nemotron_kinds(c), mixers)
    layers = zipped(c, parts, [None] * len(parts), norms=1)
    c.touch("tie_word_embeddings", "sliding_window", "n_shared_experts", "expand", "mamba_ssm_cache_dtype")
    c.touch("attention_bias", "mamba_proj_bias")
    return decoder(c, layers, tied=False, mtp=_nemotron_mtp(c, mixers))


@arch("minimax")
def minimax(c: Fields) -> Spec:
    """MiniMax-01 (arXiv:2501.08313): lightning attention and full attention in turns, routed experts."""
    kinds = layer_types(c, lambda i: "full_attention" if (i + 1) % 2 else "linear_attention")
    full = attention(c, bias=False, qkv_bias=False)
    fast = Lightning(width(c), heads(c), full.head_dim, c.int("block_size"), act(c, "mixer"))
    mixers = pick(kinds, {"full_attention": full, "linear_attention": fast})
    routed = moe(c, "num_local_experts", "intermediate_size")
    # MiniMaxCache keeps every token, even where a window says which to look at.
    c.touch("sliding_window")
    return decoder(c, zipped(c, mixers, [routed] * len(mixers)))

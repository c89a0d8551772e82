"""Attention between short convolutions: Inkling, Inkling 2 and ZAYA."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from cardscope.archs._read import (
    attention,
    block,
    decoder,
    layer_types,
    made_once,
    mlp,
    moe,
    pick,
    unmodelled_mtp,
    width,
    words,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import Attention, Bag, Layer, Moe, Part, Spec, Tensor, linear, norm


def conv(name: str, channels: int, kernel: int) -> Tensor:
    """A depthwise convolution over time (channels, 1, kernel)."""
    return Tensor(f"{name}.weight", (channels, 1, kernel), "mixer", "other")


class Sizes(NamedTuple):
    """Heads of one kind of layer, and how far its relative positions reach."""

    heads: int
    kv_heads: int
    head_dim: int
    extent: int
    window: int | None


def inkling_sizes(c: Fields) -> dict[str, Sizes]:
    """Inkling's two kinds of layers; sliding ones have heads of their own."""
    window = c.int("sliding_window_size")
    return {
        "hybrid": inkling_heads(c, "", c.int("rel_extent"), None),
        "hybrid_sliding": inkling_heads(c, "swa_", window, window),
    }


def inkling_heads(c: Fields, prefix: str, extent: int, window: int | None) -> Sizes:
    """The sizes under one prefix. Raises BadField where the KV heads do not divide the heads."""
    names = ("num_attention_heads", "num_key_value_heads", "head_dim")
    total, kv, dim = (c.int(f"{prefix}{name}") for name in names)
    if total % kv:
        raise BadField(f"{prefix}num_key_value_heads", kv, f"a divisor of the {total} attention heads")
    return Sizes(total, kv, dim, extent, window)


def relative(c: Fields, size: Sizes, extra: tuple[Tensor, ...]) -> Attention:
    """Attention with learned relative positions instead of rotary ones, and four convolutions' states in float32."""
    kernel, rank, kv = c.int("conv_kernel_size"), c.int("d_rel"), size.kv_heads * size.head_dim
    table = Tensor("relative.table", (rank, size.extent), "position", "table")
    tensors = (*linear("relative", size.heads * rank, width(c), "attention"), table, *extra)
    return Attention(
        width(c),
        size.heads,
        size.kv_heads,
        size.head_dim,
        window=size.window,
        kind="sliding" if size.window else "full",
        extra=tensors,
        constant=((2 * (kv + width(c)) * kernel, "float32"),),
    )


def after_convs(c: Fields) -> tuple[Tensor, ...]:
    """The convolutions after a layer's two blocks."""
    kernel = c.int("conv_kernel_size")
    return conv("conv_attention", width(c), kernel), conv("conv_mlp", width(c), kernel)


def inkling_experts(c: Fields) -> Moe:
    """Routed and shared experts, all scored by one router; the correction covers the routed ones."""
    # A file that has dense_intermediate_size means the experts by intermediate_size.
    key = "moe_intermediate_size" if c.raw("dense_intermediate_size", None) is None else "intermediate_size"
    count = c.int("n_shared_experts")
    routed = moe(c, "n_routed_experts", key, shared=count * c.int(key), correction=True)
    scale = Tensor("router.scale", (1,), "router", "other")
    return replace(routed, scores=routed.experts + count, extra=(*routed.extra, scale))


@arch("inkling_text")
def inkling(c: Fields) -> Spec:
    """Inkling (InklingForCausalLM): relative positions, a convolution after each projection and block, shared sinks."""
    total, local = c.layers(), c.ints("local_layer_ids")
    near = {i for i in range(total) if (i + 1) % 6} if local is None else set(local)
    kinds = layer_types(c, lambda i: "hybrid_sliding" if i in near else "hybrid")
    kernel, choices = c.int("conv_kernel_size"), dict[str, Part]()
    for kind, size in inkling_sizes(c).items():
        convs = tuple(conv(f"conv_{name}", size.kv_heads * size.head_dim, kernel) for name in ("k", "v"))
        choices[kind] = replace(relative(c, size, convs), qk_norm="head")
    first = c.int("dense_mlp_idx", 0, low=0)
    blocks = words(c, "mlp_layer_types", lambda i: "dense" if i < first else "sparse", total)
    dense = mlp(c, c.opt_int("dense_intermediate_size", low=1))
    dense = replace(dense, extra=(*dense.extra, Tensor("scale", (1,), "mlp", "other")))
    ffns = pick(blocks, {"dense": dense, "sparse": inkling_experts(c)})
    c.touch("tie_word_embeddings", "shared_expert_sink", "unpadded_vocab_size", "log_scaling_n_floor")
    c.touch("moe_intermediate_size", "chain_hidden_post_norm", "mtp_hidden_states_first", "mtp_local_layer_ids")
    unmodelled_mtp(c, "num_mtp_layers")
    layers = zipped(c, pick(kinds, choices), ffns, extra=(Bag(after_convs(c)),))
    return decoder(c, layers, embed_norm=True, tied=False)


def inkling2_attention(c: Fields, size: Sizes) -> Attention:
    """Inkling 2's attention: gated, with learned clips and sinks; full layers mix keys and values by input."""
    wide, rank, kernel = width(c), c.int("d_rel"), c.int("conv_kernel_size")
    convs: list[Tensor] = []
    for name in ("k", "v"):
        channels = size.kv_heads * size.head_dim
        if size.window:
            convs.append(conv(f"conv_{name}", channels, kernel))
        else:
            convs.append(Tensor(f"conv_{name}.static", (kernel, channels), "mixer", "other"))
            convs += linear(f"conv_{name}.dynamic", size.kv_heads * kernel, wide, "mixer")
    clips = (("q_clip", size.head_dim), ("relative_clip", rank))
    extra = (
        *convs,
        *linear("sinks", size.heads, wide, "attention"),
        *(Tensor(name, (size.heads, dim), "attention", "other") for name, dim in clips),
    )
    return replace(relative(c, size, extra), gate="apart")


@arch("inkling2_text")
def inkling2(c: Fields) -> Spec:
    """Inkling 2 (Inkling2ForCausalLM): gated relative attention, and each block reads a mix of earlier blocks."""
    kinds = layer_types(c, lambda i: "hybrid_sliding" if (i + 1) % 6 else "hybrid")
    mixers: dict[str, Part] = {kind: inkling2_attention(c, size) for kind, size in inkling_sizes(c).items()}
    pick(kinds, mixers)
    routed = replace(moe(c, "n_routed_experts", correction=True), extra=())

    def layer(key: tuple[str, bool]) -> Layer:
        kind, later = key
        own = 1 if kind == "hybrid_sliding" else 3
        mix = Tensor("block_queries", (own * later + 1, width(c)), "other", "other")
        return block(mixers[kind], routed, own + 1, width=width(c), extra=(Bag((*after_convs(c), mix)),))

    layers = made_once([(kind, index > 0) for index, kind in enumerate(kinds)], layer)
    c.touch("tie_word_embeddings", "unpadded_vocab_size", "log_scaling_n_floor", "n_layers_per_attn_res_block")
    final = Bag((Tensor("final_query", (width(c),), "other", "other"),))
    return decoder(c, layers, embed_norm=True, tied=False, extra=(final,))


def zaya_attention(c: Fields) -> Attention:
    """Compressed convolutional attention (arXiv:2510.04476): q and k pass two convolutions, half of v is delayed."""
    usual = attention(c)
    q, kv, dim = usual.heads * usual.head_dim, usual.kv_heads * usual.head_dim, usual.head_dim
    first, second = c.int("cca_time0"), c.int("cca_time1")
    convs = (
        conv("conv_depthwise", q + kv, first),
        Tensor("conv_depthwise.bias", (q + kv,), "mixer", "bias"),
        Tensor("conv_grouped.weight", (q + kv, dim, second), "mixer", "other"),
        Tensor("conv_grouped.bias", (q + kv,), "mixer", "bias"),
        Tensor("k_temperature", (usual.kv_heads,), "attention", "other"),
    )
    past = (q + kv) * (first + second - 2)
    return replace(usual, extra=convs, constant=((past, None), (kv // 2, None)))


def zaya_experts(c: Fields, *, first: bool) -> Moe:
    """Experts behind a small MLP router that also sees the layer before's; one more class skips the experts."""
    inner, count = c.int("router_hidden_size"), c.int("num_experts")
    classes = count + 1
    seen = () if first else (Tensor("router.previous_scale", (inner,), "router", "other"),)
    router = (
        Tensor("router.down.bias", (inner,), "router", "bias"),
        *seen,
        *norm("router.norm", inner, component="router"),
        *linear("router.fc1", inner, inner, "router", bias=True),
        *linear("router.fc2", inner, inner, "router", bias=True),
        *linear("router.out", classes, inner, "router"),
        Tensor("router.balance", (classes,), "router", "buffer"),
    )
    return moe(c, scores=inner, extra=router)


@arch("zaya")
def zaya(c: Fields) -> Spec:
    """ZAYA1 (ZayaForCausalLM): compressed convolutional attention, an MLP router, learned residual scales."""
    kinds, size = layer_types(c, lambda _: "hybrid"), width(c)
    full = zaya_attention(c)
    window = c.opt_int("sliding_window")
    sliding = replace(full, window=window, kind="sliding")
    mixers = pick(kinds, {"hybrid": full, "hybrid_sliding": sliding if window else full})
    scales = Bag(tuple(Tensor(f"residual_{n}", (size,), "other", "other") for n in range(8)))
    first, later = (zaya_experts(c, first=here) for here in (True, False))
    layers = zipped(c, mixers, [first, *[later] * len(mixers)][: len(mixers)], extra=(scales,))
    start = Bag(tuple(Tensor(f"input_{name}", (size,), "other", "other") for name in ("scale", "bias")))
    return decoder(c, layers, extra=(start,), head_bias=c.flag("lm_head_bias"))

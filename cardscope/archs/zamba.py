"""Mamba layers with one or two transformer blocks that many layers share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cardscope.archs._read import act, decoder, heads, kv_heads, mlp, modern, one_each, tied_head, width
from cardscope.archs._registry import arch
from cardscope.archs.recurrent import dt_rank
from cardscope.errors import ConfigError
from cardscope.fields import ABSENT, Fields
from cardscope.parts import RMS, Attention, Layer, Mamba, Mamba2, Mlp, Part, Reused, Spec, Tensor, linear, project


def _kinds(c: Fields, default: Sequence[str]) -> list[str]:
    """`layers_block_type`, one word a layer. Raises BadField or ConfigError."""
    listed = c.texts("layers_block_type")
    kinds = list(one_each(c, "layers_block_type", tuple(map(modern, listed or default)), c.layers()))
    unknown = next((kind for kind in kinds if kind not in {"linear_attention", "hybrid"}), None)
    if unknown:
        raise ConfigError(
            f"layers_block_type says {unknown!r}; this type knows linear_attention and hybrid",
            hint="check the spelling in layers_block_type",
        )
    return kinds


def _stacked(c: Fields, kinds: Sequence[str], mixer: Part, blocks: Sequence[tuple[Part, ...]], *, tied: bool) -> Spec:
    """Each hybrid layer: the next of the shared blocks, a projection of its own, then the mixer.

    transformers shares the blocks only where it also ties the head.
    """
    size = width(c)
    plain = Layer((mixer, RMS.sized(size)))
    bridge = project("linear", size, size, "other")
    first = [Layer((*parts, bridge, *plain.parts)) for parts in blocks]
    again = [Layer((*map(Reused, parts), bridge, *plain.parts)) for parts in blocks]
    layers, seen = [], 0
    for kind in kinds:
        if kind == "hybrid":
            fresh = seen < len(blocks) or not tied
            layers.append((first if fresh else again)[seen % len(blocks)])
            seen += 1
        else:
            layers.append(plain)
    return decoder(c, layers, tied=tied)


def _attention(c: Fields, size: int, dim: int) -> Attention:
    """Attention over the layer's input beside the embedding, back to the layer's width."""
    return Attention(size, heads(c), kv_heads(c), dim, out_width=width(c))


@arch("zamba")
def zamba(c: Fields) -> Spec:
    """Zamba (arXiv:2405.16712): Mamba with heads, one shared transformer block."""
    period, offset = c.int("attn_layer_period"), c.int("attn_layer_offset", low=0)
    size = c.opt_int("attention_hidden_size") or 2 * width(c)
    dim = c.opt_int("attention_head_dim") or 2 * width(c) // heads(c)
    rest = ["hybrid" if i % period == offset else "linear_attention" for i in range(c.layers() - 3)]
    kinds = _kinds(c, ["linear_attention", "linear_attention", "hybrid", *rest])
    mixer = Mamba(
        width(c),
        c.int("mamba_expand") * width(c),
        c.int("mamba_d_state"),
        c.int("mamba_d_conv"),
        dt_rank(c, "mamba_dt_rank"),
        bias=c.flag("mamba_proj_bias"),
        conv_bias=c.flag("mamba_conv_bias"),
        extra=act(c, "mixer", "hidden_mamba_act"),
    )
    c.touch("n_mamba_heads")
    norms = RMS.sized(size).named("norm_in"), RMS.sized(width(c)).named("norm_ffn")
    shared = (_attention(c, size, dim), mlp(c), *norms)
    return _stacked(c, kinds, mixer, [shared], tied=tied_head(c))


ZAMBA2 = ("linear_attention", *("linear_attention",) * 5, "hybrid") + (*("linear_attention",) * 5, "hybrid") * 6
ZAMBA2_KINDS = (*ZAMBA2, *("linear_attention",) * 4, "hybrid", *("linear_attention",) * 3, "hybrid")
"""What a Zamba2 without `layers_block_type` is made of, less two Mamba layers at its end."""


@arch("zamba2")
def zamba2(c: Fields) -> Spec:
    """Zamba2 (arXiv:2411.15242): Mamba-2, shared blocks in turns, low-rank adapters for each use of one."""
    kinds = _kinds(c, (*ZAMBA2_KINDS, "linear_attention", "linear_attention"))
    inner, count = c.int("mamba_expand") * width(c), c.int("n_mamba_heads")
    bias = c.flag("add_bias_linear")
    mixer = Mamba2(
        width(c),
        inner,
        count,
        c.int("mamba_headdim") if c.has("mamba_headdim") else inner // count,
        c.int("mamba_ngroups"),
        c.int("mamba_d_state"),
        c.int("mamba_d_conv"),
        bias=bias,
    )
    c.touch("use_conv_bias")
    uses = _zamba2_uses(c, kinds)
    turns = c.int("num_mem_blocks")
    count = min(turns, kinds.count("hybrid"))
    blocks = [_zamba2_block(c, len(range(index, uses, turns)), bias=bias) for index in range(count)]
    c.touch("use_mem_rope")
    spec = _stacked(c, kinds, mixer, blocks, tied=tied_head(c))
    return replace(spec, max_positions=16_384) if c.flag("use_long_context") else spec


def _zamba2_uses(c: Fields, kinds: Sequence[str]) -> int:
    """How many uses of the blocks have an adapter: counted before `layer_types` replaces `layers_block_type`."""
    if c.has("hybrid_layer_ids"):
        return len(c.ints("hybrid_layer_ids") or ())
    early = c.exactly("layers_block_type")
    if isinstance(early, list) or c.exactly("layer_types") is ABSENT:
        return (early if isinstance(early, list) else kinds).count("hybrid")
    return ZAMBA2_KINDS.count("hybrid")


def _zamba2_block(c: Fields, uses: int, *, bias: bool) -> tuple[Part, ...]:
    """One shared block with the adapters of all its `uses`."""
    size = c.int("attention_hidden_size") if c.has("attention_hidden_size") else 2 * width(c)
    dim = c.int("attention_head_dim") if c.has("attention_head_dim") else 2 * width(c) // heads(c)
    inner, rank = c.opt_int("intermediate_size") or 4 * width(c), c.int("adapter_rank")
    mixer = _attention(c, size, dim)
    if c.flag("use_shared_attention_adapter"):
        low = tuple(t for name in ("q", "k", "v") for t in _adapter(name, size, rank, size, uses, "attention"))
        mixer = replace(mixer, extra=low)
    extra = (*act(c), *_adapter("up", 2 * inner, rank, width(c), uses, "mlp"))
    ffn = Mlp(width(c), inner, up_bias=bias, down_bias=bias, extra=extra)
    return mixer, ffn, RMS.sized(size).named("norm_in"), RMS.sized(width(c)).named("norm_ffn")


def _adapter(name: str, rows: int, rank: int, columns: int, copies: int, component: str) -> list[Tensor]:
    """A low-rank adapter for each use of the block; one of them serves a layer."""
    pair = (
        *linear(f"{name}_adapter_in", rank, columns, component),
        *linear(f"{name}_adapter_out", rows, rank, component),
    )
    return [tensor._replace(copies=copies, active=copies) for tensor in pair]

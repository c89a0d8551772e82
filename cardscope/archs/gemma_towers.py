"""Gemma 4's image and sound towers."""

from __future__ import annotations

from cardscope.archs._read import act, heads, kv_heads, mlp, width
from cardscope.archs.towers import seeing
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import RMS, Attention, Bag, Layer, Part, Table, Tensor, Tower, linear, norm


def clips(count: int) -> tuple[Part, ...]:
    """The bounds of so many projections' inputs and outputs, which a checkpoint stores beside the weights."""
    return (Bag((Tensor("clips", (4 * count,), "other", "buffer"),)),) if count else ()


def gemma4_eyes(c: Fields) -> Tower:
    """Gemma4VisionModel: patches with a table of rows and one of columns, four norms a layer, bounded projections."""
    size = width(c)
    dim = c.int("head_dim")
    # A file may set the heads and leave the class's twelve key-value heads, which then need not divide them.
    kv = kv_heads(c) if c.has("num_key_value_heads") else c.int("num_key_value_heads")
    if heads(c) % kv:
        c.log.notice("CS102", f"{kv} key-value heads do not divide {heads(c)} attention heads", "num_key_value_heads")
    part = Attention(size, heads(c), kv, dim, qk_norm="head")
    norms = tuple(RMS.sized(size).named(f"norm_{index}") for index in range(4))
    bounds = clips(7 if c.flag("use_clipped_linears") else 0)
    layer = Layer((part, mlp(c), *norms, *bounds))
    flat = 3 * c.int("patch_size") ** 2
    before: list[Part] = [Bag(tuple(linear("patch", size, flat, "vision")))]
    before.append(Table(2 * c.int("position_embedding_size"), size, "position", "positions"))
    if c.flag("standardize"):
        before.append(Bag(tuple(Tensor(f"std_{name}", (size,), "vision", "buffer") for name in ("bias", "scale"))))
    c.touch("pooling_kernel_size", "attention_bias", "max_position_embeddings", "layer_types", "default_output_length")
    return seeing([layer] * c.layers(), *before)


def gemma4_ears(c: Fields) -> Tower:
    """Gemma4AudioModel: two strided convolutions, Conformer layers (arXiv:2005.08100), one projection."""
    size = width(c)
    channels = c.ints("subsampling_conv_channels") or ()
    if len(channels) != 2:
        raise BadField(c.prefix + "subsampling_conv_channels", list(channels), "two numbers")
    first, second = channels
    start = (
        Tensor("conv_0", (first, 1, 3, 3), "audio", "other"),
        Tensor("conv_1", (second, first, 3, 3), "audio", "other"),
        *norm("conv_norm_0", first),
        *norm("conv_norm_1", second),
        *linear("conv_out", size, first // 4 * second, "audio"),
        *linear("output", c.int("output_proj_dims"), size, "audio", bias=True),
    )
    c.touch("attention_chunk_size", "attention_context_left", "attention_context_right")
    layer = Layer((_conformer(c, size), *clips(10 if c.flag("use_clipped_linears") else 0)))
    return Tower("audio", (layer,) * c.layers(), (Bag(start),), "audio", caches=False)


def _conformer(c: Fields, size: int) -> Part:
    inner = size // heads(c) * heads(c)
    own = [tensor for name in ("q", "k", "v", "relative_k") for tensor in linear(name, inner, size, "audio")]
    own += [*linear("post", size, size, "audio"), Tensor("dim_scale", (size // heads(c),), "audio", "other")]
    for side in ("before", "after"):
        own += [*linear(f"{side}.up", 4 * size, size, "audio"), *linear(f"{side}.down", size, 4 * size, "audio")]
        own += [*norm(f"{side}.norm_in", size), *norm(f"{side}.norm_out", size), *act(c, "audio")]
    own += [*linear("conv.start", 2 * size, size, "audio"), *linear("conv.end", size, size, "audio")]
    own += [Tensor("conv.depthwise", (size, 1, c.int("conv_kernel_size")), "audio", "other"), *act(c, "audio")]
    for name in ("conv.norm_in", "conv.norm", "attn_in", "attn_out", "out"):
        own += norm(name, size)
    return Bag(tuple(own), "Conformer")

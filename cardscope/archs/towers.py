"""Image towers that stand beside a text model: Qwen's, GLM's, Pixtral's, InternVL's, Idefics' and their kin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cardscope.archs._compose import bridge, merger
from cardscope.archs._heads import Heads, chosen, nothing
from cardscope.archs._read import act, heads, mlp, width
from cardscope.archs._registry import arch
from cardscope.archs.clip import both
from cardscope.archs.encoder import full
from cardscope.archs.vision import image_encoder, image_layer, patches, places, scales, tokens
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import LAYER, RMS, Attention, Bag, Layer, Mlp, Norm, Part, Spec, Table, Tensor, Tower


def seeing(layers: Sequence[Layer], *parts: Part) -> Tower:
    """An image tower."""
    return Tower("vision", tuple(layers), parts, "vision", caches=False)


def normed(c: Fields, size: int, part: Part, ffn: Part, norm: Norm = LAYER, *extra: Part) -> Layer:
    """A norm before each block."""
    del c
    norms = tuple(norm.sized(size).named(f"norm_{index}") for index in range(2))
    return Layer((part, ffn, *norms, *extra))


def cubes(c: Fields, size: int, *, bias: bool, channels: str = "in_channels") -> Bag:
    """A convolution over a few frames: (d, channels, frames, patch, patch)."""
    patch = c.int("patch_size")
    shape = (size, c.int(channels), c.int("temporal_patch_size"), patch, patch)
    own = (Tensor("patch.weight", shape, "embedding", "other"),)
    return Bag((*own, Tensor("patch.bias", (size,), "embedding", "bias")) if bias else own)


def plain(size: int, total: int, *, bias: bool = True, o_bias: bool = True) -> Attention:
    """Multi-head attention over the whole width, even where the heads do not divide it."""
    dim = size // total
    return Attention(size, total, total, dim, q_bias=bias, k_bias=bias, v_bias=bias, o_bias=o_bias, square=True)


# -- Qwen --------------------------------------------------------------------------------------------------


def qwen2_vision(c: Fields) -> tuple[Tower, ...]:
    """Qwen2-VL (arXiv:2409.12191): patches of two frames, LayerNorm, 2 × 2 neighbours merged into one."""
    size, out = c.int("embed_dim"), width(c)
    ffn = Mlp(size, int(size * c.number("mlp_ratio")), False, True, True, extra=act(c))
    wide = size * c.int("spatial_merge_size") ** 2
    layers = [normed(c, size, plain(size, heads(c)), ffn)] * c.layers()
    return seeing(layers, cubes(c, size, bias=False)), bridge(*merger(wide, wide, out, norm_size=size))


def qwen25_vision(c: Fields) -> tuple[Tower, ...]:
    """Qwen2.5-VL (arXiv:2502.13923): RMSNorm, a gated MLP, attention within windows."""
    size = width(c)
    layers = [normed(c, size, plain(size, heads(c)), mlp(c, bias=True), RMS)] * c.layers()
    wide = size * c.int("spatial_merge_size") ** 2
    c.touch("window_size", "fullatt_block_indexes")
    after = merger(wide, wide, c.int("out_hidden_size"), RMS, size)
    return seeing(layers, cubes(c, size, bias=False)), bridge(*after)


EARLY = "deepstack_visual_indexes"


def qwen3_vision(c: Fields) -> tuple[Tower, ...]:
    """Qwen3-VL and Qwen3.5: learned positions; a merger of its own for each layer whose output joins the text early."""
    size, out = width(c), c.int("out_hidden_size")
    layers = [normed(c, size, plain(size, heads(c)), mlp(c, bias=True, gated=False))] * c.layers()
    wide = size * c.int("spatial_merge_size") ** 2
    early = len(c.ints(EARLY) or ()) if c.declares(EARLY) else 0
    c.touch(EARLY)
    positions = Table(c.int("num_position_embeddings"), size, "position", "positions")
    after = merger(wide, wide, out, norm_size=size)
    return (
        seeing(layers, cubes(c, size, bias=True), positions),
        bridge(*after, *[part for _ in range(early) for part in merger(wide, wide, out)]),
    )


# -- GLM ---------------------------------------------------------------------------------------------------


def glm_vision(c: Fields) -> tuple[Tower, ...]:
    """GLM-4.1V (arXiv:2507.01006): Qwen2.5-VL's layers, a strided convolution and a gated MLP to the text's width."""
    size, out, step = width(c), c.int("out_hidden_size"), c.int("spatial_merge_size")
    part = plain(size, heads(c), bias=c.flag("attention_bias"), o_bias=False)
    layers = [normed(c, size, part, Mlp(size, out, extra=act(c)), RMS)] * c.layers()
    table = Table((c.int("image_size") // c.int("patch_size")) ** 2, size, "position", "positions")
    norms = [RMS.sized(size).named(name) for name in ("post_conv_norm", "post_norm")]
    down = Bag((Tensor("downsample", (out, size, step, step), "projector", "other"), _bias("downsample.bias", out)))
    own = (Tensor("merger.proj", (out, out), "projector"), *LAYER.sized(out).named("merger_norm").tensors())
    wide = Mlp(out, c.int("intermediate_size"), component="projector", extra=act(c))
    return seeing(layers, cubes(c, size, bias=True), table, *norms), bridge(down, Bag(own), wide)


def _bias(name: str, size: int) -> Tensor:
    return Tensor(name, (size,), "projector", "bias")


# -- towers with a type of their own -----------------------------------------------------------------------

ALONE: Heads = {"Model": (nothing,), "Transformer": (nothing,)}


@arch("pixtral")
def pixtral(c: Fields) -> Spec:
    """Pixtral's image tower (arXiv:2410.07073): a Llama without biases over patches, rotary positions in two axes."""
    size = width(c)
    part = replace(plain(size, heads(c), bias=False, o_bias=False))
    c.touch("image_size", "head_dim")
    layers = [normed(c, size, part, mlp(c), RMS)] * c.layers()
    before = (patches(c, bias=False), RMS.sized(size).named("pre_norm"))
    return both(c, (seeing(layers, *before),), chosen(c, ALONE), size=size)


@arch("internvl_vision")
def internvl_vision(c: Fields) -> Spec:
    """InternViT (arXiv:2312.14238): ViT with layer scales, optional norms over whole queries and keys."""
    bias, kind = c.flag("attention_bias"), c.text("norm_type")
    if kind not in {"layer_norm", "rms_norm"}:
        raise BadField(c.prefix + "norm_type", kind, "layer_norm or rms_norm")
    part = replace(plain(width(c), heads(c), bias=bias), qk_norm="full" if c.flag("use_qk_norm") else None)
    ffn = mlp(c, bias=True, gated=False)
    layer = normed(c, width(c), part, ffn, LAYER if kind == "layer_norm" else RMS, scales(c))
    names = ("cls_token", "mask_token") if c.flag("use_mask_token", fallback=False) else ("cls_token",)
    before = [tokens(c, *names), patches(c)]
    before += [places(c, 1)] if c.flag("use_absolute_position_embeddings") else []
    c.touch("image_size")
    return image_encoder(c, ALONE, [layer] * c.layers(), before, final_norm=not c.flag("use_mean_pooling"))


@arch("idefics3_vision", "smolvlm_vision")
def idefics_vision(c: Fields) -> Spec:
    """Idefics3's and SmolVLM's image tower: SigLIP's without its probe."""
    c.touch("use_mask_token")
    positions = Table((c.int("image_size") // c.int("patch_size")) ** 2, width(c), "position", "positions")
    return image_encoder(c, ALONE, [image_layer(c, full(c))] * c.layers(), [patches(c), positions])

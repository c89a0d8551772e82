"""Phi-4-multimodal: a Phi-4-mini that reads images (SigLIP) and speech (a conformer)."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._read import attention, block, decoder, heads, mlp, split_heads, width, windowed
from cardscope.archs._registry import arch
from cardscope.fields import Fields
from cardscope.parts import (
    LAYER,
    Attention,
    Bag,
    Layer,
    Mlp,
    Part,
    Spec,
    Table,
    Tensor,
    Tower,
    activation,
    linear,
    norm,
)


def multi_head(c: Fields) -> Attention:
    """Multi-head attention with biases everywhere, and no cache."""
    total = heads(c)
    dim = c.opt_int("head_dim", low=1) or split_heads(c, total)
    return replace(Attention(width(c), total, total, dim, o_bias=True), q_bias=True, k_bias=True, v_bias=True)


def convolution(name: str, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """A convolution's weight (out, in for each group, kernel…) and bias."""
    return Tensor(f"{name}.weight", shape, "other", "other"), Tensor(f"{name}.bias", shape[:1], "other", "bias")


# -- images ------------------------------------------------------------------------------------------------


def vision_tower(c: Fields, text: int) -> Tower:
    """SigLIP with its pooling head, and the projection into the text's width (Phi4MultimodalImageEmbedding)."""
    size, patch = width(c), c.int("patch_size")
    layer = block(multi_head(c), mlp(c, bias=True, gated=False), norm=LAYER, width=size)
    marks = tuple(Tensor(f"{name}_mark", (size,), "vision", "other") for name in ("global", "part"))
    project = (*linear("up", text, size, "vision", bias=True), *linear("down", text, text, "vision", bias=True))
    before: tuple[Part, ...] = (
        Bag(convolution("patch", (size, c.int("num_channels"), patch, patch))),
        Table((c.int("image_size") // patch) ** 2, size, "position", "positions"),
        LAYER.sized(size).named("final_norm"),
        *pooling(c),
        Bag((*marks, *project)),
    )
    c.touch("crop_size", "feature_layer")
    return Tower("vision", (layer,) * c.layers(), before, component="vision", caches=False)


def pooling(c: Fields) -> tuple[Part, ...]:
    """SigLIP's head: one learned query attends to all patches, then a norm and an MLP."""
    size = width(c)
    attends = (*linear("in", 3 * size, size, "vision", bias=True), *linear("out", size, size, "vision", bias=True))
    probe = Tensor("probe", (1, 1, size), "vision", "other")
    return Bag((probe, *attends)), LAYER.sized(size).named("pool_norm"), mlp(c, bias=True, gated=False)


# -- speech ------------------------------------------------------------------------------------------------


def audio_tower(c: Fields, text: int) -> Tower:
    """A conformer behind strided convolutions, and two projections: for speech alone and beside images."""
    size = width(c)
    rows = c.int("bias_max_distance") * (1 if c.flag("bias_symmetric") else 2)
    mean = tuple(Tensor(f"input_{name}", (c.int("input_size"),), "audio", "buffer") for name in ("mean", "invstd"))
    wide = size * c.int("downsample_rate")
    projections = [
        tensor
        for name in ("speech", "beside_images")
        for rows_, columns in ((text, wide), (text, text))
        for tensor in linear(f"project_{name}", rows_, columns, "audio", bias=True)
    ]
    before = (
        Bag((*mean, *subsampling(c))),
        Table(rows, heads(c), "position", "relative_bias"),
        Bag(tuple(projections)),
    )
    c.touch("chunk_size", "left_chunk", "feature_layer")
    return Tower("audio", (conformer(c),) * c.layers("num_blocks"), before, component="audio", caches=False)


def subsampling(c: Fields) -> tuple[Tensor, ...]:
    """Strided convolutions over the spectrogram, each halving it, and a projection of what is left."""
    channels, left = c.int("nemo_conv_channels"), c.int("input_size")
    halvings = c.int("time_reduction", high=1 << 20).bit_length() - 1
    convs = list(convolution("sub.0", (channels, 1, 3, 3)))
    for index in range(1, halvings):
        convs += convolution(f"sub.{index}.depth", (channels, 1, 3, 3))
        convs += convolution(f"sub.{index}.point", (channels, channels, 1, 1))
    for _ in range(halvings):
        left = (left - 1) // 2 + 1
    out = linear("sub.out", width(c), channels * left, "audio", bias=True)
    return (*convs, *activation(c.raw("nemo_activation"), "audio"), *out)


def conformer(c: Fields) -> Layer:
    """Half a feed-forward, attention, a gated depthwise convolution, the other half (arXiv:2005.08100)."""
    size, inner = width(c), c.int("intermediate_size")
    half = Mlp(size, inner, up_bias=True, down_bias=True, extra=activation(c.raw("activation"), "audio"))
    halves = [half, replace(half, name="out_")]
    norms = [tensor for n in range(5) for tensor in norm(f"norm_{n}", size, bias=True)]
    return Layer((multi_head(c), *halves, Bag((*gated_convolution(c), *norms))))


def gated_convolution(c: Fields) -> tuple[Tensor, ...]:
    """Pointwise with a gate, depthwise separable, pointwise."""
    size, out, kernel = width(c), c.int("ext_pw_out_channel"), c.int("kernel_size")
    depth, middle = size * c.int("depthwise_multiplier"), c.int("depthwise_separable_out_channel")
    return (
        *convolution("conv.gate", (2 * out, size, 1)),
        *(Tensor(f"conv.gate_bias_{n}", (1, out, 1), "other", "bias") for n in (1, 2)),
        *convolution("conv.depth", (depth, 1, kernel)),
        *convolution("conv.point", (middle, depth, 1)),
        *convolution("conv.out", (out, size, 1)),
        *activation(c.raw("conv_glu_type"), "audio"),
        *activation(c.raw("conv_activation"), "audio"),
    )


@arch("phi4_multimodal")
def phi4_multimodal(c: Fields) -> Spec:
    """Phi-4-multimodal (arXiv:2503.01743): Phi-4-mini with image and speech towers; adapters are not part of it."""
    part = windowed(attention(c, bias=False), c.opt_int("sliding_window"))
    spec = decoder(c, [block(part, mlp(c), width=width(c))] * c.layers())
    vision, audio = c.sub("vision_config"), c.sub("audio_config")
    towers = (vision_tower(vision, width(c)), audio_tower(audio, width(c)))
    return replace(spec, towers=(*towers, *spec.towers))

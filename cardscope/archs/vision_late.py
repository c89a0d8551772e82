"""More image and video encoders: I-JEPA, Swin V2, VideoMAE, TimeSformer, ViTPose and data2vec for images."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._heads import Heads, chosen, classifier, nothing
from cardscope.archs._read import labels, width
from cardscope.archs._registry import arch
from cardscope.archs.convnets import batch_norm, conv
from cardscope.archs.encoder import full
from cardscope.archs.vision import (
    BACKBONE_KEYS,
    image_attention,
    image_encoder,
    image_layer,
    mlp_of,
    patches,
    pixel_decoder,
    places,
    sides,
    swin_stages,
    tokens,
    vit_layers,
)
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import (
    LAYER,
    Attention,
    Bag,
    Head,
    Layer,
    Mlp,
    Part,
    Spec,
    Table,
    Tensor,
    Tower,
    activation,
    linear,
    project,
)

PLAIN: Heads = {"Model": (nothing,), "ForImageClassification": (classifier,)}


@arch("ijepa")
def ijepa(c: Fields) -> Spec:
    """I-JEPA (arXiv:2301.08243): ViT without a class token."""
    return image_encoder(c, PLAIN, vit_layers(c), [patches(c), places(c)])


# -- Swin V2 -----------------------------------------------------------------------------------------------


def swinv2_layer(c: Fields, size: int, total: int) -> Layer:
    """Cosine attention within a window, positions by a small network; no bias on keys."""
    bias = c.flag("qkv_bias")
    own = (
        Tensor("logit_scale", (total, 1, 1), "attention", "other"),
        *linear("positions.in", 512, 2, "position", bias=True),
        *linear("positions.out", total, 512, "position"),
    )
    part = Attention(size, total, total, size // total, q_bias=bias, v_bias=bias, o_bias=True, extra=own)
    ffn = replace(mlp_of(c, size), up_bias=True, down_bias=True)
    return Layer((part, ffn, *(LAYER.sized(size).named(f"norm_{index}") for index in range(2))))


@arch("swinv2")
def swinv2(c: Fields) -> Spec:
    """Swin V2 (arXiv:2111.09883): Swin with norms behind the blocks and positions from a network."""
    ending = chosen(c, ("Model", "ForMaskedImageModeling", "ForImageClassification"))
    stages = swin_stages(c)
    first, last = stages[0][0], stages[-1][0]
    parts: list[Part] = [patches(c, first), LAYER.sized(first).named("embed_norm")]
    parts += [places(c, 1, first)] if c.flag("use_absolute_embeddings") else []
    for size, _, _ in stages[:-1]:
        parts += [Bag(tuple(linear("merge", 2 * size, 4 * size, "mixer"))), LAYER.sized(2 * size).named("norm_merge")]
    parts.append(LAYER.sized(last).named("final_norm"))
    if ending == "ForMaskedImageModeling":
        parts += [Bag((Tensor("mask_token", (1, 1, first), "embedding", "other"),)), pixel_decoder(c, last)]
    parts += [Head(labels(c), last, bias=True, name="classifier")] if ending == "ForImageClassification" else []
    layers = [layer for size, depth, total in stages for layer in [swinv2_layer(c, size, total)] * depth]
    c.touch("hidden_size", "num_layers", "encoder_stride", "image_size", "window_size", "pretrained_window_sizes")
    c.touch("num_labels", "id2label", "label2id", *BACKBONE_KEYS)
    tower = Tower("encoder", tuple(layers), tuple(parts), caches=False)
    return Spec(c.model_type, (tower,), hidden_size=last, head_class=ending)


# -- video -------------------------------------------------------------------------------------------------


def tubes(c: Fields) -> Part:
    """Patches over a few frames: (d, channels, frames, height, width)."""
    shape = (width(c), c.int("num_channels"), c.int("tubelet_size"), *sides(c, "patch_size"))
    own = Tensor("patch.weight", shape, "embedding", "other")
    return Bag((own, Tensor("patch.bias", (width(c),), "embedding", "bias")))


def guessing(c: Fields) -> Tower:
    """VideoMAE's decoder, which restores the masked tubes."""
    size, total, bias = c.int("decoder_hidden_size"), c.int("decoder_num_attention_heads"), c.flag("qv_bias")
    if size % total:
        raise BadField("decoder_num_attention_heads", total, f"a divisor of decoder_hidden_size {size:,}")
    part = Attention(size, total, total, size // total, q_bias=bias, v_bias=bias, o_bias=True)
    inner = c.int("decoder_intermediate_size")
    ffn = Mlp(size, inner, gated=False, up_bias=True, down_bias=True, extra=activation(c.raw("hidden_act")))
    layer = Layer((part, ffn, *(LAYER.sized(size).named(f"norm_{index}") for index in range(2))))
    (height, across), channels = sides(c, "patch_size"), c.int("num_channels")
    parts = (
        project("encoder_to_decoder", size, width(c), "embedding"),
        Bag((Tensor("mask_token", (1, 1, size), "embedding", "other"),)),
        LAYER.sized(size).named("decoder_norm"),
        project("decoder_head", channels * c.int("tubelet_size") * height * across, size, "head", bias=True),
    )
    return Tower("restoring decoder", (layer,) * c.layers("decoder_num_hidden_layers"), parts, caches=False)


def mean_classifier(c: Fields) -> tuple[Part, ...]:
    """A norm over the mean of the patches, then one row for each label."""
    head = (Head(labels(c), width(c), bias=True, name="classifier"),) if labels(c) else ()
    return (*((LAYER.sized(width(c)).named("mean_norm"),) if c.flag("use_mean_pooling") else ()), *head)


@arch("videomae")
def videomae(c: Fields) -> Spec:
    """VideoMAE (arXiv:2203.12602): ViT over tubes of two frames with computed positions; a decoder for pre-training."""
    table: Heads = {"Model": (nothing,), "ForPreTraining": (nothing,), "ForVideoClassification": (mean_classifier,)}
    bias = c.flag("qv_bias")
    layers = [image_layer(c, replace(full(c), q_bias=bias, k_bias=False, v_bias=bias))] * c.layers()
    spec = image_encoder(c, table, layers, [tubes(c)], final_norm=not c.flag("use_mean_pooling"))
    keys = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    c.touch(*(f"decoder_{key}" for key in keys), "norm_pix_loss", "num_frames", "image_size")
    return replace(spec, towers=(*spec.towers, guessing(c))) if spec.head_class == "ForPreTraining" else spec


@arch("timesformer")
def timesformer(c: Fields) -> Spec:
    """TimeSformer (arXiv:2102.05095): attention over time, then over space, each with a projection."""
    kind, size, bias = c.text("attention_type"), width(c), c.flag("qkv_bias")
    if kind not in {"divided_space_time", "space_only", "joint_space_time"}:
        raise BadField("attention_type", kind, "divided_space_time, space_only or joint_space_time")
    part = replace(full(c), q_bias=bias, k_bias=bias, v_bias=bias)
    later = (part, LAYER.sized(size).named("time_norm"), project("time_out", size, size, "attention", bias=True))
    layers = [image_layer(c, part, None, *(later if kind == "divided_space_time" else ()))] * c.layers()
    before: list[Part] = [tokens(c, "cls_token"), patches(c), places(c, 1)]
    before += [Table(c.int("num_frames"), size, "position", "times")] if kind != "space_only" else []
    c.touch("num_frames")
    return image_encoder(c, {"Model": (nothing,), "ForVideoClassification": (classifier,)}, layers, before)


# -- ViTPose -----------------------------------------------------------------------------------------------


def posing_mlp(c: Fields) -> Part:
    """An MLP; with experts (ViTPose++, arXiv:2212.04246) one of them, by the data set, writes the last features."""
    size, count = width(c), c.int("num_experts", 1)
    inner, learned = int(size * c.number("mlp_ratio")), activation(c.raw("hidden_act"))
    if count == 1:
        c.touch("part_features")
        return Mlp(size, inner, gated=False, up_bias=True, down_bias=True, extra=learned)
    own = c.int("part_features")
    if own > size:
        raise BadField(c.prefix + "part_features", own, f"at most hidden_size {size:,}")
    experts = (each._replace(copies=count) for each in linear("expert", own, inner, "experts", bias=True))
    usual = (*linear("up", inner, size, "mlp", bias=True), *linear("down", size - own, inner, "mlp", bias=True))
    return Bag((*usual, *experts, *learned), "routed by data set")


def pose_head(c: Fields, size: int) -> Part:
    """One convolution, or two that enlarge and one."""
    if c.flag("use_simple_decoder"):
        return Bag(conv("head", labels(c), size, 3, "head", bias=True))
    own: list[Tensor] = []
    for index, into in enumerate((size, 256)):
        own += [*conv(f"enlarge_{index}", into, 256, 4, "head"), *batch_norm(f"enlarge_{index}.norm", 256, "head")]
    return Bag((*own, *conv("head", labels(c), 256, 1, "head", bias=True)))


@arch("vitpose")
def vitpose(c: Fields) -> Spec:
    """ViTPose (arXiv:2204.12484): a ViT without class token and a small convolutional head."""
    ending, inner = chosen(c, ("ForPoseEstimation",)), c.sub("backbone_config")
    size, bias = width(inner), inner.flag("qkv_bias")
    attend = image_attention(inner, q=bias, k=bias, v=bias)
    norms = (LAYER.sized(size).named(f"norm_{index}") for index in range(2))
    layers = (Layer((attend, posing_mlp(inner), *norms)),) * inner.layers()
    parts = (patches(inner), places(inner, 1), LAYER.sized(size).named("final_norm"), pose_head(c, size))
    inner.touch("image_size", *BACKBONE_KEYS)
    c.touch("scale_factor", "num_labels", "id2label", "label2id")
    return Spec(c.model_type, (Tower("encoder", layers, parts, caches=False),), size, head_class=ending)

"""Images without attention, or with little: ResNet, ConvNeXt, SegFormer, and what stands on image encoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from cardscope.archs._heads import chosen
from cardscope.archs._read import labels
from cardscope.archs._registry import arch
from cardscope.archs.vision import BACKBONE_KEYS
from cardscope.errors import BadField
from cardscope.fields import MAX_LAYERS, Fields
from cardscope.parts import LAYER, Attention, Bag, Head, Layer, Mlp, Part, Spec, Tensor, Tower, activation, linear, norm

MAX_STAGES = 16


def batch_norm(name: str, size: int, component: str = "norm") -> tuple[Tensor, ...]:
    """Gain and shift, and the running mean, variance and count that are stored beside them."""
    running = [Tensor(f"{name}.{key}", (size,), component, "buffer") for key in ("mean", "variance")]
    return (*norm(name, size, bias=True), *running, Tensor(f"{name}.batches", (), component, "buffer"))


def conv(
    name: str, out: int, into: int, kernel: int, component: str = "mixer", *, bias: bool = False
) -> tuple[Tensor, ...]:
    """A square convolution (out, into, kernel, kernel), and its bias."""
    own = Tensor(f"{name}.weight", (out, into, kernel, kernel), component, "other")
    return (own, Tensor(f"{name}.bias", (out,), component, "bias")) if bias else (own,)


def conv_norm(name: str, out: int, into: int, kernel: int, component: str = "mixer") -> tuple[Tensor, ...]:
    """A convolution without bias and a batch norm."""
    return (*conv(name, out, into, kernel, component), *batch_norm(f"{name}.norm", out, component))


def stage_lists(c: Fields, *names: str, count: int | None = None) -> list[tuple[int, ...]]:
    """Lists of one number a stage, cut to `count` stages or to the shortest of them. Raises BadField."""
    found = [c.ints(name) or () for name in names]
    total = min(map(len, found)) if count is None else count
    for name, each in zip(names, found, strict=True):
        if not 0 < total <= len(each) <= MAX_STAGES:
            raise BadField(c.prefix + name, list(each), f"a short list, one number for each of the {total} stages")
    return [each[:total] for each in found]


def deep_enough(c: Fields, name: str, depths: Sequence[int]) -> None:
    """Raises BadField where stages ask for too many layers."""
    if sum(depths) > MAX_LAYERS:
        raise BadField(c.prefix + name, list(depths), f"at most {MAX_LAYERS:,} layers in all")


def staged(c: Fields, layers: Sequence[Layer], parts: Sequence[Part], ending: str, size: int) -> Spec:
    """A stack of stages, as one tower."""
    c.touch("num_labels", "id2label", "label2id", *BACKBONE_KEYS)
    tower = Tower("encoder", tuple(layers), tuple(parts), caches=False)
    return Spec(c.model_type, (tower,), hidden_size=size, head_class=ending)


def classifier(c: Fields, size: int) -> Head:
    """One row for each label."""
    return Head(labels(c), size, bias=True, name="classifier")


# -- ResNet ------------------------------------------------------------------------------------------------


def residual(c: Fields, into: int, out: int, *, strided: bool) -> Layer:
    """Two 3 × 3 convolutions, or, as a bottleneck, a 3 × 3 between two 1 × 1; a shortcut where the shape changes."""
    if c.text("layer_type") == "bottleneck":
        inner = out // 4
        steps = [(inner, into, 1), (inner, inner, 3), (out, inner, 1)]
    else:
        steps = [(out, into, 3), (out, out, 3)]
    own = [tensor for index, step in enumerate(steps) for tensor in conv_norm(f"conv_{index}", *step)]
    own += conv_norm("shortcut", out, into, 1) if strided or into != out else ()
    # A bottleneck's and a plain block's inner activations are always ReLU; the last is the config's.
    return Layer((Bag((*own, *activation(c.raw("hidden_act"), "mixer")), "residual"),))


@arch("resnet")
def resnet(c: Fields) -> Spec:
    """ResNet (arXiv:1512.03385): stages of residual convolutions, batch norms whose running means are stored."""
    ending = chosen(c, ("Model", "ForImageClassification", "Backbone"))
    sizes, depths = stage_lists(c, "hidden_sizes", "depths")
    deep_enough(c, "depths", depths)
    kind, first = c.text("layer_type"), c.int("embedding_size")
    if kind not in {"basic", "bottleneck"}:
        raise BadField("layer_type", kind, "basic or bottleneck")
    layers: list[Layer] = []
    into, halved = first, c.flag("downsample_in_first_stage")
    for out, depth in zip(sizes, depths, strict=True):
        layers.append(residual(c, into, out, strided=halved))
        layers += [residual(c, out, out, strided=False)] * (depth - 1)
        into, halved = out, True
    stem = (
        *conv_norm("stem", first, c.int("num_channels"), 7, "embedding"),
        *activation(c.raw("hidden_act"), "embedding"),
    )
    c.touch("downsample_in_bottleneck")
    head = [classifier(c, (c.ints("hidden_sizes") or (into,))[-1])] if ending == "ForImageClassification" else []
    return staged(c, layers, [Bag(stem), *head], ending, into)


# -- ConvNeXt ----------------------------------------------------------------------------------------------


def convnext_layer(c: Fields, size: int, *, grn: bool) -> Layer:
    """A depthwise 7 × 7 convolution, a norm, an MLP of four times the width, and a gain or a response norm."""
    own = [
        Tensor("depthwise.weight", (size, 1, 7, 7), "mixer", "other"),
        Tensor("depthwise.bias", (size,), "mixer", "bias"),
    ]
    if grn:
        own += [Tensor(f"grn.{name}", (1, 1, 1, 4 * size), "mlp", "other") for name in ("weight", "bias")]
    elif c.number("layer_scale_init_value") > 0:
        own.append(Tensor("layer_scale", (size,), "other", "other"))
    ffn = Mlp(size, 4 * size, gated=False, up_bias=True, down_bias=True, extra=activation(c.raw("hidden_act")))
    return Layer((Bag(tuple(own), "depthwise convolution"), ffn, LAYER.sized(size)))


@arch("convnext")
def convnext(c: Fields) -> Spec:
    """ConvNeXt (arXiv:2201.03545): a ResNet modernised after Swin."""
    return depthwise_stages(c, grn=False)


@arch("convnextv2")
def convnextv2(c: Fields) -> Spec:
    """ConvNeXt V2 (arXiv:2301.00808): responses are normalised instead of scaled."""
    return depthwise_stages(c, grn=True)


def depthwise_stages(c: Fields, *, grn: bool) -> Spec:
    """Stages of depthwise convolutions with MLPs; a strided convolution between them."""
    ending = chosen(c, ("Model", "ForImageClassification"))
    sizes, depths = stage_lists(c, "hidden_sizes", "depths", count=c.int("num_stages", high=MAX_STAGES))
    deep_enough(c, "depths", depths)
    patch, first = c.int("patch_size"), sizes[0]
    parts: list[Part] = [Bag(conv("patch", first, c.int("num_channels"), patch, "embedding", bias=True))]
    parts.append(LAYER.sized(first).named("embed_norm"))
    for into, out in pairwise(sizes):
        parts += [LAYER.sized(into).named("norm_down"), Bag(conv("down", out, into, 2, bias=True))]
    layers = [
        each for size, depth in zip(sizes, depths, strict=True) for each in [convnext_layer(c, size, grn=grn)] * depth
    ]
    last = (c.ints("hidden_sizes") or sizes)[-1]
    parts.append(LAYER.sized(last).named("final_norm"))
    c.touch("image_size")
    head = [classifier(c, last)] if ending == "ForImageClassification" else []
    return staged(c, layers, [*parts, *head], ending, last)


# -- SegFormer ---------------------------------------------------------------------------------------------


def reduced_layer(c: Fields, size: int, total: int, ratio: int, wider: int) -> Layer:
    """Attention to a coarser grid of keys, an MLP with a depthwise convolution between its matrices."""
    if not 0 < total <= size:
        raise BadField("num_attention_heads", total, f"at most the stage's {size} channels")
    own = (*conv("reduce", size, size, ratio, "attention", bias=True), *norm("reduce.norm", size, bias=True))
    attend = Attention(size, total, total, size // total, q_bias=True, k_bias=True, v_bias=True, o_bias=True)
    attend = replace(attend, extra=own if ratio > 1 else ())
    inner = wider * size
    deep = (*conv("depthwise", inner, 1, 3, "mlp", bias=True), *activation(c.raw("hidden_act")))
    ffn = Mlp(size, inner, gated=False, up_bias=True, down_bias=True, extra=deep)
    return Layer((attend, ffn, *(LAYER.sized(size).named(f"norm_{index}") for index in range(2))))


SEGFORMER = ("hidden_sizes", "depths", "patch_sizes", "num_attention_heads", "sr_ratios", "mlp_ratios")


@arch("segformer")
def segformer(c: Fields) -> Spec:
    """SegFormer (arXiv:2105.15203): four stages of attention over overlapping patches, a decoder of one layer each."""
    ending = chosen(c, ("Model", "ForImageClassification", "ForSemanticSegmentation"))
    count = c.int("num_encoder_blocks", high=MAX_STAGES)
    lists = stage_lists(c, *SEGFORMER, count=count)
    into, sizes, parts, layers = c.int("num_channels"), lists[0], list[Part](), list[Layer]()
    deep_enough(c, "depths", lists[1])
    for size, depth, patch, total, ratio, wider in zip(*lists, strict=True):
        parts.append(Bag(conv("patch", size, into, patch, "embedding", bias=True)))
        parts += [LAYER.sized(size).named(name) for name in ("embed_norm", "stage_norm")]
        layers += [reduced_layer(c, size, total, ratio, wider)] * depth
        into = size
    c.touch("strides", "decoder_hidden_size", "reshape_last_stage", "classifier_dropout_prob")
    if ending == "ForSemanticSegmentation":
        wide = c.int("decoder_hidden_size")
        unify = [tensor for size in sizes for tensor in linear("unify", wide, size, "head", bias=True)]
        fuse = conv_norm("fuse", wide, wide * count, 1, "head")
        parts.append(Bag((*unify, *fuse, *conv("classifier", labels(c), wide, 1, "head", bias=True))))
    last = (c.ints("hidden_sizes") or sizes)[-1]
    head = [classifier(c, last)] if ending == "ForImageClassification" else []
    return staged(c, layers, [*parts, *head], ending, into)

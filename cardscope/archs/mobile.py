"""Small image networks of depthwise convolutions: MobileNet V1 and V2, EfficientNet, RegNet, MobileViT."""

from __future__ import annotations

import math
from itertools import pairwise

from cardscope.archs._heads import chosen
from cardscope.archs._read import act, labels
from cardscope.archs._registry import arch
from cardscope.archs.convnets import MAX_STAGES, classifier, conv, conv_norm, deep_enough, stage_lists, staged
from cardscope.archs.towers import plain
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import LAYER, Bag, Layer, Mlp, Spec, Tensor, norm

MAX_FACTOR = 1000.0
CLASSES = ("Model", "ForImageClassification")
SEGMENTS = (*CLASSES, "ForSemanticSegmentation")


def factor(c: Fields, name: str, fallback: float | None = None) -> float:
    """A multiplier of widths or depths. Raises BadField where no width is left, or more than any has."""
    value = c.number(name, fallback)
    if not 0 < value <= MAX_FACTOR:
        raise BadField(c.prefix + name, value, f"above 0 and at most {MAX_FACTOR:g}")
    return value


def divisible(value: float, divisor: int, least: int) -> int:
    """The nearest multiple of `divisor` that loses at most a tenth (tensorflow/models' `_make_divisible`)."""
    near = max(least, int(value + divisor / 2) // divisor * divisor)
    return near + divisor if near < 0.9 * value else near


def unit(c: Fields, name: str, out: int, into: int, kernel: int = 1) -> list[Tensor]:
    """A convolution, a batch norm and the config's activation."""
    return [*conv_norm(name, out, into, kernel), *act(c, "mixer")]


def deeplab(c: Fields, size: int, wide: int, *branches: int, projected: int) -> Bag:
    """A head for every pixel: convolutions of these kernels beside each other, their projection, a row per label."""
    own = [tensor for n, kernel in enumerate(branches) for tensor in conv_norm(f"aspp_{n}", wide, size, kernel, "head")]
    own += conv_norm("aspp_project", wide, projected * wide, 1, "head")
    return Bag((*own, *conv("classifier", labels(c), wide, 1, "head", bias=True)))


# -- MobileNet ---------------------------------------------------------------------------------------------

STEPS_V1 = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
STEPS_V2 = (16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320)


@arch("mobilenet_v1")
def mobilenet_v1(c: Fields) -> Spec:
    """MobileNet (arXiv:1704.04861): thirteen depthwise 3 × 3 convolutions, each before a 1 × 1."""
    ending, times, least = chosen(c, CLASSES), factor(c, "depth_multiplier"), c.int("min_depth")
    sizes = [max(int(size * times), least) for size in STEPS_V1]
    layers = [
        Layer((Bag((*unit(c, "depthwise", into, 1, 3), *unit(c, "pointwise", out, into)), "separable convolution"),))
        for into, out in pairwise(sizes)
    ]
    c.touch("image_size", "tf_padding")
    stem = Bag(tuple(unit(c, "stem", sizes[0], c.int("num_channels"), 3)))
    head = [classifier(c, sizes[-1])] if ending == "ForImageClassification" else []
    return staged(c, layers, [stem, *head], ending, sizes[-1])


def inverted(c: Fields, into: int, out: int, wide: int) -> list[Tensor]:
    """Up to a wide depthwise 3 × 3 convolution and down again, without an activation at the end."""
    own = [*unit(c, "expand", wide, into), *unit(c, "depthwise", wide, 1, 3)]
    return [*own, *conv_norm("reduce", out, wide, 1)]


@arch("mobilenet_v2")
def mobilenet_v2(c: Fields) -> Spec:
    """MobileNetV2 (arXiv:1801.04381): narrow blocks whose depthwise convolutions are wide."""
    ending, times, expand = chosen(c, SEGMENTS), factor(c, "depth_multiplier"), factor(c, "expand_ratio")
    step, least = c.int("depth_divisible_by"), c.int("min_depth")

    def near(value: float) -> int:
        return divisible(round(value), step, least)

    sizes, first = [near(size * times) for size in STEPS_V2], near(32 * times)
    layers = [
        Layer((Bag(tuple(inverted(c, into, out, near(into * expand))), "inverted residual"),))
        for into, out in pairwise(sizes)
    ]
    stem = unit(c, "stem", first, c.int("num_channels"), 3)
    stem += [] if c.flag("first_layer_is_expansion") else unit(c, "stem_expand", first, first)
    stem += [*unit(c, "stem_depthwise", first, 1, 3), *conv_norm("stem_reduce", sizes[0], first, 1)]
    last = 1280 if c.flag("finegrained_output") and times < 1 else near(1280 * times)
    parts = [Bag(tuple(stem)), Bag(tuple(unit(c, "last", last, sizes[-1])))]
    if ending == "ForSemanticSegmentation":
        parts.append(deeplab(c, sizes[-1], 256, 1, 1, projected=2))
    head = [classifier(c, last)] if ending == "ForImageClassification" else []
    c.touch("image_size", "tf_padding", "output_stride", "semantic_loss_ignore_index")
    return staged(c, layers, [*parts, *head], ending, last)


# -- EfficientNet ------------------------------------------------------------------------------------------

STAGED = ("in_channels", "out_channels", "kernel_sizes", "expand_ratios", "num_block_repeats")


def squeezed(c: Fields, into: int, out: int, kernel: int, times: int) -> Layer:
    """An inverted residual whose channels are weighed by their means (squeeze and excitation, arXiv:1709.01507)."""
    wide, few = into * times, max(1, int(into * c.number("squeeze_expansion_ratio")))
    own = unit(c, "expand", wide, into) if times != 1 else []
    own += unit(c, "depthwise", wide, 1, kernel)
    own += [*conv("squeeze", few, wide, 1, bias=True), *conv("excite", wide, few, 1, bias=True), *act(c, "mixer")]
    return Layer((Bag((*own, *conv_norm("project", out, wide, 1)), "inverted residual"),))


def stage_rows(c: Fields) -> list[tuple[int, ...]]:
    """One row for each stage: widths in and out, kernel, expansion, repeats. Raises BadField."""
    lists = [c.ints(name) or () for name in STAGED]
    total = len(lists[0])
    for name, each in zip(STAGED, lists, strict=True):
        if not 0 < total <= MAX_STAGES or len(each) < total or min(each) < 1:
            raise BadField(c.prefix + name, list(each), f"numbers above 0, one for each of the {total} stages")
    return list(zip(*(each[:total] for each in lists), strict=True))


@arch("efficientnet")
def efficientnet(c: Fields) -> Spec:
    """EfficientNet (arXiv:1905.11946): one base network, widened and deepened by two coefficients."""
    # The kept defaults of the classes leave out all that is called a coefficient; these two are EfficientNetConfig's.
    ending, step, times = chosen(c, CLASSES), c.int("depth_divisor"), factor(c, "width_coefficient", 2.0)
    depth, rows = factor(c, "depth_coefficient", 3.1), stage_rows(c)
    repeats = [math.ceil(depth * row[-1]) for row in rows]
    deep_enough(c, "num_block_repeats", repeats)

    def near(value: int) -> int:
        return divisible(value * times, step, step)

    layers: list[Layer] = []
    for (into, out, kernel, expand, _), count in zip(rows, repeats, strict=True):
        layers.append(squeezed(c, near(into), near(out), kernel, expand))
        layers += [squeezed(c, near(out), near(out), kernel, expand)] * (count - 1)
    size = c.int("hidden_dim")
    top = conv("top", near(1280), near(rows[-1][1]), 1)
    gains = conv_norm("top", size, 1, 1)[1:]
    stem = Bag(tuple(unit(c, "stem", near(32), c.int("num_channels"), 3)))
    c.touch("image_size", "strides", "depthwise_padding", "pooling_type", "num_hidden_layers", "batch_norm_momentum")
    head = [classifier(c, size)] if ending == "ForImageClassification" else []
    return staged(c, layers, [stem, Bag((*top, *gains, *act(c, "mixer"))), *head], ending, size)


# -- RegNet ------------------------------------------------------------------------------------------------


def regular(c: Fields, into: int, out: int, *, strided: bool) -> Layer:
    """A 3 × 3 convolution within groups between two 1 × 1, weighed by means where the type is "y"."""
    groups = max(1, out // c.int("groups_width"))
    if out % groups:
        raise BadField(c.prefix + "groups_width", c.int("groups_width"), f"a width that divides {out} channels")
    own = [*conv_norm("shortcut", out, into, 1)] if strided or into != out else []
    own += [*unit(c, "conv_0", out, into), *conv_norm("conv_1", out, out // groups, 3), *act(c, "mixer")]
    if c.text("layer_type") == "y":
        few = round(into / 4)
        own += [*conv("squeeze", few, out, 1, bias=True), *conv("excite", out, few, 1, bias=True)]
    return Layer((Bag((*own, *conv_norm("conv_2", out, out, 1), *act(c, "mixer")), "grouped residual"),))


@arch("regnet")
def regnet(c: Fields) -> Spec:
    """RegNet (arXiv:2003.13678): residual stages of grouped convolutions; SEER and the TIMM models are Y types."""
    ending, kind = chosen(c, CLASSES), c.text("layer_type")
    if kind not in {"x", "y"}:
        raise BadField(c.prefix + "layer_type", kind, "x or y")
    sizes, depths = stage_lists(c, "hidden_sizes", "depths")
    deep_enough(c, "depths", depths)
    first = into = c.int("embedding_size")
    strided, layers = c.flag("downsample_in_first_stage"), list[Layer]()
    for out, depth in zip(sizes, depths, strict=True):
        layers.append(regular(c, into, out, strided=strided))
        layers += [regular(c, out, out, strided=False)] * (depth - 1)
        into, strided = out, True
    stem, last = Bag(tuple(unit(c, "stem", first, c.int("num_channels"), 3))), (c.ints("hidden_sizes") or sizes)[-1]
    return staged(
        c, layers, [stem, *([classifier(c, last)] if ending == "ForImageClassification" else [])], ending, last
    )


# -- MobileViT ---------------------------------------------------------------------------------------------


def mobile_lists(c: Fields) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Widths of the seven steps and of the three transformers. Raises BadField."""
    necks, sizes, total = c.ints("neck_hidden_sizes") or (), c.ints("hidden_sizes") or (), c.int("num_attention_heads")
    if not 7 <= len(necks) <= MAX_STAGES or min(necks) < 1:
        raise BadField(c.prefix + "neck_hidden_sizes", list(necks), "seven widths")
    if not 3 <= len(sizes) <= MAX_STAGES or any(size < 1 or size % total for size in sizes[:3]):
        raise BadField(c.prefix + "hidden_sizes", list(sizes), f"three multiples of the {total} heads")
    return necks, sizes[:3]


def seen_layer(c: Fields, size: int) -> Layer:
    """A pre-norm transformer layer over unfolded patches."""
    attend = plain(size, c.int("num_attention_heads"), bias=c.flag("qkv_bias"))
    ffn = Mlp(size, int(size * c.number("mlp_ratio")), False, True, True, extra=act(c))
    return Layer((attend, ffn, *(LAYER.sized(size).named(f"norm_{index}") for index in range(2))))


def around(c: Fields, into: int, size: int) -> list[Tensor]:
    """The convolutions before and after a transformer, and its last norm."""
    kernel = c.int("conv_kernel_size")
    own = [*unit(c, "local", into, into, kernel), *conv("widen", size, into, 1), *norm("norm", size, bias=True)]
    return [*own, *unit(c, "narrow", into, size), *unit(c, "fuse", into, 2 * into, kernel)]


@arch("mobilevit")
def mobilevit(c: Fields) -> Spec:
    """MobileViT (arXiv:2110.02178): MobileNetV2's blocks, and transformers over patches at the three coarsest steps."""
    ending, (necks, sizes), expand = chosen(c, SEGMENTS), mobile_lists(c), factor(c, "expand_ratio")

    def step(into: int, out: int) -> list[Tensor]:
        return inverted(c, into, out, divisible(round(into * expand), 8, 8))

    pairs = [(necks[0], necks[1]), (necks[1], necks[2]), *[(necks[2], necks[2])] * 2]
    layers = [Layer((Bag(tuple(step(into, out)), "inverted residual"),)) for into, out in pairs]
    own = unit(c, "stem", necks[0], c.int("num_channels"), 3)
    for index, (size, depth) in enumerate(zip(sizes, (2, 4, 3), strict=True)):
        own += [*step(necks[index + 2], necks[index + 3]), *around(c, necks[index + 3], size)]
        layers += [seen_layer(c, size)] * depth
    head = []
    if ending == "ForSemanticSegmentation":
        rates, wide = c.ints("atrous_rates") or (), c.int("aspp_out_channels")
        if len(rates) != 3:
            raise BadField(c.prefix + "atrous_rates", list(rates), "three rates")
        head = [deeplab(c, necks[-2], wide, 1, 3, 3, 3, 1, projected=5)]
    else:
        own += unit(c, "last", necks[6], necks[5])
    after = [classifier(c, necks[-1])] if ending == "ForImageClassification" else []
    c.touch(
        "image_size", "patch_size", "output_stride", "atrous_rates", "aspp_out_channels", "semantic_loss_ignore_index"
    )
    return staged(c, layers, [Bag(tuple(own)), *head, *after], ending, necks[-1])

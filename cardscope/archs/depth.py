"""Depth from one image: DPT and Depth Anything, a convolutional neck on an image encoder."""

from __future__ import annotations

from cardscope.archs import interpret
from cardscope.archs._heads import chosen, dense
from cardscope.archs._read import labels, width
from cardscope.archs._registry import arch
from cardscope.archs.convnets import MAX_STAGES, batch_norm, conv
from cardscope.archs.vision import image_pooler, patches, places, tokens, vit_layers
from cardscope.errors import BadField, NotModelled
from cardscope.fields import Fields
from cardscope.harvest import declared
from cardscope.parts import LAYER, Bag, Part, Spec, Tensor, Tower


def factors(c: Fields) -> list[float]:
    """By how much each stage's grid is enlarged. Raises BadField."""
    listed = c.raw("reassemble_factors")
    if isinstance(listed, list | tuple) and len(listed) <= MAX_STAGES:
        found = [each for each in listed if isinstance(each, int | float) and 0 < each <= 1024]
        if len(found) == len(listed):
            return found
    raise BadField("reassemble_factors", listed, "a short list of positive numbers")


def resized(size: int, factor: float) -> tuple[Tensor, ...]:
    """A transposed convolution that enlarges, a strided one that shrinks, or nothing."""
    if factor == 1:
        return ()
    return conv("resize", size, size, int(factor) if factor > 1 else 3, "head", bias=True)


def neck_sizes(c: Fields) -> tuple[int, ...]:
    """Channels of each stage. Raises BadField."""
    sizes = c.ints("neck_hidden_sizes") or ()
    if not 0 < len(sizes) <= MAX_STAGES:
        raise BadField("neck_hidden_sizes", list(sizes), "a short list of channels")
    return sizes


def neck(c: Fields, wide: int, *, bias: bool = True, normed: bool = False) -> list[Part]:
    """DPT's neck (arXiv:2103.13413): stages to their own channels and sizes, then fused from coarse to fine."""
    sizes, out, scales = neck_sizes(c), c.int("fusion_hidden_size"), factors(c)
    own: list[Tensor] = []
    for size, factor in zip(sizes, scales, strict=False):
        own += [*conv("reassemble", size, wide, 1, "head", bias=True), *resized(size, factor)]
    for size in sizes:
        own += conv("even", out, size, 3, "head")
        own += conv("fuse", out, out, 1, "head", bias=True)
        for index in range(4):
            own += conv(f"fuse_{index}", out, out, 3, "head", bias=bias)
            own += batch_norm(f"fuse_{index}.norm", out, "head") if normed else ()
    c.touch("head_in_index", "max_depth", "depth_estimation_type")
    return [Bag(tuple(own))]


def depth_head(size: int, inner: int) -> Part:
    """Three convolutions to one number a pixel."""
    steps = ((size // 2, size, 3), (inner, size // 2, 3), (1, inner, 1))
    return Bag(tuple(t for index, step in enumerate(steps) for t in conv(f"depth_{index}", *step, "head", bias=True)))


def backbone(c: Fields) -> tuple[tuple[Tower, ...], int]:
    """The towers of `backbone_config` and their width, as an image encoder that hands out its stages."""
    inner = c.sub("backbone_config")
    known = declared(inner.model_type)
    prefix = known.cls.removesuffix("Config") if known else inner.model_type
    inner.impose(architectures=[f"{prefix}Backbone"])
    spec = interpret(inner)
    return spec.towers, spec.hidden_size or width(inner)


@arch("depth_anything")
def depth_anything(c: Fields) -> Spec:
    """Depth Anything (arXiv:2401.10891, arXiv:2406.09414): DINOv2, DPT's neck and a small head."""
    ending, (towers, size) = chosen(c, ("ForDepthEstimation",)), backbone(c)
    parts = [
        *neck(c, c.int("reassemble_hidden_size")),
        depth_head(c.int("fusion_hidden_size"), c.int("head_hidden_size")),
    ]
    c.touch("patch_size", "num_labels", "id2label", "label2id")
    return Spec(c.model_type, (*towers, Tower("depth", (), tuple(parts), caches=False)), size, head_class=ending)


def mask_head(c: Fields, name: str, size: int) -> Part:
    """A convolution, its batch norm, and one channel for each label."""
    own = (*conv(name, size, size, 3, "head"), *batch_norm(f"{name}.norm", size, "head"))
    return Bag((*own, *conv(f"{name}.out", labels(c), size, 1, "head", bias=True)))


def dpt_encoder(c: Fields, *after: Part) -> tuple[Tower, ...]:
    """DPT's own ViT."""
    before = (tokens(c, "cls_token"), patches(c), places(c, 1), LAYER.sized(width(c)).named("final_norm"))
    return (Tower("encoder", tuple(vit_layers(c)), (*before, *after), caches=False),)


@arch("dpt")
def dpt(c: Fields) -> Spec:
    """DPT (arXiv:2103.13413): a ViT of its own or a backbone, a convolutional neck, depth or masks."""
    ending = chosen(c, ("Model", "ForDepthEstimation", "ForSemanticSegmentation"))
    if c.flag("is_hybrid"):
        raise NotModelled("DPT's hybrid encoder is not modelled", hint="--exact counts it")
    other = isinstance(c.peek("backbone_config"), dict) and ending == "ForDepthEstimation"
    keys = ("is_hybrid", "readout_type", "add_projection", "use_auxiliary_head", "use_bias_in_fusion_residual")
    c.touch(*keys, "use_batch_norm_in_fusion_residual", "backbone_out_indices", "backbone_featmap_shape", "num_labels")
    c.touch("neck_ignore_stages", "pooler_output_size", "pooler_act", "image_size", "reassemble_factors", "id2label")
    c.touch("neck_hidden_sizes", "fusion_hidden_size", "head_in_index", "backbone_config", "label2id")
    if ending == "Model":
        return Spec(c.model_type, dpt_encoder(c, *image_pooler(c)), width(c), head_class=ending)
    towers, size = backbone(c) if other else (dpt_encoder(c), width(c))
    out, normed, bias = (
        c.int("fusion_hidden_size"),
        c.flag("use_batch_norm_in_fusion_residual"),
        c.raw("use_bias_in_fusion_residual"),
    )
    parts = neck(c, size, bias=not normed if bias is None else bool(bias), normed=normed)
    if c.text("readout_type") == "project":
        parts += [dense("readout", size, 2 * size)] * len(neck_sizes(c))
    if ending == "ForDepthEstimation":
        parts += [Bag(conv("projection", 256, 256, 3, "head", bias=True))] if c.flag("add_projection") else []
        parts.append(depth_head(out, 32))
    else:
        parts += [mask_head(c, name, out) for name in ("masks", "auxiliary")[: 1 + c.flag("use_auxiliary_head")]]
    return Spec(c.model_type, (*towers, Tower("depth", (), tuple(parts), caches=False)), size, head_class=ending)

"""CLIP's kin: other words, other languages, boxes and masks; and BLIP, which writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cardscope.archs._compose import ties
from cardscope.archs._heads import chosen, dense, words
from cardscope.archs._read import width
from cardscope.archs._registry import arch
from cardscope.archs.clip import (
    both,
    classified,
    clip_text_alone,
    clip_vision,
    clip_vision_alone,
    into_space,
    text_tower,
)
from cardscope.archs.encoder import embeddings, full, layer
from cardscope.archs.vision import image_layer, places, tokens
from cardscope.errors import BadField
from cardscope.fields import MAX_LAYERS, Fields
from cardscope.parts import (
    LAYER,
    Attention,
    Bag,
    Layer,
    Mlp,
    Part,
    Spec,
    Tensor,
    Tower,
    project,
)

SCALE = Bag((Tensor("logit_scale", (), "projector", "other"),))


def spaced(
    c: Fields,
    text: Fields,
    seen: Fields,
    write: Callable[..., Tower] = text_tower,
    *beside: Tower,
    ending: str = "Model",
    text_width: int | None = None,
) -> Spec:
    """A text and an image tower, projected into one space without biases, and the scale of their products."""
    size = c.int("projection_dim")
    there = project("text_projection", size, text_width or width(text), "projector")
    towers = (write(text, into_space(seen, "visual_projection", size), there, SCALE), clip_vision(seen), *beside)
    return both(c, towers, ending, text=text)


# -- the same plan -----------------------------------------------------------------------------------------


@arch("metaclip_2")
def metaclip_2(c: Fields) -> Spec:
    """MetaCLIP 2 (arXiv:2507.22062): CLIP trained on the world's languages."""
    alone = ("TextModel", "TextModelWithProjection", "VisionModel", "VisionModelWithProjection")
    ending = chosen(c, ("Model", "ForImageClassification", *alone))
    if ending == "ForImageClassification":
        return classified(c, clip_vision, c.sub("vision_config"))
    if ending.startswith("Text"):
        return clip_text_alone(c, c.sub("text_config"), ending)
    if ending.startswith("Vision"):
        return clip_vision_alone(c, c.sub("vision_config"), ending)
    return spaced(c, c.sub("text_config"), c.sub("vision_config"))


def bert_tower(c: Fields, *after: Part, component: str | None = None) -> Tower:
    """BERT's encoder as the text tower: no pooler, nothing kept."""
    return Tower("text", (layer(c),) * c.layers(), (*embeddings(c), *after), component, caches=False)


@arch("chinese_clip")
def chinese_clip(c: Fields) -> Spec:
    """Chinese CLIP (arXiv:2211.01335): BERT as the text tower."""
    if chosen(c, ("Model", "VisionModel")) == "VisionModel":
        return clip_vision_alone(c, c.sub("vision_config"), "VisionModel")
    return spaced(c, c.sub("text_config"), c.sub("vision_config"), bert_tower)


@arch("altclip")
def altclip(c: Fields) -> Spec:
    """AltCLIP (arXiv:2211.06679): XLM-R as the text tower, a norm and a projection onto CLIP's text width."""
    ending = chosen(c, ("Model", "TextModel", "VisionModel"))
    if ending == "VisionModel":
        return clip_vision_alone(c, c.sub("vision_config"), ending)
    text = c.sub("text_config")
    out = text.int("project_dim")
    turned = (project("transformation", out, width(text), "projector", bias=True), LAYER.sized(width(text)))
    if ending == "TextModel":
        return both(c, (bert_tower(text, *turned),), ending, text=text)

    def write(inner: Fields, *after: Part) -> Tower:
        return bert_tower(inner, *turned, *after)

    return spaced(c, text, c.sub("vision_config"), write, text_width=out)


# -- boxes and masks ---------------------------------------------------------------------------------------


def deep_head(name: str, size: int, out: int) -> list[Part]:
    """Three projections over each patch."""
    return [dense(f"{name}_{index}", out if index == 2 else size, size) for index in range(3)]


@arch("owlvit")
def owlvit(c: Fields) -> Spec:
    """OWL-ViT (arXiv:2205.06230): CLIP whose patches are boxes."""
    return boxed(c, "box_head")


@arch("owlv2")
def owlv2(c: Fields) -> Spec:
    """OWLv2 (arXiv:2306.09683): OWL-ViT that also scores whether a patch is an object."""
    return boxed(c, "box_head", "objectness_head")


def boxed(c: Fields, *heads: str) -> Spec:
    """CLIP, and over each patch a head that compares it with words, and a few more."""
    ending = chosen(c, ("Model", "ForObjectDetection", "TextModel", "VisionModel"))
    if ending == "TextModel":
        return clip_text_alone(c, c.sub("text_config"), "TextModel")
    if ending == "VisionModel":
        return clip_vision_alone(c, c.sub("vision_config"), "VisionModel")
    text, seen = c.sub("text_config"), c.sub("vision_config")
    if ending == "Model":
        return spaced(c, text, seen)
    size = width(seen)
    parts: list[Part] = [dense("class_head", width(text), size)]
    parts += [dense(f"class_head.{name}", 1, size) for name in ("shift", "scale")]
    for name, rows in zip(heads, (4, 1), strict=False):
        parts += deep_head(name, size, rows)
    parts.append(LAYER.sized(size).named("head_norm"))
    return spaced(c, text, seen, text_tower, Tower("boxes", (), tuple(parts), caches=False), ending=ending)


def mask_decoder(c: Fields, seen: Fields) -> Tower:
    """CLIPSeg's decoder: a narrow layer for each image layer it reads, then a transposed convolution to the mask."""
    size, patch, depth = c.int("reduce_dim"), seen.int("patch_size"), len(c.ints("extract_layers") or ())
    total = c.int("decoder_num_attention_heads")
    if size % total or depth > MAX_LAYERS:
        raise BadField("decoder_num_attention_heads", total, f"a divisor of reduce_dim {size}")
    attend = Attention(size, total, total, size // total, q_bias=True, k_bias=True, v_bias=True, o_bias=True)
    ffn = Mlp(size, c.int("decoder_intermediate_size"), gated=False, up_bias=True, down_bias=True)
    norms = tuple(LAYER.sized(size).named(f"norm_{index}") for index in range(2))
    parts: list[Part] = [dense(f"film_{name}", size, c.int("projection_dim")) for name in ("mul", "add")]
    parts += [dense(f"reduce_{index}", size, width(seen)) for index in range(depth)]
    steps = [(1, size, patch)]
    if c.flag("use_complex_transposed_convolution"):
        steps = [(size, size, 3), (size // 2, size, patch // 4), (1, size // 2, patch // 4)]
    for index, (out, into, kernel) in enumerate(steps):
        own = Tensor(f"mask_{index}", (into, out, kernel, kernel), "head", "other")
        parts.append(Bag((own, Tensor(f"mask_{index}.bias", (out,), "head", "bias"))))
    return Tower("mask decoder", (Layer((attend, ffn, *norms)),) * depth, tuple(parts), caches=False)


@arch("clipseg")
def clipseg(c: Fields) -> Spec:
    """CLIPSeg (arXiv:2112.10003): CLIP with a small decoder of masks."""
    ending = chosen(c, ("Model", "ForImageSegmentation", "TextModel", "VisionModel"))
    keys = ("num_attention_heads", "intermediate_size", "hidden_act")
    c.touch("reduce_dim", "extract_layers", "conditional_layer", "use_complex_transposed_convolution")
    c.touch(*(f"decoder_{key}" for key in keys))
    if ending == "TextModel":
        return clip_text_alone(c, c.sub("text_config"), ending)
    if ending == "VisionModel":
        return clip_vision_alone(c, c.sub("vision_config"), ending)
    text, seen = c.sub("text_config"), c.sub("vision_config")
    masks = (mask_decoder(c, seen),) if ending == "ForImageSegmentation" else ()
    return spaced(c, text, seen, text_tower, *masks, ending=ending)


# -- BLIP --------------------------------------------------------------------------------------------------


def blip_eyes(c: Fields) -> Tower:
    """BLIP's image tower: a class token, patches of three channels with a bias, one final norm."""
    c.touch("projection_dim", "num_labels", "id2label", "label2id", "num_channels")
    size, patch = width(c), c.int("patch_size")
    pixels = (Tensor("patch.weight", (size, 3, patch, patch), "vision", "other"),)
    own = Bag((*pixels, Tensor("patch.bias", (size,), "vision", "bias")))
    parts = (tokens(c, "cls_token"), own, places(c, 1), LAYER.sized(size).named("post_norm"))
    return Tower("vision", (image_layer(c, full(c)),) * c.layers(), parts, "vision", caches=False)


def blip_text(c: Fields, seen: int, *after: Part, caches: bool, name: str = "text") -> Tower:
    """BERT that also attends to the image where `is_decoder` says so; keys and values from the image's width."""
    part = full(c)
    looks = c.flag("is_decoder")
    extra = (replace(part, cross=True, kv_width=seen), LAYER.sized(width(c)).named("norm_cross")) if looks else ()
    c.touch("projection_dim", "encoder_hidden_size", "num_labels", "id2label", "label2id")
    usual = layer(c, part)
    return Tower(
        name, (Layer((*usual.parts, *extra)),) * c.layers(), (*embeddings(c, types=False), *after), caches=caches
    )


@arch("blip")
def blip(c: Fields) -> Spec:
    """BLIP (arXiv:2201.12086): a ViT, and a BERT that describes the image, answers, or tells whether a text fits."""
    tasks = ("ForConditionalGeneration", "ForQuestionAnswering", "ForImageTextRetrieval")
    ending = chosen(c, ("Model", *tasks, "TextModel", "VisionModel"))
    text, seen, size = c.sub("text_config"), c.sub("vision_config"), c.int("projection_dim")
    text.impose(tie_word_embeddings=ties(c, text, asks=True))
    c.touch("image_text_hidden_size", "label_smoothing")
    eyes, wide = blip_eyes(seen), width(seen)
    pooled = dense("pooler", width(text))
    if ending == "VisionModel":
        return both(c, (replace(eyes, component=None),), ending, size=wide)
    if ending == "TextModel":
        return both(c, (blip_text(text, wide, pooled, caches=False),), ending, text=text)
    if ending == "Model":
        spaces = (into_space(seen, "visual_projection", size), into_space(text, "text_projection", size), SCALE)
        return both(c, (eyes, blip_text(text, wide, pooled, *spaces, caches=False)), ending, text=text)
    if ending == "ForImageTextRetrieval":
        common = c.int("image_text_hidden_size")
        ends = (
            dense("vision_proj", common, wide),
            dense("text_proj", common, width(text)),
            dense("itm", 2, width(text)),
        )
        return both(c, (eyes, blip_text(text, wide, *ends, caches=False)), ending, text=text)
    asked = (blip_text(text, wide, caches=False, name="question"),) if ending == "ForQuestionAnswering" else ()
    writes = blip_text(text, wide, *words(learns=True)(text), caches=True)
    return both(c, (eyes, *asked, writes), ending, text=text)

"""Images and texts in one space: CLIP and SigLIP, whole or one tower alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cardscope.archs._heads import chosen
from cardscope.archs._read import labels, mlp, width
from cardscope.archs._registry import arch
from cardscope.archs.encoder import full
from cardscope.archs.vision import image_layer, patches, places, tokens
from cardscope.fields import Fields
from cardscope.parts import LAYER, Bag, Head, Part, Spec, Table, Tensor, Tower, linear, norm, project

PARTS = ("Model", "ForImageClassification")
CLIP_TOWERS = {
    "CLIPTextModel": "text",
    "CLIPTextModelWithProjection": "text projected",
    "CLIPVisionModel": "vision",
    "CLIPVisionModelWithProjection": "vision projected",
}
"""Classes of one tower, which a config of both may name."""
IDLE = ("num_labels", "id2label", "label2id", "projection_dim")
"""Keys of a tower's config that shape something only where the class has a projection or labels."""


def text_tower(c: Fields, *after: Part) -> Tower:
    """Words, learned positions, pre-norm layers, a final norm."""
    c.touch(*IDLE)
    before: list[Part] = [
        Table(c.int("vocab_size"), width(c)),
        Table(c.int("max_position_embeddings"), width(c), "position", "positions"),
        LAYER.sized(width(c)).named("final_norm"),
    ]
    return Tower("text", (image_layer(c, full(c)),) * c.layers(), (*before, *after), caches=False)


def clip_vision(c: Fields, *after: Part, component: str | None = "vision") -> Tower:
    """CLIP's image tower: a class token, patches without bias, a norm before the layers and one after."""
    c.touch(*IDLE)
    parts = (tokens(c, "cls_token"), patches(c, bias=False), places(c, 1), *_norms(c, "pre_norm", "post_norm"), *after)
    return Tower("vision", (image_layer(c, full(c)),) * c.layers(), parts, component, caches=False)


def _norms(c: Fields, *names: str) -> list[Part]:
    return [LAYER.sized(width(c)).named(name) for name in names]


def siglip_vision(c: Fields, *after: Part, component: str | None = "vision") -> Tower:
    """SigLIP's image tower: no class token; a learned probe attends to the patches, unless `vision_use_head` is off."""
    c.touch(*IDLE)
    first = siglip2_patches(c) if c.declares("num_patches") else [patches(c), places(c)]
    pooled = probe(c) if c.flag("vision_use_head") else []
    parts = (*first, *_norms(c, "post_norm"), *pooled, *after)
    return Tower("vision", (image_layer(c, full(c)),) * c.layers(), parts, component, caches=False)


def siglip2_patches(c: Fields) -> list[Part]:
    """Patches come flat, and positions are a fixed number that is resized."""
    flat = c.int("num_channels") * c.int("patch_size") ** 2
    positions = Table(c.int("num_patches"), width(c), "position", "positions")
    return [project("patch", width(c), flat, "embedding", bias=True), positions]


def probe(c: Fields) -> list[Part]:
    """SiglipMultiheadAttentionPoolingHead: one query over all patches, then a norm and an MLP."""
    size = width(c)
    own = (
        Tensor("probe", (1, 1, size), "head", "other"),
        *linear("probe.qkv", 3 * size, size, "head", bias=True),
        *linear("probe.out", size, size, "head", bias=True),
        *norm("probe.norm", size, bias=True, component="head"),
        *(
            tensor._replace(name=f"probe.{tensor.name}", component="head")
            for tensor in mlp(c, bias=True, gated=False).tensors()
        ),
    )
    return [Bag(own)]


def into_space(c: Fields, name: str, size: int | None = None) -> Part:
    """The projection into the common space, without bias."""
    return project(name, size or c.int("projection_dim"), width(c), "projector")


def both(c: Fields, towers: tuple[Tower, ...], ending: str, *, text: Fields | None = None, size: int = 0) -> Spec:
    """The common facts are the text tower's; of images alone there is none but the width, `size`."""
    c.touch(
        "num_labels", "id2label", "label2id", "projection_dim", "logit_scale_init_value", "text_config", "vision_config"
    )
    size = size or width(text or c)
    vocab = text.int("vocab_size") if text else None
    longest = text.opt_int("max_position_embeddings", low=1) if text else None
    return Spec(c.model_type, towers, hidden_size=size, vocab_size=vocab, max_positions=longest, head_class=ending)


def clip_part(c: Fields, side: str) -> Fields:
    """One tower's config; an old file's `text_config_dict` or `vision_config_dict` beats the other key."""
    old = f"{side}_config_dict"
    return c.sub(old if isinstance(c.peek(old), Mapping) else f"{side}_config", f"clip_{side}_model")


@arch("clip")
def clip(c: Fields) -> Spec:
    """CLIP (arXiv:2103.00020): a text and an image tower, each projected into one space."""
    ending = chosen(c, (*PARTS, *CLIP_TOWERS.values()), CLIP_TOWERS)
    c.touch("text_config_dict", "vision_config_dict")
    if ending == "ForImageClassification":
        return classified(c, clip_vision, clip_part(c, "vision"))
    if ending.startswith("text"):
        return clip_text_alone(c, clip_part(c, "text"), ending)
    if ending.startswith("vision"):
        return clip_vision_alone(c, clip_part(c, "vision"), ending)
    text, vision, size = clip_part(c, "text"), clip_part(c, "vision"), c.int("projection_dim")
    scale = Bag((Tensor("logit_scale", (), "projector", "other"),))
    projections = (into_space(vision, "visual_projection", size), into_space(text, "text_projection", size), scale)
    return both(c, (text_tower(text, *projections), clip_vision(vision)), ending, text=text)


def classified(c: Fields, tower: Callable[..., Tower], vision: Fields) -> Spec:
    """The image tower alone with a row for each label of the whole config."""
    head = Head(labels(c), width(vision), bias=True, name="classifier")
    return both(c, (tower(vision, head, component=None),), "ForImageClassification", size=width(vision))


def clip_text_alone(c: Fields, text: Fields, ending: str) -> Spec:
    """The text tower, with its projection where the class has one."""
    after = (into_space(text, "text_projection"),) if "rojec" in ending else ()
    return both(c, (text_tower(text, *after),), ending, text=text)


def clip_vision_alone(c: Fields, vision: Fields, ending: str) -> Spec:
    """The image tower, with its projection where the class has one."""
    after = (into_space(vision, "visual_projection"),) if "rojec" in ending else ()
    return both(c, (clip_vision(vision, *after, component=None),), ending, size=width(vision))


@arch("clip_text_model")
def clip_text(c: Fields) -> Spec:
    """CLIP's text tower alone, as diffusion models use it."""
    return clip_text_alone(c, c, chosen(c, ("Model", "ModelWithProjection")))


@arch("clip_vision_model")
def clip_vision_model(c: Fields) -> Spec:
    """CLIP's image tower alone."""
    return clip_vision_alone(c, c, chosen(c, ("Model", "ModelWithProjection")))


# -- SigLIP ------------------------------------------------------------------------------------------------


def siglip_text_tower(c: Fields, *after: Part) -> Tower:
    """CLIP's text tower with a projection that has a bias, of `projection_size` or the width."""
    rows = c.opt_int("projection_size", low=1) or c.derive("projection_size", width(c))
    return text_tower(c, project("text_head", rows, width(c), "projector", bias=True), *after)


@arch("siglip")
def siglip(c: Fields) -> Spec:
    """SigLIP (arXiv:2303.15343): CLIP with a sigmoid loss, so a scale and a bias."""
    return _siglip(c, "Siglip")


@arch("siglip2")
def siglip2(c: Fields) -> Spec:
    """SigLIP 2 (arXiv:2502.14786): SigLIP whose patches may come flat."""
    return _siglip(c, "Siglip2")


def _siglip(c: Fields, name: str) -> Spec:
    """Both towers or one, by the class, whose name begins with `name`."""
    alone = {f"{name}TextModel": "text", f"{name}VisionModel": "vision"}
    ending = chosen(c, (*PARTS, *alone.values()), alone)
    if ending == "ForImageClassification":
        return classified(c, siglip_vision, c.sub("vision_config"))
    if ending == "text":
        text = c.sub("text_config")
        return both(c, (siglip_text_tower(text),), ending, text=text)
    vision = c.sub("vision_config")
    if ending == "vision":
        return both(c, (siglip_vision(vision, component=None),), ending, size=width(vision))
    text = c.sub("text_config")
    scale = Bag(tuple(Tensor(f"logit_{key}", (1,), "projector", "other") for key in ("scale", "bias")))
    return both(c, (siglip_text_tower(text, scale), siglip_vision(vision)), ending, text=text)


@arch("siglip_text_model", "siglip2_text_model")
def siglip_text(c: Fields) -> Spec:
    """SigLIP's text tower alone."""
    return both(c, (siglip_text_tower(c),), chosen(c, ("Model",)), text=c)


@arch("siglip_vision_model", "siglip2_vision_model")
def siglip_vision_model(c: Fields) -> Spec:
    """SigLIP's image tower alone."""
    return both(c, (siglip_vision(c, component=None),), chosen(c, ("Model",)))

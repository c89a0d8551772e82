"""Vision-language models: a text model of a known type, an image tower, and what stands between them."""

from __future__ import annotations

from collections.abc import Callable

from cardscope.archs._compose import (
    FULL,
    as_base,
    bridge,
    class_of,
    part,
    sight,
    text_alone,
    ties,
    tower,
    two_layers,
    width_of,
    wrap,
)
from cardscope.archs._read import attention, decoder, mlp, neutral, zipped
from cardscope.archs._registry import arch
from cardscope.archs.experts import glm4_moe
from cardscope.archs.gated import qwen2
from cardscope.archs.routed import qwen3_moe
from cardscope.archs.towers import glm_vision, qwen2_vision, qwen3_vision, qwen25_vision
from cardscope.errors import BadField, NotModelled
from cardscope.fields import ABSENT, Fields
from cardscope.parts import LAYER, RMS, Bag, Part, Spec, Tensor, Tower, project

CLASSIFIED = ("Model", FULL, "ForSequenceClassification")

# -- Qwen --------------------------------------------------------------------------------------------------


@arch("qwen2_vl_text", "qwen2_5_vl_text")
def qwen2_vl_text(c: Fields) -> Spec:
    """Qwen2-VL's language model: Qwen2's."""
    return qwen2(c)


@arch("qwen3_vl_text")
def qwen3_vl_text(c: Fields) -> Spec:
    """Qwen3-VL's language model: Qwen3's, every layer full."""
    part = attention(c, qk_norm="head")
    return decoder(c, zipped(c, [part] * c.layers(), [mlp(c)] * c.layers()))


@arch("qwen3_vl_moe_text")
def qwen3_vl_moe_text(c: Fields) -> Spec:
    """The routed Qwen3-VL's language model: Qwen3's mixture, every layer full."""
    c.impose(use_sliding_window=False)
    return qwen3_moe(c)


def flat(c: Fields, text: str) -> Fields:
    """`text_config`, or the file itself where it holds the text model's keys at the top, as before transformers 5."""
    if c.peek("text_config") in (ABSENT, None):
        return as_base(c.over(text))
    return part(c, "text_config", text)


@arch("qwen2_vl")
def qwen2_vl(c: Fields) -> Spec:
    """Qwen2-VL (arXiv:2409.12191)."""
    return _qwen2_vl(c, qwen2_vision)


@arch("qwen2_5_vl")
def qwen2_5_vl(c: Fields) -> Spec:
    """Qwen2.5-VL (arXiv:2502.13923)."""
    return _qwen2_vl(c, qwen25_vision)


def _qwen2_vl(c: Fields, eyes: Callable[[Fields], tuple[Tower, ...]]) -> Spec:
    """A text model whose keys may stand at the top, and an image tower."""
    text, seen = flat(c, f"{c.model_type}_text"), sight(c, f"{c.model_type}_vision")
    return wrap(c, text, *eyes(seen), tied=ties(c, text, asks=True), ending=class_of(c))


@arch("qwen3_vl", "qwen3_vl_moe")
def qwen3_vl(c: Fields) -> Spec:
    """Qwen3-VL (arXiv:2511.21631): images join the text at its first layers too."""
    text = part(c, "text_config")
    return wrap(c, text, *qwen3_vision(sight(c)), tied=ties(c, text), ending=class_of(c))


@arch("qwen3_5", "qwen3_5_moe")
def qwen3_5(c: Fields) -> Spec:
    """Qwen3.5: Qwen3-VL's image tower before its own text model; alone, the text model."""
    retriever = {"ColQwen3_5": "Model"}
    ending = class_of(c, (*CLASSIFIED, "ForCausalLM", "ForTokenClassification"), also=retriever)
    if ending == "ForCausalLM":
        return text_alone(c)
    text = part(c, "text_config")
    extra = [late_interaction(c, width_of(text))] if c.texts("architectures") == (*retriever,) else []
    return wrap(c, text, *qwen3_vision(sight(c)), tied=ties(c, text), ending=ending, extra=extra)


def late_interaction(c: Fields, size: int) -> Bag:
    """One short vector for each token instead of a head (ColPali, arXiv:2407.01449), `dim` wide."""
    dim = c.int("dim", 128)
    if c.peek("head_dims") not in (ABSENT, None):
        raise NotModelled("a retriever with several widths is not modelled", hint="--set head_dims=null counts one")
    neutral(c, embed_dim=dim)
    return project("token_projection", dim, size, "projector", bias=True)


# -- LLaVA -------------------------------------------------------------------------------------------------


def image_features(c: Fields, seen: Fields) -> int:
    """Width of the image features: the tower's, times the number of layers that are read."""
    layers = c.raw("vision_feature_layer", -1)
    if isinstance(layers, list | tuple):
        if not 0 < len(layers) <= 256:
            raise BadField("vision_feature_layer", list(layers), "a layer, or a short list of layers")
        return width_of(seen) * len(layers)
    return width_of(seen)


def llava_bridge(c: Fields, text: Fields, seen: Fields, *before: Part) -> Tower:
    """Two projections with an activation between."""
    bias, out = c.flag("multimodal_projector_bias", fallback=True), width_of(text)
    return bridge(*before, *two_layers(c, image_features(c, seen), out, out, bias=bias, act="projector_hidden_act"))


@arch("llava", "llava_next_video", "llava_onevision")
def llava(c: Fields) -> Spec:
    """LLaVA (arXiv:2304.08485) and its kin that ask the text model whether to tie: CLIP or SigLIP, two projections."""
    if isinstance(c.peek("mm_vision_tower"), str):
        # The first class of all, whose files hold the text model's keys at the top and name the tower.
        from cardscope.archs.remote_towers import own_llava

        return own_llava(c)
    return _llava(c, asks=True)


@arch("llava_next")
def llava_next(c: Fields) -> Spec:
    """LLaVA-NeXT: LLaVA with a vector for the end of an image row."""
    return _llava(c)


@arch("video_llava")
def video_llava(c: Fields) -> Spec:
    """Video-LLaVA (arXiv:2311.10122): a tower for images and one of the same shape for videos."""
    return _llava(c, towers=2)


@arch("vipllava")
def vipllava(c: Fields) -> Spec:
    """ViP-LLaVA (arXiv:2312.00784): features of several layers side by side, a norm over them."""
    text, seen = part(c, "text_config"), part(c, "vision_config")
    size = width_of(text)
    steps = two_layers(c, image_features(c, seen), size, size, norm=LAYER, act="projector_hidden_act")
    return wrap(c, text, *tower(seen), bridge(*steps), tied=ties(c, text), ending=class_of(c))


def _llava(c: Fields, *, asks: bool = False, towers: int = 1) -> Spec:
    """Image towers, two projections and, where images are cut into a grid, a vector for the end of a row."""
    text, seen = part(c, "text_config"), part(c, "vision_config")
    between = llava_bridge(c, text, seen)
    newline = c.declares("image_grid_pinpoints")
    rows = [Bag((Tensor("image_newline", (width_of(text),), "projector", "other"),))] if newline else []
    tied = ties(c, text, asks=asks)
    return wrap(c, text, *tower(seen) * towers, between, tied=tied, ending=class_of(c), extra=rows)


@arch("mistral3")
def mistral3(c: Fields) -> Spec:
    """Mistral Small 3.1: Pixtral, neighbours merged into one patch, two projections."""
    text, seen = part(c, "text_config"), part(c, "vision_config")
    size, step = width_of(seen), c.int("spatial_merge_size")
    merge = project("patch_merger", size, size * step**2, "projector")
    between = llava_bridge(c, text, seen, RMS.sized(size).named("projector_norm"), merge)
    return wrap(c, text, *tower(seen), between, tied=ties(c, text), ending=class_of(c))


@arch("internvl")
def internvl(c: Fields) -> Spec:
    """InternVL 3 (arXiv:2504.10479): InternViT, 2 × 2 neighbours as one vector, a norm and two projections."""
    text, seen = part(c, "text_config"), part(c, "vision_config")
    ratio = c.number("downsample_ratio")
    if not 1 / 64 <= ratio <= 1:
        raise BadField("downsample_ratio", ratio, "between 1/64 and 1")
    size, wide = width_of(text), width_of(seen) * int(1 / ratio) ** 2
    between = bridge(*two_layers(c, wide, size, size, norm=LAYER, act="projector_hidden_act"))
    return wrap(c, text, *tower(seen), between, tied=ties(c, text), ending=class_of(c))


@arch("gemma3")
def gemma3(c: Fields) -> Spec:
    """Gemma 3 (arXiv:2503.19786): SigLIP, its patches averaged, a norm and one projection."""
    text, seen = part(c, "text_config"), part(c, "vision_config")
    between = gemma3_bridge(text, seen)
    return wrap(c, text, *tower(seen), between, tied=ties(c, text), ending=class_of(c, CLASSIFIED))


def gemma3_bridge(text: Fields, seen: Fields) -> Tower:
    """A norm and one projection, stored the other way round."""
    projection = Tensor("projector.weight", (width_of(seen), width_of(text)), "projector")
    return bridge(Bag((projection,)), RMS.sized(width_of(seen)).named("projector_norm"))


@arch("paligemma")
def paligemma(c: Fields) -> Spec:
    """PaliGemma (arXiv:2407.07726): SigLIP and one projection before Gemma."""
    text, seen = part(c, "text_config"), part(c, "vision_config")
    between = bridge(project("projector", c.int("projection_dim"), width_of(seen), "projector", bias=True))
    c.touch("hidden_size", "vocab_size")
    return wrap(c, text, *tower(seen), between, tied=ties(c, text), ending=class_of(c))


@arch("idefics3", "smolvlm")
def idefics3(c: Fields) -> Spec:
    """Idefics3 (arXiv:2408.12637) and SmolVLM (arXiv:2504.05299): neighbours as one vector, one projection."""
    text, seen = part(c, "text_config"), part(c, "vision_config")
    wide = width_of(seen) * c.int("scale_factor") ** 2
    between = bridge(project("projector", width_of(text), wide, "projector"))
    return wrap(c, text, *tower(seen), between, tied=ties(c, text), ending=class_of(c))


LFM2_IMAGES = (
    "do_image_splitting",
    "encoder_patch_size",
    "max_image_tokens",
    "max_tiles",
    "min_image_tokens",
    "min_tiles",
    "tile_size",
    "use_image_special_tokens",
    "use_thumbnail",
)
"""How LFM2-VL's processor cuts images."""


@arch("lfm2_vl")
def lfm2_vl(c: Fields) -> Spec:
    """LFM2-VL: SigLIP 2, neighbours as one vector, an optional norm and two projections of a width of their own."""
    text, seen = part(c, "text_config"), part(c, "vision_config")
    wide, inner = width_of(seen) * c.int("downsample_factor") ** 2, c.int("projector_hidden_size")
    norm = LAYER if c.flag("projector_use_layernorm") else None
    bias = c.flag("projector_bias")
    layers = two_layers(c, wide, inner, width_of(text), bias=bias, norm=norm, act="projector_hidden_act")
    c.touch(*LFM2_IMAGES)
    tied = c.flag("tie_embedding") if c.has("tie_embedding") else ties(c, text)
    return wrap(c, text, *tower(seen), bridge(*layers), tied=tied, ending=class_of(c))


# -- GLM ---------------------------------------------------------------------------------------------------


@arch("glm4v_text")
def glm4v_text(c: Fields) -> Spec:
    """GLM-4.1V's language model: GLM-4-0414's with a bias on queries, keys and values."""
    part = attention(c, qkv_bias=True, o_bias=False)
    c.touch("attention_bias")
    return decoder(c, zipped(c, [part] * c.layers(), [mlp(c)] * c.layers(), norms=4))


@arch("glm4v_moe_text")
def glm4v_moe_text(c: Fields) -> Spec:
    """GLM-4.5V's language model: GLM-4.5's without norms over queries and keys."""
    c.impose(use_qk_norm=False)
    return glm4_moe(c)


@arch("glm4v", "glm4v_moe")
def glm4v(c: Fields) -> Spec:
    """GLM-4.1V and GLM-4.5V (arXiv:2507.01006)."""
    text = part(c, "text_config")
    return wrap(c, text, *glm_vision(sight(c)), tied=ties(c, text, asks=True), ending=class_of(c))

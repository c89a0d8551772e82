"""More models that see: PaddleOCR-VL, Ovis2, Idefics2, Florence-2, DeepSeek-VL's larger one, ShieldGemma 2."""

from __future__ import annotations

from functools import partial

from cardscope.archs._compose import (
    FULL,
    bridge,
    class_of,
    merger,
    part,
    sight,
    ties,
    tower,
    width_of,
    wrap,
)
from cardscope.archs._read import act, heads, mlp, width
from cardscope.archs._registry import arch
from cardscope.archs.convnets import conv, deep_enough, stage_lists
from cardscope.archs.dense import ernie4_5
from cardscope.archs.encoder import full
from cardscope.archs.towers import normed, plain, seeing
from cardscope.archs.vision import image_layer, patches, places
from cardscope.archs.wrappers import flat, gemma3_bridge
from cardscope.archs.wrappers_more import sam_vision
from cardscope.errors import BadField
from cardscope.fields import ABSENT, Fields
from cardscope.parts import (
    LAYER,
    RMS,
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
    norm,
    project,
)


def siglip_eyes(c: Fields) -> Tower:
    """SigLIP's image tower without its probe."""
    c.touch("num_image_tokens")
    return seeing(
        [image_layer(c, full(c))] * c.layers(), patches(c), places(c), LAYER.sized(width(c)).named("post_norm")
    )


# -- readers -----------------------------------------------------------------------------------------------


@arch("paddleocr_vl_text")
def paddleocr_vl_text(c: Fields) -> Spec:
    """PaddleOCR-VL's language model: ERNIE 4.5's."""
    return ernie4_5(c)


@arch("paddleocr_vl")
def paddleocr_vl(c: Fields) -> Spec:
    """PaddleOCR-VL (arXiv:2510.14528): SigLIP at any size, neighbours merged, two projections, ERNIE 4.5."""
    text, seen = flat(c, "paddleocr_vl_text"), sight(c)
    size, step = width(seen), seen.int("spatial_merge_size")
    wide = size * step**2
    between = bridge(*merger(wide, wide, width_of(text), norm_size=size))
    return wrap(c, text, siglip_eyes(seen), between, tied=paddle_ties(c, text), ending=class_of(c))


def paddle_ties(c: Fields, text: Fields) -> bool:
    """As `ties`; of a file with the text model's keys at the top transformers 5 asks the text class, which ties."""
    if c.peek("text_config") not in (ABSENT, None):
        return ties(c, text, asks=True)
    if c.peek("tie_word_embeddings") is False:
        told = "tie_word_embeddings is false, yet transformers 5 ties this type's head; checkpoints may keep their own"
        c.log.notice("CS118", told, "tie_word_embeddings")
    return c.derive("tie_word_embeddings", True)


@arch("ovis2")
def ovis2(c: Fields) -> Spec:
    """Ovis2 (arXiv:2405.20797): AIMv2, whose features pick rows of a table of visual words."""
    text, seen = part(c, "text_config"), sight(c)
    size, words = width(seen), seen.int("vocab_size")
    rows = words - seen.int("num_visual_indicator_tokens", low=0)
    if rows < 1:
        raise BadField("vision_config.vocab_size", words, "more than its indicator tokens")
    bias = seen.flag("qkv_bias")
    layer = normed(
        seen, size, plain(size, heads(seen), bias=bias, o_bias=bias), mlp(seen, bias=seen.flag("mlp_bias")), RMS
    )
    eyes = seeing(
        [layer] * seen.layers(),
        patches(seen),
        places(seen),
        *(RMS.sized(size).named(name) for name in ("embed_norm", "final_norm")),
        project("words", rows, size * seen.int("hidden_stride") ** 2, "vision"),
        LAYER.sized(rows).named("words_norm"),
    )
    seen.touch("tokenize_function")
    c.touch("visual_indicator_token_ids")
    out, tied = c.int("hidden_size"), ties(c, text)
    head = partial(Head, c.int("vocab_size"), out, tied=tied)
    return wrap(c, text, eyes, bridge(Table(words, out, name="visual_words")), tied=tied, ending=class_of(c), head=head)


def resampler(c: Fields, size: int) -> Tower:
    """Idefics2PerceiverResampler (after arXiv:2204.14198): latents that attend to the patches, as wide as the text."""
    total, dim = c.int("resampler_n_heads"), c.int("resampler_head_dim")
    attend = Attention(size, total, c.int("num_key_value_heads"), dim)
    ffn = Mlp(size, 4 * size, component="projector", extra=act(c, "projector"))
    layer = Layer((attend, ffn, *(RMS.sized(size).named(f"norm_{index}") for index in range(3))))
    latents = Tensor("latents", (c.int("resampler_n_latents"), size), "projector", "other")
    parts = (Bag((latents,)), RMS.sized(size).named("final_norm"))
    c.touch("hidden_size")
    return Tower("resampler", (layer,) * c.layers("resampler_depth"), parts, "projector", caches=False)


@arch("idefics2")
def idefics2(c: Fields) -> Spec:
    """Idefics2 (arXiv:2405.02246): SigLIP, a gated projection, a Perceiver of a few latents, Mistral."""
    text, seen, size = part(c, "text_config"), sight(c), width_of(part(c, "text_config"))
    inner = text.int("intermediate_size")
    gated = [*linear("gate", inner, width(seen), "projector"), *linear("up", inner, width(seen), "projector")]
    own = (*gated, *linear("down", size, inner, "projector"), *activation(text.raw("hidden_act", None), "projector"))
    towers = siglip_eyes(seen), bridge(Bag(own)), resampler(c.sub("perceiver_config"), size)
    return wrap(c, text, *towers, tied=ties(c, text), ending=class_of(c))


# -- Florence-2 --------------------------------------------------------------------------------------------


def davit_block(c: Fields, size: int, wider: float) -> Layer:
    """DaViT's block (arXiv:2204.03645): attention over places and over channels, convolutions before each."""
    bias, own = c.flag("qkv_bias"), list[Tensor]()
    for kind in ("space", "channel"):
        own += [
            *linear(f"{kind}.qkv", 3 * size, size, "vision", bias=bias),
            *linear(f"{kind}.out", size, size, "vision", bias=True),
        ]
        for index in range(2):
            own += conv(f"{kind}.conv_{index}", size, 1, 3, "vision", bias=True)
            own += norm(f"{kind}.norm_{index}", size, bias=True)
        inner = int(size * wider)
        own += [
            *linear(f"{kind}.up", inner, size, "vision", bias=True),
            *linear(f"{kind}.down", size, inner, "vision", bias=True),
        ]
        own += activation(c.raw("activation_function"), "vision")
    return Layer((Bag(tuple(own), "window and channel attention"),))


def davit(c: Fields) -> Tower:
    """Florence2VisionBackbone: four stages, each after a strided convolution with its norm before or behind it."""
    sizes = c.ints("embed_dim") or ()
    wanted = ("embed_dim", "depths", "patch_size", "num_heads", "num_groups")
    sizes, depths, kernels, *_ = stage_lists(c, *wanted, count=len(sizes))
    before = c.raw("patch_prenorm")
    if not isinstance(before, list | tuple) or len(before) < len(sizes):
        raise BadField(c.prefix + "patch_prenorm", before, f"one flag for each of the {len(sizes)} stages")
    deep_enough(c, "depths", depths)
    into, wider = c.int("in_channels"), c.number("mlp_ratio")
    layers, parts = list[Layer](), list[Part]()
    for size, depth, kernel, early in zip(sizes, depths, kernels, before, strict=False):
        parts += [Bag(conv("patch", size, into, kernel, "vision", bias=True))]
        parts += [LAYER.sized(into if early else size).named("patch_norm")]
        layers += [davit_block(c, size, wider)] * depth
        into = size
    c.touch("patch_stride", "patch_padding", "window_size", "drop_path_rate")
    return seeing(layers, *parts)


@arch("florence2")
def florence2(c: Fields) -> Spec:
    """Florence-2 (arXiv:2311.06242): DaViT, a projection with learned and stored positions, BART."""
    text, seen = c.sub("text_config"), sight(c)
    # BART's own switch says whether its halves share their words; the head is the wrapper's.
    text.impose(architectures=["BartModel"])
    last, out = (seen.ints("embed_dim") or (0,))[-1], seen.int("projection_dim")
    rows, frames = seen.int("max_position_embeddings"), seen.int("max_temporal_embeddings")
    between = bridge(
        project("projector", out, last, "projector"),
        LAYER.sized(out).named("projector_norm"),
        Table(rows, last // 2, "position", "rows"),
        Table(rows, last - last // 2, "position", "columns"),
        Bag((Tensor("frames", (frames, last), "position", "buffer"),)),
    )
    return wrap(c, text, davit(seen), between, tied=ties(c, text), ending=class_of(c))


# -- DeepSeek-VL -------------------------------------------------------------------------------------------


def neck(c: Fields, name: str) -> tuple[Tensor, ...]:
    """SAM's neck: two convolutions and their norms."""
    out = c.int("output_channels")
    one, three = conv(f"{name}_1", out, width(c), 1, "projector"), conv(f"{name}_2", out, out, 3, "projector")
    return (*one, *three, *(t for index in range(2) for t in norm(f"{name}_norm_{index}", out, bias=True)))


@arch("deepseek_vl_hybrid")
def deepseek_vl_hybrid(c: Fields) -> Spec:
    """DeepSeek-VL 7B (arXiv:2403.05525): SigLIP, and SAM over a larger image, side by side before a Llama."""
    text, seen, large = part(c, "text_config"), part(c, "vision_config"), sight_of(c, "high_res_vision_config")
    channels, size = large.int("output_channels"), width_of(text)
    own = [*neck(large, "high"), Tensor("high.alpha", (1,), "projector", "other")]
    own += [*conv("high.up_1", 2 * channels, channels, 3, "projector")]
    own += [*conv("high.up_2", 4 * channels, 2 * channels, 3, "projector")]
    own += [*linear("high.proj", size // 2, 4 * channels, "projector", bias=True)]
    own += [*linear("low.proj", size // 2, width_of(seen), "projector", bias=True)]
    c.touch("num_image_tokens")
    between = bridge(Bag(tuple(own)), project("projector", size, size, "projector", bias=True))
    return wrap(c, text, *tower(seen), sam_vision(large), between, tied=ties(c, text), ending=class_of(c))


def sight_of(c: Fields, key: str) -> Fields:
    """SAM's config; without `mlp_dim` its MLP is `mlp_ratio` times the width."""
    inner = c.sub(key)
    inner.touch("num_pos_feats", "mlp_ratio")
    if inner.raw("mlp_dim", None) is None:
        inner.impose(mlp_dim=int(width(inner) * inner.number("mlp_ratio")))
    return inner


# -- Gemma -------------------------------------------------------------------------------------------------


@arch("shieldgemma2")
def shieldgemma2(c: Fields) -> Spec:
    """ShieldGemma 2 (arXiv:2504.01081): Gemma 3 whole, asked whether an image breaks a rule."""
    named = {"Gemma3ForConditionalGeneration": FULL, "ShieldGemma2ForImageClassification": FULL}
    ending = class_of(c, (FULL,), named)
    text, seen = part(c, "text_config"), part(c, "vision_config")
    return wrap(c, text, *tower(seen), gemma3_bridge(text, seen), tied=ties(c, text, asks=True), ending=ending)


@arch("gemma4_unified_assistant")
def gemma4_assistant(c: Fields) -> Spec:
    """The drafter of Gemma 4 without encoders: its language model between two projections from and to the large one."""
    class_of(c, ("ForCausalLM",))
    text, size = part(c, "text_config"), c.int("backbone_hidden_size")
    if not text.opt_int("num_kv_shared_layers"):
        text.impose(num_kv_shared_layers=text.layers())
    own = [project("pre_projection", width_of(text), 2 * size, "projector")]
    own.append(project("post_projection", size, width_of(text), "projector"))
    if c.flag("use_ordered_embeddings"):
        own.append(project("centroids", c.int("num_centroids"), width_of(text), "head"))
        own.append(Bag((Tensor("token_ordering", (text.int("vocab_size"),), "head", "buffer"),)))
    c.touch("num_centroids", "centroid_intermediate_top_k")
    return wrap(c, text, tied=ties(c, text), extra=own)

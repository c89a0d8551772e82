"""Wrappers of 2025 and 2026, and those whose text model is all that is counted here."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._compose import (
    FULL,
    bridge,
    class_of,
    part,
    sight,
    text_alone,
    ties,
    tower,
    two_layers,
    unknown_word,
    width_of,
    wrap,
)
from cardscope.archs._read import (
    act,
    attention,
    decoder,
    heads,
    layer_types,
    mlp,
    neutral,
    pick,
    unmodelled_mtp,
    width,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.archs.gated import by_window
from cardscope.archs.towers import cubes, glm_vision, normed, plain, qwen3_vision, seeing
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import LAYER, RMS, Bag, Mlp, Part, Spec, Table, Tensor, Tower, linear, norm, project


@arch("qwen4_exp")
def qwen4_exp(c: Fields) -> Spec:
    """Qwen4's experiment: Qwen3-VL's image tower without early joins; alone, the text model."""
    ending = class_of(c, ("Model", FULL, "ForCausalLM"))
    if ending == "ForCausalLM":
        return text_alone(c)
    text = part(c, "text_config")
    return wrap(c, text, *qwen3_vision(sight(c)), tied=ties(c, text), ending=ending)


@arch("minimax_m3_vl")
def minimax_m3_vl(c: Fields) -> Spec:
    """MiniMax-M3: CLIP-like layers over patches of two frames, two projections before neighbours merge, two after."""
    named = {"MiniMaxM3SparseForConditionalGeneration": FULL}
    text, seen = part(c, "text_config"), sight(c)
    size, inner, out = width(seen), c.int("projector_hidden_size"), width_of(text)
    layer = normed(seen, size, plain(size, heads(seen)), mlp(seen, bias=True, gated=False))
    eyes = seeing(
        [layer] * seen.layers(),
        cubes(seen, size, bias=False, channels="num_channels"),
        LAYER.sized(size).named("pre_norm"),
    )
    step, frames = seen.int("spatial_merge_size"), seen.int("temporal_patch_size")
    wide = out * step**2
    merged = {
        "image_token_compression_method": "patch_merge",
        "spatial_merge_size": step,
        "temporal_patch_size": frames,
    }
    for each in (c, seen):
        neutral(each, img_token_compression_config=merged, multimodal_projector_bias=True, projection_dim=out)
    neutral(text, use_gemma_norm=True, use_qk_norm=True, use_routing_bias=True, n_shared_experts=1)
    neutral(c, num_reward_heads=0)
    unmodelled_mtp(text, "num_mtp_modules")
    c.touch("vision_feature_layer")
    seen.touch("image_size", "vision_segment_max_frames")
    between = bridge(*two_layers(c, size, inner, out), *two_layers(c, wide, inner, out))
    return wrap(c, text, eyes, between, tied=ties(c, text, asks=True), ending=class_of(c, also=named))


@arch("glm46v")
def glm46v(c: Fields) -> Spec:
    """GLM-4.6V: GLM-4.5V's image tower before GLM-4.1V's or GLM-4.5V's language model."""
    text, seen = part(c, "text_config"), sight(c)
    if not seen.model_type.startswith("glm4v"):
        raise unknown_word(c, "vision_config.model_type", seen.model_type)
    return wrap(c, text, *glm_vision(seen), tied=ties(c, text, asks=True), ending=class_of(c))


@arch("cohere2_vision")
def cohere2_vision(c: Fields) -> Spec:
    """Command A Vision: SigLIP, neighbours as one vector, a gated projection."""
    text, seen = part(c, "text_config"), part(c, "vision_config")
    wide, inner = width_of(seen) * c.int("downsample_factor") ** 2, c.int("alignment_intermediate_size")
    return wrap(c, text, *tower(seen), gated_bridge(text, wide, inner), tied=ties(c, text), ending=class_of(c))


@arch("aria")
def aria(c: Fields) -> Spec:
    """Aria (arXiv:2410.05993): SigLIP, learned queries that attend to the patches, a mixture of experts."""
    text, seen = part(c, "text_config"), part(c, "vision_config")
    size, out = width_of(seen), width_of(text)
    listed = c.raw("projector_patch_to_query_dict", None)
    counts = list(listed.values()) if isinstance(listed, dict) else [128, 256]
    if not counts or not all(isinstance(n, int) and 0 < n <= 1 << 20 for n in counts):
        raise BadField("projector_patch_to_query_dict", listed, "patch counts with their numbers of queries")
    own = [Tensor("query", (max(counts), size), "projector", "other")]
    for name in ("q", "k", "v"):
        own += linear(f"cross.{name}", size, size, "projector")
    own += linear("cross.qkv", 3 * size, size, "projector", bias=True)
    for name in ("cross.out", "cross.linear"):
        own += linear(name, size, size, "projector", bias=True)
    for name in ("norm_query", "norm_patches", "norm_out"):
        own += norm(name, size, bias=True)
    own += [*linear("ffn.in", out, size, "projector"), *linear("ffn.out", out, out, "projector")]
    c.touch("vision_feature_layer")
    return wrap(c, text, *tower(seen), bridge(Bag(tuple(own))), tied=ties(c, text), ending=class_of(c))


def gated_bridge(text: Fields, wide: int, inner: int, *before: Part) -> Tower:
    """Two projections, the first twice as wide as the second reads: half of it gates the other half."""
    first = project("linear_1", inner, wide, "projector", bias=True)
    return bridge(*before, first, project("linear_2", width_of(text), inner // 2, "projector", bias=True))


@arch("aya_vision")
def aya_vision(c: Fields) -> Spec:
    """Aya Vision (arXiv:2505.08751): SigLIP, neighbours as one vector, a norm and a gated projection."""
    text, seen = part(c, "text_config"), part(c, "vision_config")
    wide = width_of(seen) * c.int("downsample_factor") ** 2
    inner = c.int("alignment_intermediate_size", width_of(text))
    between = gated_bridge(text, wide, inner, LAYER.sized(wide).named("projector_norm"))
    c.touch("vision_feature_layer")
    return wrap(c, text, *tower(seen), between, tied=ties(c, text), ending=class_of(c))


# -- Muse --------------------------------------------------------------------------------------------------


@arch("muse_glimmer_text")
def muse_glimmer_text(c: Fields) -> Spec:
    """Muse Glimmer's language model: three sliding layers to one full, a gate on attention's output, four norms."""
    total = c.layers()
    kinds = layer_types(c, lambda i: "sliding_attention" if (total - 1 - i) % 4 else "full_attention")
    mixers = pick(kinds, by_window(attention(c, gate="apart"), c.opt_int("sliding_window")))
    c.touch("layer_rope_theta")
    return decoder(c, zipped(c, mixers, [mlp(c)] * total, norms=4))


@arch("muse_glimmer")
def muse_glimmer(c: Fields) -> Spec:
    """Muse Glimmer: an image tower over flat patches of two frames, an adapter of two projections, a third."""
    text, seen = part(c, "text_config"), sight(c)
    size, inner = width(seen), c.int("projector_hidden_size")
    flat = seen.int("patch_temporal") * 3 * seen.int("patch_size") ** 2
    layer = normed(seen, size, plain(size, heads(seen)), mlp(seen, bias=True, gated=False))
    eyes = seeing(
        [layer] * seen.layers(),
        project("patch", size, flat, "vision"),
        Table(seen.int("pos_emb_height") * seen.int("pos_emb_width"), size, "position", "positions"),
        *(LAYER.sized(size).named(name) for name in ("pre_norm", "post_norm")),
    )
    seen.touch("merge_size", "layer_types", "max_position_embeddings")
    adapter = two_layers(c, c.int("out_hidden_size"), inner, inner, bias=False, act="projector_hidden_act")
    between = bridge(*adapter, project("projector", width_of(text), inner, "projector"))
    return wrap(c, text, eyes, between, tied=ties(c, text), ending=class_of(c))


# -- readers -----------------------------------------------------------------------------------------------


@arch("lighton_ocr")
def lighton_ocr(c: Fields) -> Spec:
    """LightOnOCR (LightOnOcrModel): Pixtral's image tower, neighbours merged into one patch, Qwen3."""
    text, seen = part(c, "text_config"), part(c, "vision_config")
    size, out = width_of(seen), width_of(text)
    merge = project("patch_merger", size, size * c.int("spatial_merge_size") ** 2, "projector")
    between = bridge(RMS.sized(size).named("projector_norm"), merge, *two_layers(c, size, out, out, bias=False))
    return wrap(c, text, *tower(seen), between, tied=ties(c, text), ending=class_of(c))


@arch("deepseek_vl")
def deepseek_vl(c: Fields) -> Spec:
    """DeepSeek-VL (arXiv:2403.05525): SigLIP and two projections before a Llama."""
    text, seen = part(c, "text_config"), part(c, "vision_config")
    between = bridge(*two_layers(c, width_of(seen), width_of(text), width_of(text)))
    c.touch("num_image_tokens")
    return wrap(c, text, *tower(seen), between, tied=ties(c, text), ending=class_of(c))


@arch("glm_ocr_text")
def glm_ocr_text(c: Fields) -> Spec:
    """GLM-OCR's language model: GLM-4-0414's without biases."""
    part = attention(c, bias=False)
    return decoder(c, zipped(c, [part] * c.layers(), [mlp(c)] * c.layers(), norms=4))


@arch("glm_ocr")
def glm_ocr(c: Fields) -> Spec:
    """GLM-OCR: GLM-4.1V's plan with norms over queries and keys, and no learned positions."""
    text, seen = part(c, "text_config"), sight(c)
    size, out, step = width(seen), seen.int("out_hidden_size"), seen.int("spatial_merge_size")
    bias = seen.flag("attention_bias")
    attend = replace(plain(size, heads(seen), bias=bias, o_bias=bias), qk_norm="head")
    layer = normed(seen, size, attend, mlp(seen, bias=bias), RMS)
    eyes = seeing([layer] * seen.layers(), cubes(seen, size, bias=True), RMS.sized(size).named("post_norm"))
    own = (
        Tensor("downsample", (out, size, step, step), "projector", "other"),
        Tensor("downsample.bias", (out,), "projector", "bias"),
        *linear("merger.proj", out, out, "projector"),
        *norm("merger.norm", out, bias=True),
    )
    wide = Mlp(out, out * seen.int("in_channels"), component="projector", extra=act(seen))
    seen.touch("image_size")
    return wrap(c, text, eyes, bridge(Bag(own), wide), tied=ties(c, text), ending=class_of(c))

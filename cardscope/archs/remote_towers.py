"""Repositories' own code once more: LLaVA's first class, Qwen's first images and sound, Kimi-VL, dots.ocr."""

from __future__ import annotations

import re
from collections.abc import Callable

from cardscope.archs import interpret
from cardscope.archs._compose import bridge, merger, unknown_word
from cardscope.archs._read import attention, heads, mlp, neutral, stack, width
from cardscope.archs._registry import arch
from cardscope.archs.remote_vision import CLIP_L_336, clip_tower, learned
from cardscope.archs.remote_wrappers import flat_patches, resampler, siglip_tower, with_towers
from cardscope.archs.towers import normed, plain, seeing
from cardscope.archs.wrappers_audio import hearing
from cardscope.archs.wrappers_more import pair_of
from cardscope.errors import NotModelled
from cardscope.fields import Fields
from cardscope.parts import LAYER, RMS, Attention, Bag, Layer, Mlp, Part, Spec, Table, Tensor, Tower, project

# -- Qwen --------------------------------------------------------------------------------------------------


def open_clip(c: Fields) -> tuple[Tower, Tower]:
    """OpenCLIP's ViT-bigG and 256 learned queries that attend to its patches (Qwen-VL, arXiv:2308.12966 §2.1)."""
    size, out, patch = c.int("width"), c.int("output_dim"), c.int("patch_size")
    norms = tuple(LAYER.sized(size).named(f"norm_{index}") for index in range(2))
    inner = int(size * c.number("mlp_ratio"))
    one = Layer((plain(size, 1), Mlp(size, inner, False, True, True), *norms))
    queries = c.int("n_queries", 256)
    table = Table(256, size, "position", "positions")
    c.touch("heads", "image_size", "image_start_id")
    before = (flat_patches(size, patch, bias=False), table, LAYER.sized(size).named("pre_norm"))
    return seeing([one] * c.layers("layers"), *before), bridge(resampler(out, queries, size, places=True))


def open_whisper(c: Fields) -> tuple[Tower, Tower]:
    """Whisper's encoder with learned positions, one projection (Qwen-Audio, arXiv:2311.07919 §3.1)."""
    size, out = c.int("n_state"), c.int("output_dim")
    # Whisper's keys have no bias.
    part = Attention(size, 1, 1, size, q_bias=True, v_bias=True, o_bias=True)
    norms = tuple(LAYER.sized(size).named(f"norm_{index}") for index in range(2))
    one = Layer((part, Mlp(size, 4 * size, False, True, True), *norms))
    waves = [
        tensor
        for index, into in enumerate((c.int("n_mels"), size))
        for tensor in (
            Tensor(f"conv_{index}.weight", (size, into, 3), "audio", "other"),
            Tensor(f"conv_{index}.bias", (size,), "audio", "bias"),
        )
    ]
    table = Table(c.int("n_ctx"), size, "position", "positions")
    marks = learned(("bos_eos", (2, out))) if c.flag("add_audio_bos_eos_token", fallback=False) else Bag(())
    c.touch("n_head", "avg_pool", "audio_start_id")
    ears = hearing([one] * c.layers("n_layer"), Bag(tuple(waves)), table, LAYER.sized(size).named("post_norm"))
    return ears, bridge(project("projector", out, size, "projector", bias=True), marks)


@arch("qwen")
def qwen(c: Fields) -> Spec:
    """Qwen, first generation (arXiv:2309.16609), Qwen-VL and Qwen-Audio: `intermediate_size` is that of both halves."""
    c.touch("visual", "audio", "max_position_embeddings", "rotary_pct", "tokenizer_type")
    dim, inner = c.int("kv_channels", 128), c.int("intermediate_size") // 2
    bias = not c.flag("no_bias", fallback=True)
    part = attention(c, kv_heads=heads(c), head_dim=dim, qkv_bias=True, o_bias=bias)
    spec = stack(c, part, mlp(c, inner), max_positions="seq_length")
    for key, towers in (("visual", open_clip), ("audio", open_whisper)):
        if isinstance(c.peek(key), dict):
            spec = with_towers(c, spec, *towers(c.sub(key)))
    return spec


# -- LLaVA -------------------------------------------------------------------------------------------------

SIGLIP_384 = (26, 1152, 4304, 14, 27**2)
"""google/siglip-so400m-patch14-384 without its last layer, as LLaVA and Bunny cut it."""
LLAVA_TEXTS = {
    "LlavaLlamaForCausalLM": "llama",
    "LlavaMistralForCausalLM": "mistral",
    "LlavaQwenForCausalLM": "qwen2",
    "BunnyPhiForCausalLM": "phi",
    "PhiForCausalLM": "phi",
}
EYES: dict[str, tuple[int, Callable[[], Tower]]] = {
    "clip-vit-large-patch14-336": (1024, lambda: clip_tower(*CLIP_L_336)),
    "clip-vit-large-patch14": (1024, lambda: clip_tower(*CLIP_L_336[:4], 224)),
    "siglip-so400m-patch14-384": (1152, lambda: siglip_tower(*SIGLIP_384)),
}
"""Image towers by the last part of the name they have on the Hub: their width and what they are made of."""


@arch("llava_llama", "llava_mistral", "llava_qwen", "bunny-phi")
def own_llava(c: Fields) -> Spec:
    """LLaVA 1.5 to OneVision (arXiv:2310.03744, arXiv:2408.03326) and Bunny: a text model's keys, a tower by name."""
    named = c.texts("architectures") or ("none",)
    tower, kind = c.opt_text("mm_vision_tower") or "", c.text("mm_projector_type", "linear")
    found = EYES.get(tower.rpartition("/")[2])
    deep = re.fullmatch(r"mlp([1-8])x_gelu", kind)
    if named[0] not in LLAVA_TEXTS or found is None:
        shown = f"{named[0]} before the image tower {tower or 'none'}"
        raise NotModelled(f"{shown} is not modelled", hint=f"known are {', '.join(EYES)}")
    if (deep is None and kind != "linear") or c.raw("mm_resampler_type", None) is not None:
        raise unknown_word(c, "mm_projector_type", kind)
    if c.flag("add_faster_video", fallback=False):
        raise NotModelled("LLaVA-Video's second, faster pace is not modelled", hint="--set add_faster_video=false")
    spec = interpret(c.over(LLAVA_TEXTS[named[0]]))
    size, wide = spec.hidden_size or width(c), c.int("mm_hidden_size", found[0])
    depth = int(deep[1]) if deep else 1
    steps = [project(f"linear_{n}", size, size if n else wide, "projector", bias=True) for n in range(depth)]
    rows = [learned(("image_newline", (size,)))] if "unpad" in (c.opt_text("mm_patch_merge_type") or "") else []
    c.touch(*MM_IDLE)
    return with_towers(c, spec, found[1](), bridge(*steps, *rows))


MM_IDLE = (
    "mm_vision_select_layer",
    "mm_use_im_patch_token",
    "mm_use_im_start_end",
    "mm_spatial_pool_mode",
    "mm_spatial_pool_stride",
    "mm_newline_position",
    "mm_tunable_parts",
    "use_mm_proj",
    "freeze_mm_mlp_adapter",
    "tune_mm_mlp_adapter",
    "unfreeze_mm_vision_tower",
    "tokenizer_model_max_length",
    "image_grid_pinpoints",
    "image_crop_resolution",
    "image_split_resolution",
    "max_length",
    "image_aspect_ratio",
    "vision_tower_pretrained",
    "pos_skipping_range",
    "faster_token_stride",
)
"""How images are cut and what was trained, which shapes no tensor."""

# -- others ------------------------------------------------------------------------------------------------


@arch("kimi_vl")
def kimi_vl(c: Fields) -> Spec:
    """Kimi-VL (arXiv:2504.07491): MoonViT, 2 × 2 neighbours as one vector, two projections before Moonlight."""
    spec, seen = interpret(c.sub("text_config", "deepseek_v3")), c.sub("vision_config")
    size = width(seen)
    layer = normed(seen, size, plain(size, heads(seen)), mlp(seen, bias=True, gated=False))
    table = Table(
        seen.int("init_pos_emb_height", 64) * seen.int("init_pos_emb_width", 64), size, "position", "positions"
    )
    eyes = seeing(
        [layer] * seen.layers(),
        flat_patches(size, seen.int("patch_size", 14)),
        table,
        LAYER.sized(size).named("final_norm"),
    )
    wide = size * pair_of(seen, "merge_kernel_size")
    c.touch("tie_word_embeddings", "media_placeholder_token_id", "ignore_index", "vocab_size")
    return with_towers(c, spec, eyes, bridge(*merger(wide, wide, spec.hidden_size or 0, norm_size=size)))


@arch("dots_ocr")
def dots_ocr(c: Fields) -> Spec:
    """dots.ocr: a ViT with RMSNorm and a gated MLP, 2 × 2 neighbours as one vector, before Qwen2's layers."""
    spec, seen = interpret(c.over("qwen2")), c.sub("vision_config")
    size, bias = seen.int("embed_dim", 1536), seen.flag("use_bias", fallback=False)
    ffn = Mlp(size, seen.int("intermediate_size", 4224), True, bias, bias)
    layer = normed(seen, size, plain(size, seen.int("num_attention_heads", 12), bias=bias, o_bias=bias), ffn, RMS)
    patch = flat_patches(size, seen.int("patch_size", 14), channels=seen.int("num_channels", 3))
    before: list[Part] = [patch, RMS.sized(size).named("patch_norm")]
    if seen.flag("post_norm", fallback=True):
        before.append(RMS.sized(size).named("post_norm"))
    wide, out = size * seen.int("spatial_merge_size", 2) ** 2, spec.hidden_size or 0
    neutral(seen, temporal_patch_size=1, hidden_size=out)
    seen.touch("is_causal")
    neutral(c, attention_bias=True)
    eyes = seeing([layer] * seen.int("num_hidden_layers", 42, low=0, high=1000), *before)
    return with_towers(c, spec, eyes, bridge(*merger(wide, wide, out, norm_size=size)))

"""More vision-language models of repositories' own code: towers named rather than described, text keys at the top."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cardscope.archs._compose import bridge, two_layers, unknown_word
from cardscope.archs._read import (
    attention,
    block,
    decoder,
    heads,
    latent,
    mlp,
    moe,
    neutral,
    split_heads,
    stack,
    width,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.archs.latent import dense_first, shared_width
from cardscope.archs.remote import named
from cardscope.archs.remote_wrappers import flat_patches, siglip_tower, with_towers
from cardscope.archs.towers import plain, seeing
from cardscope.archs.wrappers_more import sam_vision
from cardscope.errors import BadField, NotModelled
from cardscope.fields import ABSENT, Fields
from cardscope.parts import (
    LAYER,
    RMS,
    Attention,
    Bag,
    Layer,
    Mlp,
    Part,
    Spec,
    Table,
    Tensor,
    Tower,
    linear,
    norm,
    project,
)


def clip_tower(layers: int, size: int, inner: int, patch: int, side: int, *, post: bool = True) -> Tower:
    """CLIP's image tower (arXiv:2103.00020) by its sizes; how many heads there are shapes no tensor."""
    norms = tuple(LAYER.sized(size).named(f"norm_{index}") for index in range(2))
    one = Layer((plain(size, 1), Mlp(size, inner, False, True, True), *norms))
    cls = Bag((Tensor("cls_token", (1, 1, size), "embedding", "other"),))
    table = Table((side // patch) ** 2 + 1, size, "position", "positions")
    around = [LAYER.sized(size).named(name) for name in ("pre_norm", "post_norm")[: 1 + post]]
    return seeing([one] * layers, cls, flat_patches(size, patch, bias=False), table, *around)


CLIP_L_336 = (24, 1024, 4096, 14, 336)
"""openai/clip-vit-large-patch14-336: layers, width, inner width, patch, side of an image."""


def learned(*tensors: tuple[str, tuple[int, ...]]) -> Bag:
    """Free-standing vectors between the towers."""
    return Bag(tuple(Tensor(name, shape, "projector", "other") for name, shape in tensors))


@arch("phi3_v")
def phi3_v(c: Fields) -> Spec:
    """Phi-3-vision and Phi-3.5-vision (arXiv:2404.14219 §6): CLIP, 2 × 2 neighbours as one vector, two projections."""
    seen, layout = c.sub("img_processor"), c.sub("embd_layer")
    tower = seen.text("model_name")
    if tower != "openai/clip-vit-large-patch14-336":
        raise unknown_word(seen, "model_name", tower)
    spread = layout.flag("use_hd_transform", fallback=False)
    kind = layout.text("projection_cls", "linear")
    if kind != "mlp" or not spread or not layout.flag("with_learnable_separator", fallback=False):
        raise unknown_word(layout, "projection_cls", kind)
    seen.touch("num_img_tokens", "name", "layer_idx", "type_feature", "image_dim_out")
    layout.touch("hd_transform_order", "embedding_cls")
    c.touch("sliding_window", "original_max_position_embeddings")
    spec = stack(c, attention(c, bias=False, head_dim=split_heads(c, heads(c))), mlp(c))
    wide, size = 4 * seen.int("image_dim_out", 1024), width(c)
    marks = learned(("glb_GN", (1, 1, wide)), ("sub_GN", (1, 1, 1, wide)))
    return with_towers(c, spec, clip_tower(*CLIP_L_336), bridge(marks, *two_layers(c, wide, size, size)))


@arch("molmo")
def molmo(c: Fields) -> Spec:
    """Molmo (arXiv:2409.17146): CLIP without its last layer, two of its layers pooled by attention, a gated projector.

    The repositories' class fixes the image tower; `intermediate_size` is that of both halves of the gated MLPs.
    """
    for key in ("moe_num_experts", "num_experts", "moe_top_k"):
        if c.peek(key) not in (ABSENT, None):
            raise NotModelled("a Molmo with experts is not modelled", hint="only its dense siblings are")
    kind, inner = c.text("layer_norm_type", "rms"), c.int("intermediate_size") // 2
    if kind != "rms":
        raise unknown_word(c, "layer_norm_type", kind)
    norms = c.flag("attention_layer_norm", fallback=False)
    part = attention(
        c,
        qkv_bias=c.flag("qkv_bias", fallback=False),
        o_bias=False,
        head_dim=split_heads(c, heads(c)),
        qk_norm="full" if norms else None,
    )
    layer = block(part, mlp(c, inner), width=width(c))
    c.touch("norm_after", "use_position_ids", "tie_word_embeddings", "clip_qkv")
    named(c, vocab_size="embedding_size")
    extra = Bag((Tensor("embed.new", (128, width(c)), "embedding", "table"),))
    tied = c.flag("weight_tying", fallback=False)
    spec = decoder(c, [layer] * c.layers(), extra=(extra,), tied=tied, head="causal_lm")
    return with_towers(c, spec, clip_tower(23, *CLIP_L_336[1:], post=False), molmo_bridge(width(c), inner))


def molmo_bridge(size: int, inner: int) -> Tower:
    """Two layers of CLIP side by side, four neighbours pooled by their mean's attention, a gated MLP."""
    eye = CLIP_L_336[1]
    pooled: list[Part] = [project(f"pool_{name}", eye, 2 * eye, "projector", bias=True) for name in "qkv"]
    pooled += [project("pool_o", eye, eye, "projector", bias=True), learned(("pad_embed", (2, 2 * eye)))]
    gated = [project(f"projector_{name}", inner, eye, "projector") for name in ("gate", "up")]
    return bridge(*pooled, *gated, project("projector_down", size, inner, "projector"))


# -- DeepSeek-VL2 and DeepSeek-OCR -------------------------------------------------------------------------


def deepseek_text(c: Fields) -> Spec:
    """DeepSeek-V2 as its own code has it: compressed keys and values, or, with `use_mla` false, Llama's attention."""
    if c.flag("use_mla", fallback=True):
        mixer: Part = latent(c)
    else:
        c.touch("kv_lora_rank", "q_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
        mixer = attention(c, head_dim=split_heads(c, heads(c)))
    corrected = c.raw("topk_method", None) == "noaux_tc"
    routed = moe(c, "n_routed_experts", shared=shared_width(c), correction=corrected, correction_is_parameter=True)
    ffns = dense_first(c, routed, mlp(c))
    c.touch("lm_head", "rm_head")
    return decoder(c, zipped(c, [mixer] * len(ffns), ffns), tied=c.flag("tie_word_embeddings", fallback=False))


def sam_deepseek(c: Fields, out: int) -> Tower:
    """SAM's image encoder (arXiv:2304.02643), then two strided convolutions, the second `out` wide."""
    low, _ = pair(c, "downsample_channels")
    size = c.int("width")
    keys = {
        "hidden_size": size,
        "num_hidden_layers": c.layers("layers"),
        "num_attention_heads": c.int("heads"),
        "mlp_dim": 4 * size,
        "global_attn_indexes": list(c.ints("global_attn_indexes") or ()),
        **SAM,
    }
    tower = sam_vision(Fields(keys, prefix=c.prefix, log=c.log))
    steps = ((low, SAM["output_channels"], 3, 3), (out, low, 3, 3))
    down = Bag(tuple(Tensor(f"down_{index}", shape, "vision", "other") for index, shape in enumerate(steps)))
    return replace(tower, parts=(*tower.parts, down))


SAM = {
    "image_size": 1024,
    "patch_size": 16,
    "num_channels": 3,
    "output_channels": 256,
    "window_size": 14,
    "qkv_bias": True,
    "use_abs_pos": True,
    "use_rel_pos": True,
}
"""What segment-anything's ViT-B is built with."""


def pair(c: Fields, key: str) -> tuple[int, int]:
    """A list of two sizes. Raises BadField."""
    listed = c.ints(key) or ()
    if len(listed) != 2 or 0 in listed:
        raise BadField(c.prefix + key, list(listed), "two sizes")
    return listed[0], listed[1]


def ocr_eyes(c: Fields) -> tuple[Tower, ...]:
    """DeepSeek-OCR (arXiv:2510.18234): SAM's features through CLIP's layers, and both side by side."""
    seen = c.sub("clip-l-14-224")
    size, sam = seen.int("width"), c.sub("sam_vit_b")
    seen.touch("heads")
    patch, side = seen.int("patch_size"), seen.int("image_size")
    through = clip_tower(seen.layers("layers"), size, 4 * size, patch, side, post=False)
    return sam_deepseek(sam, pair(sam, "downsample_channels")[1]), through


def ocr2_eyes(c: Fields) -> tuple[Tower, ...]:
    """DeepSeek-OCR 2: SAM's features through the layers of Qwen2-0.5B, with as many learned queries as features."""
    size = c.sub("qwen2-0-5b").int("dim")
    part = Attention(size, 14, 2, size // 14, q_bias=True, k_bias=True, v_bias=True)
    layer = block(part, Mlp(size, 4864), width=size)
    queries = learned(*((f"query_{side}", (count, size)) for side, count in ((768, 144), (1024, 256))))
    tower = seeing([layer] * 24, queries, RMS.sized(size).named("final_norm"))
    return sam_deepseek(c.sub("sam_vit_b"), size), tower


def vl2_eyes(c: Fields) -> tuple[Tower, ...]:
    """DeepSeek-VL2 (arXiv:2412.10302): SigLIP with the probe that it does not use."""
    size, patch = c.int("width", 1024), c.int("patch_size", 16)
    inner = int(size * c.number("mlp_ratio", 4.0))
    eyes = siglip_tower(c.layers("layers"), size, inner, patch, (c.int("image_size", 384) // patch) ** 2)
    return (probed(eyes, size, inner),)


def probed(eyes: Tower, size: int, inner: int) -> Tower:
    """A SigLIP tower with the probe that timm's class builds and these models do not use."""
    probe = (
        Tensor("probe", (1, 1, size), "vision", "other"),
        *linear("probe.qkv", 3 * size, size, "vision", bias=True),
        *linear("probe.out", size, size, "vision", bias=True),
        *norm("probe.norm", size, bias=True, component="vision"),
        *Mlp(size, inner, False, True, True, "vision", "probe.").tensors(),
    )
    return replace(eyes, parts=(*eyes.parts, Bag(probe)))


EYES: dict[str, Callable[[Fields], tuple[Tower, ...]]] = {
    "deeplip_b_l": lambda c: ocr_eyes(c.sub("width")),
    "deepencoderv2": lambda c: ocr2_eyes(c.sub("width")),
    "siglip_so400m_patch14_384": vl2_eyes,
}
"""The image towers by the name that `vision_config` gives them."""


@arch("deepseek_vl_v2")
def deepseek_vl_v2(c: Fields) -> Spec:
    """DeepSeek-VL2 (arXiv:2412.10302), DeepSeek-OCR and OCR 2: image towers, a projector, DeepSeek-V2's mixture."""
    text, seen = c.sub("language_config", "deepseek_v2"), c.sub("vision_config")
    name = seen.text("model_name")
    if name not in EYES:
        raise unknown_word(seen, "model_name", name)
    spec, towers = deepseek_text(text), EYES[name](seen)
    seen.touch("image_size", "mlp_ratio", "model_type")
    size = spec.hidden_size or 0
    c.touch("candidate_resolutions", "tile_tag", "global_view_pos", "tie_word_embeddings", "language_config")
    # OCR's files hold the text model's keys at the top as well.
    raw = c.peek("language_config")
    neutral(c, **raw if isinstance(raw, dict) else {})
    marks = 1 if name == "deepencoderv2" else 2
    between = bridge(*deepseek_bridge(c.sub("projector_config"), size), learned(("separators", (marks, size))))
    return with_towers(c, spec, *towers, between)


def deepseek_bridge(c: Fields, size: int) -> list[Part]:
    """One projection, or two over 2 × 2 neighbours."""
    kind = c.text("projector_type", "downsample_mlp_gelu")
    neutral(c, n_embed=size, depth=2, mlp_ratio=1, downsample_ratio=2, token_pooling=False, model_type="mlp_projector")
    if kind == "linear":
        return [project("projector", size, c.int("input_dim"), "projector", bias=True)]
    if kind != "downsample_mlp_gelu" or c.number("mlp_ratio", 1.0) != 1 or c.int("depth", 2) != 2:
        raise unknown_word(c, "projector_type", kind)
    return two_layers(c, c.int("input_dim", 1152) * c.int("downsample_ratio", 2) ** 2, size, size)

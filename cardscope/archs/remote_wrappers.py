"""Vision-language models that only repositories' own code builds: their image towers before text models of known types.

Each was checked against a published total or an index's total_size; none of that code is ever run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from cardscope.archs import interpret
from cardscope.archs._compose import bridge, given, two_layers, unknown_word
from cardscope.archs._read import attention, heads, mlp, neutral, split_heads, stack, width
from cardscope.archs._registry import arch
from cardscope.archs.towers import normed, plain, seeing
from cardscope.archs.vision import grid, scales
from cardscope.archs.wrappers_more import pair_of
from cardscope.errors import BadField, NotModelled
from cardscope.fields import Fields
from cardscope.parts import LAYER, RMS, Attention, Bag, Layer, Mlp, Spec, Table, Tensor, Tower, linear, norm, project


def text_of(c: Fields, key: str, classes: Mapping[str, str]) -> Fields:
    """The nested config of a text model; its type by `model_type`, else by its class. Raises NotModelled.

    A class that is none of these may hold more than its type says (Mono-InternVL's experts for images).
    """
    raw = c.peek(key)
    listed = raw.get("architectures") if isinstance(raw, Mapping) else None
    first = listed[0] if isinstance(listed, list) and listed else None
    typed = isinstance(raw, Mapping) and bool(raw.get("model_type"))
    if (first is not None or not typed) and (not isinstance(first, str) or first not in classes):
        told = f"the class {first} in {key}" if isinstance(first, str) else f"a {key} that names no text model"
        raise NotModelled(f"{told} is not modelled for {c.model_type}", hint="--exact counts it")
    return c.sub(key) if typed or first is None else c.sub(key, classes[first])


def with_towers(c: Fields, spec: Spec, *beside: Tower) -> Spec:
    """The text model, whole with its head, and the towers before it."""
    return replace(spec, model_type=c.model_type, towers=(*beside, *spec.towers))


def flat_patches(size: int, patch: int, *, bias: bool = True, channels: int = 3) -> Bag:
    """The convolution that turns each patch into a vector: (d, channels, patch, patch)."""
    own = (Tensor("patch.weight", (size, channels, patch, patch), "embedding", "other"),)
    return Bag((*own, Tensor("patch.bias", (size,), "embedding", "bias")) if bias else own)


# -- InternVL ----------------------------------------------------------------------------------------------

INTERN_TEXTS = {
    "LlamaForCausalLM": "llama",
    "InternLM2ForCausalLM": "internlm2",
    "Phi3ForCausalLM": "phi3",
    "Qwen2ForCausalLM": "qwen2",
    "Gemma2ForCausalLM": "gemma2",
    "Qwen3ForCausalLM": "qwen3",
    "Qwen3MoeForCausalLM": "qwen3_moe",
    "GptOssForCausalLM": "gpt_oss",
}


def intern_vit(c: Fields) -> Tower:
    """InternViT (arXiv:2312.14238): ViT with layer scales; the 6B one with RMSNorm, also over queries and keys."""
    named = (c.texts("architectures") or ("InternVisionModel",))[0]
    if named != "InternVisionModel":
        raise NotModelled(f"the image tower {named} is not modelled", hint="--exact counts it")
    size = c.int("hidden_size", 3200)
    c.derive("hidden_size", size)
    kind = c.text("norm_type", "rms_norm")
    if kind not in {"layer_norm", "rms_norm"}:
        raise BadField(c.prefix + "norm_type", kind, "layer_norm or rms_norm")
    part = plain(size, c.int("num_attention_heads", 25), bias=c.flag("qkv_bias", fallback=False))
    part = replace(part, o_bias=True, qk_norm="full" if c.flag("qk_normalization", fallback=True) else None)
    c.touch("num_channels", "use_flash_attn", "image_size")
    patch = c.int("patch_size", 14)
    seen = (c.int("image_size", 224) // patch) ** 2 + 1
    gain = LAYER if kind == "layer_norm" else RMS
    layer = normed(c, size, part, mlp(c, bias=True, gated=False), gain, scales(c))
    cls = Bag((Tensor("cls_token", (1, 1, size), "embedding", "other"),))
    layers = [layer] * c.layers()
    return seeing(layers, cls, flat_patches(size, patch), Table(seen, size, "position", "positions"))


@arch("internvl_chat")
def internvl_chat(c: Fields) -> Spec:
    """InternVL 1.2 to 3.5 (arXiv:2404.16821): InternViT, neighbours as one vector, a norm and two projections."""
    for key in ("use_backbone_lora", "use_llm_lora"):
        if c.int(key, 0, low=0):
            raise NotModelled(f"{key} adds matrices that are not modelled", hint=f"--set {key}=0 counts it without")
    text, seen = text_of(c, "llm_config", INTERN_TEXTS), c.sub("vision_config")
    ratio = c.number("downsample_ratio", 0.5)
    if not 1 / 64 <= ratio <= 1:
        raise BadField("downsample_ratio", ratio, "between 1/64 and 1")
    spec, eyes = interpret(text), intern_vit(seen)
    size, wide = spec.hidden_size or width(text), seen.int("hidden_size", 3200) * int(1 / ratio) ** 2
    c.touch("force_image_size", "max_dynamic_patch", "min_dynamic_patch", "select_layer", "use_thumbnail")
    c.touch("hidden_size", "tie_word_embeddings", "pad2square", "dynamic_image_size", "vision_config")
    return with_towers(c, spec, eyes, bridge(*two_layers(c, wide, size, size, norm=LAYER)))


# -- MiniCPM-V ---------------------------------------------------------------------------------------------


TIMM_SIGLIP = {"vit_so400m_patch14_siglip_384": (27, 1152, 4304, 14, 27**2)}
"""timm's names of SigLIP towers: (layers, width, inner width, patch, positions)."""
SIGLIP_400M = {
    "hidden_size": 1152,
    "image_size": 980,
    "intermediate_size": 4304,
    "num_attention_heads": 16,
    "num_hidden_layers": 27,
    "patch_size": 14,
}
"""What MiniCPM-V's config class gives an image tower that the file leaves out."""


def siglip_tower(layers: int, size: int, inner: int, patch: int, places: int) -> Tower:
    """SigLIP without its probe (arXiv:2303.15343); how many heads there are shapes no tensor."""
    norms = tuple(LAYER.sized(size).named(f"norm_{index}") for index in range(2))
    one = Layer((plain(size, 1), Mlp(size, inner, False, True, True), *norms))
    table = Table(places, size, "position", "positions")
    return seeing([one] * layers, flat_patches(size, patch), table, LAYER.sized(size).named("post_norm"))


def resampler(size: int, queries: int, source: int, *, places: bool) -> Bag:
    """One block of learned queries that attend to the patches (Qwen-VL, arXiv:2308.12966 §2.1)."""
    norms = (tensor for name in ("ln_q", "ln_kv", "ln_post") for tensor in norm(name, size, bias=True))
    own = (
        Tensor("query", (queries, size), "projector", "other"),
        *(linear("kv", size, source, "projector") if source != size else ()),
        *linear("attn.in", 3 * size, size, "projector", bias=True),
        *linear("attn.out", size, size, "projector", bias=True),
        *norms,
        Tensor("proj", (size, size), "projector"),
    )
    # Fixed sines, yet a parameter in the first two versions and so stored.
    return Bag((*own, Tensor("positions", (queries, size), "projector", "table")) if places else own)


VERSIONS: dict[str, Callable[[Fields], Attention]] = {
    "None": lambda c: attention(c, head_dim=split_heads(c, heads(c))),
    "2.5": lambda c: attention(c, head_dim=split_heads(c, heads(c))),
    "2.6": lambda c: attention(c, head_dim=split_heads(c, heads(c)), qkv_bias=True, o_bias=False),
    "4": attention,
    "4.5": lambda c: attention(c, qk_norm="head"),
}
"""The text model's attention by MiniCPM-V's version: MiniCPM, Llama 3, Qwen2, MiniCPM 4, Qwen3."""


@arch("minicpmv")
def minicpmv(c: Fields) -> Spec:
    """MiniCPM-V (arXiv:2408.01800): SigLIP, its patches gathered by a few learned queries, before a small Llama."""
    version = str(c.raw("version", None)).removesuffix(".0")
    if version not in VERSIONS:
        raise NotModelled(f"MiniCPM-V {version} is not modelled", hint=f"known are {', '.join(VERSIONS)}")
    c.touch("scale_emb", "dim_model_base", "scale_depth", "slice_config", "image_size", "patch_size", "slice_mode")
    c.touch("batch_vision_input", "vision_batch_size", "use_image_id", "max_slice_nums", "use_sliding_window")
    c.touch("sliding_window", "max_window_layers", "scale_resolution", "layer_types")
    spec = stack(c, VERSIONS[version](c), mlp(c), head="causal_lm")
    eyes, wide = minicpm_eyes(c, dropped=int(c.flag("drop_vision_last_layer", fallback=version == "None")))
    queries = c.int("query_num", 64)
    return with_towers(c, spec, eyes, bridge(resampler(width(c), queries, wide, places=version == "None")))


def minicpm_eyes(c: Fields, dropped: int) -> tuple[Tower, int]:
    """SigLIP by timm's name at first, by its config since, without its last layer if so said; and its width."""
    name = c.opt_text("vision_encoder")
    if name is not None:
        known = TIMM_SIGLIP.get(name.partition(".")[0])
        if known is None:
            raise NotModelled(f"the image tower {name} is not modelled", hint="--exact counts it")
        layers, size, *rest = known
        return siglip_tower(layers - dropped, size, *rest), size
    seen = c.sub("vision_config", "siglip_vision_model")
    if not given(c, "vision_config"):
        seen.assume(SIGLIP_400M)
    seen.touch("num_channels", "num_attention_heads", "vision_use_head", "hidden_act")
    layers, size, inner = max(seen.layers() - dropped, 0), width(seen), seen.int("intermediate_size")
    return siglip_tower(layers, size, inner, seen.int("patch_size"), grid(seen)), size


# -- Kimi K3 -----------------------------------------------------------------------------------------------

KIMI_WORDS = {"mlp_type": "mlp2", "mm_projector_type": "patchmergerv2", "norm_type": "rmsnorm"}
"""The one form of each that is published."""


def kimi_eyes(c: Fields) -> Tower:
    """MoonViT with attention wider than its layers, RMSNorm, and biases only where the config says so."""
    for key, known in KIMI_WORDS.items():
        if c.text(key) != known:
            raise unknown_word(c, key, c.text(key))
    size, patch, into = c.int("vt_hidden_size"), c.int("patch_size"), c.int("qkv_hidden_size")
    bias, total = c.flag("attn_bias"), c.int("vt_num_attention_heads")
    if into % total:
        raise BadField(f"{c.prefix}qkv_hidden_size", into, f"a multiple of the {total} heads")
    attend = Attention(size, total, total, into // total, q_bias=bias, k_bias=bias, v_bias=bias, o_bias=bias)
    flat = c.flag("linear_bias")
    layer = normed(c, size, attend, Mlp(size, c.int("vt_intermediate_size"), False, flat, flat), RMS)
    places = Table(c.int("init_pos_emb_height") * c.int("init_pos_emb_width"), size, "position", "positions")
    before = flat_patches(size, patch, bias=c.flag("patch_embed_proj_bias"))
    c.touch("init_pos_emb_time", "pos_emb_type", "pos_emb_interpolation_mode", "merge_type", "activation_func")
    return seeing([layer] * c.layers("vt_num_hidden_layers"), before, places, RMS.sized(size).named("final_norm"))


@arch("kimi_k3")
def kimi_k3(c: Fields) -> Spec:
    """Kimi K3: MoonViT, neighbours as one vector, two projections without bias and a norm before Kimi Linear."""
    spec, seen = interpret(c.sub("text_config")), c.sub("vision_config")
    eyes, out = kimi_eyes(seen), spec.hidden_size or 0
    wide = seen.int("mm_hidden_size") * pair_of(seen, "merge_kernel_size")
    steps = (project("merger_1", wide, wide, "projector"), project("merger_2", out, wide, "projector"))
    neutral(seen, text_hidden_size=out, projector_hidden_act="gelu")
    c.touch("tie_word_embeddings", "image_placeholder")
    return with_towers(c, spec, eyes, bridge(*steps, RMS.sized(out).named("post_norm")))

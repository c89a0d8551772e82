"""Step 3.5 and 3.7: gated attention with more heads where it slides, shared and routed experts, images beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cardscope.archs._compose import bridge, class_of, part, sight, ties, width_of, wrap
from cardscope.archs._read import attention, block, decoder, kv_heads, mlp, modern, moe, one_each, pick, width, windowed
from cardscope.archs._registry import arch
from cardscope.archs.towers import normed, plain, seeing
from cardscope.archs.vision import grid, patches, scales
from cardscope.errors import BadField, NotModelled
from cardscope.fields import ABSENT, Fields
from cardscope.parts import LAYER, RMS, Bag, Head, Layer, Part, Spec, Table, Tensor, Tower, project

IDLE = (
    "swiglu_limits",
    "swiglu_limits_shared",
    "partial_rotary_factors",
    "yarn_only_types",
    "use_moe",
    "use_moe_router_bias",
    "moe_router_activation",
    "moe_layer_offset",
    "need_fp32_gate",
    "zero_centered",
    "att_impl_type",
    "max_seq_len",
    "mtp_layer_types",
    "mtp_mlp_layer_types",
)


def step_heads(c: Fields) -> int:
    """Query heads of the layers that slide: their own number, the old file's, or all layers'."""
    own = c.opt_int("num_sliding_attention_heads", low=1)
    if own is not None:
        return own
    if isinstance(c.peek("attention_other_setting"), Mapping):
        other = c.sub("attention_other_setting")
        other.touch("num_attention_groups", "head_dim", "attention_type", "true_head_dim")
        return other.int("num_attention_heads", c.int("num_attention_heads"))
    c.touch("attention_other_setting")
    return c.derive("num_sliding_attention_heads", c.int("num_attention_heads"))


def step_mixers(c: Fields) -> dict[str, Part]:
    """Full attention and attention over a window, each gated, with a norm over every head."""
    if c.exactly("use_head_wise_attn_gate") is False or c.peek("per_layer_config") not in (ABSENT, None):
        raise NotModelled("this form of Step's attention is not modelled", hint="--exact counts it")
    c.touch("use_head_wise_attn_gate", "per_layer_config")
    whole = c.raw("gating", True) in (True, "per-head")
    made = {}
    for word, total in (("full_attention", c.int("num_attention_heads")), ("sliding_attention", step_heads(c))):
        gate = "head" if whole else "apart"
        made[word] = attention(c, heads=total, kv_heads=kv_heads(c, total), qk_norm="head", gate=gate)
    slides = windowed(made["sliding_attention"], c.opt_int("sliding_window"))
    return {**made, "sliding_attention": slides}


def step_words(c: Fields, name: str, padded: int, default: tuple[str, ...]) -> tuple[str, ...]:
    """A word for each layer, the extra prediction layers' own at the end where the list has them."""
    listed = c.texts(name)
    if listed is None:
        return c.derive(name, default)
    if len(listed) != padded:
        listed = (*one_each(c, name, listed, c.layers()), *default[c.layers() :])
    return tuple(map(modern, listed))


def step_kinds(c: Fields, padded: int) -> tuple[str, ...]:
    """Dense or sparse, layer by layer: listed, or by an old file's indices of routed layers, or from the fourth on."""
    raw = c.raw("moe_layers_enum", None)
    if isinstance(raw, str):
        words = [word.strip() for word in raw.split(",") if word.strip()]
        if not all(word.isdecimal() and len(word) < 6 for word in words):
            raise BadField("moe_layers_enum", raw, "indices of layers")
        routed = {int(word) for word in words}
    else:
        listed = c.ints("moe_layers_enum")
        routed = set(range(3, c.layers()) if listed is None else listed)
    default = tuple("sparse" if index in routed else "dense" for index in range(padded))
    return step_words(c, "mlp_layer_types", padded, default)


@arch("step3p5")
def step3p5(c: Fields) -> Spec:
    """Step 3.5 Flash: three sliding layers to one full, the first layers dense; extra prediction layers with heads."""
    c.touch(*IDLE)
    extra = c.int("num_nextn_predict_layers", 0, low=0, high=64)
    total, padded = c.layers(), c.layers() + extra
    kinds = step_words(c, "layer_types", padded, ("full_attention",) * padded)
    bias = c.flag("mlp_bias", fallback=False)
    # The class sets num_local_experts first and n_routed_experts, given or 288, after it; the old file's key last.
    counts = [value for key in ("moe_num_experts", "n_routed_experts") if (value := c.exactly(key)) is not ABSENT]
    c.impose(n_routed_experts=counts[0] if counts else 288)
    c.touch("moe_num_experts", "num_local_experts")
    routed = moe(c, "n_routed_experts", shared=c.int("share_expert_dim"), shared_bias=bias, correction=True)
    ffns = pick(step_kinds(c, padded), {"dense": mlp(c, bias=bias), "sparse": routed})
    made: dict[tuple[int, int], Layer] = {}
    pairs = list(zip(pick(kinds, step_mixers(c)), ffns, strict=True))
    layers = [made.setdefault((id(one), id(two)), block(one, two, width=width(c))) for one, two in pairs]
    return decoder(c, layers[:total], mtp=step_mtp(c, layers[total:]) if extra else None)


def step_mtp(c: Fields, layers: list[Layer]) -> Tower:
    """Each extra prediction layer joins two inputs, each normed, and has a final norm and a head of its own."""
    size = width(c)
    norms = [RMS.sized(size).named(name) for name in ("enorm", "hnorm", "final_norm")]
    joined: tuple[Part, ...] = (project("eh_proj", size, 2 * size, "mtp"), Head(c.int("vocab_size"), size))
    own = tuple(replace(layer, parts=(*layer.parts, *norms, *joined)) for layer in layers)
    return Tower("mtp", own, component="mtp", caches=False)


def step_eyes(c: Fields) -> Tower:
    """A ViT with layer scales and rotary positions beside learned ones, then two strided convolutions."""
    for name, old in (("hidden_size", "width"), ("num_hidden_layers", "layers"), ("num_attention_heads", "heads")):
        c.prefer(name, old)
    size = width(c)
    ffn = mlp(c, int(size * c.number("mlp_ratio")), bias=True, gated=False)
    layer = normed(c, size, plain(size, c.int("num_attention_heads")), ffn, LAYER, scales(c))
    c.touch("intermediate_size", "max_position_embeddings", "ls_init_value", "layer_scale_init_value")
    table = Table(grid(c), size, "position", "positions")
    steps = [
        tensor
        for index, (out, into) in enumerate(((2 * size, size), (4 * size, 2 * size)))
        for tensor in (
            Tensor(f"down_{index}.weight", (out, into, 3, 3), "vision", "other"),
            Tensor(f"down_{index}.bias", (out,), "vision", "bias"),
        )
    ]
    before = (patches(c, bias=False), table, LAYER.sized(size).named("pre_norm"))
    return seeing([layer] * c.layers(), *before, Bag(tuple(steps)))


@arch("step3p7")
def step3p7(c: Fields) -> Spec:
    """Step 3.7 (Step3p7ForConditionalGeneration): images through a ViT, two convolutions and one projection."""
    ending = class_of(c)
    text, seen = part(c, "text_config"), sight(c)
    into = 4 * (seen.int("width") if seen.opt_int("width") else width_of(seen))
    projection = project("projector", width_of(text), into, "projector", bias=c.flag("projector_bias"))
    return wrap(c, text, step_eyes(seen), bridge(projection), tied=ties(c, text), ending=ending)

"""dots 3 Note: a mixture of experts with an image tower that grows more experts with depth, and a sound tower."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cardscope.archs._compose import as_base, bridge, class_of, given, merger, part, text_alone, ties, two_layers, wrap
from cardscope.archs._read import act, heads, mlp, width
from cardscope.archs._registry import arch
from cardscope.archs.convnets import conv
from cardscope.archs.towers import normed, plain, seeing
from cardscope.archs.vision import patches
from cardscope.errors import BadField
from cardscope.fields import ABSENT, Fields
from cardscope.parts import LAYER, RMS, Bag, Layer, Moe, Part, Spec, Tower, project

PYRAMID = (*[-1] * 25, *range(4, 65, 4), 64)
"""Experts of each image layer where the file says nothing; none in the first 25."""
MAX_EXPERTS = 1 << 16
WHISPER = {
    "d_model": "hidden_size",
    "encoder_attention_heads": "num_attention_heads",
    "encoder_layers": "num_hidden_layers",
    "encoder_ffn_dim": "intermediate_size",
    "num_mel_bins": "feature_size",
}
"""Released files keep the sound tower's sizes in an object of Whisper's words, which win."""


def renamed(c: Fields, **older: str) -> None:
    """Older spellings that win over the class's own keys."""
    for name, old in older.items():
        value = c.raw(old, ABSENT)
        if value is not ABSENT:
            c.impose(**{name: value})


def expert_counts(c: Fields) -> tuple[int, ...]:
    """Experts of each image layer, 0 where it is dense. Raises BadField."""
    depth, listed, words = c.layers(), c.raw("pyramid_num_routed", None), c.texts("mlp_layer_types")
    if c.raw("per_layer_config", None) is not None:
        raise BadField(c.prefix + "per_layer_config", c.raw("per_layer_config"), "left out; pyramid_num_routed says it")
    if isinstance(listed, list | tuple):
        c.impose(pyramid_num_routed=[0 if count == -1 else count for count in listed])
    if listed is None and words is not None:
        counts = tuple(c.int("num_local_experts", high=MAX_EXPERTS) if word == "sparse" else 0 for word in words)
        key = "mlp_layer_types"
    else:
        counts, key = PYRAMID if listed is None else c.ints("pyramid_num_routed") or (), "pyramid_num_routed"
    c.touch("num_local_experts", "mlp_layer_types")
    beyond = key == "pyramid_num_routed" and any(count > 0 for count in counts[depth:])
    if len(counts) < depth or beyond or any(count > MAX_EXPERTS for count in counts):
        raise BadField(c.prefix + key, list(counts), f"one entry for each of the {depth} layers")
    return tuple(max(0, count) for count in counts[:depth])


def image_layers(c: Fields) -> list[Layer]:
    """Attention with normed queries and keys, before a gated MLP or experts."""
    size, bias = width(c), c.flag("attention_bias")
    total, fire = heads(c), c.opt_int("num_experts_per_tok", low=1) or c.int("capacity_factor", 2)
    if size % total:
        raise BadField(c.prefix + "num_attention_heads", total, f"a divisor of {size}")
    attend = replace(plain(size, total, bias=bias, o_bias=bias), qk_norm="head")
    flat = normed(c, size, attend, mlp(c, bias=c.flag("mlp_bias")), RMS)

    def routed(count: int) -> Layer:
        ffn = Moe(size, count, min(fire, count), c.int("moe_intermediate_size"), correction=True)
        return normed(c, size, attend, replace(ffn, extra=act(c, "experts")), RMS)

    counts = expert_counts(c)
    made = {count: routed(count) if count else flat for count in set(counts)}
    c.touch("moe_intermediate_size")
    return [made[count] for count in counts]


def image_tower(c: Fields) -> tuple[Tower, Tower]:
    """Normed patches, layers, a norm, and 2 × 2 neighbours merged into one (Dots3NoteVisionModel)."""
    renamed(c, hidden_size="embed_dim", num_attention_heads="num_heads", attention_bias="use_bias")
    size, inner = width(c), c.int("adapter_in_dim")
    wide = inner * c.int("adapter_merge_size") ** 2
    norms = (RMS.sized(size).named(name) for name in ("patch_norm", "post_norm"))
    eyes = seeing(image_layers(c), patches(c), *norms)
    c.touch("spatial_merge_size", "router_scaling_factor", "router_scale", "is_causal")
    return eyes, bridge(*merger(wide, wide, c.int("adapter_out_dim"), norm_size=inner))


def sound_tower(c: Fields) -> tuple[Tower, Tower]:
    """Three strided convolutions, gated layers whose keys have no bias, and an adapter (Dots3NoteAudioModel)."""
    told = c.raw("whisper_config", None)
    if isinstance(told, Mapping):
        c.impose(**{name: told[old] for old, name in WHISPER.items() if old in told})
    renamed(c, adapter_input_size="whisper_adapter_in_dim", adapter_out_dim="adapter_output_size")
    renamed(c, adapter_out_dim="whisper_adapter_out_dim")
    size, channels, total = width(c), c.int("downsample_hidden_size"), c.int("num_attention_heads")
    if size % total:
        raise BadField(c.prefix + "num_attention_heads", total, f"a divisor of {size}")
    bias = c.flag("attention_bias")
    attend = replace(plain(size, total, bias=bias, o_bias=bias), k_bias=False)
    stem = [conv(f"conv_{n}", channels, channels if n else 1, 3, "embedding", bias=True) for n in range(3)]
    parts: list[Part] = [Bag(tuple(tensor for each in stem for tensor in each))]
    parts.append(project("conv_out", size, channels * ((c.int("feature_size") + 7) // 8), "embedding"))
    layers = (normed(c, size, attend, mlp(c, bias=True), RMS),) * c.layers()
    c.touch("num_key_value_heads", "head_dim", "hop_length", "sampling_rate", "max_position_embeddings")
    ears = Tower("audio", layers, (*parts, RMS.sized(size).named("final_norm")), "audio", caches=False)
    inner, out = c.int("adapter_input_size"), c.int("adapter_out_dim")
    return ears, bridge(*two_layers(c, inner, out, out, norm=LAYER), name="audio projector")


@arch("dots3_note")
def dots3_note(c: Fields) -> Spec:
    """Dots 3 Note (Dots3NoteForConditionalGeneration): text, image and sound towers; alone, the text model."""
    ending = class_of(c, ("Model", "ForConditionalGeneration", "ForCausalLM"))
    nested = given(c, "text_config")
    if ending == "ForCausalLM" and nested:
        return text_alone(c)
    # Released files hold the text model's keys at the top.
    text = part(c, "text_config") if nested else as_base(c.over("dots3_note_text"))
    towers = (*image_tower(c.sub("vision_config")), *sound_tower(c.sub("audio_config")))
    tied = ties(c, text)
    c.touch("text_config")
    if ending == "ForCausalLM":
        return replace(wrap(c, text, tied=tied), head_class="causal_lm")
    return wrap(c, text, *towers, tied=tied, ending=ending)

"""More vision-language models: Llama's, Gemma 4, GIT, Fuyu, GOT-OCR, Kimi K2.5 and MiniCPM-V 4.6."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._compose import (
    FULL,
    SEEN,
    bridge,
    class_of,
    given,
    merger,
    part,
    sight,
    text_alone,
    ties,
    width_of,
    wrap,
)
from cardscope.archs._heads import chosen
from cardscope.archs._read import decoder, heads, kv_heads, mlp, neutral, split_heads, tied_head, width
from cardscope.archs._registry import arch
from cardscope.archs.clip import clip_vision
from cardscope.archs.encoder import full, layer
from cardscope.archs.gemma_towers import gemma4_ears, gemma4_eyes
from cardscope.archs.towers import normed, plain, seeing
from cardscope.archs.vision import image_layer, patches, tokens
from cardscope.errors import BadField
from cardscope.fields import Fields
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
    linear,
    norm,
    project,
)

# -- Llama 4 -----------------------------------------------------------------------------------------------


def llama4_vision(c: Fields) -> Tower:
    """Llama 4's image tower: a class token, learned positions, neighbours shuffled together and projected."""
    size, patch = width(c), c.int("patch_size")
    seen = (c.int("image_size") // patch) ** 2 + 1
    layers = [image_layer(c, full(c), Mlp(size, c.int("intermediate_size"), False, True, True))] * c.layers()
    out = c.int("projector_output_dim")
    c.touch("hidden_act", "pixel_shuffle_ratio", "multi_modal_projector_bias")
    return seeing(
        layers,
        tokens(c, "cls_token"),
        project("patch", size, c.int("num_channels") * patch**2, "vision"),
        Table(seen, size, "position", "positions"),
        *(LAYER.sized(size).named(name) for name in ("pre_norm", "post_norm")),
        project("adapter_1", c.int("projector_input_dim"), c.int("intermediate_size"), "vision"),
        project("adapter_2", out, out, "vision"),
    )


@arch("llama4")
def llama4(c: Fields) -> Spec:
    """Llama 4: an image tower and one projection before the routed text model; alone, the text model."""
    ending = class_of(c, (FULL, "ForCausalLM", "TextModel", "VisionModel"))
    if ending == "ForCausalLM":
        return text_alone(c)
    seen = sight(c)
    if ending == "VisionModel":
        return Spec(c.model_type, (replace(llama4_vision(seen), component=None),), width(seen), head_class=ending)
    text = part(c, "text_config")
    if ending == "TextModel":
        c.touch("vision_config")
        return wrap(c, text, tied=False, ending="Model")
    inner = text.exactly("tie_word_embeddings")
    between = bridge(project("projector", width_of(text), seen.int("vision_output_dim"), "projector"))
    return wrap(c, text, llama4_vision(seen), between, tied=inner is True, ending=ending)


# -- Llama 3.2 ---------------------------------------------------------------------------------------------


@arch("mllama_text_model")
def mllama_text(c: Fields) -> Spec:
    """Llama 3.2 Vision's language model: some layers attend to the image instead of the text, with learned gates."""
    crossed = set(c.ints("cross_attention_layers") or (3, 8, 13, 18, 23, 28, 33, 38))
    total, dim = heads(c), split_heads(c, heads(c))
    text = Attention(width(c), total, kv_heads(c, total), dim)
    image = replace(text, cross=True, qk_norm="head")
    gates = Bag(tuple(Tensor(f"cross_{name}_gate", (1,), "attention", "other") for name in ("attn", "mlp")))
    norms = [RMS.sized(width(c)).named(f"norm_{index}") for index in range(2)]
    usual, seeing_layer = Layer((text, mlp(c), *norms)), Layer((image, mlp(c), *norms, gates))
    layers = [seeing_layer if index in crossed else usual for index in range(c.layers())]
    # Eight rows for image tokens that are never predicted.
    extra = (Bag((Tensor("embed.image", (8, width(c)), "embedding", "table"),)),)
    c.touch("tie_word_embeddings")
    return decoder(c, layers, extra=extra, tied=False)


def mllama_vision(c: Fields) -> Tower:
    """Llama 3.2 Vision's image tower: up to four tiles, positions by tile, a second stack whose layers are gated."""
    size = width(c)
    ratios = c.raw("supported_aspect_ratios", None)
    if ratios is not None and not (isinstance(ratios, list | tuple) and len(ratios) <= 4096):
        raise BadField(c.prefix + "supported_aspect_ratios", ratios, "a list of pairs")
    kinds, tiles = (len(ratios) if ratios is not None else 8) + 1, c.int("max_num_tiles")
    seen = (c.int("image_size") // c.int("patch_size")) ** 2 + 1
    attend = plain(size, heads(c), bias=False, o_bias=False)
    ffn = mlp(c, bias=True, gated=False)
    gates = Bag(tuple(Tensor(f"gate_{name}", (1,), "vision", "other") for name in ("attn", "ffn")))
    layers = [normed(c, size, attend, ffn)] * c.layers()
    layers += [normed(c, size, attend, ffn, LAYER, gates)] * c.layers("num_global_layers")
    gate = Bag(tuple(Tensor(f"position_gate_{index}", (1,), "vision", "other") for index in range(3)))
    c.touch("intermediate_layers_indices")
    return seeing(
        layers,
        tokens(c, "cls_token"),
        patches(c, bias=False),
        Table(seen, size, "position", "positions"),
        Table(kinds, tiles * seen * size, "position", "tile_positions"),
        *(Table(kinds, tiles * size, "position", f"{name}_tile") for name in ("pre", "post")),
        gate,
        *(LAYER.sized(size).named(name) for name in ("pre_norm", "post_norm")),
    )


@arch("mllama")
def mllama(c: Fields) -> Spec:
    """Llama 3.2 Vision (arXiv:2407.21783 §7): the text model looks at the image through cross-attention."""
    ending = class_of(c, (FULL, "Model", "ForCausalLM", "TextModel", "VisionModel"))
    if ending == "ForCausalLM":
        return text_alone(c)
    seen = sight(c)
    if ending == "VisionModel":
        return Spec(c.model_type, (replace(mllama_vision(seen), component=None),), width(seen), head_class=ending)
    text = part(c, "text_config")
    if ending == "TextModel":
        c.touch("vision_config")
        return wrap(c, text, tied=False, ending="Model")
    between = bridge(project("projector", width_of(text), seen.int("vision_output_dim"), "projector", bias=True))
    return wrap(c, text, mllama_vision(seen), between, tied=False, ending=ending)


# -- Gemma 4 -----------------------------------------------------------------------------------------------


@arch("gemma4")
def gemma4(c: Fields) -> Spec:
    """Gemma 4: images and sound in towers of their own, each with a norm and one projection; either may be missing."""
    text = part(c, "text_config")
    towers: list[Tower] = []
    for key, read in (("vision_config", gemma4_eyes), ("audio_config", gemma4_ears)):
        if given(c, key):
            inner = c.sub(key)
            inner.touch(*SEEN)
            towers.append(read(inner))
            wide = inner.int("output_proj_dims") if inner.declares("output_proj_dims") else width(inner)
            towers.append(bridge(project(f"embed_{key.split('_')[0]}", width_of(text), wide, "projector")))
    return wrap(c, text, *towers, tied=ties(c, text), ending=class_of(c))


@arch("gemma4_unified")
def gemma4_unified(c: Fields) -> Spec:
    """Gemma 4 without encoders: patches and sound go through norms and projections straight into the text model."""
    text, out = part(c, "text_config"), 0
    towers: list[Tower] = []
    if given(c, "vision_config"):
        seen = c.sub("vision_config")
        pixels, size = 3 * (seen.int("patch_size") * seen.int("pooling_kernel_size")) ** 2, seen.int("mm_embed_dim")
        positions = Tensor("positions", (seen.int("mm_posemb_size"), 2, size), "vision", "table")
        own = (*norm("norm_pixels", pixels, bias=True), *linear("patch", size, pixels, "vision", bias=True), positions)
        norms = (tensor for name in ("norm_patch", "norm_positions") for tensor in norm(name, size, bias=True))
        seen.touch("model_patch_size")
        out = seen.int("output_proj_dims")
        towers += [seeing([], Bag((*own, *norms))), bridge(project("embed_vision", width_of(text), out, "projector"))]
    if given(c, "audio_config"):
        heard = c.sub("audio_config")
        keys = ("output_proj_dims", "hidden_size", "audio_embed_dim", "audio_samples_per_token")
        out = heard.int(next((key for key in keys if heard.has(key)), "audio_embed_dim"))
        towers.append(bridge(project("embed_audio", width_of(text), out, "projector")))
    return wrap(c, text, *towers, tied=ties(c, text), ending=class_of(c))


# -- others ------------------------------------------------------------------------------------------------


@arch("fuyu")
def fuyu(c: Fields) -> Spec:
    """Fuyu-8B: flat patches projected straight into Persimmon, no image tower."""
    text, ending = part(c, "text_config"), class_of(c, ("Model", "ForCausalLM"))
    flat = c.int("patch_size") ** 2 * c.int("num_channels")
    between = bridge(project("vision_embed", width_of(text), flat, "projector", bias=True))
    c.touch("image_size", "hidden_size", "num_hidden_layers")
    return wrap(c, text, between, tied=ties(c, text), ending=FULL if ending == "ForCausalLM" else ending)


@arch("git")
def git(c: Fields) -> Spec:
    """GIT (arXiv:2205.14100): CLIP's image tower before a BERT that generates."""
    ending, seen, size = chosen(c, ("Model", "ForCausalLM")), sight(c), width(c)
    frames = c.opt_int("num_image_with_embedding", high=4096) or 0
    between = bridge(
        project("visual_projection", size, width(seen), "projector", bias=True),
        LAYER.sized(size).named("projector_norm"),
        Bag(tuple(Tensor(f"frame_{index}", (1, 1, width(seen)), "projector", "other") for index in range(frames))),
    )
    vocab, tied = c.int("vocab_size"), tied_head(c)
    head = [Head(vocab, size, bias=True, tied=tied)] if ending == "ForCausalLM" else []
    before: list[Part] = [Table(vocab, size), Table(c.int("max_position_embeddings"), size, "position", "positions")]
    text = Tower("text", (layer(c),) * c.layers(), (*before, LAYER.sized(size).named("embed_norm"), *head))
    towers = (clip_vision(seen), between, text)
    kind = "causal_lm" if head else "base"
    longest = c.int("max_position_embeddings")
    return Spec(c.model_type, towers, size, vocab, longest, tied if head else None, head_class=kind)


def sam_layer(c: Fields, side: int) -> Layer:
    """SAM's layer (arXiv:2304.02643): relative positions along each axis, over a window or over the whole image."""
    size, dim = width(c), width(c) // heads(c)
    attend = replace(plain(size, heads(c), bias=c.flag("qkv_bias")), o_bias=True)
    ways = [Tensor(f"rel_pos_{axis}", (2 * side - 1, dim), "vision", "other") for axis in "hw"]
    extra = (Bag(tuple(ways)),) if c.flag("use_rel_pos") else ()
    return normed(c, size, attend, mlp(c, c.int("mlp_dim"), bias=True, gated=False), LAYER, *extra)


def sam_vision(c: Fields) -> Tower:
    """SAM's image encoder: windows but for a few layers, a neck of two convolutions."""
    size, side, neck = width(c), c.int("image_size") // c.int("patch_size"), c.int("output_channels")
    whole = set(c.ints("global_attn_indexes") or ())
    near, far = sam_layer(c, c.int("window_size") or side), sam_layer(c, side)
    layers = [far if index in whole else near for index in range(c.layers())]
    places = [Table(side**2, size, "position", "positions")] if c.flag("use_abs_pos") else []
    convolved = [Tensor("neck_1", (neck, size, 1, 1), "vision", "other")]
    convolved += [Tensor("neck_2", (neck, neck, 3, 3), "vision", "other")]
    norms = [LAYER.sized(neck).named(f"neck_norm_{index}") for index in range(2)]
    return seeing(layers, patches(c), *places, Bag(tuple(convolved)), *norms)


@arch("got_ocr2")
def got_ocr2(c: Fields) -> Spec:
    """GOT-OCR 2.0 (arXiv:2409.01704): SAM's image encoder, two strided convolutions, one projection."""
    text, seen = part(c, "text_config"), sight(c)
    size, wide = width_of(text), seen.int("output_channels")
    ways = ((2 * wide, wide), (size, 2 * wide))
    convolved = [Tensor(f"up_{n}", (*way, 3, 3), "projector", "other") for n, way in enumerate(ways)]
    between = bridge(Bag(tuple(convolved)), project("projector", size, size, "projector", bias=True))
    return wrap(c, text, sam_vision(seen), between, tied=ties(c, text), ending=class_of(c))


def pair_of(c: Fields, key: str) -> int:
    """The product of a list of two sizes."""
    listed = c.ints(key) or ()
    if len(listed) != 2 or not all(0 < each <= 1024 for each in listed):
        raise BadField(c.prefix + key, list(listed), "two sizes")
    return listed[0] * listed[1]


@arch("kimi_k25")
def kimi_k25(c: Fields) -> Spec:
    """Kimi K2.5: MoonViT over frames, neighbours as one vector, two projections before Kimi K2."""
    text, seen = _kimi_text(c), sight(c)
    size, patch = width(seen), seen.int("patch_size")
    wide = size * pair_of(seen, "merge_kernel_size")
    layers = [normed(seen, size, plain(size, heads(seen)), mlp(seen, bias=True, gated=False))] * seen.layers()
    table = Table(seen.int("pos_emb_height") * seen.int("pos_emb_width"), size, "position", "positions")
    pixels = (
        Tensor("patch.weight", (size, 3, patch, patch), "vision", "other"),
        Tensor("patch.bias", (size,), "vision", "bias"),
    )
    eyes = seeing(layers, Bag(pixels), table, LAYER.sized(size).named("final_norm"))
    seen.touch("pos_emb_time", "init_pos_emb_time", "text_hidden_size")
    remote = {"vt_hidden_size": size, "vt_num_hidden_layers": seen.layers(), "vt_num_attention_heads": heads(seen)}
    neutral(seen, **remote, vt_intermediate_size=seen.int("intermediate_size"), mm_hidden_size=size)
    neutral(seen, init_pos_emb_height=seen.int("pos_emb_height"), init_pos_emb_width=seen.int("pos_emb_width"))
    c.touch("use_unified_vision_chunk")
    between = bridge(*merger(wide, wide, width_of(text), norm_size=c.int("projection_hidden_size")))
    return wrap(c, text, eyes, between, tied=ties(c, text), ending=class_of(c, also=KIMI))


KIMI = {"KimiK25ForConditionalGeneration": FULL}
"""What the remote code calls its class."""


def _kimi_text(c: Fields) -> Fields:
    """The text model: a remote file calls DeepSeek-V3's shape kimi_k2."""
    named = c.peek("text_config")
    if isinstance(named, dict) and named.get("model_type") == "kimi_k2":
        return part(c, "text_config", "deepseek_v3")
    return part(c, "text_config")


@arch("minicpmv4_6")
def minicpmv(c: Fields) -> Spec:
    """MiniCPM-V 4.6: SigLIP with a merger in its midst that attends within windows, further mergers behind it."""
    text, seen = part(c, "text_config"), sight(c)
    size, inner = width(seen), seen.int("intermediate_size")
    window = pair_of(seen, "window_kernel_size")
    table = Table((seen.int("image_size") // seen.int("patch_size")) ** 2, size, "position", "positions")
    midst: tuple[Part, ...] = (
        full(seen),
        LAYER.sized(size).named("window_norm"),
        *merger(window * size, window * inner, size),
    )
    layers = [image_layer(seen, full(seen))] * seen.layers()
    eyes = seeing(layers, patches(seen), table, LAYER.sized(size).named("post_norm"), *midst)
    times = c.int("merger_times", low=0, high=64)
    widths = [size] * (times - 1) + [width_of(text)] * min(times, 1)
    steps = [each for out in widths for each in merger(4 * size, 4 * size, out)]
    c.touch("insert_layer_id", "image_size", "merge_kernel_size", "patch_size")
    seen.touch("insert_layer_id")
    return wrap(c, text, eyes, bridge(*steps), tied=ties(c, text), ending=class_of(c))

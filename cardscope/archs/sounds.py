"""Sound as an image: CLAP's windows and AST's patches of the spectrum."""

from __future__ import annotations

from cardscope.archs._heads import chosen
from cardscope.archs._read import labels, width
from cardscope.archs._registry import arch
from cardscope.archs.clip import both
from cardscope.archs.clip_kin import bert_tower
from cardscope.archs.convnets import batch_norm, conv, deep_enough, stage_lists
from cardscope.archs.vision import image_encoder, merging, sides, swin_layer, tokens, vit_layers
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import LAYER, Bag, Head, Layer, Part, Spec, Table, Tensor, Tower, activation, project

# -- CLAP --------------------------------------------------------------------------------------------------


def clap_patches(c: Fields, size: int) -> Part:
    """Patches of the spectrum; with fusion, of a longer stretch too, and an attention that mixes both."""
    (height, across), channels = sides(c, "patch_size"), c.int("patch_embed_input_channels")
    fused, mixed = c.flag("enable_fusion"), c.raw("fusion_type", None) == "channel_map"
    seen = channels * (4 if fused and mixed else 1)
    own = [Tensor("patch.weight", (size, seen, height, across), "embedding", "other")]
    own.append(Tensor("patch.bias", (size,), "embedding", "bias"))
    if fused:
        own.append(Tensor("mel.weight", (size, channels, height, 3 * across), "embedding", "other"))
        own.append(Tensor("mel.bias", (size,), "embedding", "bias"))
        inner = size // c.int("aff_block_r")
        for name in ("local", "global"):
            for step, (out, into) in enumerate(((inner, size), (size, inner))):
                own += conv(f"{name}_{step}", out, into, 1, "embedding", bias=True)
                own += batch_norm(f"{name}_{step}.norm", out, "embedding")
    c.touch("aff_block_r", "fusion_type")
    return Bag(tuple(own))


def clap_ears(c: Fields, *after: Part) -> Tower:
    """HTS-AT (arXiv:2202.00874): Swin over the spectrum, with the index of relative positions stored in each layer."""
    depths, totals = stage_lists(c, "depths", "num_attention_heads", count=len(c.ints("depths") or ()))
    deep_enough(c, "depths", depths)
    first, window = c.int("patch_embeds_hidden_size"), c.int("window_size", high=1 << 12)
    layers: list[Layer] = []
    parts: list[Part] = [clap_patches(c, first)]
    parts += [LAYER.sized(first).named("embed_norm")] if c.flag("enable_patch_layer_norm") else []
    for index, (depth, total) in enumerate(zip(depths, totals, strict=True)):
        size = first << index
        if not total or size % total:
            raise BadField(c.prefix + "num_attention_heads", list(totals), "divisors of the stages' widths")
        index_of = Bag((Tensor("index", (window**2, window**2), "position", "buffer"),))
        layers += [swin_layer(c, size, total, index_of)] * depth
        parts += merging(size) if index + 1 < len(depths) else ()
    parts.append(LAYER.sized(first << (len(depths) - 1)).named("final_norm"))
    parts.append(Bag(batch_norm("batch_norm", c.int("num_mel_bins"), "audio")))
    c.touch(
        "patch_stride", "num_classes", "flatten_patch_embeds", "spec_size", "num_hidden_layers", "projection_hidden_act"
    )
    c.touch("projection_dim")
    return Tower("audio", tuple(layers), (*parts, *after), "audio", caches=False)


def clap_words(c: Fields, *after: Part) -> Tower:
    """RoBERTa with a pooler; numbers of places and kinds of words are stored."""
    rows = c.int("max_position_embeddings")
    stored = Bag(tuple(Tensor(name, (1, rows), "embedding", "buffer") for name in ("position_ids", "token_type_ids")))
    pooler = project("pooler", width(c), width(c), "projector", bias=True)
    c.touch("projection_dim", "projection_hidden_act")
    return bert_tower(c, pooler, stored, *after)


def clap_space(c: Fields, whole: Fields, name: str) -> list[Part]:
    """ClapProjectionLayer: two projections into the common space."""
    out, learned = whole.int("projection_dim"), activation(whole.raw("projection_hidden_act"), "projector")
    parts: list[Part] = [project(f"{name}_1", out, width(c), "projector", bias=True)]
    return [*parts, project(f"{name}_2", out, out, "projector", bias=True), *((Bag(learned),) if learned else ())]


@arch("clap")
def clap(c: Fields) -> Spec:
    """CLAP (arXiv:2211.06687): RoBERTa and HTS-AT, each projected twice into one space."""
    endings = ("Model", "TextModel", "TextModelWithProjection", "AudioModel", "AudioModelWithProjection")
    ending = chosen(c, endings)
    text, heard = c.sub("text_config"), c.sub("audio_config")
    c.touch("projection_hidden_act", "audio_config")
    if ending == "TextModel":
        return both(c, (clap_words(text),), ending, text=text)
    if ending == "AudioModel":
        return both(c, (clap_ears(heard),), ending, size=width(heard))
    if ending.startswith("Text"):
        return both(c, (clap_words(text, *clap_space(text, c, "text")),), ending, text=text)
    if ending.startswith("Audio"):
        return both(c, (clap_ears(heard, *clap_space(heard, c, "audio")),), ending, size=width(heard))
    scales = Bag(tuple(Tensor(f"logit_scale_{side}", (), "projector", "other") for side in "at"))
    towers = clap_ears(heard, *clap_space(heard, c, "audio")), clap_words(text, *clap_space(text, c, "text"), scales)
    return both(c, towers, ending, text=text)


# -- AST ---------------------------------------------------------------------------------------------------


@arch("audio-spectrogram-transformer")
def ast(c: Fields) -> Spec:
    """AST (arXiv:2104.01778): ViT over overlapping patches of the spectrum, with DeiT's two tokens."""
    patch, size = c.int("patch_size"), width(c)
    spans = ((c.int("num_mel_bins"), c.int("frequency_stride")), (c.int("max_length"), c.int("time_stride")))
    across, along = ((length - patch) // step + 1 for length, step in spans)
    if across < 1 or along < 1:
        raise BadField("patch_size", patch, "no larger than the spectrum")
    rows = c.derive("num_patches", across * along) + 2
    before = [
        tokens(c, "cls_token", "distillation_token"),
        Bag(conv("patch", size, 1, patch, "embedding", bias=True)),
        Table(rows, size, "position", "positions"),
    ]
    return image_encoder(c, {"Model": (), "ForAudioClassification": (normed_classifier,)}, vit_layers(c), before)


def normed_classifier(c: Fields) -> tuple[Part, ...]:
    """A norm, then one row for each label."""
    head = (Head(labels(c), width(c), bias=True, name="classifier"),) if labels(c) else ()
    return (LAYER.sized(width(c)).named("head_norm"), *head)

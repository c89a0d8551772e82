"""Models that hear: Qwen-Audio, Qwen's omni models, Voxtral and MOSS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cardscope.archs._compose import (
    FULL,
    bridge,
    class_of,
    filled,
    part,
    sight,
    ties,
    two_layers,
    width_of,
    wrap,
)
from cardscope.archs._read import mlp, width
from cardscope.archs._registry import arch
from cardscope.archs.encoder import full
from cardscope.archs.gated import qwen2
from cardscope.archs.routed import qwen3_moe
from cardscope.archs.speech import convolution
from cardscope.archs.towers import normed, qwen3_vision, qwen25_vision
from cardscope.fields import ABSENT, Fields
from cardscope.parts import LAYER, Bag, Layer, Part, Spec, Table, Tensor, Tower, linear, project

# -- towers ------------------------------------------------------------------------------------------------


def hearing(layers: list[Layer], *parts: Part) -> Tower:
    """A sound tower."""
    return Tower("audio", tuple(layers), parts, "audio", caches=False)


def whisper_ears(c: Fields, *after: Part, table: bool = True) -> Tower:
    """Whisper's encoder (arXiv:2212.04356): two convolutions over the spectrum, keys without bias."""
    size = width(c)
    ears = Bag((*convolution("conv1", size, c.int("num_mel_bins"), 3), *convolution("conv2", size, size, 3)))
    places = [Table(c.int("max_source_positions"), size, "position", "positions")] if table else []
    c.touch("max_source_positions", "n_window", "vocab_size", "scale_embedding")
    layer = normed(c, size, replace(full(c), k_bias=False), mlp(c, bias=True, gated=False))
    return hearing([layer] * c.layers(), ears, *places, LAYER.sized(size).named("final_norm"), *after)


def image_of_sound(c: Fields, *after: Part) -> Tower:
    """Qwen3's sound encoder: three strided convolutions over the spectrum as over an image."""
    size, inner, mels = width(c), c.int("downsample_hidden_size"), c.int("num_mel_bins")
    convolved: list[Tensor] = []
    for index in range(3):
        shape = (inner, inner if index else 1, 3, 3)
        convolved += [Tensor(f"conv_{index}.weight", shape, "audio", "other")]
        convolved += [Tensor(f"conv_{index}.bias", (inner,), "audio", "bias")]
        mels = (mels + 1) // 2
    ears = Bag((*convolved, *linear("conv_out", size, inner * mels, "audio")))
    c.touch("max_source_positions", "max_position_embeddings", "n_window", "n_window_infer", "conv_chunksize")
    layer = normed(c, size, full(c), mlp(c, bias=True, gated=False))
    return hearing([layer] * c.layers(), ears, LAYER.sized(size).named("final_norm"), *after)


# -- one tower ---------------------------------------------------------------------------------------------


@arch("qwen2_audio")
def qwen2_audio(c: Fields) -> Spec:
    """Qwen2-Audio (arXiv:2407.10759): Whisper's encoder, one projection, Qwen2; the head is never tied."""
    text, heard = part(c, "text_config"), c.sub("audio_config")
    between = bridge(project("projector", width_of(text), width(heard), "projector", bias=True))
    return wrap(c, text, whisper_ears(heard), between, tied=False, ending=class_of(c))


@arch("voxtral")
def voxtral(c: Fields) -> Spec:
    """Voxtral (arXiv:2507.13264): Whisper's encoder, four steps as one vector, two projections; never tied."""
    text, heard = filled(c, "text_config"), c.sub("audio_config")
    wide, size = heard.int("intermediate_size"), width_of(text)
    layers = two_layers(c, wide, size, size, bias=False, act="projector_hidden_act")
    c.touch("hidden_size")
    return wrap(c, text, whisper_ears(heard), bridge(*layers), tied=False, ending=class_of(c))


@arch("moss_transcribe_diarize")
def moss(c: Fields) -> Spec:
    """MOSS-Transcribe-Diarize: Whisper's encoder, a few steps as one vector, two projections and a norm."""
    text, heard = part(c, "text_config"), c.sub("audio_config")
    wide, size = width(heard) * c.int("audio_merge_size"), width_of(text)
    layers = two_layers(c, wide, size, size, bias=c.flag("projector_bias"), act="projector_hidden_act")
    between = bridge(*layers, LAYER.sized(size).named("projector_norm"))
    c.touch("audio_chunk_size")
    return wrap(c, text, whisper_ears(heard), between, tied=ties(c, text), ending=class_of(c))


@arch("qwen3_asr")
def qwen3_asr(c: Fields) -> Spec:
    """Qwen3-ASR: convolutions over the spectrum, two projections, Qwen3."""
    text, heard = asr_parts(c)
    size = width(heard)
    layers = two_layers(heard, size, size, heard.int("output_dim"), act="activation_function")
    ending = class_of(c, ("Model", FULL, "ForTokenClassification"))
    return wrap(c, text, image_of_sound(heard), bridge(*layers), tied=ties(c, text), ending=ending)


def asr_parts(c: Fields) -> tuple[Fields, Fields]:
    """The text and the sound config; published files hold both in `thinker_config`, under the names of Qwen3-Omni."""
    if c.peek("text_config") not in (ABSENT, None) or not isinstance(c.peek("thinker_config"), Mapping):
        return part(c, "text_config"), c.sub("audio_config")
    told = "thinker_config is read as the repository's own code reads it; transformers 5 passes over it"
    c.log.notice("CS112", told, "thinker_config")
    inner = c.sub("thinker_config", "qwen3_asr")
    c.touch("support_languages")
    inner.touch("initializer_range", "tie_word_embeddings")
    heard = inner.sub("audio_config", "qwen3_omni_moe_audio_encoder")
    heard.touch("id2label", "label2id", "num_labels", "tie_word_embeddings")
    return part(inner, "text_config", "qwen3"), heard


# -- omni --------------------------------------------------------------------------------------------------


@arch("qwen2_5_omni_text")
def qwen2_5_omni_text(c: Fields) -> Spec:
    """The language model of Qwen2.5-Omni: Qwen2's."""
    return qwen2(c)


@arch("qwen3_omni_moe_text")
def qwen3_omni_text(c: Fields) -> Spec:
    """The language model of Qwen3-Omni: Qwen3's mixture, every layer over a window where one is set."""
    c.impose(use_sliding_window=True)
    return qwen3_moe(c)


@arch("qwen2_5_omni_thinker")
def qwen2_5_omni_thinker(c: Fields) -> Spec:
    """The half of Qwen2.5-Omni (arXiv:2503.20215) that understands: images, sound and text in, text out."""
    text, heard = part(c, "text_config"), c.sub("audio_config")
    size, out = width(heard), heard.int("output_dim")
    marks = Table(2, out, name="audio_marks")
    ears = whisper_ears(heard, marks, table=False)
    between = bridge(project("audio_proj", out, size, "projector", bias=True))
    towers = (ears, between, *qwen25_vision(sight(c)))
    c.touch("position_id_per_seconds", "seconds_per_chunk")
    return wrap(c, text, *towers, tied=ties(c, text), ending=class_of(c))


@arch("qwen3_omni_moe_thinker")
def qwen3_omni_thinker(c: Fields) -> Spec:
    """The half of Qwen3-Omni (arXiv:2509.17765) that understands: images, sound and text in, text out."""
    text, heard = part(c, "text_config"), c.sub("audio_config")
    size = width(heard)
    layers = two_layers(heard, size, size, heard.int("output_dim"), act="activation_function")
    towers = (image_of_sound(heard), bridge(*layers), *qwen3_vision(sight(c)))
    c.touch("position_id_per_seconds")
    return wrap(c, text, *towers, tied=ties(c, text), ending=class_of(c))

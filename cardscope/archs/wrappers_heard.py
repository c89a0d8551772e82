"""Language models that hear: Audio Flamingo 3, GLM-ASR and Voxtral Realtime."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._compose import bridge, class_of, filled, held_to, part, ties, two_layers, width_of, wrap
from cardscope.archs._read import attention, decoder, heads, mlp, split_heads, width, windowed, zipped
from cardscope.archs._registry import arch
from cardscope.archs.speech import convolution
from cardscope.archs.towers import normed
from cardscope.archs.wrappers_audio import hearing, whisper_ears
from cardscope.fields import Fields
from cardscope.parts import LAYER, RMS, Bag, Spec, Tower, activation, linear


@arch("audioflamingo3")
def audio_flamingo3(c: Fields) -> Spec:
    """Audio Flamingo 3 (arXiv:2507.08128): Whisper's encoder, two projections, Qwen2; never tied."""
    text, heard = part(c, "text_config"), c.sub("audio_config")
    size = width_of(text)
    between = bridge(
        *two_layers(c, width(heard), size, size, bias=c.flag("projector_bias"), act="projector_hidden_act")
    )
    return wrap(c, text, whisper_ears(heard), between, tied=False, ending=class_of(c))


def glm_ears(c: Fields) -> Tower:
    """GLM-ASR's encoder: Whisper's with rotary positions and grouped keys."""
    size = width(c)
    attend = replace(attention(c, bias=True), k_bias=False)
    ears = Bag((*convolution("conv1", size, c.int("num_mel_bins"), 3), *convolution("conv2", size, size, 3)))
    layer = normed(c, size, attend, mlp(c, bias=True, gated=False))
    c.touch("max_position_embeddings")
    return hearing([layer] * c.layers(), ears, LAYER.sized(size).named("final_norm"))


@arch("glmasr")
def glmasr(c: Fields) -> Spec:
    """GLM-ASR: an encoder, four steps as one vector, two projections, a Llama."""
    text, heard = filled(c, "text_config"), c.sub("audio_config")
    size = width_of(text)
    layers = two_layers(c, heard.int("intermediate_size"), 2 * size, size, act="projector_hidden_act")
    return wrap(c, text, glm_ears(heard), bridge(*layers), tied=ties(c, text), ending=class_of(c))


@arch("voxtral_realtime_text")
def voxtral_realtime_text(c: Fields) -> Spec:
    """Voxtral Realtime's language model: Ministral whose second norm follows the delay."""
    size = width(c)
    delay = Bag((*linear("delay.down", 32, size, "norm"), *linear("delay.up", size, 32, "norm")))
    own = windowed(attention(c, bias=False), c.opt_int("sliding_window"))
    return decoder(c, zipped(c, [own] * c.layers(), [mlp(c)] * c.layers(), extra=(delay,)))


@arch("voxtral_realtime")
def voxtral_realtime(c: Fields) -> Spec:
    """Voxtral Realtime: a causal encoder over a window of sound, a few steps as one vector, two projections."""
    text, heard = held_to(c, filled(c, "text_config"), "voxtral_realtime_text"), c.sub("audio_config")
    size, out, dim = width(heard), width_of(text), heard.opt_int("head_dim", low=1)
    usual = attention(heard, kv_heads=heads(heard), head_dim=dim or split_heads(heard, heads(heard)), bias=True)
    # Each layer also holds an activation of another name that nothing calls.
    learned = activation(heard.raw("activation_function"), "audio")
    idle = (Bag(learned),) if learned else ()
    layer = normed(heard, size, replace(usual, k_bias=False), replace(mlp(heard), down_bias=True), RMS, *idle)
    ears = Bag((*convolution("conv1", size, heard.int("num_mel_bins"), 3), *convolution("conv2", size, size, 3)))
    heard.touch("vocab_size", "max_position_embeddings", "activation_function", "sliding_window")
    layers = two_layers(c, size * c.int("downsample_factor"), out, out, bias=False, act="projector_hidden_act")
    c.touch("audio_length_per_tok", "default_num_delay_tokens")
    towers = hearing([layer] * heard.layers(), ears, RMS.sized(size).named("final_norm")), bridge(*layers)
    return wrap(c, text, *towers, tied=ties(c, text), ending=class_of(c))

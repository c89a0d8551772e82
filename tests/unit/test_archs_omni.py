"""Qwen2.5-Omni whole: the published total, without its voice, and configs that cannot be."""

import pytest

from cardscope.archs import build, interpret, open_config
from cardscope.errors import CardscopeError
from cardscope.inventory import take

THINKER = {
    "model_type": "qwen2_5_omni_thinker", "architectures": ["Qwen2OmniNaViTThinkerForConditionalGeneration"],
    "audio_config": {
        "model_type": "qwen2_5_omni_audio_encoder", "d_model": 1280, "encoder_layers": 32, "encoder_ffn_dim": 5120,
        "encoder_attention_heads": 20, "num_mel_bins": 128, "output_dim": 3584, "max_source_positions": 1500,
    },
    "text_config": {
        "model_type": "qwen2_5_omni_text", "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
        "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064, "tie_word_embeddings": False,
    },
    "vision_config": {
        "model_type": "qwen2_5_omni_vision_encoder", "depth": 32, "hidden_size": 1280, "embed_dim": 1280,
        "intermediate_size": 3420, "num_heads": 16, "in_channels": 3, "patch_size": 14, "spatial_merge_size": 2,
        "temporal_patch_size": 2, "out_hidden_size": 3584,
    },
}  # fmt: skip
TALKER = {
    "model_type": "qwen2_5_omni_talker", "embedding_size": 3584, "hidden_size": 896, "intermediate_size": 18944,
    "num_hidden_layers": 24, "num_attention_heads": 12, "num_key_value_heads": 4, "head_dim": 128, "vocab_size": 8448,
}  # fmt: skip
OMNI = {
    "model_type": "qwen2_5_omni", "architectures": ["Qwen2_5OmniForConditionalGeneration"],
    "enable_audio_output": True, "thinker_config": THINKER, "talker_config": TALKER,
    "token2wav_config": {"dit_config": {"model_type": "qwen2_5_omni_dit"}, "bigvgan_config": {}},
}  # fmt: skip


def test_the_whole_has_the_published_total():
    """safetensors total of Qwen/Qwen2.5-Omni-7B: 10,732,225,408; no key is left unread."""
    fields = open_config(OMNI)
    found = take(interpret(fields))
    assert found.parameters == 10_732_225_408
    assert found.components()["vision"] == 631_975_680
    assert fields.unread() == ()


def test_without_a_voice_it_is_the_thinker():
    """`enable_audio_output` false builds neither talker nor codec, and the cache is the text model's either way."""
    mute, whole = take(build({**OMNI, "enable_audio_output": False})), take(build(OMNI))
    thinker = {**THINKER, "architectures": ["Qwen2_5OmniThinkerForConditionalGeneration"]}
    assert mute.parameters == take(build(thinker)).parameters
    assert list(mute.states()) == list(whole.states())


def speaking(**changes):
    """The whole with another way from codes to a wave."""
    return {**OMNI, "token2wav_config": changes}


@pytest.mark.parametrize(
    "config",
    [
        speaking(dit_config={"enc_channels": [256] * 3}),
        speaking(dit_config={"enc_channels": []}),
        speaking(dit_config={"enc_res2net_scale": 10**6}),
        speaking(bigvgan_config={"upsample_rates": [2] * 65}),
        speaking(bigvgan_config={"upsample_rates": [2] * 12, "upsample_initial_channel": 16}),
        speaking(bigvgan_config={"resblock_dilation_sizes": 3}),
        speaking(bigvgan_config=[]),
    ],
)
def test_a_codec_that_cannot_be_is_one_error(config):
    """Lists of the wrong length, sizes without end and halvings below one channel are refused with a sentence."""
    with pytest.raises(CardscopeError):
        build(config)

"""Janus by its repository's code and by transformers' class."""

import pytest

from cardscope.archs import build, interpret, open_config
from cardscope.errors import CardscopeError, NotModelled
from cardscope.inventory import take


def named(kind, **params):
    """A part of Janus as its files describe it."""
    return {"cls": kind, "model_type": "part", "params": params}


OWN = {
    "model_type": "multi_modality",
    "language_config": {
        "model_type": "llama", "hidden_size": 2048, "intermediate_size": 5632, "num_attention_heads": 16,
        "num_key_value_heads": 16, "num_hidden_layers": 24, "vocab_size": 102400, "max_position_embeddings": 16384,
    },
    "vision_config": named("CLIPVisionTower", model_name="siglip_large_patch16_384", image_size=384,
                           select_feature="same", select_layer=-1),
    "aligner_config": named("MlpProjector", depth=2, input_dim=1024, n_embed=2048, projector_type="mlp_gelu"),
    "gen_aligner_config": named("MlpProjector", depth=2, input_dim=8, n_embed=2048, projector_type="mlp_gelu"),
    "gen_vision_config": named("VQ-16", image_token_size=16384, n_embed=8),
    "gen_head_config": named("vision_head", image_token_embed=2048, image_token_size=16384, n_embed=2048),
}  # fmt: skip
PROBE = 1024 + 4 * 1024**2 + 4 * 1024 + 2 * 1024 + 2 * 1024 * 4096 + 4096 + 1024


def test_the_repository_holds_what_transformers_builds_and_a_probe():
    """deepseek-ai/Janus-1.3B, 2.09 B on the Hub: transformers' class has the same parts but SigLIP's probe."""
    fields = open_config(OWN)
    found = take(interpret(fields))
    text = {**OWN["language_config"], "tie_word_embeddings": False}
    later = take(build({"model_type": "janus", "text_config": text, "tie_word_embeddings": False}))
    assert found.parameters == later.parameters + PROBE == 2_089_232_011
    assert found.buffers == 65_536
    assert fields.unread() == ()


@pytest.mark.parametrize(
    "change",
    [
        {"vision_config": named("HybridVisionTower")},
        {"vision_config": named("CLIPVisionTower", model_name="siglip_so400m_patch14_384")},
        {"gen_vision_config": named("VQ-8", image_token_size=16384, n_embed=8)},
        {"aligner_config": named("MlpProjector", depth=2, projector_type="low_high_hybrid_split_mlp_gelu")},
    ],
)
def test_another_form_is_not_modelled(change):
    """DeepSeek-VL shares the type's name and has other towers."""
    with pytest.raises(NotModelled):
        build({**OWN, **change})


@pytest.mark.parametrize(
    "drawn",
    [
        {"channel_multiplier": []},
        {"channel_multiplier": [1] * 17},
        {"num_res_blocks": 65},
        {"num_hidden_layers": 0},
        {"num_hidden_layers": 10**6},
    ],
)
def test_a_codec_that_cannot_be_is_one_error(drawn):
    """Levels and blocks without end are refused with a sentence."""
    with pytest.raises(CardscopeError):
        build({"model_type": "janus", "vq_config": drawn})

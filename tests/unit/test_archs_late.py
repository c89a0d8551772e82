"""Towers and wrappers declared last: totals of transformers' own models, and what is declined instead of guessed."""

import pytest

from cardscope.archs import build
from cardscope.errors import CardscopeError, NotModelled
from cardscope.inventory import take


def total(config: dict[str, object]) -> int:
    return take(build(config)).parameters


def component(config: dict[str, object], name: str) -> int:
    return take(build(config)).components()[name]


GEMMA3N = {"model_type": "gemma3n", "architectures": ["Gemma3nForConditionalGeneration"]}


def test_gemma3n_counts_what_transformers_builds_of_the_published_e4b():
    """7,849,978,192 are stored: keys and values of the 15 layers that reuse earlier ones are 31,461,120 of them."""
    assert total(GEMMA3N) == 7_818_517_072 == 7_849_978_192 - 15 * (2 * 2 * 256 * 2048 + 256)


def test_gemma3n_has_mobilenet_v5_as_its_image_tower():
    """timm's mobilenetv5_300m_enc has 294,126,912 parameters."""
    assert component(GEMMA3N, "vision") == 294_126_912


def test_another_timm_tower_is_declined():
    with pytest.raises(NotModelled, match="resnet50"):
        build({**GEMMA3N, "vision_config": {"architecture": "resnet50"}})


@pytest.mark.parametrize(
    "audio",
    [
        {"sscp_conv_kernel_size": [[3, 3]]},
        {"sscp_conv_kernel_size": "3"},
        {"sscp_conv_stride_size": [[0, 2], [2, 2]]},
        {"sscp_conv_channel_size": [1, 2, 3]},
        {"conf_num_attention_heads": 7},
        {"conf_num_hidden_layers": 10**9},
    ],
)
def test_a_sound_tower_that_cannot_be_is_an_error(audio):
    with pytest.raises(CardscopeError):
        build({**GEMMA3N, "audio_config": audio})

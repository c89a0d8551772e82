"""EnCodec, LUKE and RegNet; totals are those that transformers 5.23 builds from its defaults."""

import pytest

from cardscope.archs import build
from cardscope.errors import CardscopeError
from cardscope.inventory import take

ENTITIES = 500_000 * 256


def test_encodec_keeps_its_code_books_as_buffers():
    """facebook/encodec_24khz: 32 books of 1,024 codes, their averages, counts and a flag each."""
    found = take(build({"model_type": "encodec", "architectures": ["EncodecModel"]}))
    assert found.parameters == 14_851_810
    assert found.buffers == 32 * (2 * 1024 * 128 + 1024 + 1)


def test_luke_ties_the_entities_and_not_the_words():
    """Untied, the entities' rows are stored once more, and the words' bias a second time."""
    masked = {"model_type": "luke", "architectures": ["LukeForMaskedLM"]}
    tied = take(build({**masked, "tie_word_embeddings": True})).parameters
    assert take(build({**masked, "tie_word_embeddings": False})).parameters - tied == ENTITIES + 50_267


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "encodec", "codebook_size": 1000},
        {"model_type": "encodec", "target_bandwidths": []},
        {"model_type": "encodec", "target_bandwidths": [1e8]},
        {"model_type": "encodec", "upsampling_ratios": [2] * 40},
        {"model_type": "encodec", "num_lstm_layers": 10**6},
        {"model_type": "encodec", "norm_type": "layer"},
        {"model_type": "regnet", "layer_type": "z"},
        {"model_type": "regnet", "groups_width": 50},
        {"model_type": "regnet", "depths": [10**9] * 4},
    ],
)
def test_a_network_that_cannot_be_is_one_error(config):
    """Steps, depths and code books are bounded before anything is made of them."""
    with pytest.raises(CardscopeError):
        build(config)

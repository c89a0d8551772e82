"""ViLT; the total is the one that transformers 5.23 builds from its defaults."""

import pytest

from cardscope.archs import build
from cardscope.errors import CardscopeError
from cardscope.inventory import take


@pytest.mark.parametrize("tied", [True, False])
def test_the_words_are_tied_whatever_the_file_says(tied):
    """dandelin/vilt-b32-mlm's sizes are the defaults."""
    config = {"model_type": "vilt", "architectures": ["ViltForMaskedLM"], "tie_word_embeddings": tied}
    assert take(build(config)).parameters == 112217658


def test_a_classifier_of_several_images_needs_to_know_how_many():
    """The class's own default of -1 images is refused with a sentence."""
    with pytest.raises(CardscopeError):
        build({"model_type": "vilt", "architectures": ["ViltForImagesAndTextClassification"]})

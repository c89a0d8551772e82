"""Small image networks: totals of their published forms, as remembered, and configs that cannot be."""

import pytest

from cardscope.archs import build
from cardscope.errors import CardscopeError
from cardscope.inventory import take

LABELS = {"id2label": {str(n): f"LABEL_{n}" for n in range(1000)}}


@pytest.mark.parametrize(
    ("model_type", "name", "total"),
    [
        # Torchvision's mobilenet_v2 and efficientnet_b7 have these with 1,000 classes; MobileNet's paper says 4.2 M,
        # MobileViT's 5.6 M.
        ("mobilenet_v2", "MobileNetV2ForImageClassification", 3_504_872),
        ("efficientnet", "EfficientNetForImageClassification", 66_347_960),
        ("mobilenet_v1", "MobileNetV1ForImageClassification", 4_231_976),
        ("mobilevit", "MobileViTForImageClassification", 5_578_632),
    ],
)
def test_the_published_total_with_a_thousand_classes(model_type, name, total):
    """Each class's defaults are a published model."""
    assert take(build({"model_type": model_type, "architectures": [name], **LABELS})).parameters == total


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "mobilenet_v1", "depth_multiplier": 0},
        {"model_type": "mobilenet_v2", "expand_ratio": 1e9},
        {"model_type": "efficientnet", "depth_coefficient": 900.0, "num_block_repeats": [10**6] * 7},
        {"model_type": "efficientnet", "kernel_sizes": [3, 3]},
        {"model_type": "efficientnet", "expand_ratios": [0] * 7},
        {"model_type": "mobilevit", "neck_hidden_sizes": [16, 32]},
        {"model_type": "mobilevit", "hidden_sizes": [145, 192, 240]},
        {"model_type": "mobilevit", "architectures": ["MobileViTForSemanticSegmentation"], "atrous_rates": [6]},
    ],
)
def test_a_network_that_cannot_be_is_one_error(config):
    """Widths, depths and lists are bounded before anything is made of them."""
    with pytest.raises(CardscopeError):
        build(config)

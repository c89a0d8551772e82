"""Which type a config is: by model_type, by its class where that is another type's, or by the class alone."""

import pytest

import cardscope
from cardscope.identify import identify


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"model_type": "llama"}, "llama"),
        ({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, "llama"),
        ({"model_type": "gpt-sw3", "architectures": ["GPT2LMHeadModel"]}, "gpt-sw3"),
        ({"model_type": "glm", "architectures": ["Glm4MoeForCausalLM"]}, "glm4_moe"),
        ({"model_type": "kimi_k2", "architectures": ["DeepseekV3ForCausalLM"]}, "kimi_k2"),
        ({"model_type": "llama", "architectures": ["SomebodysLlama"]}, "llama"),
        ({"architectures": ["GPT2LMHeadModel"]}, "gpt2"),
        ({"architectures": ["Unheard", "BertForMaskedLM"]}, "bert"),
        ({"architectures": ["Unheard"]}, None),
        ({"model_type": 3, "architectures": "x"}, None),
    ],
)
def test_the_type(config, found):
    """transformers builds the class named, with that class's own defaults: so do we."""
    assert identify(config).model_type == found


def test_a_class_of_another_type_is_counted_as_that_type_and_said():
    """A config saved under the wrong model_type is not counted as the wrong model."""
    config = {"model_type": "glm", "architectures": ["Glm4MoeForCausalLM"], "num_hidden_layers": 2}
    report = cardscope.inspect(config, exact=False, headers=False)
    assert report.parameters.analytic.components["experts"] > 0
    assert "CS113" in {finding.code for finding in report.findings}

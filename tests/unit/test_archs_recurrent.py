"""State-space models and hybrids: sizes and states as transformers 5.23 builds them."""

from cardscope.archs import build
from cardscope.inventory import take

LLAMA = {
    "model_type": "llama",
    "vocab_size": 500,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
}


def test_prelu_adds_one_slope_a_layer():
    plain, learned = take(build(LLAMA)), take(build({**LLAMA, "hidden_act": "prelu"}))
    assert learned.parameters - plain.parameters == 3
    assert learned.buffers == 0


def test_xielu_adds_two_parameters_and_two_buffers_a_layer():
    plain, learned = take(build(LLAMA)), take(build({**LLAMA, "hidden_act": "xielu"}))
    assert learned.parameters - plain.parameters == 6
    assert learned.buffers == 6


def test_old_words_of_layer_types_mean_the_new_ones():
    base = {"model_type": "qwen3_next", "num_hidden_layers": 2, "num_experts": 4, "num_experts_per_tok": 2}
    new = build({**base, "layer_types": ["linear_attention", "full_attention"]})
    assert build({**base, "layer_types": ["mamba", "attention"]}) == new

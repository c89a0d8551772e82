"""head_dim where the class declares none: transformers reads it off the file all the same."""

import pytest

from cardscope.archs import build, interpret, open_config
from cardscope.inventory import take

SMALL = {
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 96,
    "vocab_size": 320,
    "max_position_embeddings": 128,
}


@pytest.mark.parametrize(
    ("model_type", "total"),
    [
        ("cohere", 94_400),
        ("cohere2", 94_400),
        ("granitemoe", 374_080),
        ("olmo", 114_688),
        ("olmo2", 115_296),
        ("olmo3", 115_296),
    ],
)
def test_a_head_dim_of_its_own_shapes_the_projections(model_type, total):
    """Heads of 24 in a width of 64: what transformers 5.23 builds from the same file."""
    assert take(build({**SMALL, "model_type": model_type, "head_dim": 24})).parameters == total


@pytest.mark.parametrize("model_type", ["cohere", "olmo2", "jamba", "smollm3"])
def test_without_one_the_heads_share_the_width(model_type):
    config = {**SMALL, "model_type": model_type}
    assert take(build({**config, "head_dim": 16})).parameters == take(build(config)).parameters


def test_where_the_norms_forbid_it_the_key_is_reported_as_unread():
    """OLMoE's query norm spans hidden_size, so heads of another width could not run."""
    fields = open_config({**SMALL, "model_type": "olmoe", "head_dim": 24})
    interpret(fields)
    assert fields.unread() == ("head_dim",)

"""What-ifs: what an edit changes, and which edits are refused."""

import pytest

from cardscope.errors import UsageError
from cardscope.source.whatif import apply

GPT2 = {"model_type": "gpt2", "n_layer": 12, "n_embd": 768}
GEMMA = {
    "model_type": "gemma3",
    "text_config": {"model_type": "gemma3_text", "num_hidden_layers": 62, "layer_types": ["full_attention"] * 62},
}


def _gpt2_aliases(model_type):
    return {"num_hidden_layers": "n_layer"} if model_type == "gpt2" else {}


def test_an_edit_replaces_the_value_and_records_both():
    data, changes = apply({"a": 1}, [("a", "2")])
    assert (data, changes) == ({"a": 2}, (("a", 1, 2),))


def test_the_config_handed_in_stays_as_it_was():
    before = {"text_config": {"a": 1}}
    apply(before, [("text_config.a", "2")])
    assert before == {"text_config": {"a": 1}}


@pytest.mark.parametrize("key", ["n_layer", "num_hidden_layers"])
def test_either_spelling_changes_the_key_that_the_config_uses(key):
    data, changes = apply(GPT2, [(key, "6")], _gpt2_aliases)
    assert data == {**GPT2, "n_layer": 6}
    assert changes == ((key, 12, 6),)


def test_a_config_holding_both_spellings_has_both_changed():
    data, _ = apply({**GPT2, "num_hidden_layers": 12}, [("num_hidden_layers", "6")], _gpt2_aliases)
    assert (data["n_layer"], data["num_hidden_layers"]) == (6, 6)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("-1", -1), ("1.5", 1.5), ("true", True), ("null", None), ("[1,2]", [1, 2]), ('{"a":1}', {"a": 1}),
     ('"1"', "1"), ("silu", "silu"), ("float8_e4m3fn", "float8_e4m3fn"), ("4bit", "4bit"), ("-x", "-x")],
)  # fmt: skip
def test_values_are_json_and_bare_words_are_strings(text, value):
    data, _ = apply({"a": 0}, [("a", text)])
    assert data["a"] == value
    assert type(data["a"]) is type(value)


@pytest.mark.parametrize("text", ["True", "None", "[1,", '["a]', "{a: 1}", "", '"x'])
def test_values_that_can_only_be_slips_are_refused(text):
    with pytest.raises(UsageError) as caught:
        apply({"a": 0}, [("a", text)])
    assert caught.value.hint


def test_a_dotted_key_reaches_into_a_section():
    data, changes = apply({"model_type": "x", "rope_scaling": {"factor": 1}}, [("rope_scaling.factor", "2")])
    assert data["rope_scaling"] == {"factor": 2}
    assert changes == (("rope_scaling.factor", 1, 2),)


def test_a_section_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="text_config is not in this config") as caught:
        apply({"hidden_size": 8}, [("text_config.hidden_size", "16")])
    assert "hidden_size=16" in caught.value.hint


def test_a_key_that_lives_in_a_section_is_not_set_at_the_top():
    with pytest.raises(UsageError, match="text_config") as caught:
        apply(GEMMA, [("num_hidden_layers", "4")])
    assert caught.value.hint == "--set text_config.num_hidden_layers=4"


def test_a_layer_count_that_contradicts_layer_types_is_refused_with_what_to_set():
    with pytest.raises(UsageError, match="layer_types has 62 entries") as caught:
        apply(GEMMA, [("text_config.num_hidden_layers", "4")])
    assert "text_config.layer_types to a list of 4 entries" in caught.value.hint
    assert "text_config.num_hidden_layers=62" in caught.value.hint


def test_a_layer_count_and_its_list_can_be_changed_together():
    data, _ = apply(GEMMA, [("text_config.num_hidden_layers", "1"), ("text_config.layer_types", '["full_attention"]')])
    assert data["text_config"]["num_hidden_layers"] == 1


def test_a_list_set_to_null_contradicts_nothing():
    data, _ = apply(GEMMA, [("text_config.num_hidden_layers", "4"), ("text_config.layer_types", "null")])
    assert data["text_config"]["layer_types"] is None


def test_a_list_of_another_length_contradicts_the_layer_count():
    with pytest.raises(UsageError, match="layer_types has 1 entries"):
        apply(GEMMA, [("text_config.layer_types", '["full_attention"]')])


def test_an_unnamed_list_as_long_as_the_layers_is_per_layer_too():
    with pytest.raises(UsageError, match="compress_ratios"):
        apply({"num_hidden_layers": 5, "compress_ratios": [1] * 5}, [("num_hidden_layers", "4")])


def test_a_list_of_another_length_from_the_start_is_left_alone():
    config = {"num_hidden_layers": 5, "eos_token_id": [1, 2, 3, 4, 5], "mlp_only_layers": [0, 1]}
    assert apply(config, [("num_hidden_layers", "4")])[0]["num_hidden_layers"] == 4


def test_a_pattern_string_runs_over_the_layers():
    with pytest.raises(UsageError, match="hybrid_override_pattern"):
        apply({"num_hidden_layers": 4, "hybrid_override_pattern": "M-M*"}, [("num_hidden_layers", "3")])

"""Whatever is thrown at the readers of words, bytes, dicts and changes, they answer or raise an error of ours."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardscope.errors import CardscopeError
from cardscope.source import resolve, strictjson, whatif, words

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
PIECES = st.sampled_from(
    [
        "./",
        "/",
        "~",
        "hf://",
        "https://huggingface.co/",
        "@",
        ",",
        "=",
        "nanochat:",
        "d20",
        "org",
        "name",
        "-",
        "[",
        '"',
        "refs/pr/1",
    ]
)
quiet = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def outcome(call, *arguments):
    """(value, None), or (None, the error of ours that was raised); any other error fails the test."""
    try:
        return call(*arguments), None
    except CardscopeError as error:
        return None, error


@quiet
@given(st.text(max_size=40) | st.lists(PIECES | st.text(max_size=3), max_size=8).map("".join))
def test_any_word_is_read_or_refused(word):
    found, error = outcome(words.parse, word)
    assert found.text == word if found else error.hint and "\n" not in error.message


@quiet
@given(
    st.binary(max_size=60)
    | JSON.map(lambda v: json.dumps(v).encode()[:-1])
    | st.text('[]{}",:0a\\', max_size=60).map(str.encode)
)
def test_any_bytes_are_read_or_refused(data):
    found, error = outcome(strictjson.load, data, "x")
    assert isinstance(found, dict) if error is None else error.hint and "\n" not in error.message


@quiet
@given(st.dictionaries(st.text(), JSON, max_size=6))
def test_json_objects_come_back_as_they_were(data):
    found, error = outcome(strictjson.load, json.dumps(data).encode(), "x")
    assert found == data if error is None else "Unicode" in error.message


@quiet
@given(
    st.dictionaries(st.sampled_from(["a", "b", "num_hidden_layers", "layer_types", "text_config"]), JSON),
    st.text(max_size=9),
    JSON,
)
def test_a_change_is_made_or_refused(config, key, value):
    found, error = outcome(lambda: whatif.apply(config, [words.edit(f"{key}={json.dumps(value)}")]))
    if error is None:
        changed, record = found
        assert changed != config or record[0][1] == record[0][2]
    else:
        assert error.hint


@quiet
@given(st.dictionaries(st.text() | st.integers(), JSON | st.binary() | st.tuples(st.integers()), max_size=6))
def test_any_dict_is_copied_or_refused(data):
    found, error = outcome(resolve, {"model_type": "x", **data})
    assert json.loads(json.dumps(found.data)) == found.data if error is None else error.hint


@pytest.mark.parametrize("text", ["{" * 99, "[" * 101, '{"a":' * 50, "\\" * 1000, '"' * 1001])
def test_unfinished_text_of_any_length_is_refused(text):
    with pytest.raises(CardscopeError):
        strictjson.load(text.encode(), "x")

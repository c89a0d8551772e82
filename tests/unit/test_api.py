"""The library's one verb, called as a person might call it wrongly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import cardscope
from cardscope.errors import UsageError
from tests import facts

TOTAL = 8_030_261_248


def inspect(model, **options):
    """The analytic report."""
    return cardscope.inspect(model, exact=False, headers=False, **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"context": 0}, "context is 0"),
        ({"context": -5}, "context is -5"),
        ({"context": 10**50}, "context is 1000"),
        ({"context": "8k"}, "context is '8k'"),
        ({"context": 8192.0}, "context is 8192.0"),
        ({"batch": 0}, "batch is 0"),
        ({"batch": True}, "batch is True"),
        ({"batch": None}, "batch is None"),
        ({"kv_dtype": 5}, "a cache in 5"),
        ({"kv_dtype": "bool"}, "a cache in bool"),
        ({"kv_dtype": "int64"}, "a cache in int64"),
        ({"revision": "main"}, "a dict has no revisions"),
        ({"sets": ["num_hidden_layers"]}, "is not KEY=VALUE"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, said):
    with pytest.raises(UsageError) as caught:
        inspect(facts.LLAMA3_8B, **options)
    assert said in caught.value.message
    assert caught.value.hint


def test_options_are_checked_before_anything_is_asked(tmp_path):
    """A model that is not there is not even looked for."""
    with pytest.raises(UsageError):
        inspect(tmp_path / "nothing", batch=0)


@pytest.mark.parametrize("model", [None, 5, [facts.LLAMA3_8B], b"gpt2", object()])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(UsageError, match="names no model"):
        inspect(model)


@pytest.mark.parametrize(
    "sets",
    [
        "num_hidden_layers=33",
        ["num_hidden_layers=33"],
        [("num_hidden_layers", "33")],
        {"num_hidden_layers": 33},
        iter(["num_hidden_layers=33"]),
    ],
)
def test_a_what_if_may_be_given_in_several_ways(sets):
    assert inspect(facts.LLAMA3_8B, sets=sets).parameters.analytic.total == TOTAL + 218_112_000


def test_a_what_if_may_be_null_or_a_list():
    found = inspect(facts.GPT_OSS_20B, sets={"layer_types": ["full_attention"] * 24, "head_dim": None})
    assert found.attention.layers["full"] == 24
    assert found.spec.head_dim == 2880 // 64


def test_a_path_may_be_any_path(tmp_path):
    import json

    path = tmp_path / "config.json"
    path.write_text(json.dumps(facts.LLAMA3_8B))

    class Own(os.PathLike):
        def __fspath__(self):
            return str(path)

    for model in (str(path), Path(path), Path(tmp_path), Own()):
        assert inspect(model).parameters.analytic.total == TOTAL


def test_reports_compare_and_do_not_change():
    one, other = inspect(facts.LLAMA3_8B), inspect(dict(facts.LLAMA3_8B))
    assert one == other
    with pytest.raises(AttributeError):
        one.headline = None

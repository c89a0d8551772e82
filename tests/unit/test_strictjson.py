"""JSON under caps: what is accepted, and what each hostile input is told."""

import json
import math

import pytest

from cardscope.errors import NotAConfig, TooLarge
from cardscope.source.strictjson import load, value


def test_an_object_comes_back_as_it_was():
    data = {"a": 1, "b": [1.5, None, True, {"c": "é"}], "d": -(10**29)}
    assert load(json.dumps(data).encode(), "x") == data


def test_a_byte_order_mark_is_no_obstacle():
    assert load(b'\xef\xbb\xbf{"a": 1}', "x") == {"a": 1}


def test_bare_infinity_and_nan_are_read_as_real_files_hold_them():
    found = load(b'{"a": Infinity, "b": -Infinity, "c": NaN}', "x")
    assert (found["a"], found["b"]) == (math.inf, -math.inf)
    assert math.isnan(found["c"])


def test_brackets_inside_strings_are_not_depth():
    text = json.dumps({"a": "[" * 5000 + '\\"{'})
    assert load(text.encode(), "x") == json.loads(text)


def test_a_hundred_levels_are_read_and_one_more_is_refused():
    assert load(b'{"a":' * 100 + b"1" + b"}" * 100, "x")
    with pytest.raises(TooLarge, match="100 levels"):
        load(b'{"a":' * 101 + b"1" + b"}" * 101, "x")


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (b"", NotAConfig, "x is empty"),
        (b" \n", NotAConfig, "x is empty"),
        (b'{"a": [1, 2', NotAConfig, "cut off"),
        (b'{"a": 1, "b": "tex', NotAConfig, "cut off"),
        (b'{"a": tru', NotAConfig, "cut off"),
        (b'{"a": {"b": 1}', NotAConfig, "cut off"),
        (b"{'a': 1}", NotAConfig, "not JSON"),
        (b'{"a": 1,}', NotAConfig, "not JSON"),
        (b'{"a": 1} {"b": 2}', NotAConfig, "Extra data"),
        (b"hello", NotAConfig, "not JSON"),
        (b"<!DOCTYPE html><html></html>", NotAConfig, "HTML"),
        (b"\n <html>", NotAConfig, "HTML"),
        (b"[1, 2]", NotAConfig, "holds a list"),
        (b"null", NotAConfig, "holds null"),
        (b"NaN", NotAConfig, "holds a number"),
        (b'"a"', NotAConfig, "holds a string"),
        (b'{"a": 1, "a": 2}', NotAConfig, "'a' twice"),
        (b'{"a": ' + b"9" * 31 + b"}", NotAConfig, "31 digits"),
        (b'{"a": ' + b"9" * 100_000 + b"}", NotAConfig, "100,000 digits"),
        (b'{"a": "\\ud800"}', NotAConfig, "Unicode"),
        (b"\xff\xfe{\x00}\x00", NotAConfig, "UTF-8"),
        (b"GGUF\x03\x00\x00\x00", NotAConfig, "GGUF"),
        (b'\x40\x00\x00\x00\x00\x00\x00\x00{"__metadata__":{}}', NotAConfig, "safetensors"),
        (b"PK\x03\x04...", NotAConfig, "never loaded"),
        (b"\x80\x02}q\x00.", NotAConfig, "never loaded"),
        (b"version https://git-lfs.github.com/spec/v1\noid", NotAConfig, "LFS"),
        (b"[" * 10_000, TooLarge, "levels"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, TooLarge, "levels"),
        (b'{"a": [' + b"1," * 1_000_001 + b"1]}", TooLarge, "values"),
        (b'{"a": "' + b"x" * 100_001 + b'"}', TooLarge, "string"),
        (b" " * 10_000_001, TooLarge, "bytes"),
        (b'{"' + b'\\"' * 200_000, NotAConfig, "cut off"),
    ],
    ids=lambda v: repr(v)[:30] if isinstance(v, bytes) else "",
)
def test_hostile_input_is_told_in_one_sentence_with_a_hint(data, kind, said):
    with pytest.raises(kind, match=said) as caught:
        load(data, "x")
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 160


def test_any_json_value_is_read_under_the_same_caps():
    assert value("[1, 2]", "x") == [1, 2]
    with pytest.raises(TooLarge):
        value("[" * 10_000, "x")

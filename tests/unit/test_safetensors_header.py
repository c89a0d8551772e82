"""A safetensors header is read exactly, and a hostile one is refused with one sentence."""

import json

import pytest

from cardscope.checkpoint.header import MAX_HEADER, header_length, parse
from cardscope.errors import NotAConfig, TooLarge


def text(**tensors):
    return json.dumps(tensors).encode()


def entry(shape=(2, 3), dtype="F32", start=0, end=24):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


def test_tensors_keep_name_dtype_shape_and_bytes():
    """Two tensors side by side come back as they were written."""
    found = parse(text(a=entry(), b=entry((4,), "BF16", 24, 32), __metadata__={"format": "pt"}), "f", 8 + 1000)
    assert [(t.name, t.dtype, t.shape, t.size, t.numel) for t in found.tensors] == [
        ("a", "F32", (2, 3), 24, 6),
        ("b", "BF16", (4,), 8, 4),
    ]
    assert found.metadata == {"format": "pt"}
    assert found.data_bytes == 32


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"<html>", "not JSON"),
        (b"[]", "not an object"),
        (b'{"a": 1, "a": 2}', "twice"),
        (text(a={"dtype": "F32"}), "no dtype, shape and data_offsets"),
        (text(a=entry((-1, 3))), "impossible shape"),
        (text(a=entry((True,), "I8", 0, 1)), "impossible shape"),
        (text(a=entry((1 << 33,), "I8", 0, 1 << 33)), "impossible shape"),
        (text(a=entry((2, 3), "F32", 24, 0)), "offsets"),
        (text(a=entry((2, 3), "F32", 0, 23)), "another number"),
        (text(a=entry(), b=entry(start=12, end=36)), "overlap"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_hostile_headers_are_refused(header, words):
    """Each damage is named in one sentence."""
    with pytest.raises(NotAConfig, match=words):
        parse(header, "f")


def test_offsets_beyond_the_file_are_a_truncated_file():
    """A file shorter than its header says is not read as if it were whole."""
    header = text(a=entry())
    with pytest.raises(NotAConfig, match="the file holds 10"):
        parse(header, "f", 8 + len(header) + 10)


def test_a_huge_header_is_refused_before_it_is_read():
    """The length alone decides."""
    with pytest.raises(TooLarge, match="over the cap"):
        header_length((MAX_HEADER + 1).to_bytes(8, "little"), "f")
    with pytest.raises(NotAConfig, match="ends before"):
        header_length(b"abc", "f")

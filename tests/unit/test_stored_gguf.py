"""GGUF: metadata and tensor table of a file, its splits and its neighbours, without a tensor."""

from __future__ import annotations

import struct

import pytest

import cardscope
from cardscope.checkpoint.gguf import MAX_HEAD, TYPES, read
from cardscope.checkpoint.gguf_files import label, pick, quants
from cardscope.errors import NotAConfig, TooLarge
from tests import weights as w

FILE = w.gguf(w.GGUF_TENSORS, **w.GGUF_VALUES)


def table(data):
    return read(lambda start, stop: data[start:stop], "f")


def inspect(path):
    return cardscope.inspect(str(path), exact=False)


@pytest.fixture
def file(tmp_path):
    (tmp_path / "tiny-Q4_K_M.gguf").write_bytes(FILE)
    return tmp_path / "tiny-Q4_K_M.gguf"


def test_a_file_is_the_headline_and_its_metadata_are_the_config(file):
    """Total, bytes and cache come from the file alone."""
    report = inspect(file)
    assert (report.headline.total, report.headline.witness) == (w.GGUF_TOTAL, "stored")
    assert (report.headline.bytes, report.headline.dtype) == (w.GGUF_BYTES, "Q4_K_M")
    assert report.parameters.analytic.total == w.GGUF_TOTAL
    assert report.kv_cache.per_token_bytes == 2 * 2 * 64 * 2 * 2
    assert report.parameters.checkpoint.source == "gguf"
    assert report.weights[0].bits_per_weight == round(8 * w.GGUF_BYTES / w.GGUF_TOTAL, 3)
    assert "Q4_K 59 %" in report.weights[0].rule


def test_the_type_mix_is_counted_by_numbers(file):
    """Each type with the numbers stored in it."""
    assert inspect(file).parameters.checkpoint.dtypes == {"Q4_K": 851_968, "Q6_K": 589_824, "F32": 1_280}


def test_a_folder_of_files_reads_one_and_lists_the_others(tmp_path):
    """Without a config.json llama.cpp's default is read; the others are rows by their size."""
    (tmp_path / "tiny-Q4_K_M.gguf").write_bytes(FILE)
    (tmp_path / "tiny-Q8_0.gguf").write_bytes(b"x" * 5000)
    (tmp_path / "mmproj-tiny-f16.gguf").write_bytes(b"x" * 10)
    report = inspect(f"{tmp_path}/")
    stored = [(row.precision, row.bytes) for row in report.weights if row.basis == "stored"]
    assert stored == [("Q4_K_M", w.GGUF_BYTES), ("Q8_0", 5000)]


def test_splits_are_one_model(tmp_path):
    """Naming one split reads all of them."""
    items = list(w.GGUF_TENSORS.items())
    for n, part in enumerate((items[:9], items[9:])):
        values = {**w.GGUF_VALUES, "split__count": 2} if n == 0 else {"split__count": 2}
        (tmp_path / f"m-Q4_0-{n + 1:05}-of-00002.gguf").write_bytes(w.gguf(dict(part), **values))
    assert inspect(tmp_path / "m-Q4_0-00002-of-00002.gguf").headline.total == w.GGUF_TOTAL


def test_a_missing_split_leaves_no_total(tmp_path):
    """Half a model is not counted as if it were whole."""
    half = dict(list(w.GGUF_TENSORS.items())[:9])
    data = w.gguf(half, **{**w.GGUF_VALUES, "split__count": 2})
    (tmp_path / "m-00001-of-00002.gguf").write_bytes(data)
    stored = inspect(tmp_path / "m-00001-of-00002.gguf").parameters.checkpoint
    assert (stored.total, stored.status) == (None, "failed")


def test_an_unknown_architecture_is_counted_from_its_table(tmp_path):
    """No spec, yet a total and components."""
    (tmp_path / "x.gguf").write_bytes(w.gguf(w.GGUF_TENSORS, "newarch", **w.GGUF_VALUES))
    report = inspect(tmp_path / "x.gguf")
    assert (report.headline.total, report.spec) == (w.GGUF_TOTAL, None)
    assert report.inventory.components()["mlp"] == 2 * 3 * 512 * 256


def test_an_unknown_type_leaves_no_total(tmp_path):
    """A type without a block size here has unknown bytes."""
    tensors = {**w.GGUF_TENSORS, "blk.0.attn_q.weight": (99, (256, 256))}
    (tmp_path / "x.gguf").write_bytes(w.gguf(tensors, **w.GGUF_VALUES))
    stored = inspect(tmp_path / "x.gguf").parameters.checkpoint
    assert stored.total is None
    assert "blk.0.attn_q.weight" in stored.reason


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"GGML" + FILE[4:], NotAConfig, "not a GGUF file"),
        (b"GGUF\1\0\0\0" + FILE[8:], NotAConfig, "version 1"),
        (FILE[:2000], NotAConfig, "ends inside"),
        (FILE[:8] + struct.pack("<QQ", 1 << 40, 1) + FILE[24:], TooLarge, "tensors"),
        (FILE[:24] + struct.pack("<Q", MAX_HEAD) + FILE[32:], TooLarge, "before its tensors"),
        (w.gguf({"a": (0, (1 << 33,))}), NotAConfig, "impossible shape"),
        (w.gguf({"a": (0, (1,) * 20)}), NotAConfig, "20 axes"),
        (w.gguf({}, general__architecture=5), NotAConfig, "twice"),
    ],
)
def test_hostile_files_are_refused(data, error, words):
    """Each damage is named in one sentence, and nothing large is waited for."""
    with pytest.raises(error, match=words):
        table(data)


def test_a_vocabulary_is_counted_and_not_kept():
    """5,000 tokens leave their number."""
    assert table(FILE).metadata["tokenizer.ggml.tokens"] == 5000


def test_the_block_sizes_give_llama_cpp_s_bits():
    """Bits per weight of the common types, as llama.cpp prints them."""
    bits = {name: 8 * size / block for name, block, size in TYPES.values()}
    want = {"Q4_0": 4.5, "Q8_0": 8.5, "Q4_K": 4.5, "Q6_K": 6.5625, "IQ4_XS": 4.25, "IQ1_S": 1.5625, "MXFP4": 4.25}
    assert {name: bits[name] for name in want} == want


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Meta-Llama-3-8B-Instruct.Q5_K_M.gguf", "Q5_K_M"),
        ("qwen3-4b-UD-Q2_K_XL.gguf", "UD-Q2_K_XL"),
        ("model-IQ4_XS", "IQ4_XS"),
        ("gpt-oss-20b-mxfp4.gguf", "mxfp4"),
        ("BF16/x-BF16", "BF16"),
    ],
)
def test_a_file_s_name_tells_its_precision(name, shown):
    """The label is the last precision in the name."""
    assert label(name) == shown


def test_llama_cpp_s_default_is_picked():
    """Q4_K_M where there is one, else the first."""
    files = [("a-Q2_K.gguf", 1), ("a-Q4_K_M-00001-of-00002.gguf", 2), ("a-Q4_K_M-00002-of-00002.gguf", 3)]
    assert pick(quants(files))[1:] == (("a-Q4_K_M-00001-of-00002.gguf", "a-Q4_K_M-00002-of-00002.gguf"), 5)
    assert pick(quants(files[:1])).label == "Q2_K"
    assert pick(quants([("mmproj.gguf", 1)])) is None

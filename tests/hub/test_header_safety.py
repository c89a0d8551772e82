"""Limits of what is read of weights: whoever wrote the files, and whoever answers."""

from __future__ import annotations

import json

import pytest

import cardscope
from cardscope.checkpoint import header, index, places
from cardscope.errors import NotAConfig, TooLarge
from tests import weights as w
from tests.hub.hubserver import TOKEN, HubServer, Repo

CONFIG = json.dumps(w.LLAMA).encode()
SHARDED, GROWN = w.repository(w.llama(), 2)
INDEX = "model.safetensors.index.json"
FIRST = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


def entry(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize("announced", [header.MAX_HEADER + 1, 1 << 40, (1 << 64) - 1])
def test_a_header_over_25_mb_is_refused_by_its_length_alone(announced):
    assert header.MAX_HEADER == 25_000_000
    with pytest.raises(TooLarge, match="announces a header"):
        header.header_length(announced.to_bytes(8, "little"), "x")


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (entry([2], 4, 12), "overlap"),
        (entry([2], 0, 8), "overlap"),
        (entry([2], 96, 104), "the file holds 100"),
        (entry([(1 << 32) + 1], 8, 16), "impossible shape"),
        (entry([-1], 8, 16), "impossible shape"),
        (entry([2.0], 8, 16), "impossible shape"),
        (entry([True], 8, 16), "impossible shape"),
        (entry([1] * 17, 8, 12), "impossible shape"),
        (entry([2], 16, 8), "offsets"),
        (entry([3], 8, 16), "need another number"),
        ({"dtype": "F32", "shape": [2]}, "no dtype, shape"),
        ([], "no dtype, shape"),
    ],
)
def test_a_tensor_that_cannot_be_meant_is_refused(second, words):
    """Offsets that overlap or leave the file, dimensions over 2^32, sizes that do not fit the shape."""
    with pytest.raises(NotAConfig, match=words):
        header.check({**FIRST, "b": second}, "x", room=100)


def test_a_dimension_of_2_to_the_32_is_the_largest():
    edge = entry([1 << 32, 0], 8, 8)
    assert header.check({**FIRST, "b": edge}, "x", room=100).tensors[1].shape == (1 << 32, 0)


def test_keys_that_stand_twice_are_refused():
    """Which of two tensors of one name is meant, nobody can say."""
    with pytest.raises(NotAConfig, match="stands in it twice"):
        header.parse(b'{"a": {}, "a": {}}', "x")


@pytest.mark.parametrize(
    "name", ["../x.safetensors", "/etc/passwd", "a/b.safetensors", "a\\b", "..", ".", "", "a\x00b", "x" * 301, 5, None]
)
def test_a_shard_is_a_file_beside_its_index(name):
    with pytest.raises(NotAConfig, match="names a shard"):
        places.check_shards([name], "the index")


def test_ten_thousand_shards_are_read_and_one_more_is_not():
    names = [f"{n}.safetensors" for n in range(places.MAX_SHARDS)]
    assert places.MAX_SHARDS == 10_000
    assert len(places.check_shards(names, "the index")) == 10_000
    with pytest.raises(TooLarge, match="10,001"):
        places.check_shards([*names, "more.safetensors"], "the index")


def test_an_index_over_100_mb_is_refused(tmp_path):
    """By its size, before a byte of it is read."""
    (tmp_path / "config.json").write_bytes(CONFIG)
    with (tmp_path / INDEX).open("wb") as file:
        file.truncate(index.MAX_INDEX + 1)
    stored = cardscope.inspect(str(tmp_path), exact=False).parameters.checkpoint
    assert stored.status == "failed"
    assert "100,000,001" in stored.reason


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CARDSCOPE_CACHE", str(tmp_path / "cardscope"))


@pytest.mark.usefixtures("hf_cache")
def test_credentials_stay_home_when_weights_are_elsewhere(monkeypatch):
    """Files that redirect to another host, as the Hub's do to its storage, are asked for there without the token."""
    from huggingface_hub import constants

    files = {"config.json": CONFIG, **SHARDED}
    with HubServer({"org/many": Repo(files, grown=GROWN)}) as other:
        ours = Repo(files, grown=GROWN, metadata=False, file_fault="redirect", redirect=other.url)
        with HubServer({"org/many": ours}) as first:
            monkeypatch.setattr(constants, "ENDPOINT", first.url.replace("127.0.0.1", "localhost"))
            report = cardscope.inspect("org/many", exact=False, token=TOKEN)
    assert report.parameters.checkpoint.total == w.TOTAL
    shards = [r for r in other.requests if r.path.endswith(".safetensors")]
    assert shards
    assert all("authorization" in r.headers for r in first.requests)
    assert not any("authorization" in r.headers for r in other.requests)


@pytest.mark.parametrize("lie", ["short", "other"])
@pytest.mark.usefixtures("hub")
def test_an_endpoint_s_list_of_headers_is_not_believed(lie, elsewhere):
    """Shards that the commit does not hold, or whose tensors end elsewhere, are read by range instead."""
    wrong = w.repository(w.llama("F32"), 2)[0]
    repo = Repo({"config.json": CONFIG, **SHARDED}, grown=GROWN, listed=wrong if lie == "other" else {INDEX: b"{}"})
    with elsewhere(repo) as server:
        report = cardscope.inspect("org/many", exact=False)
        assert report.parameters.checkpoint.dtypes == {"BF16": w.TOTAL}
        assert [p for p in server.paths() if p.endswith("-of-00002.safetensors")]

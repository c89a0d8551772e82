"""Headers of a repository: which requests are made, what is kept, and what stands in when they cannot be had."""

from __future__ import annotations

import json

import pytest

import cardscope
from tests import weights as w
from tests.hub.hubserver import HubServer, Repo

CONFIG = json.dumps(w.LLAMA).encode()
SHARDED, GROWN = w.repository(w.llama(), 3)
SINGLE, LENGTH = w.stub(w.llama())
LONG, LONG_LENGTH = w.stub({**w.llama(), **{f"padding.{'x' * 90}.{n}.weight": ("BF16", (1,)) for n in range(700)}})
GGUF = w.gguf(w.GGUF_TENSORS, **w.GGUF_VALUES)
INDEX = "model.safetensors.index.json"


def repos():
    sharded = {"config.json": CONFIG, **SHARDED}
    lost = {name: data for name, data in sharded.items() if "00002" not in name}
    return {
        "org/sharded": Repo(sharded, grown=GROWN, branches=("main", "dev")),
        "org/mirror": Repo(sharded, grown=GROWN, metadata=False),
        "org/single": Repo({"config.json": CONFIG, "model.safetensors": SINGLE}, grown={"model.safetensors": LENGTH}),
        "org/long": Repo({"config.json": CONFIG, "model.safetensors": LONG}, grown={"model.safetensors": LONG_LENGTH}),
        "org/cut": Repo({"config.json": CONFIG, "model.safetensors": SINGLE[:50]}),
        "org/lost": Repo(lost, grown=GROWN, metadata=False),
        "org/busy": Repo({"config.json": CONFIG, "model.safetensors": SINGLE}, file_fault="503"),
        "org/gguf": Repo(
            {"m-Q2_K.gguf": b"x" * 70, "m-Q4_K_M.gguf": GGUF}, grown={"m-Q4_K_M.gguf": len(GGUF) + 5_000_000}
        ),
        "org/wrong-total": Repo(sharded, grown=GROWN, safetensors={"parameters": {"BF16": 5}, "total": 5}),
    }


@pytest.fixture(scope="module")
def server():
    with HubServer(repos()) as running:
        yield running


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CARDSCOPE_CACHE", str(tmp_path / "cardscope"))


def inspect(name, **options):
    return cardscope.inspect(name, **{"exact": False, **options})


def codes(report):
    return [item.code for item in report.findings if item.severity != "info"]


def test_all_shards_of_main_come_with_one_request(hub):
    report = inspect("org/sharded")
    assert (report.headline.total, report.headline.witness) == (w.TOTAL, "stored")
    assert hub.paths()[2:] == [f"/api/models/org/sharded/safetensors-metadata/{INDEX}"]
    assert codes(report) == []


def test_a_commit_s_headers_are_kept(hub):
    inspect("org/sharded")
    hub.requests.clear()
    assert inspect("org/sharded").headline.witness == "stored"
    assert hub.paths() == ["/api/models/org/sharded?blobs=true"]


def test_refresh_asks_again(hub):
    inspect("org/sharded")
    hub.requests.clear()
    inspect("org/sharded", refresh=True)
    assert len(hub.requests) == 3


@pytest.mark.parametrize("word", ["org/sharded@dev", "org/mirror"])
def test_other_revisions_and_mirrors_are_read_by_range(hub, word):
    """Each shard costs one request of at most 100 kB, and no shard is fetched whole."""
    report = inspect(word)
    assert (report.headline.total, report.headline.witness) == (w.TOTAL, "stored")
    ranges = [r.headers.get("range") for r in hub.requests if r.path.endswith(".safetensors")]
    assert ranges == ["bytes=0-99999"] * 3


def test_a_long_header_takes_a_second_read(hub):
    inspect("org/long")
    ranges = [r.headers["range"] for r in hub.requests if r.path.endswith(".safetensors")]
    assert len(LONG) > 100_000
    assert ranges == ["bytes=0-99999", f"bytes=100000-{len(LONG) - 1}"]


def test_a_single_file_is_one_range(hub):
    report = inspect("org/single")
    assert report.headline.total == w.TOTAL
    assert len(hub.requests) == 3


@pytest.mark.usefixtures("hub")
def test_agreement_spares_the_exact_count():
    assert "agree" in inspect("org/single", exact="auto").parameters.exact.reason


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(("name", "reason"), [("org/cut", "ends inside its header"), ("org/lost", "incomplete")])
def test_what_cannot_be_read_leaves_the_config_s_count(name, reason):
    report = inspect(name)
    assert (report.headline.witness, report.headline.total) == ("analytic", w.TOTAL)
    assert reason in report.parameters.checkpoint.reason
    assert codes(report)


@pytest.mark.usefixtures("hub")
def test_a_wrong_total_of_the_hub_is_a_finding():
    report = inspect("org/wrong-total")
    assert codes(report) == ["CS206"]
    assert report.headline.total == w.TOTAL


def test_headers_left_unread_cost_no_request(hub):
    report = inspect("org/sharded", headers=False)
    assert report.headline.witness == "analytic"
    assert len(hub.requests) == 2


def test_a_repository_of_gguf_files_reads_one_table_and_lists_the_rest(hub):
    report = inspect("org/gguf")
    assert (report.headline.total, report.headline.dtype) == (w.GGUF_TOTAL, "Q4_K_M")
    stored = [(row.precision, row.bytes) for row in report.weights if row.basis == "stored"]
    assert stored == [("Q4_K_M", w.GGUF_BYTES), ("Q2_K", 70)]
    assert [r.headers.get("range") for r in hub.requests] == [None, "bytes=0-999999"]

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
    assert [path for path in hub.paths()[1:] if not path.endswith("config.json")] == [
        f"/api/models/org/sharded/safetensors-metadata/{INDEX}"
    ]
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


MANY, MANY_GROWN = w.repository(w.llama(), 20)


def many(**options):
    return Repo({"config.json": CONFIG, **MANY}, grown=MANY_GROWN, branches=("main", "dev"), **options)


def test_a_branch_with_main_s_weights_is_read_as_main_is(elsewhere):
    """The files' ids say that the weights are the same, so twenty shards cost one request."""
    with elsewhere(many()) as server:
        report = inspect("org/many@dev")
        assert report.headline.total == w.TOTAL
        assert f"/api/models/org/many/safetensors-metadata/{INDEX}" in server.paths()
        assert not [path for path in server.paths() if path.endswith("-of-00020.safetensors")]


def test_a_branch_with_weights_of_its_own_is_read_by_range(elsewhere):
    """Where main's ids are others, each shard is read, no more of it than the index lets expect."""
    wide, lengths = w.repository(w.llama("F32"), 20)
    own = Repo({"config.json": CONFIG, **wide}, grown=lengths)
    with elsewhere(many(at={"dev": own})) as server:
        report = inspect("org/many@dev")
        assert report.parameters.checkpoint.dtypes == {"F32": w.TOTAL}
        assert (report.headline.total, report.headline.witness) == (w.TOTAL, "stored")
        ranges = [r.headers["range"] for r in server.requests if r.path.endswith("-of-00020.safetensors")]
        assert len(ranges) == 20
        assert all(int(wanted.partition("-")[2]) < 5_000 for wanted in ranges)


def test_many_shards_with_longer_headers_than_expected_take_a_second_read(elsewhere):
    """Padding behind a header's JSON is allowed, and no index tells of it."""
    padded = {
        name: w.padded(data, 30_000) if name.endswith("-of-00020.safetensors") else data for name, data in MANY.items()
    }
    grown = {name: size + 30_000 for name, size in MANY_GROWN.items()}
    repo = Repo({"config.json": CONFIG, **padded}, grown=grown, metadata=False)
    with elsewhere(repo) as server:
        assert inspect("org/many").headline.witness == "stored"
        assert len([path for path in server.paths() if path.endswith("-of-00020.safetensors")]) == 40


def test_a_hub_that_refuses_one_shard_is_not_asked_for_all(elsewhere):
    """After a refusal no further request is made; at most those that were under way come beside it."""
    files, _ = w.repository({f"model.layers.{n}.mlp.up_proj.weight": ("BF16", (8, 8)) for n in range(300)}, 300)
    kept = {name: data for name, data in files.items() if name.endswith(".json")}
    holed = {**dict.fromkeys(files, b""), **kept}
    with elsewhere(Repo({"config.json": CONFIG, **holed}, metadata=False, range_fault="429")) as server:
        report = inspect("org/many")
        assert (report.headline.witness, report.parameters.checkpoint.status) == ("analytic", "failed")
        assert len([path for path in server.paths() if path.endswith("-of-00300.safetensors")]) < 150


def test_headers_and_config_are_asked_for_together(elsewhere):
    """The server answers neither before both are asked for."""
    with elsewhere(Repo({"config.json": CONFIG, **SHARDED}, grown=GROWN, together=True)):
        assert inspect("org/many").headline.witness == "stored"

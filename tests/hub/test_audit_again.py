"""Going on and asking again: ETags, full disks, errors tried once more, merged shards, every fault at once."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import cardscope
from cardscope.auditing.fetch import Fetcher, Gate
from cardscope.cli import run
from cardscope.errors import NetworkError
from cardscope.source.again import Store
from tests.hub.conftest import CONFIG, FILES
from tests.hub.hubserver import HubServer, Repo
from tests.hub.test_audit import HOSTILE, begin, wait_for_rows

FAULTS = ("503", "truncated", "reset", "garbage", "blackhole", "slow")


def distinct(number: int) -> Repo:
    """A good repository unlike the others."""
    return Repo({"config.json": CONFIG.replace(b"100", str(100 + number).encode())})


# -- asked again -------------------------------------------------------------------------------------------


def test_an_answer_that_still_holds_is_not_sent_again(hub):
    list(cardscope.audit(["org/ok"]))
    hub.requests.clear()
    before = hub.sent
    (row,) = cardscope.audit(["org/ok"])
    (asked,) = hub.requests
    assert "if-none-match" in asked.headers
    assert (row.status, row.license, hub.sent - before) == ("ok", "mit", 0)


def test_what_was_kept_for_one_token_is_not_shown_to_another(hub):
    good, stranger = "hf_goodtokengoodtokengoodtoken", "hf_stranger"
    (first,) = cardscope.audit(["org/private"], token=good)
    (second,) = cardscope.audit(["org/private"], token=stranger, tries=1)
    assert (first.status, second.error.kind) == ("ok", "not_found")


@pytest.mark.parametrize("damage", [b"", b"no database", b"SQLite format 3\0" + bytes(4096)])
def test_a_store_that_is_damaged_is_no_store(hub, tmp_path, damage):
    list(cardscope.audit(["org/ok"]))
    (tmp_path / "cardscope" / "hub.sqlite").write_bytes(damage)
    hub.requests.clear()
    (row,) = cardscope.audit(["org/ok"])
    assert row.status == "ok"
    assert "if-none-match" not in hub.requests[0].headers


def test_what_an_audit_was_told_serves_the_next_one_offline(hub):
    (told,) = cardscope.audit(["org/ok"])
    hub.requests.clear()
    (row,) = cardscope.audit(["org/ok"], offline=True)
    assert (row, hub.requests) == (told, [])


def test_two_audits_keep_their_answers_in_one_store(tmp_path):
    first, second = Store(tmp_path / "hub.sqlite"), Store(tmp_path / "hub.sqlite")
    first.put(b"a", "1", b"one")
    second.put(b"b", "2", b"two")
    first.close()
    second.close()
    again = Store(tmp_path / "hub.sqlite")
    assert (again.get(b"a"), again.get(b"b"), again.get(b"c")) == (("1", b"one"), ("2", b"two"), None)
    again.close()


def test_every_request_passes_the_gate(hub):
    passed = []

    class Counting(Gate):
        def enter(self) -> None:
            passed.append(time.monotonic())
            super().enter()

    Fetcher(Counting())("org/ok")
    assert len(passed) == len(hub.requests) == 2


def test_a_body_that_only_trickles_is_given_up(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "1")
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "1")
    with pytest.raises(NetworkError):
        Fetcher(tries=1)("org/slow-file")


def test_headers_and_files_are_asked_of_the_hub_where_they_are_wanted(tmp_path, hf_cache, monkeypatch):
    from huggingface_hub import constants

    text = json.dumps({"wte.weight": {"dtype": "F32", "shape": [100, 8], "data_offsets": [0, 3200]}}).encode()
    weights = len(text).to_bytes(8, "little") + text + bytes(3200)
    files = {"config.json": CONFIG, "model.safetensors": weights, "generation_config.json": b'{"eos_token_id": 100}'}
    monkeypatch.setenv("CARDSCOPE_CACHE", str(tmp_path / "cardscope"))
    with HubServer({"org/m": Repo(files)}) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        (plain,) = cardscope.audit(["org/m"])
        (deep,) = cardscope.audit(["org/m"], headers=True, files=True)
    assert not {"CS601", "CS220"} & {found.code for found in plain.findings}
    assert "CS601" in {found.code for found in deep.findings}
    assert (plain.witness, deep.witness) == ("analytic", "stored")


# -- errors tried once more --------------------------------------------------------------------------------


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_errors_of_a_finished_result_are_tried_again_and_the_rest_is_kept(tmp_path):
    repos = {"org/a": distinct(0), "org/late": Repo(FILES, info_fault="503"), "org/b": distinct(1)}
    (tmp_path / "ids.txt").write_text("".join(f"{name}\n" for name in repos))
    out = tmp_path / "out.jsonl"
    with HubServer(repos) as hub:
        begin(tmp_path, hub.url).communicate(timeout=60)
        assert [row["status"] for row in rows(out)] == ["ok", "error", "ok"]
        hub.repos["org/late"] = distinct(2)
        hub.requests.clear()
        _, err = (process := begin(tmp_path, hub.url, "--retry-errors")).communicate(timeout=60)
        asked = {request.path.split("?")[0] for request in hub.requests if request.path.startswith("/api/")}
    assert process.returncode == 0, err
    assert [(row["id"], row["status"]) for row in rows(out)] == [("org/a", "ok"), ("org/late", "ok"), ("org/b", "ok")]
    assert asked == {"/api/models/org/late"}
    assert not (tmp_path / "out.jsonl.journal").exists()


def test_errors_in_a_journal_are_tried_again_only_where_that_is_asked(tmp_path):
    given = tmp_path / "in.jsonl"
    given.write_text(json.dumps({"id": "a", "config": json.loads(CONFIG)}) + "\n")
    out, journal = tmp_path / "out.jsonl", tmp_path / "out.jsonl.journal"
    assert run(["audit", "--from", str(given), "-o", str(out)]) == 0
    bad = {**rows(out)[0], "status": "error", "error": {"kind": "network", "message": "lost"}}
    for words, status in ((["--resume"], "error"), (["--retry-errors"], "ok")):
        journal.write_text(json.dumps(bad) + "\n")
        assert run(["audit", "--from", str(given), "-o", str(out), *words]) == 0
        assert [row["status"] for row in rows(out)] == [status]


def test_errors_need_a_result_to_be_tried_again(capsys):
    assert run(["audit", "nanochat:d20", "--retry-errors"]) == 2
    assert "--retry-errors" in capsys.readouterr().err


# -- full disks --------------------------------------------------------------------------------------------


def test_an_audit_goes_on_after_a_full_disk(tmp_path):
    """A limit on the size of files stands for the disk: the write fails in the middle of a row, as on a full one."""
    given = tmp_path / "in.jsonl"
    config = json.loads(CONFIG)
    given.write_text(
        "".join(json.dumps({"id": f"m{n}", "config": {**config, "vocab_size": 100 + n}}) + "\n" for n in range(100))
    )
    command = [sys.executable, "-m", "cardscope", "audit", "--from", str(given), "-o", "out.jsonl", "--resume"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(cardscope.__file__).parents[1])}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1"}
    full = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )  # fmt: skip
    assert full.returncode == 2
    assert full.stderr.startswith("Error: ")
    assert "Traceback" not in full.stderr
    kept = (tmp_path / "out.jsonl.journal").read_bytes()
    assert 10 <= kept.count(b"\n") < 100
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [row["id"] for row in rows(tmp_path / "out.jsonl")] == [f"m{n}" for n in range(100)]
    whole = kept[: kept.rindex(b"\n") + 1].splitlines()
    assert set(whole) <= set((tmp_path / "out.jsonl").read_bytes().splitlines())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_result_that_cannot_be_written_leaves_the_journal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("out.jsonl.part").symlink_to("/dev/full")
    assert run(["audit", "nanochat:d20", "-o", "out.jsonl"]) == 2
    assert rows(tmp_path / "out.jsonl.journal")[0]["id"] == "nanochat:d20"
    assert not Path("out.jsonl").exists()


# -- shards ------------------------------------------------------------------------------------------------


@pytest.fixture
def shards(tmp_path):
    """A list cut in three, each third audited by itself, and what one audit of all of it gives."""
    given = tmp_path / "in.jsonl"
    config = json.loads(CONFIG)
    lines = [json.dumps({"id": f"m{n}", "config": {**config, "vocab_size": 100 + n}}) for n in range(10)]
    given.write_text("\n".join([*lines, json.dumps({"id": "bad", "config": {}})]) + "\n")
    for shard in (1, 2, 3):
        out = str(tmp_path / f"{shard}.jsonl")
        assert run(["audit", "--from", str(given), "--shard", f"{shard}/3", "-o", out]) == 0
    assert run(["audit", "--from", str(given), "-o", str(tmp_path / "whole.jsonl")]) == 0
    return tmp_path


def merge(folder: Path, *names: str, out: str = "all.jsonl") -> int:
    return run(["audit", "--merge", *(str(folder / name) for name in names), "-o", str(folder / out)])


def test_merged_shards_are_what_one_audit_would_have_written(shards):
    assert merge(shards, "1.jsonl", "2.jsonl", "3.jsonl") == 0
    assert (shards / "all.jsonl").read_bytes() == (shards / "whole.jsonl").read_bytes()


def test_merging_keeps_each_id_once_and_a_good_row_before_an_error(shards):
    good = rows(shards / "1.jsonl")[0]
    bad = {**good, "status": "error", "error": {"kind": "network", "message": "lost"}}
    (shards / "x.jsonl").write_text(json.dumps(bad) + "\n")
    assert merge(shards, "x.jsonl", "1.jsonl", "1.jsonl") == 0
    assert rows(shards / "all.jsonl") == rows(shards / "1.jsonl")


def test_results_are_merged_into_any_form(shards):
    pytest.importorskip("pyarrow")
    assert merge(shards, "1.jsonl", "2.jsonl", out="two.parquet") == 0
    assert merge(shards, "two.parquet", "3.jsonl", out="all.csv") == 0
    assert len((shards / "all.csv").read_text().splitlines()) == 1 + 11


@pytest.mark.parametrize("name", ["none.jsonl", "in.jsonl", "all.csv", "."])
def test_what_is_no_result_is_not_merged(shards, name, capsys):
    (shards / "all.csv").write_text("id\n")
    assert merge(shards, name, out="new.jsonl") == 2
    assert capsys.readouterr().err.splitlines()[-2].startswith("Error: ")
    assert not (shards / "new.jsonl").exists()


# -- the fault run -----------------------------------------------------------------------------------------


def test_five_hundred_ids_with_every_fault_and_limits_killed_twice_are_each_there_once(tmp_path):
    """Gated, missing, 429 once and always, 503, cut bodies, hangs and hostile configs, a third of all."""
    bad = [Repo(FILES, gated="manual"), Repo(FILES, info_fault="429-once", retry_after="1")]
    bad += [Repo(FILES, info_fault=fault) for fault in FAULTS]
    bad += [Repo(FILES, file_fault=fault) for fault in ("503", "truncated", "html", "blackhole")]
    bad += [Repo({"config.json": body}) for body in HOSTILE.values()]
    repos = {f"org/m{n}": bad[n // 3 % len(bad)] if n % 3 == 0 else distinct(n) for n in range(459)}
    repos["org/limited"] = Repo(FILES, info_fault="429", retry_after="1")
    names = [*repos, *(f"org/missing{n}" for n in range(40))]
    (tmp_path / "ids.txt").write_text("".join(f"{name}\n" for name in names))
    journal = tmp_path / "out.jsonl.journal"
    kept: set[str] = set()
    with HubServer(repos, latency=0.01) as hub:
        for enough in (50, 180):
            process = begin(tmp_path, hub.url, "--resume")
            wait_for_rows(journal, enough, process)
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=30)
            kept |= {line for line in journal.read_text().splitlines(keepends=True) if line.endswith("\n")}
        _, err = (process := begin(tmp_path, hub.url, "--resume")).communicate(timeout=240)
    assert process.returncode == 0, err
    lines = (tmp_path / "out.jsonl").read_text().splitlines(keepends=True)
    found = [json.loads(line) for line in lines]
    assert [row["id"] for row in found] == names
    assert len(names) == 500
    assert kept <= set(lines)
    assert len(kept) >= 180
    kinds = Counter(row["error"]["kind"] if row["error"] else "ok" for row in found)
    assert kinds["internal"] == 0
    assert kinds["rate_limited"] == 1
    assert kinds["ok"] >= 306
    assert {"gated", "not_found", "network", "not_a_config", "not_modelled"} <= set(kinds)

"""The audit against the Hub on this machine: politeness, faults of every kind, kills, and nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import cardscope
from cardscope.auditing.fetch import Fetcher, Gate, Stopped
from cardscope.errors import NetworkError, RateLimited
from tests.hub.conftest import CONFIG, FILES
from tests.hub.hubserver import BlackHole, HubServer, Repo

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = {
    "deep": b'{"model_type":' + b"[" * 500 + b"]" * 500 + b"}",
    "cut": b'{"model_type": "gpt2", "n_layer"',
    "odd": b'{"model_type": "gpt2", "n_layer": -1, "n_embd": 8, "n_head": 2}',
    "vast": b'{"model_type": "gpt2", "n_layer": 1000000000, "n_embd": 8, "n_head": 2}',
    "list": b"[]",
    "page": b"<html>sign in</html>",
    "unknown": b'{"model_type": "of_nobody", "hidden_size": 8}',
}


@pytest.fixture
def quick(monkeypatch):
    """Waits between tries shortened, so that faults are tried again at once."""
    from cardscope.auditing import fetch

    monkeypatch.setattr(fetch, "FIRST_WAIT", 0.01)
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "1")
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "2")


@pytest.mark.usefixtures("hub", "quick")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("org/gated", "gated"), ("org/nothing", "not_found"), ("org/adapter", "not_found"), ("org/503-info", "network"),
        ("org/truncated-file", "network"), ("org/fat", "too_large"), ("org/garbage-file", "not_a_config"),
    ],
)  # fmt: skip
def test_a_fault_is_a_row_of_its_kind(name, kind):
    first, second = cardscope.audit([name, "org/ok"], tries=2)
    assert (first.id, first.status, first.error.kind, second.status) == (name, "error", kind, "ok")


def test_a_row_has_what_the_hub_says(hub):
    (row,) = cardscope.audit(["org/ok"])
    assert (row.revision, row.license, row.model_type) == (hub.repos["org/ok"].commit, "mit", "gpt2")


def test_a_commit_that_is_cached_is_one_request(hub):
    list(cardscope.audit(["org/ok"]))
    hub.requests.clear()
    list(cardscope.audit(["org/ok"]))
    assert len(hub.requests) == 1


@pytest.mark.usefixtures("quick")
def test_what_passes_is_tried_again():
    answers = [NetworkError("once"), NetworkError("twice"), "done"]

    def ask():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert Fetcher(tries=3).insist(ask) == "done"


def test_a_429_closes_the_gate_for_everybody_for_as_long_as_it_says():
    gate, began = Gate(), time.monotonic()
    answers = [RateLimited("busy", retry_after=0.3), "done"]

    def ask():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert Fetcher(gate=gate, tries=2).insist(ask) == "done"
    assert time.monotonic() - began >= 0.3


def test_nobody_enters_after_the_end():
    gate = Gate()
    gate.pause(60)
    gate.stop()
    with pytest.raises(Stopped):
        gate.enter()


def test_an_author_s_models_are_asked_of_the_hub(hub, capsys):
    from cardscope.cli import run

    assert run(["audit", "--author", "mistralai", "--limit", "5", "--retries", "0", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["id"] for row in rows] == ["mistralai/Mistral-7B-v0.1"]


# -- the fault run -----------------------------------------------------------------------------------------


def troubled(count: int) -> dict[str, Repo]:
    """`count` repositories, two in three of them good, the others bad in every way."""
    faults = ("429", "503", "truncated", "reset", "garbage", "blackhole")
    bad = [Repo(FILES, gated="manual"), *(Repo(FILES, info_fault=fault) for fault in faults[1:])]
    bad += [Repo(FILES, file_fault=fault) for fault in ("503", "truncated", "html")]
    bad += [Repo({"config.json": body}) for body in HOSTILE.values()]
    repos = {}
    for number in range(count):
        config = CONFIG.replace(b"100", str(100 + number).encode())
        repos[f"org/m{number}"] = bad[number // 3 % len(bad)] if number % 3 == 0 else Repo({"config.json": config})
    return repos


def begin(folder: Path, url: str, *words: str) -> subprocess.Popen[str]:
    """An audit of ids.txt as a process of its own."""
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HF_HOME": str(folder / "hf"), "HF_ENDPOINT": url,
        "HF_HUB_ETAG_TIMEOUT": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "2",
    }  # fmt: skip
    command = [sys.executable, "-m", "cardscope", "audit", "--from", "ids.txt", "-o", "out.jsonl", "--retries", "1"]
    return subprocess.Popen([*command, "--jobs", "32", *words], cwd=folder, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def wait_for_rows(journal: Path, rows: int, process: subprocess.Popen[str]) -> None:
    """Until the journal has so many rows, or the process ends."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if journal.exists() and journal.read_bytes().count(b"\n") >= rows:
            return
        time.sleep(0.02)


def test_five_hundred_ids_with_faults_killed_twice_are_each_there_once(tmp_path):
    repos = troubled(450)
    names = [*repos, *(f"org/missing{n}" for n in range(50))]
    (tmp_path / "ids.txt").write_text("".join(f"{name}\n" for name in names))
    journal = tmp_path / "out.jsonl.journal"
    with HubServer(repos, latency=0.01) as hub:
        for rows in (60, 200):
            process = begin(tmp_path, hub.url, "--resume")
            wait_for_rows(journal, rows, process)
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=30)
        kept = {json.loads(line)["id"]: line for line in journal.read_text().splitlines(keepends=True)
                if line.endswith("\n")}  # fmt: skip
        process = begin(tmp_path, hub.url, "--resume")
        _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    lines = (tmp_path / "out.jsonl").read_text().splitlines(keepends=True)
    rows = [json.loads(line) for line in lines]
    assert [row["id"] for row in rows] == names
    assert set(kept.values()) <= set(lines)
    assert len(kept) >= 200
    kinds = Counter(row["error"]["kind"] if row["error"] else "ok" for row in rows)
    assert kinds["internal"] == 0
    assert kinds["ok"] >= 300
    assert {"gated", "not_found", "network", "not_a_config", "not_modelled"} <= set(kinds)


def test_ctrl_c_writes_what_is_done_and_says_how_to_go_on(tmp_path):
    repos = troubled(300)
    (tmp_path / "ids.txt").write_text("".join(f"{name}\n" for name in repos))
    with HubServer(repos, latency=0.05) as hub:
        process = begin(tmp_path, hub.url)
        wait_for_rows(tmp_path / "out.jsonl.journal", 20, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 2
        assert "--resume" in err
        done = (tmp_path / "out.jsonl").read_text().splitlines()
        assert 20 <= len(done) < 300
        process = begin(tmp_path, hub.url, "--resume")
        process.communicate(timeout=240)
    rows = [json.loads(line)["id"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert (process.returncode, rows) == (0, list(repos))


def test_a_hub_that_swallows_packets_costs_a_bounded_time(tmp_path):
    (tmp_path / "ids.txt").write_text("org/a\norg/b\n")
    with BlackHole() as hole:
        _, err = (process := begin(tmp_path, hole.url)).communicate(timeout=60)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert (process.returncode, [row["error"]["kind"] for row in rows]) == (0, ["network"] * 2), err

"""An audit on a Ray of this machine: workers and driver killed in the middle, and every id is there exactly once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from cardscope.auditing.cluster.drive import _Driver
from cardscope.auditing.cluster.limit import LEASE, Limiter, SharedGate
from cardscope.auditing.cluster.work import Plan, Work
from cardscope.cli import run
from tests.hub.conftest import CONFIG
from tests.hub.hubserver import HubServer, Repo, refused_url

ROOT = Path(__file__).resolve().parents[2]
BATCH = 25


def needs_ray() -> None:
    """Skip where the extra is not installed."""
    pytest.importorskip("ray", reason="the ray extra is not installed")
    pytest.importorskip("pyarrow", reason="the ray extra is not installed")


def repositories(count: int) -> dict[str, Repo]:
    """Distinct models; every tenth is none."""
    return {
        f"org/m{n}": Repo({"config.json": CONFIG.replace(b"100", str(100 + n).encode()) if n % 10 else b"[]"})
        for n in range(count)
    }


def begin(folder: Path, url: str, *words: str) -> subprocess.Popen[str]:
    """An audit with two workers as a process of its own."""
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HF_HOME": str(folder / "hf"), "HF_ENDPOINT": url,
        "HOME": str(folder), "TMPDIR": "/tmp", "RAY_USAGE_STATS_ENABLED": "0",
    }  # fmt: skip
    command = [sys.executable, "-m", "cardscope", "audit", "--from", "ids.txt", "-o", "out", "--engine", "ray"]
    return subprocess.Popen([*command, "--ray-workers", "2", "--ray-batch", str(BATCH), "--jobs", "4", *words],
                            cwd=folder, env=environment, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)  # fmt: skip


def shards(folder: Path) -> dict[str, int]:
    """The files that are whole, and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in sorted((folder / "out").glob("part-*.parquet"))}


def wait_for(condition, process, seconds: float = 90) -> None:
    """Until something holds, or the process ends."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None and not condition():
        time.sleep(0.02)


def workers(url: str) -> list[int]:
    """Processes that audit a batch for this test's Hub, and for no other."""
    found = []
    for place in Path("/proc").iterdir():
        try:
            busy = place.name.isdecimal() and b"ray::audit_batch" in (place / "cmdline").read_bytes()
            if busy and url.encode() in (place / "environ").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found


def rows(folder: Path) -> list[dict]:
    """All rows, in the order of the files."""
    from pyarrow import parquet

    return [row for name in shards(folder) for row in parquet.read_table(folder / "out" / name).to_pylist()]


@pytest.mark.ray
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")
def test_a_worker_that_is_killed_costs_nothing(tmp_path):
    needs_ray()
    repos = repositories(300)
    (tmp_path / "ids.txt").write_text("".join(f"{name}\n" for name in (*repos, "org/missing", "org/m1")))
    with HubServer(repos, latency=0.02) as hub:
        process = begin(tmp_path, hub.url)
        wait_for(lambda: len(shards(tmp_path)) >= 2 and workers(hub.url), process)
        killed = workers(hub.url)[:1]
        os.kill(killed[0], signal.SIGKILL)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    found = rows(tmp_path)
    assert [row["id"] for row in found] == [*repos, "org/missing"]
    assert {row["error"]["kind"] for row in found if row["error"]} == {"not_a_config", "not_found"}
    assert "301 models: 270 ok, 31 errors" in err


@pytest.mark.ray
def test_an_audit_whose_driver_is_killed_goes_on(tmp_path):
    needs_ray()
    repos = repositories(200)
    (tmp_path / "ids.txt").write_text("".join(f"{name}\n" for name in repos))
    with HubServer(repos, latency=0.02) as hub:
        process = begin(tmp_path, hub.url)
        wait_for(lambda: len(shards(tmp_path)) >= 2, process)
        process.kill()
        process.communicate(timeout=60)
        before = shards(tmp_path)
        process = begin(tmp_path, hub.url, "--resume")
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert len(before) >= 2
    assert before.items() <= shards(tmp_path).items()
    assert [row["id"] for row in rows(tmp_path)] == list(repos)


@pytest.mark.ray
def test_ctrl_c_finishes_the_batches_under_way_and_says_how_to_go_on(tmp_path):
    needs_ray()
    repos = repositories(400)
    (tmp_path / "ids.txt").write_text("".join(f"{name}\n" for name in repos))
    with HubServer(repos, latency=0.05) as hub:
        process = begin(tmp_path, hub.url)
        wait_for(lambda: shards(tmp_path), process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "--resume" in err
    assert [row["id"] for row in rows(tmp_path)] == list(repos)[: BATCH * len(shards(tmp_path))]
    assert 1 <= len(shards(tmp_path)) < 400 / BATCH


def test_a_cluster_that_is_not_there_is_said_at_once(tmp_path, capsys):
    needs_ray()
    address = refused_url().partition("://")[2]
    words = ["audit", "nanochat:d20", "--engine", "ray", "--ray-address", address, "-o", str(tmp_path / "out")]
    assert run(words) == 2
    assert f"nothing answers at {address}" in capsys.readouterr().err


# -- what the workers share --------------------------------------------------------------------------------


def gates(limiter: Limiter, count: int) -> list[SharedGate]:
    """Gates of several workers that ask one limiter."""
    return [SharedGate(lambda name, value: getattr(limiter, name)(value)) for _ in range(count)]


def test_a_pause_of_one_worker_holds_for_the_others():
    limiter = Limiter(None)
    first, second = gates(limiter, 2)
    first.pause(0.3)
    began = time.monotonic()
    second.enter()
    assert time.monotonic() - began >= 0.25


def test_requests_of_all_workers_share_one_rate():
    limiter = Limiter(40.0)
    began = time.monotonic()
    for gate in gates(limiter, 2):
        for _ in range(LEASE):
            gate.enter()
    gates(limiter, 1)[0].enter()
    assert time.monotonic() - began >= 2 * LEASE / 40 - 0.05


def test_a_limiter_that_is_starting_again_stops_nobody():
    gate = SharedGate(lambda *_: None)
    gate.pause(0.05)
    gate.enter()


def test_a_model_that_loses_every_worker_is_a_row_and_the_others_are_counted():
    class RayError(Exception):
        pass

    def lost(batch, plan, limiter):
        if "org/bad" in [work.id for work in batch]:
            raise RayError
        return [{"id": work.id} for work in batch]

    remote = SimpleNamespace(remote=lambda *words: words)
    ray = SimpleNamespace(
        remote=lambda **_: lambda _: remote,
        get=lambda words: lost(*words),
        exceptions=SimpleNamespace(RayError=RayError),
    )
    names = ["a", "b", "org/bad", "c", "d"]
    found = _Driver(ray, Plan(), "out", None, None)._halves([Work(name) for name in names])
    assert [row["id"] for row in found] == names
    assert [row["id"] for row in found if row.get("error")] == ["org/bad"]
    assert json.dumps(found[2]["error"]).startswith('{"kind": "internal"')

"""Rates of `cardscope audit`, analytic only: python benchmarks/audit.py.

Writes benchmarks/RESULTS-audit.md. The configs are the bundled catalogue's, made distinct by their vocabularies, read
from JSON lines and written to JSON lines, in one process of its own a run. On a machine shared with other work the
wall clock says little: the processor time of the process is what one core would take.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
RUNS = 3
COUNTS = (1_000, 10_000, 40_000)
HUB = (1_000, 32, 0.05)
PEERS = 10


def configs(count: int, path: Path) -> None:
    """Writes `count` distinct configs as rows."""
    rows = [json.loads(line) for line in (ROOT / "cardscope/data/catalog.jsonl").read_text().splitlines()]
    rows = [row for row in rows if "config" in row]
    with path.open("w") as stream:
        for number in range(count):
            row, turn = rows[number % len(rows)], number // len(rows)
            config = {**row["config"], "_name_or_path": f"{row['id']}-{number}"}
            if isinstance(config.get("vocab_size"), int):
                config["vocab_size"] += turn
            stream.write(json.dumps({"id": f"{row['id']}-{number}", "config": config}) + "\n")


def once(given: Path, out: Path, *options: str) -> tuple[float, float, int]:
    """Wall seconds, processor seconds and peak memory in MiB of one audit."""
    code = (
        "import resource, sys; from cardscope.cli import run; "
        "code = run(sys.argv[1:]); used = resource.getrusage(resource.RUSAGE_SELF); "
        "print(code, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024)"
    )
    words = ["audit", "--from", str(given), "-o", str(out), *options]
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    status, processor, memory = done.stdout.split()
    assert status == "0", done.stderr
    assert sum(1 for _ in out.open()) == sum(1 for _ in given.open())
    return time.perf_counter() - began, float(processor), int(memory)


class Hubbed(NamedTuple):
    """An audit against a Hub on this machine."""

    wall: float
    processor: float
    requests: int


def from_hub(count: int, jobs: int, latency: float, folder: Path) -> tuple[list[Hubbed], float, int]:
    """An audit of `count` repositories, the same again; seconds of one hf-mem; bytes kept for the next audit."""
    from benchmarks.run import peer_copy
    from tests.hub.hubserver import HubServer, Repo

    header = json.dumps({"w": {"dtype": "BF16", "shape": [8, 8], "data_offsets": [0, 128]}}).encode()
    weights = len(header).to_bytes(8, "little") + header + bytes(128)
    repos = {}
    for line in (folder / "in.jsonl").read_text().splitlines()[:count]:
        row = json.loads(line)
        repos[row["id"]] = Repo({"config.json": json.dumps(row["config"]).encode(), "model.safetensors": weights})
    (folder / "ids.txt").write_text("".join(f"{name}\n" for name in repos))
    found = []
    with HubServer(repos, latency=latency) as hub:
        os.environ |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hf"), "CARDSCOPE_CACHE": str(folder / "kept")}
        for _ in range(2):
            hub.requests.clear()
            wall, processor, _ = once(folder / "ids.txt", folder / "hub.jsonl", "--jobs", str(jobs))
            found.append(Hubbed(wall, processor, len(hub.requests)))
        copy = peer_copy(hub.url, folder)
        peer = statistics.median(_peer(name, copy) for name in list(repos)[:PEERS])
    return found, peer, (folder / "kept" / "hub.sqlite").stat().st_size


def _peer(name: str, copy: Path) -> float:
    command = [sys.executable, "-c", "from hf_mem.cli import main; main()", "--model-id", name]
    began = time.perf_counter()
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(copy)}, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Measures and writes the page."""
    facts = (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; medians of {RUNS} runs; "
        f"load before {os.getloadavg()[0]:.1f}. Start-up, reading, all rules, journal and output included."
    )
    lines = [
        "# Auditing configs, analytic only", "",
        facts, "",
        "| distinct configs | models/s of processor time | models/s of wall time | peak memory, MiB |",
        "|---|---:|---:|---:|",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        given, out = folder / "in.jsonl", folder / "out.jsonl"
        for count in COUNTS:
            configs(count, given)
            runs = [once(given, out, "--offline") for _ in range(RUNS)]
            wall, processor, memory = (statistics.median(run[at] for run in runs) for at in range(3))
            lines.append(f"| {count:,} | {count / processor:,.0f} | {count / wall:,.0f} | {memory:,.0f} |")
        row, shard = out.stat().st_size / COUNTS[-1], _as_parquet(out, folder) / COUNTS[-1]
        measured, peer, kept = from_hub(*HUB, folder)
    lines += ["", *_hub_lines(measured, peer), "", (
        f"On disk, a model: {row:,.0f} bytes of JSON lines (and as many of journal while it runs), {shard:,.0f} "
        f"of Parquet; {kept / HUB[0]:,.0f} of what the Hub said, for the next audit."
    )]  # fmt: skip
    (ROOT / "benchmarks/RESULTS-audit.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def _as_parquet(out: Path, folder: Path) -> int:
    """Bytes of the same rows as Parquet."""
    target = folder / "out.parquet"
    command = [sys.executable, "-m", "cardscope", "audit", "--merge", str(out), "-o", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return target.stat().st_size


def _hub_lines(measured: list[Hubbed], peer: float) -> list[str]:
    """The audits against a Hub, beside the least that requests and latency allow and a loop over hf-mem."""
    count, jobs, latency = HUB
    lines = [
        f"{count:,} models of a Hub on this machine, {1000 * latency:.0f} ms before each answer, {jobs} jobs:", "",
        "| | seconds | requests | requests × latency / jobs | ratio | processor seconds |",
        "|---|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for name, run in zip(("first audit", "the same again"), measured, strict=True):
        least = run.requests * latency / jobs
        ratio = run.wall / least
        lines.append(
            f"| {name} | {run.wall:.1f} | {run.requests:,} | {least:.1f} | {ratio:.2f} | {run.processor:.1f} |"
        )
    return [*lines, "", (
        f"hf-mem in a loop, one process a model, on the same Hub: median of {PEERS} models {peer:.2f} s, so "
        f"{peer * count:,.0f} s for {count:,}: {peer * count / measured[0].wall:.0f} × the audit."
    )]  # fmt: skip


if __name__ == "__main__":
    main()

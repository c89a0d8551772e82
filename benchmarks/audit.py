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

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
RUNS = 3
COUNTS = (1_000, 10_000)
HUB = (1_000, 32, 0.05)


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


def once(given: Path, out: Path) -> tuple[float, float, int]:
    """Wall seconds, processor seconds and peak memory in MiB of one audit."""
    code = (
        "import resource, sys; from cardscope.cli import run; "
        "code = run(sys.argv[1:]); used = resource.getrusage(resource.RUSAGE_SELF); "
        "print(code, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024)"
    )
    words = ["audit", "--from", str(given), "-o", str(out), "--offline"]
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    status, processor, memory = done.stdout.split()
    assert status == "0", done.stderr
    assert sum(1 for _ in out.open()) == sum(1 for _ in given.open())
    return time.perf_counter() - began, float(processor), int(memory)


def from_hub(count: int, jobs: int, latency: float, folder: Path) -> float:
    """Wall seconds of auditing `count` repositories of a Hub on this machine, two requests each."""
    from tests.hub.hubserver import HubServer, Repo

    repos = {}
    for line in (folder / "in.jsonl").read_text().splitlines()[:count]:
        row = json.loads(line)
        repos[row["id"]] = Repo({"config.json": json.dumps(row["config"]).encode()})
    (folder / "ids.txt").write_text("".join(f"{name}\n" for name in repos))
    with HubServer(repos, latency=latency) as hub:
        environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hf")}
        words = ["audit", "--from", str(folder / "ids.txt"), "-o", str(folder / "hub.jsonl"), "--jobs", str(jobs)]
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "cardscope", *words], cwd=ROOT, env=environment, check=True)
        return time.perf_counter() - began


def main() -> None:
    """Measures and writes the page."""
    facts = (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; medians of {RUNS} runs; "
        f"load before {os.getloadavg()[0]:.1f}. Start-up, reading, findings, journal and output included."
    )
    lines = [
        "# Auditing configs, analytic only", "",
        facts, "",
        "| configs | models/s of processor time | models/s of wall time | peak memory, MiB |", "|---|---:|---:|---:|",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            given, out = Path(folder) / "in.jsonl", Path(folder) / "out.jsonl"
            configs(count, given)
            runs = [once(given, out) for _ in range(RUNS)]
            wall, processor, memory = (statistics.median(run[at] for run in runs) for at in range(3))
            lines.append(f"| {count:,} | {count / processor:,.0f} | {count / wall:,.0f} | {memory:,.0f} |")
        wall = from_hub(*HUB, Path(folder))
    count, jobs, latency = HUB
    ideal = 2 * count * latency / jobs
    lines += ["", (
        f"{count:,} models of a Hub on this machine (one process beside), {1000 * latency:.0f} ms before each of two "
        f"answers, {jobs} jobs: {wall:.1f} s, {wall / ideal:.1f} × requests × latency / jobs ({ideal:.1f} s)."
    )]  # fmt: skip
    (ROOT / "benchmarks/RESULTS-audit.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()

"""How long `cardscope design` searches: python benchmarks/design.py writes benchmarks/RESULTS-design.md.

Each search runs in a process of its own, closed form included, so that nothing is kept from the run before. Beside the
wall clock stands the processor time, which other work on the machine disturbs less.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = 5
GRID = {"family": "llama", "gqa": [1, 2, 4], "head_dim": [64, 128], "depth": [2, 192], "tied": False}
CASES = {
    "the notes' question: 38M in thirds": {"params": "38M", "split": "1:1:1"},
    "a large grid, 2B ± 10 %": {**GRID, "params": "2B", "vocab": [8192 * n for n in range(1, 17)]},
    "the same with a split": {**GRID, "params": "2B", "split": "1:8:1", "vocab": [8192 * n for n in range(1, 17)]},
    "a large budget of which most are within": {
        **GRID,
        "params": "1B",
        "tolerance": 0.99,
        "head_dim": [64],
        "vocab": [4096 * n for n in range(1, 65)],
    },
}
CODE = """
import json, resource, sys, time
given = json.loads(sys.argv[1])
began = time.perf_counter()
from cardscope.designing.search import search
from cardscope.designing.words import ask
used = resource.getrusage(resource.RUSAGE_SELF).ru_utime
start = time.perf_counter()
found = search(ask(given))
wall = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_SELF).ru_utime - used
print(json.dumps([wall, used, found.candidates, found.within]))
"""


def once(given: dict[str, object]) -> list[float]:
    """Wall and processor seconds of one search, combinations, and those within the budget."""
    words = [sys.executable, "-c", CODE, json.dumps(given)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    found: list[float] = json.loads(done.stdout)
    return found


def row(name: str, given: dict[str, object]) -> str:
    """One line of the table: medians of RUNS."""
    runs = [once(given) for _ in range(RUNS)]
    wall, used, candidates, within = (statistics.median(column) for column in zip(*runs, strict=True))
    rate = 1e6 * wall / candidates
    return f"| {name} | {candidates:,.0f} | {within:,.0f} | {wall:.2f} | {used:.2f} | {rate:.2f} |"


def main() -> None:
    """Runs every case and writes the table."""
    rows = [row(name, given) for name, given in CASES.items()]
    load = os.getloadavg()[0]
    machine = (
        f"Medians of {RUNS} runs, each in a process of its own, with the closed form found anew; Python "
        f"{platform.python_version()}, {os.cpu_count()} cores, load {load:.1f} at the end."
    )
    text = [
        "# How long a design is searched for",
        "",
        machine,
        "",
        "| search | combinations | within the budget | seconds | processor seconds | seconds a million |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]
    (ROOT / "benchmarks" / "RESULTS-design.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Exact counts in an audit against `accelerate estimate-memory`: python benchmarks/audit_exact.py.

Writes benchmarks/RESULTS-audit-exact.md. 200 distinct configs of the bundled catalogue, all of types transformers has,
go through one audit with a pool of children; a sample of them, spread evenly, through one run of
`accelerate estimate-memory FOLDER` each, whose median stands for the others.
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
COUNT, SAMPLE = 200, 8
ESTIMATE = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "estimate-memory"]


def rows() -> list[dict]:
    """Configs of the catalogue that transformers builds without remote code, each once."""
    from cardscope.harvest import declared

    found: dict[str, dict] = {}
    for line in (ROOT / "cardscope/data/catalog.jsonl").read_text().splitlines():
        row = json.loads(line)
        config = row.get("config")
        if config and declared(str(config.get("model_type"))) and not config.get("auto_map"):
            found.setdefault(json.dumps(config, sort_keys=True), row)
    return list(found.values())[:COUNT]


def audit(folder: Path, children: int) -> tuple[float, dict[str, int]]:
    """Wall seconds of the audit, start-up included, and rows by witness."""
    given, out = folder / "in.jsonl", folder / f"out-{children}.jsonl"
    environment = {**os.environ, "CARDSCOPE_CACHE": str(folder / f"cache-{children}")}
    words = ["audit", "--from", str(given), "-o", str(out), "--offline", "--exact", "--exact-jobs", str(children)]
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "cardscope", *words], cwd=ROOT, env=environment, check=True,
                   capture_output=True)  # fmt: skip
    took = time.perf_counter() - began
    witnesses: dict[str, int] = {}
    for line in out.read_text().splitlines():
        name = json.loads(line)["witness"] or "none"
        witnesses[name] = witnesses.get(name, 0) + 1
    return took, witnesses


def accelerate(rows: list[dict], folder: Path) -> tuple[list[float], int]:
    """Wall seconds of one `accelerate estimate-memory` each, against a Hub on this machine; how many failed."""
    from tests.hub.hubserver import HubServer, Repo

    repos = {
        row["id"]: Repo(
            {"config.json": json.dumps(row["config"]).encode()},
            info={"config": {"model_type": row["config"].get("model_type")}},
        )
        for row in rows
    }
    took, failed = [], 0
    with HubServer(repos) as hub:
        environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hf")}
        for name in repos:
            command = [*ESTIMATE, name, "--library_name", "transformers"]
            began = time.perf_counter()
            done = subprocess.run(command, env=environment, capture_output=True, check=False)
            if done.returncode == 0 and b"Total Size" in done.stdout:
                took.append(time.perf_counter() - began)
            else:
                failed += 1
    return took, failed


def main() -> None:
    """Measures and writes the page."""
    chosen = rows()
    sample = chosen[:: max(1, len(chosen) // SAMPLE)][:SAMPLE]
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "in.jsonl").write_text(
            "".join(json.dumps({"id": r["id"], "config": r["config"]}) + "\n" for r in chosen)
        )
        measured = [(children, *audit(folder, children)) for children in (1, 2)]
        theirs, failed = accelerate(sample, folder)
    other = statistics.median(theirs)
    lines = [
        "# Exact counts in an audit", "",
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; load before {load:.1f}.",
        "",
        f"{len(chosen)} distinct configs of the catalogue, cold caches, start-up, rules and output included.", "",
        "| children | seconds | models/s | rows by witness | against accelerate |", "|---:|---:|---:|---|---:|",
    ]  # fmt: skip
    for children, took, witnesses in measured:
        named = ", ".join(f"{name} {count}" for name, count in sorted(witnesses.items()))
        ratio = len(chosen) * other / took
        lines.append(f"| {children} | {took:.1f} | {len(chosen) / took:.1f} | {named} | {ratio:.0f} × as fast |")
    lines += ["", (
        f"`accelerate estimate-memory`, one run a model against a Hub on this machine: sampled on {len(sample)}, "
        f"{failed} failed, median {other:.2f} s a model, so {len(chosen) * other:.0f} s for {len(chosen)}."
    )]  # fmt: skip
    (ROOT / "benchmarks/RESULTS-audit-exact.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()

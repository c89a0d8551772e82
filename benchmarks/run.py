"""Speed and memory against hf-mem and accelerate, paired, on one machine and one local server.

    python benchmarks/run.py [--runs 15] [--exact-runs 5] [--write]

Every pair is run in turn (A, B, A, B …), so that whatever else the machine does falls on both; medians are reported and
their ratio is what counts.  hf-mem has its Hub's address hard-coded: a copy of it with the local server's address is
run, which spares it TLS.  `--write` puts the table into benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "hub")]

from hubserver import HubServer, Repo  # noqa: E402

MODEL = "meta-llama/Meta-Llama-3-8B"


class Run(NamedTuple):
    """One timed process: wall seconds and peak resident bytes."""

    seconds: float
    peak: int


class Row(NamedTuple):
    """One line of the results: what was run, medians, the ratio and the target it has."""

    what: str
    ours: float
    peer: str
    theirs: float
    target: float


def timed(command: Sequence[str], env: dict[str, str]) -> Run:
    """Runs a command to its end and measures it; a failing command fails the benchmark."""
    start = time.perf_counter()
    child = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{child.stderr.read().decode() if child.stderr else ''}")
    return Run(seconds, usage.ru_maxrss * 1024)


def paired(
    ours: list[str], our_env: dict[str, str], theirs: list[str], their_env: dict[str, str], runs: int
) -> tuple[float, float]:
    """Median seconds of both commands, run in turn after one warm-up each."""
    timed(ours, our_env), timed(theirs, their_env)
    pairs = [(timed(ours, our_env).seconds, timed(theirs, their_env).seconds) for _ in range(runs)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def repository() -> Repo:
    """Llama-3-8B's config with a small valid checkpoint, so that hf-mem finds a header to read."""
    from cardscope.source import catalog

    entry = catalog.lookup(MODEL)
    assert entry is not None
    header = json.dumps(
        {
            f"layers.{i}.w": {"dtype": "BF16", "shape": [8, 8], "data_offsets": [128 * i, 128 * i + 128]}
            for i in range(290)
        }
    )
    text = header.encode()
    weights = len(text).to_bytes(8, "little") + text + bytes(128 * 290)
    files = {"config.json": json.dumps(dict(entry.config)).encode(), "model.safetensors": weights}
    info = {"library_name": "transformers", "config": {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}}
    return Repo(files=files, info=info, safetensors={"parameters": {"BF16": 8030261248}, "total": 8030261248})


def peer_copy(url: str, folder: Path) -> Path:
    """hf-mem with the local server's address in place of its own."""
    spec = importlib.util.find_spec("hf_mem")
    if spec is None or spec.origin is None:
        raise SystemExit("the peers are missing: pip install hf-mem")
    target = folder / "hf_mem"
    shutil.copytree(Path(spec.origin).parent, target, ignore=shutil.ignore_patterns("__pycache__"))
    for path in target.rglob("*.py"):
        path.write_text(path.read_text(encoding="utf-8").replace("https://huggingface.co", url), encoding="utf-8")
    return folder


def inspections() -> tuple[float, float, int]:
    """Median and worst milliseconds of inspect().to_dict() over the catalogue's distinct configs."""
    import cardscope
    from cardscope.source import catalog

    entries = [entry for name in catalog.ids() if (entry := catalog.lookup(name))]
    configs = list({json.dumps(dict(e.config), sort_keys=True): dict(e.config) for e in entries}.values())
    for config in configs:
        cardscope.inspect(config, exact=False, headers=False).to_dict()
    best = []
    for config in configs:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            cardscope.inspect(config, exact=False, headers=False).to_dict()
            times.append(time.perf_counter() - start)
        best.append(1000 * statistics.median(times))
    return statistics.median(best), max(best), len(configs)


def environment(**changes: str) -> dict[str, str]:
    """A clean environment with the project importable and nothing of the user's Hub settings."""
    keep = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING_FACE"))}
    return {**keep, "PYTHONPATH": str(ROOT), **changes}


def main() -> None:
    """Runs everything and prints (or writes) the table."""
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=15)
    options.add_argument("--exact-runs", type=int, default=5)
    options.add_argument("--write", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary, HubServer({MODEL: repository()}) as hub:
        text = report(Path(temporary), hub.url, chosen.runs, chosen.exact_runs)
    print(text)
    if chosen.write:
        (ROOT / "benchmarks" / "RESULTS.md").write_text(text, encoding="utf-8")


def report(folder: Path, url: str, runs: int, exact_runs: int) -> str:
    """The table as Markdown."""
    us = [sys.executable, "-m", "cardscope"]
    peer = [sys.executable, "-c", "from hf_mem.cli import main; main()", "--model-id", MODEL]
    peer_env = environment(PYTHONPATH=str(peer_copy(url, folder)))
    offline = environment(HF_HUB_OFFLINE="1", HF_HOME=str(folder / "none"))
    online = environment(HF_ENDPOINT=url, HF_HOME=str(folder / "home"))
    timed([*us, MODEL, "--no-exact"], online)
    cached = {**online, "HF_HUB_OFFLINE": "1"}
    estimate = [
        sys.executable,
        "-m",
        "accelerate.commands.accelerate_cli",
        "estimate-memory",
        MODEL,
        "--library_name",
        "transformers",
    ]
    rows = [
        Row("`--no-exact`, bundled catalogue", *_both(us, offline, peer, peer_env, runs, "hf-mem"), 0.8),
        Row("`--no-exact`, cached", *_both(us, cached, peer, peer_env, runs, "hf-mem"), 0.8),
        Row("`--no-exact`, Hub asked", *_both(us, online, peer, peer_env, runs, "hf-mem"), 1.3),
    ]
    if exact_runs:
        cold = {**online, "CARDSCOPE_CACHE": str(folder / "never" / "written"), "CARDSCOPE_NO_CACHE": "1"}
        mine, theirs = cold_exact(us, cold, estimate, online, exact_runs, folder)
        rows.append(Row("full report with exact, cold", mine, "accelerate estimate-memory", theirs, 0.75))
    help_seconds = statistics.median(timed([*us, "--help"], offline).seconds for _ in range(runs))
    peak = max(timed([*us, MODEL, "--no-exact"], env).peak for env in (offline, cached, online))
    return table(rows, help_seconds, peak, inspections())


def _both(
    us: list[str], env: dict[str, str], peer: list[str], peer_env: dict[str, str], runs: int, name: str
) -> tuple[float, str, float]:
    ours, theirs = paired([*us, MODEL, "--no-exact"], env, peer, peer_env, runs)
    return ours, name, theirs


def cold_exact(
    us: list[str], env: dict[str, str], peer: list[str], peer_env: dict[str, str], runs: int, folder: Path
) -> tuple[float, float]:
    """Medians with the exact count's cache in a new folder each time."""
    mine, theirs = [], []
    for index in range(runs + 1):
        fresh = {**env, "CARDSCOPE_CACHE": str(folder / f"cache{index}")}
        mine.append(timed([*us, MODEL, "--exact"], fresh).seconds)
        theirs.append(timed(peer, peer_env).seconds)
    return statistics.median(mine[1:]), statistics.median(theirs[1:])


def table(rows: Sequence[Row], help_seconds: float, peak: int, inspected: tuple[float, float, int]) -> str:
    """Markdown of all results."""
    middle, worst, count = inspected
    lines = [
        "# Speed and memory",
        "",
        f"Medians of paired runs on {os.cpu_count()} cores, Python {platform.python_version()};",
        "made by `python benchmarks/run.py --write`.",
        "",
        "| what | cardscope | peer | peer's time | ratio | target |",
        "|---|---:|---|---:|---:|---:|",
    ]
    for row in rows:
        ratio = row.ours / row.theirs
        lines.append(
            f"| {row.what} | {row.ours:.3f} s | {row.peer} | {row.theirs:.3f} s | {ratio:.2f} | {row.target:.2f} |"
        )
    call = "`inspect(config, exact=False, headers=False).to_dict()`"
    lines += [
        "",
        f"- `--help`: {help_seconds:.3f} s (target 0.15 s)",
        f"- peak memory of the light path: {peak / 1e6:.1f} MB (target 60 MB)",
        f"- {call} over {count} distinct configs: median {middle:.2f} ms, worst {worst:.2f} ms (target 1 ms)",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

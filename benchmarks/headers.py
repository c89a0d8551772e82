"""Headers measured: stored bytes predicted from configs against published indexes, and a repository of 200 shards.

    python benchmarks/headers.py [--index FOLDER --configs FOLDER] [--runs 7] [--write]

The folders hold `ORG__NAME.json` files: indexes of sharded checkpoints and configs of the same names.  An index has
names and `total_size`, no shapes: bytes are predicted from the config, with what the names say is stored beside it.
The 200 shards lie on a local server that holds every answer back for 50 ms; hf-mem reads the same, from a copy of it
that has the server's address in place of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from run import environment, peer_copy, timed  # noqa: E402 - after the path

from cardscope.assemble import outline  # noqa: E402 - the same
from cardscope.checkpoint.index import whole  # noqa: E402 - the same
from cardscope.checkpoint.naming import is_head, is_mtp  # noqa: E402 - the same
from cardscope.errors import CardscopeError  # noqa: E402 - the same
from cardscope.identify import config_dtype  # noqa: E402 - the same
from cardscope.inventory import Inventory  # noqa: E402 - the same
from cardscope.measures.precision import Scheme, weight_bytes  # noqa: E402 - the same
from cardscope.measures.quantized import published  # noqa: E402 - the same
from cardscope.model import RawConfig  # noqa: E402 - the same
from cardscope.parts import Spec  # noqa: E402 - the same
from cardscope.units import dtype_bytes  # noqa: E402 - the same
from tests.hub.hubserver import HubServer, Repo  # noqa: E402 - the same

SHARDS, LATENCY = 200, 0.05


class Check(NamedTuple):
    """One index: what it says, what was predicted, and what explains the difference or forbade a prediction."""

    name: str
    stated: int | None
    predicted: int | None
    note: str


# -- indexes -----------------------------------------------------------------------------------------------


def indexes(folder: Path, configs: Path) -> Iterator[Check]:
    """Every index of a folder against the config of its name."""
    for path in sorted(folder.glob("*.json")):
        index = json.loads(path.read_text(encoding="utf-8"))
        config = configs / path.name
        stated = whole(index.get("metadata", {}).get("total_size"))
        if stated is None:
            yield Check(path.stem, None, None, "the index states no size")
        elif not config.is_file():
            yield Check(path.stem, stated, None, "no config of that name")
        else:
            yield _predict(path.stem, stated, list(index["weight_map"]), json.loads(config.read_text(encoding="utf-8")))


def _predict(name: str, stated: int, names: list[str], config: dict[str, object]) -> Check:
    try:
        spec, inventory = outline(RawConfig(config, name, "object"))
    except CardscopeError as error:
        return Check(name, stated, None, error.message)
    if spec is None or inventory is None:
        return Check(name, stated, None, "the type is not modelled as a whole")
    scheme = published(config)
    if isinstance(scheme, str):
        return Check(name, stated, None, scheme)
    width = dtype_bytes(config_dtype(config) or "bfloat16")
    if isinstance(scheme, Scheme):
        predicted, notes = weight_bytes(inventory, scheme), [scheme.name]
    else:
        predicted, notes = int(inventory.parameters * width), []
    more, said = _beside(stated - predicted, names, config, spec, inventory, width)
    predicted, notes = predicted + more, [*notes, *said]
    if not isinstance(scheme, Scheme) and stated != predicted:
        notes += _dtypes(stated, predicted, width)
    return Check(name, stated, predicted, ", ".join(notes))


def _beside(
    gap: int, names: Sequence[str], config: dict[str, object], spec: Spec, inventory: Inventory, width: float
) -> tuple[int, list[str]]:
    """Bytes that the names say are stored beside the parameters, and what they are."""
    more, notes = 0, []
    if spec.tied and any(is_head(n) for n in names):
        more, notes = int((spec.vocab_size or 0) * (spec.hidden_size or 0) * width), ["tied head stored"]
    if any(is_mtp(n) for n in names) and inventory.mtp_parameters:
        more, notes = more + int(inventory.mtp_stored * width), [*notes, "extra prediction layers"]
    formats = sum(n.endswith("weight_format") for n in names)
    if formats:
        more, notes = more + formats, [*notes, f"{formats} bytes of weight_format"]
    frequencies = sum(n.endswith("inv_freq") for n in names)
    if frequencies:
        notes.append(f"{frequencies} tensors of rotary frequencies")
        more += frequencies * _rotary(config) * _frequency_bytes(gap - more, frequencies, _rotary(config))
    routers = sum(count * t.numel for count, t in inventory.tensors() if t.component == "router")
    if width == 2 and routers and gap - more == 2 * routers:
        more, notes = gap, [*notes, "routers stored in 32 bits"]
    return more, notes


def _rotary(config: dict[str, object]) -> int:
    heads, size = config.get("num_attention_heads"), config.get("hidden_size")
    part = config.get("rotary_pct", 0.5 if config.get("model_type") == "chatglm" else 1)
    if not isinstance(heads, int) or not isinstance(size, int) or not isinstance(part, int | float):
        return 0
    return int(size // heads * part) // 2


def _frequency_bytes(gap: int, tensors: int, length: int) -> int:
    """Frequencies are kept in fp32 or cast with the rest: which of both the index does not say, the gap does."""
    return 2 if abs(gap) == 2 * tensors * length else 4


def _dtypes(stated: int, predicted: int, width: float) -> Iterator[str]:
    for other in (4, 2):
        if other != width and stated == predicted * other / width:
            yield f"stored in {8 * other} bits, the config says {int(8 * width)}"


# -- 200 shards --------------------------------------------------------------------------------------------


def repository() -> Repo:
    """A Llama of 200 layers in 200 shards; its files go on as zeros after their headers."""
    from tests import weights

    config = {**weights.LLAMA, "num_hidden_layers": SHARDS}
    tensors: weights.Tensors = {}
    first = weights.llama()
    loose = {name: tensor for name, tensor in first.items() if ".layers." not in name}
    for layer in range(SHARDS):
        tensors |= {n.replace(".0.", f".{layer}.", 1): t for n, t in first.items() if ".layers.0." in n}
    files, grown = weights.repository({**tensors, **loose}, SHARDS)
    return Repo({"config.json": json.dumps(config).encode(), **files}, grown=grown, branches=("main", "dev"))


class Timing(NamedTuple):
    """Median seconds of one way to read the shards, with the requests and bytes it took."""

    what: str
    seconds: float
    chain: float
    requests: int
    sent: int


def latency(runs: int, folder: Path) -> tuple[list[Timing], list[tuple[str, float]]]:
    """In-process timings against the slowest chain of requests, and whole commands beside hf-mem."""
    import huggingface_hub.constants as constants

    import cardscope

    os.environ["CARDSCOPE_CACHE"] = str(folder / "never")
    with HubServer({"org/many": repository()}, latency=LATENCY) as hub:
        constants.ENDPOINT, constants.HF_HUB_CACHE = hub.url, str(folder / "hub")
        found = []
        for what, word in (("`main`, one request", "org/many"), ("a branch, 200 ranges", "org/many@dev")):
            seconds = []
            for _ in range(runs + 1):
                hub.requests.clear()
                hub.sent = 0
                start = time.perf_counter()
                report = cardscope.inspect(word, exact=False, refresh=True)
                seconds.append(time.perf_counter() - start)
                assert report.headline.witness == "stored", report.parameters.checkpoint.reason
            found.append(Timing(what, statistics.median(seconds[1:]), 3 * LATENCY, len(hub.requests), hub.sent))
        env = environment(HF_ENDPOINT=hub.url, HF_HOME=str(folder / "home"), CARDSCOPE_CACHE=str(folder / "cache"))
        us = [sys.executable, "-m", "cardscope", "org/many@dev", "--no-exact", "--refresh"]
        peer = [sys.executable, "-c", "from hf_mem.cli import main; main()", "--model-id", "org/many"]
        peer += ["--revision", "dev"]
        their_env = environment(PYTHONPATH=str(peer_copy(hub.url, folder)))
        commands = [("cardscope, branch", us, env), ("cardscope, `main`", [*us[:3], "org/many", *us[4:]], env)]
        commands.append(("hf-mem, branch", peer, their_env))
        timings = [(name, [timed(command, e).seconds for _ in range(runs)]) for name, command, e in commands]
        return found, [(name, statistics.median(each)) for name, each in timings]


# -- the report --------------------------------------------------------------------------------------------


def text(checks: Sequence[Check], timings: Sequence[Timing], commands: Sequence[tuple[str, float]]) -> str:
    """Everything as Markdown."""
    lines = ["# Headers", "", f"Made by `python benchmarks/headers.py --write` on {os.cpu_count()} cores, "]
    lines[-1] += f"Python {platform.python_version()}."
    lines += ["", f"## {SHARDS} shards at {1000 * LATENCY:.0f} ms", ""]
    lines += ["| in one process | median | three requests in a row | ratio | requests | bytes sent |"]
    lines += ["|---|---:|---:|---:|---:|---:|"]
    for t in timings:
        ratio = t.seconds / t.chain
        lines.append(f"| {t.what} | {t.seconds:.3f} s | {t.chain:.3f} s | {ratio:.2f} | {t.requests} | {t.sent:,} |")
    lines += ["", "| whole command | median |", "|---|---:|", *(f"| {name} | {s:.3f} s |" for name, s in commands)]
    if checks:
        lines += ["", *_index_table(checks)]
    return "\n".join(lines) + "\n"


def _index_table(checks: Sequence[Check]) -> Iterator[str]:
    used = [c for c in checks if c.predicted is not None and c.stated]
    equal = sum(c.predicted == c.stated for c in used)
    yield "## Bytes predicted from the config against `total_size`"
    yield ""
    yield f"{len(used)} of {len(checks)} indexes could be used; {equal} are predicted to the byte."
    yield ""
    yield "| index | stated | predicted | difference | note |"
    yield "|---|---:|---:|---:|---|"
    for c in checks:
        stated = "" if c.stated is None else f"{c.stated:,}"
        if c.predicted is None or not c.stated:
            yield f"| {c.name} | {stated} | | | {c.note} |"
        else:
            gap = c.predicted - c.stated
            yield f"| {c.name} | {stated} | {c.predicted:,} | {gap:+,} ({100 * gap / c.stated:+.2f} %) | {c.note} |"


def main() -> None:
    """Runs everything and prints (or writes) the tables."""
    options = argparse.ArgumentParser()
    options.add_argument("--index", type=Path)
    options.add_argument("--configs", type=Path)
    options.add_argument("--runs", type=int, default=7)
    options.add_argument("--write", action="store_true")
    chosen = options.parse_args()
    checks = list(indexes(chosen.index, chosen.configs)) if chosen.index and chosen.configs else []
    with tempfile.TemporaryDirectory() as temporary:
        timings, commands = latency(chosen.runs, Path(temporary))
    found = text(checks, timings, commands)
    print(found)
    if chosen.write:
        (ROOT / "benchmarks" / "RESULTS-headers.md").write_text(found, encoding="utf-8")


if __name__ == "__main__":
    main()

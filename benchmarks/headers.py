"""Headers measured: stored bytes predicted from configs against published indexes, and a repository of 200 shards.

    python benchmarks/headers.py [--index FOLDER --configs FOLDER] [--runs 7] [--write]

The folders hold `ORG__NAME.json` files: indexes of sharded checkpoints and configs of the same names.  An index has
names and `total_size`, no shapes: bytes are predicted from the config, with what the names say is stored beside it.
The 200 shards are benchmarks/shards.py's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import shards  # noqa: E402 - after the path

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


# -- the report --------------------------------------------------------------------------------------------


def text(checks: Sequence[Check], timings: Sequence[shards.Timing], commands: Sequence[shards.Command]) -> str:
    """Everything as Markdown."""
    lines = ["# Headers", "", f"Made by `python benchmarks/headers.py --write` on {os.cpu_count()} cores, "]
    lines[-1] += f"Python {platform.python_version()}."
    lines += ["", *shards.text(timings, commands)]
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
        folder = Path(temporary)
        with shards.serving() as server:
            timings = shards.timings(server, chosen.runs, folder)
            commands = shards.commands(server, chosen.runs, folder)
    found = text(checks, timings, commands)
    print(found)
    if chosen.write:
        (ROOT / "benchmarks" / "RESULTS-headers.md").write_text(found, encoding="utf-8")


if __name__ == "__main__":
    main()

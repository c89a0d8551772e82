"""The hardware table, and a GPU's name as people type it → devices with their memory.

`cardscope/data/gpus.jsonl` holds a card or an instance a line, each with the page its figures are published on.
Throughput is dense, without sparsity; None means that the vendor states none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from cardscope.errors import UsageError

PATH = Path(__file__).parent.parent / "data" / "gpus.jsonl"
USABLE_SHARE: Final = 0.975
"""Share of the nominal memory that the driver reports, where no report of the card is known."""
PHONE_SHARE: Final = 0.5
"""Share of a phone's memory that one app may take: iOS ended apps at 2,040 of an iPhone XS's 3,754 MiB
(stackoverflow.com/a/15200855); Android's share is the maker's to choose."""
MAX_COUNT: Final = 65_536
MAX_MEMORY: Final = 1 << 60
_TIMES = re.compile(r"^\s*(\d{1,9})\s*(?:[x×*]\s*|\s+(?=[a-z]))(.+)$", re.IGNORECASE)
_MEMORY = re.compile(r"^(\d+(?:\.\d+)?)\s*([kmgt]i?b|[gt])$", re.IGNORECASE)
_PHONE = re.compile(r"^(?:phone\s+(.+)|(.+?)\s+phone)$", re.IGNORECASE)
_UNITS: Final = {"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "g": 1e9, "t": 1e12,
                 "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gpu:
    """One accelerator: memory in bytes, bandwidth in bytes a second, dense throughput in FLOP a second."""

    name: str
    memory: int
    usable: int
    vendor: str | None = None
    kind: str | None = None
    bandwidth: float | None = None
    bf16: float | None = None
    fp8: float | None = None
    fp4: float | None = None
    interconnect: str | None = None
    aliases: tuple[str, ...] = ()
    source: str = ""
    note: str | None = None

    @property
    def is_host(self) -> bool:
        """Whether its memory is the host's own, so that nothing can be kept beside it."""
        return self.kind in {"cpu", "phone"}


@dataclass(frozen=True, slots=True)
class Instance:
    """A machine that is rented or bought whole: `count` of one card."""

    name: str
    card: str
    count: int
    source: str


@dataclass(frozen=True, slots=True)
class Devices:
    """What a model is to run on: one or several accelerators, of one kind or of several."""

    name: str
    gpus: tuple[Gpu, ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.gpus)

    @property
    def smallest(self) -> Gpu:
        """The one with the least usable memory: what an even split has to fit."""
        return min(self.gpus, key=lambda gpu: gpu.usable)


@cache
def table() -> tuple[tuple[Gpu, ...], tuple[Instance, ...]]:
    """Every card and every instance of the table."""
    rows = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
    cards = tuple(_gpu(row) for row in rows if row["kind"] != "instance")
    machines = (row for row in rows if row["kind"] == "instance")
    return cards, tuple(Instance(row["name"], row["card"], row["count"], row["source"]) for row in machines)


def _gpu(row: Mapping[str, Any]) -> Gpu:
    memory = int(row["memory_gib"] * 2**30)
    usable = row["usable_gib"]
    return Gpu(
        row["name"],
        memory,
        int(usable * 2**30) if usable else int(memory * USABLE_SHARE),
        row["vendor"],
        row["kind"],
        row["bandwidth_gbs"] * 1e9 if row["bandwidth_gbs"] else None,
        _tera(row["bf16_tflops"]),
        _tera(row["fp8_tflops"]),
        _tera(row["fp4_tflops"]),
        interconnect=row["interconnect"],
        aliases=tuple(row["aliases"]),
        source=row["source"],
    )


def _tera(value: float | None) -> float | None:
    return None if value is None else value * 1e12


def devices(text: str) -> Devices:
    """`RTX 4090`, `8xH100`, `2x24GB`, `M3 Max 64GB`, `g5.xlarge`, `4090 + 3060`, `auto`. Raises UsageError."""
    if len(text) > 200:
        raise UsageError("the GPU's name is longer than any", hint='--gpu takes a name such as "RTX 4090" or "24GB"')
    if text.strip().lower() == "auto":
        from cardscope.fitting.detect import detect

        return detect()
    # A name may hold a plus sign of its own: the whole word comes first.
    whole = _machine(text) or _one(text)
    groups = [whole] if whole else [_group(word) for word in re.split(r"\s*\+\s*", text.strip())]
    found = [gpu for gpus in groups for gpu in gpus]
    if len(found) > MAX_COUNT:
        raise UsageError(f"{text} is more than {MAX_COUNT:,} GPUs", hint='--gpu "8xH100" is eight of them')
    return Devices(_name(groups), tuple(found))


def _name(groups: list[tuple[Gpu, ...]]) -> str:
    return " + ".join(group[0].name if len(group) == 1 else f"{len(group)}x{group[0].name}" for group in groups)


def _group(word: str) -> tuple[Gpu, ...]:
    """One term of a sum: a count and a card."""
    exact = _machine(word) or _one(word)
    if exact is not None:
        return exact
    times = _TIMES.match(word)
    if times is None:
        raise _unknown(word)
    count, rest = int(times[1]), times[2]
    if not 1 <= count <= MAX_COUNT:
        raise UsageError(f"{word} names {count:,} GPUs", hint=f"a count between 1 and {MAX_COUNT:,}, as in 8xH100")
    found = _machine(rest) or _one(rest)
    if found is None:
        raise _unknown(rest)
    return found * count


def _one(word: str) -> tuple[Gpu, ...] | None:
    gpu = memory_alone(word) or card(word)
    return None if gpu is None else (gpu,)


def _machine(word: str) -> tuple[Gpu, ...] | None:
    wanted = _key(word)
    for machine in table()[1]:
        if _key(machine.name) == wanted:
            found = card(machine.card)
            return None if found is None else (found,) * machine.count
    return None


def memory_alone(word: str) -> Gpu | None:
    """A GPU given as memory alone, all of it usable: `24GB` is 24·10⁹ bytes, `22.16GiB` is 22.16·2³⁰; `4GB phone`."""
    if phone := _PHONE.match(word.strip()):
        inner = memory_alone(phone[1] or phone[2])
        note = "half of a phone's memory is taken as usable by one app"
        usable = int(inner.memory * PHONE_SHARE) if inner else 0
        return None if inner is None else replace(inner, name=word.strip(), usable=usable, kind="phone", note=note)
    found = _MEMORY.match(word.strip())
    if found is None:
        return None
    size = float(found[1]) * _UNITS[found[2].lower()]
    if not 1 <= size <= MAX_MEMORY:
        raise UsageError(f"{word} is no memory a GPU can have", hint='--gpu "24GB" or --gpu "22.16GiB"')
    return Gpu(word.strip(), int(size), int(size), note="memory as given, all of it taken as usable")


def card(word: str) -> Gpu | None:
    """The card of a name or an alias; a memory size after the name picks among the sizes that are sold."""
    wanted = _key(word)
    cards = _names()
    if wanted in cards:
        return cards[wanted]
    sized = re.match(r"^(.*?)[\s-]*(\d{1,4})\s*gi?b?$", word.strip(), re.IGNORECASE)
    if sized is None:
        return None
    base = _key(sized[1])
    size = int(sized[2]) << 30
    near = [gpu for gpu in table()[0] if gpu.memory == size and _key(gpu.name).startswith(base) and base]
    if near:
        return near[0]
    unified = cards.get(base)
    if unified is not None and unified.vendor == "Apple" and 0 < size <= unified.memory:
        share = 2 / 3 if size <= 36 << 30 else 3 / 4
        return replace(unified, name=word.strip(), memory=size, usable=int(size * share))
    return None


@cache
def _names() -> Mapping[str, Gpu]:
    found: dict[str, Gpu] = {}
    for gpu in table()[0]:
        for name in (gpu.name, *gpu.aliases):
            found.setdefault(_key(name), gpu)
    return found


def _key(name: str) -> str:
    """The name without what people leave out or add: spaces, dashes, the maker's name."""
    low = name.lower()
    for word in ("nvidia", "geforce", "amd", "intel", "apple", "google", "tesla", "instinct", "graphics"):
        low = low.replace(word, "")
    return re.sub(r"[\s_\-/()]+", "", low)


def nearest(word: str, limit: int = 3) -> tuple[str, ...]:
    """Names of the table that look like the word, best first."""
    from difflib import get_close_matches

    shown: dict[str, str] = {key: gpu.name for key, gpu in _names().items()}
    shown |= {_key(machine.name): machine.name for machine in table()[1]}
    close = get_close_matches(_key(word), list(shown), n=3 * limit, cutoff=0.55)
    return tuple(dict.fromkeys(shown[key] for key in close))[:limit]


def _unknown(word: str) -> UsageError:
    close = nearest(word)
    asked = f"did you mean {', '.join(close)}? " if close else ""
    return UsageError(
        f"no GPU called {word.strip() or 'nothing'!r} is in the table",
        hint=f"{asked}`cardscope gpus` lists them; memory alone does too: --gpu 24GB",
    )

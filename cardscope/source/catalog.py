"""The bundled catalogue: facts about well-known models, for when the Hub cannot be asked.

`cardscope/data/catalog.jsonl` holds one model a line: id, aliases, when it was released, the source
of the facts, a total with its source, and the fields of config.json that shape tensors, cache, context and precision.
The total counts logical parameters; where a publisher's number holds more, `total_source` says what. A line is found
by a search through the bytes and only that line is parsed, so a look-up costs the same however long the file grows.
An entry whose fields are those of an earlier one names it under `like` instead. `tools/catalogue.py` adds and
recounts entries.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cardscope.model import RawConfig

PATH = Path(__file__).parent.parent / "data" / "catalog.jsonl"
_ID = re.compile(rb'^\{"id":"([^"]+)"', re.MULTILINE)
MAX_SUGGESTIONS = 3
COUNTED = "transformers 5.23's empty model"


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One model as it was released on `date` (a day, a month or a year); `total` is confirmed by `total_source`."""

    id: str
    date: str
    source: str
    total: int
    config: Mapping[str, object]
    total_source: str = COUNTED
    aliases: tuple[str, ...] = ()
    revision: str | None = None
    gated: bool = False

    def raw(self, asked: str) -> RawConfig:
        """The entry as a source hands it on, under the name it was asked for by."""
        names = (self.id, *self.aliases)
        name = next((n for n in names if n.lower() == asked.lower()), self.id)
        return RawConfig(
            data=dict(self.config),
            id=name,
            source="catalog",
            revision=self.revision,
            fetched=self.date,
            where=f"{name}, catalogue",
        )


def lookup(name: str) -> CatalogEntry | None:
    """The entry of a Hub id or one of its aliases, letter case aside."""
    wanted = name.lower()
    needle = b'"' + wanted.encode() + b'"'
    data, lowered = _bytes()
    at = lowered.find(needle)
    while at >= 0:
        start, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
        entry = _entry(json.loads(data[start : end if end >= 0 else len(data)]))
        if wanted in (entry.id.lower(), *(a.lower() for a in entry.aliases)):
            return entry
        at = lowered.find(needle, end) if end >= 0 else -1
    return None


def ids() -> tuple[str, ...]:
    """Every id in the catalogue, in the file's order."""
    return tuple(found.decode() for found in _ID.findall(_bytes()[0]))


def nearest(name: str) -> tuple[str, ...]:
    """Catalogue ids that look like `name`, best first; compared whole and without the organisation."""
    from difflib import SequenceMatcher

    wanted = name.lower()
    bare = wanted.rpartition("/")[2]
    scored = []
    for found in ids():
        low = found.lower()
        whole = SequenceMatcher(None, wanted, low).ratio()
        score = max(whole, SequenceMatcher(None, bare, low.rpartition("/")[2]).ratio())
        if score >= 0.75 and low != wanted:
            scored.append((-score, -whole, found))
    return tuple(found for _, _, found in sorted(scored)[:MAX_SUGGESTIONS])


def _entry(line: dict[str, object]) -> CatalogEntry:
    like = line.pop("like", None)
    if isinstance(like, str) and (other := lookup(like)):
        line["config"] = other.config
    return CatalogEntry(**{**line, "aliases": tuple(line.get("aliases", ()))})  # type: ignore[arg-type]


@cache
def _bytes() -> tuple[bytes, bytes]:
    data = PATH.read_bytes()
    return data, data.lower()

"""Largest → JSON, text and Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cardscope.report.lines import WIDTH, Line, Span, fit, line, pad, safe, shorten, wrap
from cardscope.units import format_bytes, format_count, format_tokens

if TYPE_CHECKING:
    from cardscope.fitting.largest import Candidate, Largest, Room

SHAPE = "a dense decoder of Llama 3's proportions; other shapes differ by what their cache and tables take"


def to_dict(found: Largest) -> dict[str, Any]:
    """Counts are integers, sizes bytes; `max_parameters` is null where nothing fits."""
    from cardscope.fitting.largest import SCHEMA

    smallest = found.devices.smallest
    return {
        "schema": SCHEMA,
        "engine": found.engine,
        "device": {
            "name": found.devices.name,
            "count": found.devices.count,
            "memory_bytes": smallest.memory,
            "usable_bytes": smallest.usable,
        },
        "context": found.load.context,
        "batch": found.load.batch,
        "shape": SHAPE,
        "precisions": [asdict(room) for room in found.rooms],
        "best": [asdict(item) for item in found.best],
        "uncertainty": asdict(found.uncertainty),
    }


def lines(found: Largest) -> list[Line]:
    """For each precision the most parameters and the largest known models; then the models that fit best."""
    load = found.load
    asked = f"{found.engine} · context {format_tokens(load.context)} · batch {load.batch:,}"
    free = f"{found.uncertainty.percent:g} % kept free"
    rows = [
        line(Span(shorten(f"the largest models on {safe(found.devices.name)}", WIDTH), "title")),
        line(Span(f"{asked} · {free}", "dim")),
        line(),
        line(Span(f"  {'precision':<10}{'parameters':>12}   largest in the catalogue", "strong")),
    ]
    for room in found.rooms:
        rows += list(_room_rows(room))
    rows += [line(Span(text, "dim")) for text in wrap(f"parameters: {SHAPE}".split(" "), 2, 2, " ")]
    if found.best:
        rows += [line(), line(Span("fit best, each at the best precision that fits", "head"))]
        rows += [line(_best_row(item)) for item in found.best]
    else:
        rows += [line(), line("nothing in the catalogue fits")]
    return [fit(row) for row in rows]


def _room_rows(room: Room) -> Iterator[Line]:
    size = format_count(room.max_parameters) if room.max_parameters else "none"
    start = f"  {room.precision:<10}{size:>12}   "
    names = [safe(item.id) + ("," if i + 1 < len(room.models) else "") for i, item in enumerate(room.models)]
    first, *rest = wrap(names or ["-"], len(start), len(start), " ")
    yield line(start, first)
    yield from (line(row) for row in rest)


def _best_row(item: Candidate) -> str:
    share = f"{100 * item.share:.0f} %"
    name = pad(shorten(safe(item.id), 42), 42)
    return f"  {name} {format_count(item.parameters):>9} {item.precision:<7} {format_bytes(item.need_bytes)} {share:>5}"


def markdown(found: Largest) -> str:
    """Two tables, for an issue or a page."""
    from cardscope.report.markdown import escape, table

    load = found.load
    text = [f"## The largest models on {escape(found.devices.name)}", ""]
    text.append(f"{found.engine}, context {load.context:,}, batch {load.batch:,}")
    rows = [
        [
            room.precision,
            "none" if room.max_parameters is None else f"{room.max_parameters:,}",
            ", ".join(escape(item.id) for item in room.models) or "-",
        ]
        for room in found.rooms
    ]
    text += ["", *table(["precision", "most parameters", "largest in the catalogue"], rows), "", SHAPE]
    best = [
        [escape(item.id), f"{item.parameters:,}", item.precision, format_bytes(item.need_bytes)] for item in found.best
    ]
    if best:
        text += ["", *table(["fits best", "parameters", "precision", "need"], best)]
    return "\n".join(text) + "\n"

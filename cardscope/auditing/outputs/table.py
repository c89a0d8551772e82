"""Rows as a table of at most 80 columns, a line at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cardscope.report.lines import Line, Span, line, pad, safe, shorten
from cardscope.units import format_bytes

HEADS: Final = ("model", "params", "weights", "KV/token", "context", "findings")
WIDTHS: Final = (31, 7, 11, 11, 11, 9)
STEPS: Final = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K"))


def short_count(value: int | None) -> str:
    """A count in three figures and a letter."""
    if value is None:
        return "?"
    step, letter = next((step for step in STEPS if value >= step[0]), (1, ""))
    scaled = value / step
    return f"{value}" if step == 1 else f"{scaled:.0f}{letter}" if scaled >= 100 else f"{scaled:.3g}{letter}"


def cells(row: Mapping[str, Any]) -> list[str]:
    """What a row shows, whole: an error in the last cell, or the codes of its findings."""
    found = " ".join(dict.fromkeys(f["code"] for f in row["findings"]))
    if row["error"]:
        found = f"{row['error']['kind']}: {row['error']['message']}"
    size, cache, context = row["weight_bytes"], row["kv_per_token_bytes"], row["context"]
    return [
        row["id"],
        short_count(row["parameters"]),
        "?" if size is None else format_bytes(size),
        "?" if cache is None else format_bytes(cache),
        "?" if context is None else f"{context:,}",
        found,
    ]


def lines(rows: Iterator[Mapping[str, Any]]) -> Iterator[Line]:
    """The head, then one line a row; findings are counted, an error takes the figures' place."""
    yield line(Span(_spread(HEADS[0], HEADS[1:]), "head"))
    for row in rows:
        name = shorten(safe(row["id"]), WIDTHS[0])
        if row["error"]:
            message = shorten(safe(f"{row['error']['kind']}: {row['error']['message']}"), 79 - WIDTHS[0])
            yield line(pad(name, WIDTHS[0]) + " ", Span(message, "bad"))
        else:
            count = sum(f["severity"] != "info" for f in row["findings"])
            yield line(_spread(name, [*cells(row)[1:5], str(count or "")]))


def _spread(name: str, others: Any) -> str:
    right = "".join(f"{shorten(cell, width - 1):>{width}}" for cell, width in zip(others, WIDTHS[1:], strict=True))
    return pad(name, WIDTHS[0]) + right

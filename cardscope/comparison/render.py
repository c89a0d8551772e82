"""Comparison → text, Markdown and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from cardscope.comparison.model import SCHEMA, Cell, Column, Comparison, Row, Unit
from cardscope.report.lines import Line, Span, columns, fit, line, pad, safe, shorten
from cardscope.report.markdown import escape, table
from cardscope.units import format_bytes, format_count

ABREAST = 3
"""Models whose figures fit side by side in 80 columns."""
_LABEL, _CELL = 24, 18


def lines(found: Comparison) -> list[Line]:
    """The overview, a line a model, then every figure, three models abreast; `*` marks rows that differ."""
    rows = [fit(row) for row in _overview(found)]
    count = len(found.columns)
    for start in range(0, count, ABREAST):
        rows += (fit(row) for row in _abreast(found, slice(start, start + ABREAST)))
    return rows


def _overview(found: Comparison) -> Iterator[Line]:
    yield line(Span(f"{'model':<24} {'L':>4} {'d':>6} {'heads':>5} {'blocks':>17} {'total':>18}", "head"))
    for column in found.columns:
        sizes = f"{_short(column.num_layers):>4} {_short(column.hidden_size):>6} {_short(column.num_heads):>5}"
        counts = f"{_number(column.blocks):>17} "
        start = pad(shorten(safe(column.name), 24), 24)
        yield line(f"{start} {sizes} {counts}", Span(f"{_number(column.total):>18}", "strong"))


def _short(value: int | None) -> str:
    return "?" if value is None else str(value)


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _abreast(found: Comparison, places: slice) -> Iterator[Line]:
    yield line()
    heads = "".join(_right(_name(safe(column.name))) for column in found.columns[places])
    yield line(" " * _LABEL, Span(heads, "strong"))
    section = ""
    for row in found.rows:
        if row.section != section:
            section = row.section
            yield line(Span(section.upper(), "head"))
        mark = "* " if row.differs else "  "
        cells = "".join(_right(_cell(cell, row.unit)) for cell in row.cells[places])
        label = mark + pad(shorten(row.name, _LABEL - 2), _LABEL - 2)
        yield line(label, Span(cells, "strong" if row.differs else ""))


def _name(text: str) -> str:
    """Both ends of a long name: models of one family differ at the start or at the end."""
    return text if columns(text) < _CELL else f"{text[:6]}…{text[-10:]}"


def _right(text: str) -> str:
    kept = text if columns(text) < _CELL else shorten(text, _CELL - 1)
    return " " * (_CELL - columns(kept)) + kept


def _cell(cell: Cell, unit: Unit) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return safe(cell)
    if unit == "bytes":
        return format_bytes(cell)
    if unit == "percent":
        return f"{cell:.2f} %"
    return f"{cell:,}" if isinstance(cell, float) or cell < 10**15 else format_count(cell)


# -- Markdown ----------------------------------------------------------------------------------------------


def markdown(found: Comparison) -> str:
    """The overview and the figures as two tables; rows that differ are bold."""
    heads = ["model", "layers", "d", "heads", "one block", "all blocks", "the rest", "total", "12·L·d² / total"]
    overview = [_overview_row(column) for column in found.columns]
    names = [escape(column.name) for column in found.columns]
    body = [_body_row(row) for row in found.rows]
    rows = ["## Overview", "", *table(heads, overview), "", "## Side by side", ""]
    rows += [*table(["figure (bold: they differ)", *names], body), ""]
    return "\n".join(rows).rstrip() + "\n"


def _overview_row(column: Column) -> list[str]:
    counts = (column.num_layers, column.hidden_size, column.num_heads, column.block, column.blocks, column.rest)
    share = "?" if column.heuristic_share is None else f"{column.heuristic_share:.3f}"
    return [escape(column.name), *map(_number, counts), f"**{_number(column.total)}**", share]


def _body_row(row: Row) -> list[str]:
    label = f"{row.section}: {escape(row.name)}"
    return [f"**{label}**" if row.differs else label, *(escape(_cell(cell, row.unit)) for cell in row.cells)]


# -- JSON --------------------------------------------------------------------------------------------------


def to_dict(found: Comparison) -> dict[str, object]:
    """Columns and rows; sizes in bytes, null where a model has no such figure."""
    rows = [
        {"section": r.section, "name": r.name, "unit": r.unit, "differs": r.differs, "values": list(r.cells)}
        for r in found.rows
    ]
    return {"schema": SCHEMA, "models": [asdict(column) for column in found.columns], "rows": rows}

"""Tables: pairs of label and value, and families in which one row or column is this model's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cardscope.carding import subject
from cardscope.carding.claims.kind import inside, normal
from cardscope.carding.model import Claim
from cardscope.carding.read import Table
from cardscope.carding.subject import Subject

MAX_ROWS: Final = 200
_HEADS = frozenset(
    [
        "property",
        "properties",
        "hyperparameter",
        "hyperparameters",
        "hyper-parameter",
        "parameter",
        "parameters",
        "attribute",
        "field",
        "feature",
        "specification",
        "spec",
        "specs",
        "item",
        "name",
        "key",
        "setting",
        "detail",
        "details",
        "metric",
        "configuration",
        "config",
        "characteristic",
        "aspect",
        "value",
        "description",
        "model",
        "属性",
        "参数",
        "项目",
        "配置",
        "参数名",
        "项",
        "名称",
        "項目",
        "propiedad",
        "propriété",
        "eigenschaft",
        "propriedade",
    ]
)
_VALUES = frozenset(
    [
        "value",
        "values",
        "description",
        "details",
        "setting",
        "spec",
        "specification",
        "val",
        "值",
        "数值",
        "取值",
        "说明",
        "値",
        "valor",
        "valeur",
        "wert",
        "valore",
        "model",
        "ours",
        "size",
    ]
)


def claims(table: Table, own: Subject) -> Iterator[Claim]:
    """The claims of one table about this model."""
    rows = [row for row in table.rows[:MAX_ROWS] if any(cell.strip() for cell in row[1])]
    if not rows or len(rows[0][1]) < 2:
        return
    path = [heading for heading in table.section if subject.fit(own, heading) is None]
    if subject.of_component(path):
        return
    if (
        len(rows) > 2
        and sum(bool(cell.strip()) for cell in rows[0][1]) <= 2
        and sum(_kind(cell) is not None for cell in rows[1][1]) >= 2
    ):
        rows = rows[1:]  # a title above the head
    head = rows[0][1]
    if _pairs(rows):
        if not subject.section_speaks_of_others(path) and not _belongs_elsewhere(head, path, own):
            yield from _of_pairs(rows)
        return
    if subject.section_speaks_of_others(path):
        yield from (claim for claim in _of_family(rows, own) if claim.kind in _IN_RESULTS)
        return
    yield from _of_family(rows, own)


_IN_RESULTS = frozenset({"parameters", "active_parameters", "architecture", "gpu_hours", "base_model"})
"""What a table of results may say of this model beside its scores."""


def _of_family(rows: Sequence[tuple[int, tuple[str, ...]]], own: Subject) -> Iterator[Claim]:
    column = _column(rows, own)
    if column is not None:
        for line, cells in rows[1:]:
            if column < len(cells):
                yield from _beside(
                    cells[0] or (cells[1] if column > 1 else ""), cells[column], f"{cells[0]} | {cells[column]}", line
                )
        return
    yield from _of_row(rows, own)


def _belongs_elsewhere(head: Sequence[str], path: Sequence[str], own: Subject) -> bool:
    """Whether the value column, or the heading above, is named for another model."""
    named = [cell for cell in head[1:2] if cell.strip() and cell.strip().lower() not in _VALUES and not _kind(head[0])]
    return any(
        subject.foreign(own, text) or (subject.sizes(text) and subject.fit(own, text) is None)
        for text in (*named, *path[-1:])
    )


def _kind(label: str) -> str | None:
    from cardscope.carding.find import named

    kind = named(normal(label)) or named(inside(label))
    return kind.name if kind else None


def _pairs(rows: Sequence[tuple[int, tuple[str, ...]]]) -> bool:
    """Two columns (or a third of comments), labels of ours down the first."""
    width = max(len(cells) for _, cells in rows)
    labels = sum(_kind(cells[0]) is not None for _, cells in rows[:40] if cells)
    head = [cell.strip().lower() for cell in rows[0][1]]
    if width == 2:
        return labels >= 1 and not (len(rows) > 1 and _kind(rows[0][1][1]) is not None and _kind(rows[0][1][0]) is None)
    told = head[0] in _HEADS | {""} and head[1] in _VALUES
    return (
        width == 3
        and labels >= 1
        and told
        and (
            head[2] in {"comment", "comments", "notes", "note", "description", "source", "witness", "备注", "说明", ""}
        )
    )


def _of_pairs(rows: Sequence[tuple[int, tuple[str, ...]]]) -> Iterator[Claim]:
    for line, cells in rows:
        if len(cells) > 1 and cells[1].strip().lower() not in _VALUES:
            yield from _beside(cells[0], cells[1], f"{cells[0]} | {cells[1]}", line)


def _beside(label: str, value: str, quote: str, line: int) -> Iterator[Claim]:
    from cardscope.carding.find import beside

    if value.strip() and value.strip() not in {"-", "–", "—", "N/A", "n/a"}:
        yield from beside(label, value, quote, line, "table")


def _best(own: Subject, texts: Sequence[str]) -> int | None:
    """The one text that is this model's name; None where there is none, or two are equally near."""
    scored = [(fit, at) for at, text in enumerate(texts) if (fit := subject.fit(own, text)) is not None and fit > 0]
    scored.sort(reverse=True)
    if not scored or (len(scored) > 1 and scored[0][0] == scored[1][0]):
        return None
    return scored[0][1]


def _column(rows: Sequence[tuple[int, tuple[str, ...]]], own: Subject) -> int | None:
    """The column of this model in a table whose columns are models and whose rows are figures."""
    head = rows[0][1]
    labels = sum(
        _kind(cells[0]) is not None or (len(cells) > 1 and _kind(cells[1]) is not None and not cells[0])
        for _, cells in rows[1:40]
        if cells
    )
    if not labels or any(_kind(cell) for cell in head[1:]):
        return None
    best = _best(own, head[1:])
    return None if best is None else best + 1


def _of_row(rows: Sequence[tuple[int, tuple[str, ...]]], own: Subject) -> Iterator[Claim]:
    """The row of this model in a table whose rows are models and whose head names figures."""
    head = rows[0][1]
    kinds = [_kind(cell) for cell in head]
    body = _filled(rows[1:])
    if not any(kinds) or not body:
        return
    at = _row(body, kinds, own)
    if at is None:
        return
    line, cells = body[at]
    for label, kind, cell in zip(head, kinds, cells, strict=False):
        if kind is not None:
            yield from _beside(label, cell, f"{label} | {cell}", line)


def _filled(rows: Sequence[tuple[int, tuple[str, ...]]]) -> list[tuple[int, tuple[str, ...]]]:
    """Rows with an empty first cell continue the row above: its cells hold for them too."""
    filled: list[tuple[int, tuple[str, ...]]] = []
    for line, cells in rows:
        if filled and cells and not cells[0].strip():
            above = filled[-1][1]
            cells = tuple(cell if cell.strip() or at >= len(above) else above[at] for at, cell in enumerate(cells))  # noqa: PLW2901 - the row as it is meant
        filled.append((line, cells))
    return filled


def _row(body: Sequence[tuple[int, tuple[str, ...]]], kinds: Sequence[str | None], own: Subject) -> int | None:
    """By the name in its first cells, else by the size that stands under parameters, else the only row there is."""
    before = next((at for at, kind in enumerate(kinds) if kind is not None), 0)
    named = [next((cell for cell in cells[:before] if any(map(str.isalpha, cell))), "") for _, cells in body]
    size = next((at for at, kind in enumerate(kinds) if kind == "parameters"), None)
    keys = [
        f"{name} {cells[size]}" if size is not None and size < len(cells) and not subject.sizes(name) else name
        for name, (_, cells) in zip(named, body, strict=True)
    ]
    exact = [
        at
        for at, name in enumerate(named)
        if name.rpartition("/")[2].strip("` ").lower() == own.name.lower() and own.name
    ]
    if len(exact) == 1:
        return exact[0]
    best = (
        _best(own, [key if subject.sizes(key) or not own.sizes else "" for key in keys])
        if own.sizes
        else _best(own, named)
    )
    if best is not None:
        return best
    if len(body) == 1 and not (named[0] and (subject.foreign(own, named[0]) or subject.sizes(named[0]))):
        return 0 if own.known or not named[0] else None
    return None

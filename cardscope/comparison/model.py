"""A comparison as a value: one column a model, one row a figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCHEMA = "cardscope.compare/1"
Unit = Literal["number", "bytes", "percent", "text"]
Cell = int | float | str | bool | None


@dataclass(frozen=True, slots=True)
class Row:
    """One figure for every model, in the order of the columns; None where a model has no such thing."""

    section: str
    name: str
    cells: tuple[Cell, ...]
    unit: Unit = "number"

    @property
    def differs(self) -> bool:
        """Whether the models disagree."""
        return len(set(self.cells)) > 1


@dataclass(frozen=True, slots=True)
class Column:
    """One model and the line it has in the overview."""

    name: str
    model_type: str | None
    num_layers: int | None
    hidden_size: int | None
    num_heads: int | None
    block: int | None
    """Parameters of one layer; None where layers differ."""
    blocks: int | None
    rest: int | None
    """Everything but the layers."""
    total: int | None
    heuristic_share: float | None
    """12·L·d² as a share of the total."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Columns and rows."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def to_dict(self) -> dict[str, object]:
        """The JSON of `cardscope compare --json`."""
        from cardscope.comparison.render import to_dict

        return to_dict(self)

"""Which types are declared, and how each was checked; read from data/checked.json, which tools/checked.py writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from cardscope.archs import declared_types
from cardscope.archs._registry import HOME
from cardscope.harvest import declared


class Row(NamedTuple):
    """One type: its class in transformers (None: remote code), the family module, and how it was checked."""

    model_type: str
    class_name: str | None
    family: str
    oracle_cases: int
    catalogue_models: int
    published: str | None

    @property
    def basis(self) -> str:
        """The checks in words."""
        words = []
        if self.oracle_cases:
            words.append(f"{self.oracle_cases} oracle cases")
        if self.catalogue_models:
            words.append(f"{self.catalogue_models} catalogue totals")
        return ", ".join([*words, *([self.published] if self.published else [])]) or "shares another type's checks"


class Coverage(NamedTuple):
    """All declared types, and the transformers versions of the recorded cases."""

    rows: tuple[Row, ...]
    transformers: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The README's coverage line."""
        held = sum(1 for row in self.rows if row.oracle_cases)
        cases = sum(row.oracle_cases for row in self.rows)
        version = ", ".join(self.transformers)
        remote = sum(1 for row in self.rows if row.class_name is None)
        return (
            f"{len(self.rows)} model types are declared: {held} are held to {cases:,} recorded totals of "
            f"transformers {version}'s empty models,\n{remote} that only repositories' own code builds to totals "
            "published or remembered, or to a layout they share; the rest are parts of others."
        )


def coverage() -> Coverage:
    """Reads the checks of every declared type."""
    path = Path(__file__).parent.parent / "data" / "checked.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    for name in declared_types():
        entry, known = found["types"].get(name, {}), declared(name)
        rows.append(
            Row(
                name,
                known.cls.removesuffix("Config") if known else None,
                HOME[name],
                entry.get("oracle_cases", 0),
                entry.get("catalogue", 0),
                entry.get("published"),
            )
        )
    return Coverage(tuple(rows), tuple(found["transformers"]))

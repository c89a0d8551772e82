"""How long the declarations are: `python tools/declaration_lines.py` prints it, CONTRIBUTING.md quotes it.

Lines of a type are those of the function that declares it, from its `def` to its end, docstring included, blank lines
not; beside them, all lines of the family modules (helpers, tables, imports too) over the number of types.
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from pathlib import Path
from statistics import median
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Lines(NamedTuple):
    """Model types, the median lines of the functions that declare them, and all lines of the modules for each type."""

    types: int
    median: int
    in_all: int

    def __str__(self) -> str:
        return (
            f"{self.types} model types: the function that declares one has {self.median} lines in the median, "
            f"and all family modules together {self.in_all} lines for each type"
        )


def measured() -> Lines:
    """Measured on the functions as they are registered."""
    sys.path.insert(0, str(ROOT))
    from cardscope.archs import declared_types, find

    own: list[int] = []
    files: Counter[str] = Counter()
    for name in declared_types():
        declaration = find(name)
        assert declaration is not None
        source = inspect.getsource(declaration).splitlines()
        own.append(len([line for line in source if line.strip() and not line.startswith("@")]))
        files[inspect.getsourcefile(declaration) or ""] += 1
    whole = sum(len(Path(file).read_text(encoding="utf-8").splitlines()) for file in files)
    return Lines(len(own), round(median(own)), round(whole / len(own)))


if __name__ == "__main__":
    print(measured())

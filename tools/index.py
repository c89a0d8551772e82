"""Writes cardscope/data/families.txt: which family module declares which model types.

python tools/index.py            rewrite
python tools/index.py --check    exit 1 if anything would change
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "cardscope" / "data" / "families.txt"


def index() -> str:
    """One line a family: the module, then its types."""
    sys.path.insert(0, str(ROOT))
    from cardscope.archs import declared_types
    from cardscope.archs._registry import HOME

    families: dict[str, list[str]] = defaultdict(list)
    for model_type in declared_types():
        families[HOME[model_type]].append(model_type)
    lines = [f"{family} {' '.join(types)}" for family, types in sorted(families.items())]
    return "# Made by tools/index.py: family module, then the model types it declares.\n" + "\n".join(lines) + "\n"


def main() -> int:
    """Rewrites or checks; returns the exit code."""
    text = index()
    if "--check" in sys.argv:
        return int(not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

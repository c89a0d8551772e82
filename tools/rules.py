"""Writes docs/rules/CSxxx.md from the rules' docstrings; `--check` only says whether they are fresh."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def pages() -> dict[str, str]:
    """Each page's name and text."""
    from cardscope.rules import RULES

    found = {}
    for rule in RULES.values():
        first, _, rest = (inspect.getdoc(rule.check) or "").partition("\n")
        found[f"{rule.code}.md"] = f"# {rule.code}: {first}\n\nSeverity: {rule.severity}.\n\n{rest.strip()}\n"
    rows = [f"- [{rule.code}]({rule.code}.md) {rule.severity}: {rule.summary}" for rule in RULES.values()]
    found["README.md"] = "# Rules of `cardscope audit`\n\n" + "\n".join(rows) + "\n"
    return found


def main() -> int:
    """Writes or checks."""
    folder = ROOT / "docs" / "rules"
    folder.mkdir(parents=True, exist_ok=True)
    stale = []
    for name, text in pages().items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    if "--check" in sys.argv and stale:
        print(f"run python tools/rules.py: {', '.join(stale)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

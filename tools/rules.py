"""Writes docs/rules/CSxxx.md: what is found, why it matters, an example, how to fix; `--check` says whether fresh.

The texts are the rules' docstrings (of the report's findings: rule_pages.py), the examples the pairs that the tests
tell apart.
"""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from cardscope.rules.cards import Card  # noqa: E402 - found on the path set above

FEW = 6
"""Facts of an example that are shown whole; of a longer one only what differs."""


def pages() -> dict[str, str]:
    """Each page's name and text."""
    from rule_pages import REPORTED

    from cardscope.findings import RULES as FINDINGS
    from cardscope.rules import RULES

    rows = {code: (severity, words[0].upper() + words[1:]) for code, (severity, words) in FINDINGS.items()}
    rows |= {code: (rule.severity, rule.summary) for code, rule in RULES.items()}
    texts = {code: textwrap.fill(text, 118) for code, text in REPORTED.items()} | {
        code: (inspect.getdoc(rule.check) or "").partition("\n")[2].strip() for code, rule in RULES.items()
    }
    shown = examples()
    found = {
        f"{code}.md": f"# {code}: {words}.\n\nSeverity: {severity}.\n\n{texts[code]}\n{shown.get(code, '')}"
        for code, (severity, words) in rows.items()
    }
    listed = [f"- [{code}]({code}.md) {severity}: {words}" for code, (severity, words) in sorted(rows.items())]
    found["README.md"] = f"# Findings, {len(rows)} rules\n\n" + "\n".join(listed) + "\n"
    return found


def examples() -> dict[str, str]:
    """Code → a section with something the rule finds and something like it that it does not."""
    from tests.unit import test_findings, test_rules, test_rules_cards, test_rules_more

    pairs: dict[str, tuple[Any, Any]] = {
        **test_findings.PAIRS, **test_rules.CONFIGS, **test_rules.REPOSITORIES,
        **test_rules_more.CONFIGS, **test_rules_more.REPOSITORIES, **test_rules_cards.CARDS,
    }  # fmt: skip
    return {code: _section(_told(bad), _told(good)) for code, (bad, good) in pairs.items()}


def _told(case: Any) -> dict[str, Any]:
    """What there is to see of a config or a repository."""
    if isinstance(case, Mapping):
        return {f"config.json: {key}": value for key, value in case.items()}
    if isinstance(case, Card):
        return _told_of_card(case)
    found = {"name": case.name, "parameters counted": case.parameters, "context": case.context}
    found |= {f"config.json: {key}": value for key, value in case.config.items()}
    facts = case.facts
    if facts:
        found |= {"files": dict(facts.files) or None, "license": facts.license}
        found |= {"pipeline_tag": facts.pipeline_tag, "stored numbers": dict(facts.safetensors_dtypes) or None}
    if case.contents:
        found["stored tensors"] = [f"{piece.name} {piece.dtype}, {piece.role}" for piece in case.contents.pieces]
    found |= {name: content if content is not None else "(not JSON)" for name, content in case.beside.items()}
    return {key: value for key, value in found.items() if value is not None}


def _told_of_card(case: Card) -> dict[str, Any]:
    """Metadata, headings and config of a card."""
    found: dict[str, Any] = {"name": case.name or None, "metadata": None if case.present else "(none)"}
    found |= {f"README.md: {key}": value for key, value in case.data.items()}
    found |= {f"config.json: {key}": value for key, value in case.config.items()}
    found |= {"headings": list(case.headings) or None, "model-index": case.results, "error": case.error}
    return {key: value for key, value in found.items() if value is not None}


def _section(bad: dict[str, Any], good: dict[str, Any]) -> str:
    """Both as they differ; where one only lacks something, what the other has."""
    keys = list(dict.fromkeys((*bad, *good)))
    if len(keys) > FEW:
        keys = [key for key in keys if bad.get(key) != good.get(key)]
    parts = [
        f"{title}\n\n```text\n{chr(10).join(_line(key, case) for key in keys)}\n```\n"
        for title, case in (("Found:", bad), ("Not found:", good))
    ]
    return "\n## Example\n\n" + "\n".join(parts)


def _line(key: str, case: dict[str, Any]) -> str:
    return f"{key} = {json.dumps(case[key], ensure_ascii=False)}" if key in case else f"{key} is not there"


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

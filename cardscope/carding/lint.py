"""A card's findings: metadata and sections against what the Hub and its readers look for, offline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from cardscope.carding.metadata import MAX_BLOCK, Metadata, load, split
from cardscope.errors import CardscopeError
from cardscope.findings import Finding
from cardscope.model import RawConfig
from cardscope.report.model import Report
from cardscope.rules import Card, of_card

_HEADING: Final = re.compile(
    r"^ {0,3}(?:#{1,6}[ \t]+([^\n]{1,200})|\*\*([^*\n]{2,80})\*\*|<h[1-6][^<>]{0,200}>([^<]{1,200}))", re.MULTILINE
)
MAX_READ: Final = 400_000


def findings(text: str, raw: RawConfig | None) -> tuple[Finding, ...]:
    """What the rules find in a card's text; its headings are read without a parser."""
    metadata, body, _ = split(text)
    headings = tuple(next(filter(None, match.groups())) for match in _HEADING.finditer(body[:MAX_READ]))
    return tuple(of_card(card(metadata, headings, raw)))


def card(metadata: Metadata, headings: tuple[str, ...], raw: RawConfig | None) -> Card:
    """What the rules look at."""
    listed = (raw.hub.files if raw.hub else raw.files) if raw else ()
    return Card(
        raw.id if raw else "",
        metadata.data,
        headings,
        raw.data if raw else {},
        metadata.present,
        metadata.error,
        _results(metadata),
        tuple(name for name, _ in listed),
    )


def _results(metadata: Metadata) -> Any:
    """What `model-index` holds; None where there is none, or too much to be read for this."""
    if not metadata.results or len(metadata.results) > MAX_BLOCK:
        return None
    data, error = load(metadata.results)
    return "unreadable" if error else data.get("model-index")


def beside(raw: RawConfig) -> Iterator[Finding]:
    """The findings of the card that lies in a config's folder; none where there is none. Never raises."""
    if raw.source != "file" or raw.folder is None or not (Path(raw.folder) / "README.md").is_file():
        return
    from cardscope.source import readme

    try:
        text, _ = readme.of_file(str(Path(raw.folder) / readme.NAME))
    except CardscopeError:
        return
    yield from findings(text, raw)


def with_card(report: Report, raw: RawConfig) -> Report:
    """The report with the findings of the card in the config's folder, which costs no request."""
    found = tuple(beside(raw))
    return replace(report, findings=(*report.findings, *found)) if found else report

"""Licences: the Hub's identifiers, and the ways a text spells them."""

from __future__ import annotations

import re
from typing import Final

from cardscope.rules.hub_words import KNOWN_LICENSES

_SPELLED: Final = (
    ("apache-2.0", r"apache[- ]?(?:licen[cs]e)?[, -]{0,2}(?:version )?v?2(?:\.0)?(?:[- ]licen[cs]e)?"),
    ("mit", r"\bmit\b(?: licen[cs]e)?"),
    ("bsd-3-clause", r"bsd[- ]3(?:[- ]clause)?"),
    ("bsd-2-clause", r"bsd[- ]2(?:[- ]clause)?"),
    ("cc-by-nc-sa-4.0", r"cc[- ]by[- ]nc[- ]sa(?:[- ]4\.0)?"),
    ("cc-by-nc-nd-4.0", r"cc[- ]by[- ]nc[- ]nd(?:[- ]4\.0)?"),
    ("cc-by-nc-4.0", r"cc[- ]by[- ]nc(?:[- ]4\.0)?"),
    ("cc-by-sa-4.0", r"cc[- ]by[- ]sa(?:[- ]4\.0)?"),
    ("cc-by-4.0", r"cc[- ]by(?:[- ]4\.0)?"),
    ("cc0-1.0", r"cc0(?:[- ]1\.0)?"),
    ("gpl-3.0", r"\bgpl[- ]?v?3(?:\.0)?"),
    ("agpl-3.0", r"agpl[- ]?v?3(?:\.0)?"),
    ("lgpl-3.0", r"lgpl[- ]?v?3(?:\.0)?"),
    ("llama3.3", r"llama[- ]?3\.3 (?:community )?licen[cs]e|\bllama3\.3\b"),
    ("llama3.2", r"llama[- ]?3\.2 (?:community )?licen[cs]e|\bllama3\.2\b"),
    ("llama3.1", r"llama[- ]?3\.1 (?:community )?licen[cs]e|\bllama3\.1\b"),
    ("llama3", r"llama[- ]?3 (?:community )?licen[cs]e|\bllama3\b"),
    ("llama2", r"llama[- ]?2 (?:community )?licen[cs]e|\bllama2\b"),
    ("gemma", r"gemma (?:terms|licen[cs]e)|\bgemma\b$"),
    ("openrail", r"\bopenrail(?!\+)(?!-m)\b"),
    ("bigscience-bloom-rail-1.0", r"(?:bigscience[- ])?bloom[- ]rail[- ]1\.0|rail license v1\.0|bigscience rail"),
    ("bigcode-openrail-m", r"bigcode[- ]openrail[- ]m"),
    ("creativeml-openrail-m", r"creativeml[- ]openrail[- ]m"),
    ("openrail++", r"openrail\+\+"),
    ("mpl-2.0", r"\bmpl[- ]?2(?:\.0)?|mozilla public licen[cs]e"),
    ("unlicense", r"\bunlicense\b"),
    ("other", r"^(?:other|custom|proprietary)\b"),
)  # fmt: skip
_PATTERNS: Final = tuple((name, re.compile(text, re.IGNORECASE)) for name, text in _SPELLED)

KNOWN: Final = KNOWN_LICENSES
"""Identifiers of the Hub's documentation, "Licenses" (hub-docs, as of 2026)."""


def licence(text: str) -> tuple[str, str, int] | None:
    """(identifier, its words, where) of the first licence that a text names, the one that begins first."""
    found = [
        (match.start(), -len(match[0]), name, match[0])
        for name, pattern in _PATTERNS
        if (match := pattern.search(text.strip()))
    ]
    if not found:
        return None
    start, _, name, words = min(found)
    return name, words, start

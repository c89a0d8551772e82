"""How queries share keys and values: MHA, GQA, MQA, MLA."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cardscope.carding.claims.kind import Kind, labels
from cardscope.carding.model import Said

NAMES: Final = (
    ("gqa", re.compile(r"\bgrouped?[- ]?(?:multi-?)?query(?:[- ]attention)?\b|\bGQA\b|分组查询注意力", re.IGNORECASE)),
    ("mqa", re.compile(r"\bmulti-?[ ]?query(?:[- ]attention)?\b|\bMQA\b", re.IGNORECASE)),
    ("mla", re.compile(r"\bmulti-?[ ]?head latent attention\b|\bMLA\b|多头潜在注意力", re.IGNORECASE)),
    ("mha", re.compile(r"\bmulti-?[ ]?head (?:self-?)?attention\b(?! \(mla)|\bMHA\b|\bstandard attention\b")),
)  # fmt: skip
_YES = re.compile(r"\s*(?:yes|true|✓|✔|✅|☑|y|是|oui|sí|ja)\b|\s*[✓✔✅☑]", re.IGNORECASE)
_NO = re.compile(r"\s*(?:no|false|n|否|nein|non)\b|\s*[✗✘❌×✖]", re.IGNORECASE)
_NOT = re.compile(
    r"\b(?:no|not|without|instead of|rather than|replac\w+|unlike|from)\W+(?:\w+\W+){0,2}$", re.IGNORECASE
)


def kinds(text: str) -> list[tuple[str, re.Match[str]]]:
    """The groupings that a text names, with where."""
    return [(name, match) for name, pattern in NAMES if (match := pattern.search(text))]


def read(text: str, label: str) -> Iterator[Said]:
    """`Grouped-Query Attention`; or yes and no beside a label GQA."""
    asked = next((name for name, pattern in NAMES if pattern.search(label)), None)
    if asked and _YES.match(text):
        yield Said("attention", asked, text.strip()[:20])
    elif asked and _NO.match(text):
        yield Said("attention", f"not {asked}", text.strip()[:20])
    else:
        found = kinds(text)
        if len(found) == 1:
            yield Said("attention", found[0][0], found[0][1][0])


def prose(clause: str) -> Iterator[tuple[Said, int]]:
    """Groupings named in a clause, unless it says that they are not used, or several are."""
    found = kinds(clause)
    if len(found) != 1:
        return
    name, match = found[0]
    if not _NOT.search(clause[: match.start()][-40:]):
        yield Said("attention", name, match[0]), match.start()


KINDS = (
    Kind(
        "attention",
        labels(r"(?:self-?)?attention(?: (?:type|kind|mechanism|variant|structure))?|gqa|mqa|mla"
               r"|grouped[- ]query attention|multi-?query attention|注意力(?:机制)?"),
        read,
        words=("query", "gqa", "mqa", "mla", "latent", "head attention", "mha", "注意力"),
        prose=prose,
    ),
)  # fmt: skip

"""What a kind of claim is: the labels it stands beside, and the words around a number that make it one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from cardscope.carding.model import Said, of_quantity
from cardscope.carding.numbers import Quantity, quantities

Read = Callable[[str, str], Iterator[Said]]
"""(text beside the label, label as written) → what is said."""


class Around(NamedTuple):
    """A number is of this kind where the text before it ends in `before` and the text after it starts with `after`."""

    before: re.Pattern[str] | None = None
    after: re.Pattern[str] | None = None
    detail: str = ""


class Kind(NamedTuple):
    """One kind of claim."""

    name: str
    label: re.Pattern[str]
    read: Read
    around: tuple[Around, ...] = ()
    words: tuple[str, ...] = ()
    """One of these is in every sentence in which `around` can match (lower case)."""
    fits: Callable[[Quantity], bool] = lambda _: True
    prose: Callable[[str], Iterator[tuple[Said, int]]] | None = None
    """Other things that a sentence says: (what, where in it)."""


NOTHING: Final = re.compile(r"(?!)")
_LEADING = re.compile(
    r"^(?:#\s?|no\. of |num(?:ber)?\.? of |total number of |number |num |total |n |model |max |maximum |the )+",
    re.IGNORECASE,
)
_PAREN = re.compile(r"\s?[(（\[][^()（）\[\]]{0,80}[)）\]]")
_EMOJI = re.compile(r"^[^\w#(]+|[\s:：*`=]+$")


def inside(label: str) -> str:
    """What stands in brackets in a label: `Time (GPU hours)` → gpu hours."""
    match = _PAREN.search(label[:120])
    return normal(match[0].strip(" ()（）[]")) if match else ""


def normal(label: str) -> str:
    """A label in lower case without count words, brackets and signs: `Number of Layers ($L$):` → layers."""
    text = _PAREN.sub("", label[:120].replace("_", " ")).strip()
    text = _EMOJI.sub("", text).strip().lower()
    return _LEADING.sub("", re.sub(r"\s+", " ", text)).strip(" :：*")


def labels(text: str) -> re.Pattern[str]:
    """A pattern for normalised labels, spaces in it being any space."""
    return re.compile(rf"(?:{text})", re.IGNORECASE)


def before(text: str) -> re.Pattern[str]:
    """A pattern for what ends right before a number."""
    return re.compile(
        rf"(?:{text})\s*(?:of|is|are|at|to|as|was|:|：|=|为|是|達|达|が|は|de|von|di|=\s?)?\s*[\"“(]?$", re.IGNORECASE
    )


def after(text: str) -> re.Pattern[str]:
    """A pattern for what starts right after a number."""
    return re.compile(rf"[\s-]{{0,2}}(?:{text})", re.IGNORECASE)


def plain_number(kind: str, low: float, high: float) -> Read:
    """Reads the first number of a value, if it is within what such a number can be."""

    def read(text: str, _label: str) -> Iterator[Said]:
        found = next(quantities(text, 1), None)
        if found is None or found.start > 24 or _measured(text[found.end :]):
            return
        settled = found.within(low, high)
        if settled is not None:
            yield of_quantity(kind, settled)

    return read


def _measured(rest: str) -> bool:
    """Whether the number has a unit that no count has: percent, bytes, a factor."""
    return bool(re.match(r"\s?(?:%|[GMTK]i?B\b|x\b|×|bit|ms\b|hours?\b)", rest))


def between(low: float, high: float) -> Callable[[Quantity], bool]:
    """Whether a number is within what its kind can be."""
    return lambda found: low <= found.value <= high

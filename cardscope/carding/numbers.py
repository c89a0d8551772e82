"""Numbers as cards write them: `8B`, `8.03B`, `15T`, `128K`, `8,030,261,248`, `8 030 261 248`, `1.280`, `720亿`.

A quantity keeps every reading it may have (128K is 128,000 or 131,072; `1.280` is 1.28 or 1,280), each with the
interval its own rounding implies. Every expression is bounded and anchored, so that no text makes one slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_SPACES = "\u0020\u00a0\u2009\u202f"
_NUMBER = (
    rf"\d{{1,3}}(?:(?:,\d{{3}}){{1,5}}|(?:[{_SPACES}]\d{{3}}){{1,5}}|(?:['’]\d{{3}}){{1,5}}"
    rf"|(?:\.\d{{3}}){{2,5}})(?![\d])"
    r"|\d{1,15}(?:[.,]\d{1,12})?"
)
_UNITS: Final = {
    "trillion": 1e12, "trillions": 1e12, "万亿": 1e12, "兆": 1e12, "조": 1e12, "billionen": 1e12, "trilhões": 1e12,
    "триллион": 1e12, "триллиона": 1e12, "триллионов": 1e12, "billones": 1e12, "bilioni": 1e12, "t": 1e12,
    "billion": 1e9, "billions": 1e9, "十亿": 1e9, "milliarden": 1e9, "mrd": 1e9, "milliards": 1e9, "miliardi": 1e9,
    "mil millones": 1e9, "miles de millones": 1e9, "bilhões": 1e9, "bilhão": 1e9, "миллиард": 1e9, "миллиарда": 1e9,
    "миллиардов": 1e9, "млрд": 1e9, "bn": 1e9, "b": 1e9, "miljard": 1e9, "miliard": 1e9, "milyar": 1e9, "tỷ": 1e9,
    "亿": 1e8, "億": 1e8, "억": 1e8,
    "million": 1e6, "millions": 1e6, "百万": 1e6, "millionen": 1e6, "mio": 1e6, "millones": 1e6, "milhões": 1e6,
    "milioni": 1e6, "миллион": 1e6, "миллиона": 1e6, "миллионов": 1e6, "млн": 1e6, "mn": 1e6, "m": 1e6,
    "万": 1e4, "萬": 1e4, "만": 1e4,
    "thousand": 1e3, "千": 1e3, "тыс": 1e3, "tausend": 1e3, "k": 1e3,
}  # fmt: skip
_WORDS = "|".join(sorted((re.escape(word) for word in _UNITS), key=len, reverse=True))
_MARK = (
    r"(?P<over>over|more than|above|exceeding|at least|exceeds|>=?|≥|超过|逾|plus de|über|mehr als|más de"
    r"|mais de|более|oltre)"
    r"|(?P<upto>up to|at most|less than|under|<=?|≤|max(?:imum)?(?: of)?|至多|最大|最長|最长|高达|bis zu"
    r"|jusqu['’]à|hasta|até|до|fino a)"
    r"|(?P<about>about|around|approximately|approx\.?|roughly|nearly|almost|some|circa|ca\.|~|≈|∼|约|約"
    r"|大约|近|около|etwa|rund"
    r"|environ|aproximadamente|약)"
)
QUANTITY: Final = re.compile(
    rf"(?<![A-Za-z0-9_.,$#/@])(?<![A-Za-z0-9][-–_])(?P<number>{_NUMBER})"
    rf"(?:(?P<gap>[\s\u00a0-]{{0,2}})(?P<unit>{_WORDS})(?:(?<=[\u3000-\uffff])|(?![A-Za-zÀ-ÿа-яА-Я0-9])))?(?P<plus>\+?)"
    r"(?:(?<=[\u3000-\uffff])|(?![A-Za-z_]))(?![.,]?\d)",
    re.IGNORECASE,
)
"""A number with its unit."""
_LOOSE_BEFORE: Final = re.compile(rf"(?:{_MARK})\s{{0,2}}\Z", re.IGNORECASE)
"""The word right before a number that loosens it."""
_LONG: Final = frozenset({"mill", "mili", "milh", "mio", "милл", "млн"})
SIGNIFICANT_ZERO: Final = 0.05
"""A number that ends in zero (40B) is read to ±5 %: whether the zero was counted or rounded to cannot be told."""
ROUND: Final = 0.025
"""A number that ends in three zeros (30,000) is read to ±2.5 %: 128,000 may be 131,072."""
LOOSE: Final = 0.05
"""`about` widens to ±5 % at least."""
ABOVE: Final = 1.15
"""`over N` means N, or a little more: at most 15 %."""


class Reading(NamedTuple):
    """One meaning of a number: its value and the interval that rounds to it, `low` ≤ x < `high`."""

    value: float
    low: float
    high: float
    how: str = ""

    def holds(self, actual: float) -> bool:
        """Whether the actual value lies in the interval."""
        return self.low <= actual < self.high or actual == self.value


class Quantity(NamedTuple):
    """A number in a text: its words, where they stand, what they may mean, and what loosens them."""

    text: str
    start: int
    end: int
    readings: tuple[Reading, ...]
    unit: str = ""
    loose: str = ""
    step: float = 0.0

    @property
    def value(self) -> float:
        """The plain, decimal reading."""
        return self.readings[0].value

    def within(self, low: float, high: float) -> Quantity | None:
        """The quantity in the reading that lies within bounds, the plain one first; None where none does."""
        kept = tuple(reading for reading in self.readings if low <= reading.value <= high)
        return self._replace(readings=kept) if kept else None

    @property
    def exact(self) -> bool:
        """Whether the number is written out to its last digit."""
        return self.step == 1 and not self.unit


def quantities(text: str, limit: int = 200) -> Iterator[Quantity]:
    """Every number in the text, in order, at most `limit`."""
    for count, match in enumerate(QUANTITY.finditer(text)):
        if count >= limit:
            return
        yield quantity(match)


def first(text: str) -> Quantity | None:
    """The first number in the text."""
    return next(quantities(text, 1), None)


def whole(text: str) -> Quantity | None:
    """The number that the text is, nothing but an ending such as `tokens` beside it."""
    found = first(text.strip())
    return found if found and found.start == 0 else None


def quantity(match: re.Match[str]) -> Quantity:
    """The quantity of one match of QUANTITY."""
    unit = (match["unit"] or "").lower()
    mark = _LOOSE_BEFORE.search(match.string[max(0, match.start() - 20) : match.start()])
    start = match.start() - (len(mark[0]) if mark else 0)
    loose = (mark.lastgroup or "").replace("upto", "up to") if mark else "over" if match["plus"] else ""
    scale = _UNITS.get(unit, 1.0)
    readings: list[Reading] = []
    steps = []
    found = _numbers(match["number"], bool(unit))
    if unit[:4] in _LONG and len(found) > 1:
        found.reverse()  # 7.200 millones: the point groups thousands
    for number, step in found:
        if scale == 1e8 and number % 10 == 0:  # 720亿 is 72 billion, and rounded as such
            number, scale = number / 10, 1e9  # noqa: PLW2901 - the same number in the unit of its digits
        readings.append(_reading(number, step, scale, loose))
        steps.append(step * scale)
        binary = {"k": 1024.0, "m": 1024.0**2}.get(unit)
        if binary:
            readings.append(_reading(number, step, binary, loose, "binary"))
    return Quantity(
        match.string[start : match.end()].strip(), start, match.end(), tuple(readings), unit, loose, steps[0]
    )


def _numbers(text: str, has_unit: bool) -> list[tuple[float, float]]:
    """(number, its last digit's worth) for each way the digits may be meant."""
    groups = re.split(rf"[,.'’{_SPACES}]", text)
    separators = {char for char in text if not char.isdigit()}
    joined = float("".join(groups))
    if not separators:
        return [(joined, 1.0)]
    if len(groups) > 2 or separators & {*_SPACES, "'", "’"}:
        return [(joined, 1.0)]
    decimal = float(f"{groups[0]}.{groups[1]}"), 10.0 ** -len(groups[1])
    if len(groups[1]) != 3 or len(groups[0]) > 3 or groups[0] == "0":
        return [decimal]
    if separators == {","}:
        return [(joined, 1.0), decimal] if has_unit else [(joined, 1.0)]
    return [decimal, (joined, 1.0)]


def _reading(number: float, step: float, scale: float, loose: str, how: str = "") -> Reading:
    value, half = number * scale, step * scale / 2
    if scale > 1 and step == 1 and number % 10 == 0 and number >= 10:
        zeros = len(f"{number:.0f}") - len(f"{number:.0f}".rstrip("0"))
        half = max(half, min(10**zeros * scale / 2, SIGNIFICANT_ZERO * value))
    if scale == 1 and number >= 10_000 and number % 1000 == 0:
        half = max(half, ROUND * value)
    if loose == "about":
        half = max(half, LOOSE * value)
    low, high = value - half, value + half
    if loose == "over":
        high = value * ABOVE
    return Reading(value, low, high, how)

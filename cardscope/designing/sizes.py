"""Amounts and splits as people write them."""

from __future__ import annotations

import re
from typing import Final

from cardscope.errors import UsageError
from cardscope.units import format_bytes, format_count

MOST: Final = {"flops": 1e30}
"""The most of a budget that is searched for; 2^62 of any other."""
_NUMBER: Final = re.compile(r"(\d+(?:[_,]\d{3})*(?:\.\d+)?(?:[eE]\+?\d{1,2})?)\s*([A-Za-z]*)")
_COUNTS: Final = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
_BYTES: Final = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12} | {
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
}


def amount(name: str, text: str | float) -> int:
    """`38M`, `1.5B` or `1e18` as a count; for memory and cache `4GB` or `512MiB` as bytes. Raises UsageError."""
    units = _BYTES if name in {"memory", "cache"} else _COUNTS
    example = "4GB" if units is _BYTES else "1e18" if name == "flops" else "38M"
    found = _NUMBER.fullmatch(f"{text:f}" if isinstance(text, float) else str(text).strip())
    unit = units.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise UsageError(f"{name} is {str(text)[:40]!r}, which is no amount", hint=f"write --{name} {example}")
    value = float(found[1].replace(",", "").replace("_", "")) * unit
    if not 1 <= value < MOST.get(name, 2.0**62):
        raise UsageError(f"{name} is {str(text)[:40]}, which no model has", hint=f"write --{name} {example}")
    return round(value)


def split_of(given: object) -> tuple[float, float, float]:
    """`1:1:1` (or three numbers) as shares of embedding, blocks and head that sum to one. Raises UsageError."""
    text = given if isinstance(given, str) else ":".join(map(str, given)) if isinstance(given, tuple | list) else ""
    try:
        values = [float(part) for part in text.split(":")]
    except ValueError:
        values = []
    hint = "embedding : blocks : head, as in --split 1:1:1; 1:1:0 is a tied head"
    if len(values) != 3 or not all(0 <= value < 1e9 for value in values):
        raise UsageError(f"the split {text[:40]!r} is not three numbers", hint=hint)
    if values[0] == 0 or values[1] == 0:
        raise UsageError(f"no model has a split of {text[:40]}: it needs an embedding and blocks", hint=hint)
    whole = sum(values)
    return values[0] / whole, values[1] / whole, values[2] / whole


def amount_in_words(name: str, size: float) -> str:
    """`38.00 M parameters`, `16 MiB of cache`, `1e+18 FLOPs of training`."""
    if name in {"memory", "cache"}:
        return f"{format_bytes(round(size))} of {name}"
    return f"{size:.3g} FLOPs of training" if name == "flops" else f"{format_count(size)} parameters"

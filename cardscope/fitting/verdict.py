"""Need against usable, and how sure the answer is: the error of our own estimates against published measurements."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from cardscope.fitting.target import Need

PATH: Final = Path(__file__).parent.parent / "data" / "accuracy.json"
Verdict = Literal["fits", "marginal", "does_not_fit", "unknown"]


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Percent of the need that the estimate may be off by, and what says so."""

    percent: float
    basis: str


@cache
def _accuracy() -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(PATH.read_text(encoding="utf-8"))
    return found


def uncertainty(engine: str) -> Uncertainty:
    """The published error of an engine's estimates: nine in ten measured points are within it."""
    row = _accuracy()[engine]
    return Uncertainty(float(str(row["percent"])), str(row["basis"]))


def judge(need: Need, sure: Uncertainty) -> Verdict:
    """The worst device decides."""
    if need.limits is None:
        return "unknown"
    margin = sure.percent / 100
    pairs = list(zip(need.each, need.limits, strict=True))
    if any(size * (1 - margin) > limit for size, limit in pairs):
        return "does_not_fit"
    return "marginal" if any(size * (1 + margin) > limit for size, limit in pairs) else "fits"


def headroom(need: Need) -> int | None:
    """Bytes left on the fullest device; negative where they are missing."""
    if need.limits is None:
        return None
    return min(limit - size for size, limit in zip(need.each, need.limits, strict=True))

"""What became of a claim, and when a number holds."""

from __future__ import annotations

from typing import Final, NamedTuple

from cardscope.carding.model import Said, Value, Verdict
from cardscope.carding.witness import Witnesses

LABELLED: Final = frozenset({"table", "list", "badge", "metadata", "code"})
"""Places where a value stands beside its label."""


class Held(NamedTuple):
    """What became of a claim."""

    verdict: Verdict
    witness: str | None = None
    actual: Value | None = None
    reason: str = ""


def unknown(known: Witnesses, what: str = "no witness says it") -> Held:
    """No verdict: nothing to hold the claim against."""
    return Held("cannot be checked", reason=known.reason or what)


_DECIMAL: Final = frozenset(
    {"parameters", "active_parameters", "non_embedding_parameters", "training_tokens", "gpu_hours", "vocab_size"}
)
"""Kinds in which a million is never 1024²."""


def holds(said: Said, actual: float) -> bool:
    """Whether a value lies within what the claim's own rounding allows."""
    readings = (
        each for each in said.readings if each.how != "binary" or said.kind not in _DECIMAL or "k" in said.words.lower()
    )
    return said.value == actual or any(reading.holds(actual) for reading in readings)


def exactly(said: Said, actual: float) -> bool:
    """Whether a width or a count is the one said: to the last digit, unless it is said in thousands or loosely."""
    if said.loose or any(char in "kKM" for char in said.words):
        return holds(said, actual)
    return said.value == actual or any(reading.value == actual for reading in said.readings)


def off(said: Said, actual: float) -> str:
    """By how much a claim is off, from the nearest reading."""
    near = min(
        (reading.value for reading in said.readings),
        key=lambda value: abs(value - actual),
        default=float(str(said.value)),
    )
    gap = near - actual
    percent = f" ({100 * gap / actual:+.1f} %)" if actual else ""
    return f"off by {gap:+,.0f}{percent}" if abs(gap) < 1e15 else f"off{percent}"

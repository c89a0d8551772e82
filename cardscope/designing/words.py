"""Words and numbers of a call → Ask: `38M`, `1:1:1`, `2:64`, `8192,16384`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from cardscope.designing.ask import VOCABS, Ask
from cardscope.designing.sizes import amount, split_of
from cardscope.errors import UsageError

Listed = str | float | Iterable[float]
_RANGE: Final = re.compile(r"(\d{1,6})(?::(\d{1,6}))?")
_MOST_WORDS: Final = 512


def ask(given: Mapping[str, object]) -> Ask:
    """An Ask from what the call named; what is None or absent keeps its default. Raises UsageError."""
    left = {name: value for name, value in given.items() if value is not None}
    words: dict[str, object] = {}
    for name in ("params", "flops", "memory", "cache"):
        if name in left:
            words[name] = amount(name, _scalar(name, left.pop(name)))
    if "split" in left:
        words["split"] = split_of(left.pop("split"))
    if "depth" in left:
        words["depth"] = _depth(left.pop("depth"))
    if "tolerance" in left:
        words["tolerance"] = _share(left.pop("tolerance"))
    for name, field in (("head_dim", "head_dims"), ("gqa", "groups"), ("vocab", "vocabs")):
        if name in left:
            words[field] = tuple(_whole(name, value) for value in _numbers(name, left.pop(name)))
    if "mlp_ratio" in left:
        words["mlp_ratios"] = tuple(_numbers("mlp_ratio", left.pop("mlp_ratio")))
    return Ask(**{"vocabs": VOCABS, **left, **words})  # type: ignore[arg-type] # names and types are checked by Ask


def _scalar(name: str, value: object) -> str | float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError(f"{name} is a {type(value).__name__}, which is no amount", hint=f"write {name}='38M'")
    return value


def _depth(value: object) -> tuple[int, int]:
    """`2:64`, `12` or a pair."""
    if isinstance(value, tuple | list) and len(value) == 2 and all(type(item) is int for item in value):
        return value[0], value[1]
    found = _RANGE.fullmatch(str(value).strip())
    if found is None:
        raise UsageError(
            f"the depth {str(value)[:40]!r} is no range of layers", hint="write --depth 2:64, or one number"
        )
    return int(found[1]), int(found[2] or found[1])


def _share(value: object) -> float:
    """`10%` or 0.1."""
    text = str(value).strip()
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise UsageError(f"the tolerance {text[:40]!r} is no share", hint="write --tolerance 5%") from None


def _numbers(name: str, value: object) -> list[float]:
    """`8192,16384`, one number, or several."""
    spelled = "--" + name.replace("_", "-")
    if isinstance(value, str):
        items: list[object] = [item.strip().replace("_", "") for item in value.split(",")]
    else:
        items = list(value) if isinstance(value, Iterable) else [value]
    try:
        found = [float(item) for item in items[: _MOST_WORDS + 1] if not isinstance(item, bool)]  # type: ignore[arg-type] # a wrong type is the error below
    except (TypeError, ValueError):
        found = []
    if not found:
        raise UsageError(f"{spelled} {str(value)[:40]!r} holds something that is no number", hint=f"{spelled} 64,128")
    return found


def _whole(name: str, value: float) -> int:
    if not value.is_integer():
        raise UsageError(f"--{name.replace('_', '-')} {value:g} is not whole", hint="give whole numbers")
    return int(value)

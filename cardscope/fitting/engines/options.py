"""Engine options under the engines' own names, as typed values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cardscope.errors import UsageError

MOST = 1 << 40


def check(options: Mapping[str, object], known: Iterable[str], engine: str) -> None:
    """Raises UsageError for an option the engine does not have."""
    names = tuple(known)
    for key in options:
        if key not in names:
            raise UsageError(f"{engine} has no option {key[:60]}", hint=f"it takes {', '.join(names) or 'none'}")


def whole(options: Mapping[str, object], key: str, default: int) -> int:
    """A whole number. Raises UsageError."""
    value = options.get(key, default)
    try:
        number = int(str(value))
    except ValueError:
        raise UsageError(f"{key} is {value!r}", hint=f"--engine-option {key}=4096 takes a whole number") from None
    if not 0 <= number <= MOST:
        raise UsageError(f"{key} is {number:,}", hint=f"{key} takes a number from 0 to {MOST:,}")
    return number


def share(options: Mapping[str, object], key: str, default: float) -> float:
    """A share above 0 and at most 1. Raises UsageError."""
    value = options.get(key, default)
    try:
        number = float(str(value))
    except ValueError:
        number = 0.0
    if not 0 < number <= 1:
        raise UsageError(f"{key} is {value!r}", hint=f"{key} takes a share such as {default}")
    return number


def flag(options: Mapping[str, object], key: str, *, default: bool) -> bool:
    """Yes or no, in the words people use. Raises UsageError."""
    value = str(options.get(key, default)).lower()
    if value in {"1", "true", "on", "yes", "auto"}:
        return True
    if value in {"0", "false", "off", "no"}:
        return False
    raise UsageError(f"{key} is {value[:60]!r}", hint=f"--engine-option {key}=on or {key}=off")


def word(options: Mapping[str, object], key: str, default: str) -> str:
    """A word, in lower case."""
    return str(options.get(key, default)).lower()

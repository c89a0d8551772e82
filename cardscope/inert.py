"""Config keys known not to shape any tensor or cache; each is tested against the oracle."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple


class InertKeys(NamedTuple):
    """The reviewed list: whole keys (`key` or `type:key`), beginnings and endings."""

    whole: frozenset[str]
    beginnings: tuple[str, ...]
    endings: tuple[str, ...]


@cache
def inert_keys() -> InertKeys:
    """The list in data/inert_keys.txt."""
    text = Path(__file__).with_name("data").joinpath("inert_keys.txt").read_text(encoding="utf-8")
    words = [word for line in text.splitlines() if (word := line.split("#")[0].strip())]
    return InertKeys(
        frozenset(word for word in words if "*" not in word),
        tuple(word[:-1] for word in words if word.endswith("*")),
        tuple(word[1:] for word in words if word.startswith("*")),
    )


def is_inert(key: str, model_type: str = "") -> bool:
    """Whether `key` is on the reviewed list, for every type or for this one."""
    whole, beginnings, endings = inert_keys()
    own = f"{model_type}:{key}"
    return (
        key in whole
        or own in whole
        or key.startswith(beginnings)
        or own.startswith(beginnings)
        or key.endswith(endings)
    )

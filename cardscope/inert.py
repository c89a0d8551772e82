"""Config keys known not to shape any tensor or cache; each is tested against the oracle."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def _lists() -> tuple[frozenset[str], tuple[str, ...]]:
    text = Path(__file__).with_name("data").joinpath("inert_keys.txt").read_text(encoding="utf-8")
    words = [line.split("#")[0].strip() for line in text.splitlines()]
    exact = frozenset(word for word in words if word and not word.endswith("*"))
    return exact, tuple(word[:-1] for word in words if word.endswith("*"))


def is_inert(key: str, model_type: str = "") -> bool:
    """Whether `key` is on the reviewed list, for every type or for this one (`type:key`)."""
    exact, prefixes = _lists()
    return key in exact or f"{model_type}:{key}" in exact or key.startswith((*prefixes, "_"))

"""What the tokenizer's files in a local folder say: how many tokens it has, and how many it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cardscope.errors import CardscopeError
from cardscope.source import local

MAX_FILE: Final = 30_000_000
"""Bytes of a tokenizer.json; those of 250,000 tokens have about 20 million."""
ENDLESS: Final = 10**9
"""A `model_max_length` above this means none."""


def vocabularies(folder: str | None) -> tuple[int, ...]:
    """Token counts of tokenizer.json, without and with its added tokens; empty where it is absent or not understood."""
    found = _object(folder, "tokenizer.json")
    model = found.get("model")
    vocab = model.get("vocab") if isinstance(model, Mapping) else None
    if not isinstance(vocab, Mapping | list) or not vocab:
        return ()
    added = found.get("added_tokens")
    listed = [each for each in added if isinstance(each, Mapping)] if isinstance(added, list) else []
    known = vocab if isinstance(vocab, Mapping) else {}
    new = {str(each.get("content")) for each in listed if each.get("content") not in known}
    return tuple(dict.fromkeys((len(vocab), len(vocab) + len(new))))


def longest(folder: str | None) -> int | None:
    """`model_max_length` of tokenizer_config.json; None where there is none, or it means no limit."""
    value = _object(folder, "tokenizer_config.json").get("model_max_length")
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < ENDLESS else None


def _object(folder: str | None, name: str) -> Mapping[str, Any]:
    if folder is None or not (Path(folder) / name).is_file():
        return {}
    try:
        found = json.loads(local.read(Path(folder) / name, name, MAX_FILE))
    except (CardscopeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}

"""What is refused before a child is asked, and the line a config becomes on its way there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

REPEAT_LIMIT = 20_000
"""Layers, blocks or experts beyond which no build is tried: each becomes Python objects, a millisecond apiece."""

VALUE_LIMIT = 1_000_000
"""Values in one config, nested ones included."""

LINE_LIMIT = 8 << 20
"""Bytes of a config as one line of JSON; the child reads no more than twice that."""

_REPEATED = re.compile(r"(?:^|_)(?:layers?|blocks|experts|depths?|stages)$|^(?:n|num)_.*(?:layers?|blocks|experts)")
_NOT_REPEATED = re.compile(r"size|dim|window|token")


def config_line(config: Mapping[str, object]) -> str:
    """The config as canonical JSON: sorted keys, no spaces, so that equal configs are equal lines.

    Raises:
        ValueError: with the reason, as one plain sentence, where no build should be tried.
    """
    if reason := _absurd(config):
        raise ValueError(reason)
    try:
        line = json.dumps(config, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError("the config holds values that are not JSON, or is nested too deeply") from error
    if len(line) > LINE_LIMIT:
        raise ValueError(f"the config is {len(line):,} bytes long, more than the {LINE_LIMIT:,} a build is tried for")
    return line


def _absurd(config: Mapping[str, object]) -> str | None:
    """The first value that no model can have, as a sentence."""
    for count, (key, value) in enumerate(_values(config)):
        if count > VALUE_LIMIT:
            return f"the config holds more than {VALUE_LIMIT:,} values"
        if not _REPEATED.search(key) or _NOT_REPEATED.search(key):
            continue
        size = len(value) if isinstance(value, list | tuple) else value
        if isinstance(size, int | float) and size > REPEAT_LIMIT:
            return f"{key} is {size:,}, more than the {REPEAT_LIMIT:,} a build is tried for"
    return None


def _values(config: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Every (key, value), nested ones under their own key, list items under the list's; without recursion."""
    stack: list[tuple[str, object]] = [("", config)]
    while stack:
        key, value = stack.pop()
        if isinstance(value, Mapping):
            stack.extend((str(name), part) for name, part in value.items())
        elif isinstance(value, list | tuple):
            stack.extend((key, part) for part in value)
        if key:
            yield key, value

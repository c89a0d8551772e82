"""The YAML block before a card, found and loaded as huggingface_hub's ModelCard does: safely, and never without end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MAX_BLOCK: Final = 100_000
"""Characters of the block that are loaded, evaluation results left aside."""
MAX_NODES: Final = 20_000
MAX_DEPTH: Final = 12
_BLOCK = re.compile(r"\s{0,1000}---(?:\r\n|\r|\n)")
_END = re.compile(r"(?:\r\n|\r|\n)---[ \t]{0,100}(?:\r\n|\n|\Z)")
_KEY = re.compile(r"^([A-Za-z_][\w.\- ]{0,80}):", re.MULTILINE)
_RESULTS = re.compile(r"^model-index[ \t]{0,10}:[^\n]{0,200}\n(?:(?:[ \t-][^\n]{0,20000})?\n){0,200000}", re.MULTILINE)
_NESTED = re.compile(r"(?:[-?:] ){40}|[\[{]{40}")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The block's data with the line of each top-level key; `error` says why there is none."""

    data: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None
    present: bool = False
    results: str = ""
    """The text of `model-index`, which is loaded only where it is looked at."""


def split(text: str) -> tuple[Metadata, str, int]:
    """(metadata, body, lines before the body). Never raises for what the text holds."""
    text = text.removeprefix("\ufeff")
    start = _BLOCK.match(text)
    end = _END.search(text, start.end() - 1) if start else None
    if start is None or end is None:
        return Metadata(), text, 0
    block, body = text[start.end() : end.start()], text[end.end() :]
    before = _lines(text[: start.end()])
    results = _RESULTS.search(block + "\n") if "model-index" in block else None
    own = block
    if results:
        own = block[: results.start()] + "\n" * results[0].count("\n") + block[results.end() :]
    data, error = load(own)
    lines = {match[1].strip(): before + _lines(own[: match.start()]) + 1 for match in _KEY.finditer(own[:MAX_BLOCK])}
    if results:
        lines["model-index"] = before + _lines(block[: results.start()]) + 1
    found = Metadata(data, lines, error, present=True, results=results[0] if results else "")
    return found, body, _lines(text[: end.end()])


def _lines(text: str) -> int:
    return text.count("\n") + (text.count("\r") - text.count("\r\n") if "\r" in text else 0)


def load(block: str) -> tuple[dict[str, Any], str | None]:
    """A block of YAML as plain data, or an empty one and why; aliases that multiply are refused."""
    import yaml

    if len(block) > MAX_BLOCK:
        return {}, f"the metadata block has {len(block):,} characters; {MAX_BLOCK:,} are read"
    if _NESTED.search(block):
        return {}, "the metadata block is nested too deeply"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        found = yaml.load(block, Loader=loader)  # noqa: S506 - both are safe loaders
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 2}" if mark else ""
        return {}, f"the metadata block is not YAML{place}: {str(getattr(error, 'problem', '') or error)[:120]}"
    if found is None:
        return {}, None
    if not isinstance(found, dict):
        return {}, "the metadata block is not a mapping of keys to values"
    try:
        return {str(key): _plain(value, 0, [0]) for key, value in found.items()}, None
    except _TooMuchError:
        return {}, "the metadata block is nested or repeated too much"


class _TooMuchError(Exception):
    """More nodes or levels than any real block has."""


def _plain(value: Any, depth: int, seen: list[int]) -> Any:
    """Dicts, lists and plain values only, copied within the caps, so that aliases cannot multiply."""
    seen[0] += 1
    if depth > MAX_DEPTH or seen[0] > MAX_NODES:
        raise _TooMuchError
    if isinstance(value, dict):
        return {str(key): _plain(item, depth + 1, seen) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item, depth + 1, seen) for item in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def dump(data: Mapping[str, Any]) -> str:
    """Plain data as YAML, keys in their order, strings quoted where YAML would misread them."""
    import yaml

    text: str = yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, default_flow_style=False, width=100)
    return text

"""JSON from anywhere, read with caps: size before reading on, depth before parsing, count, strings, integers.

Python's reader is used with its own leave for NaN and Infinity, because real configs hold them (Nemotron's
`time_step_limit`, the metas of nanochat); a structural field holding one is refused where it is read.
"""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from typing import NoReturn

from cardscope.errors import NotAConfig, TooLarge

MAX_CONFIG = 10_000_000
"""Bytes; the largest real config at hand has 3.1 MB and 67,072 values."""
MAX_DEPTH = 100
MAX_VALUES = 1_000_000
MAX_STRING = 100_000
MAX_DIGITS = 30

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, or what is left of one in a cut-off file: it matches at every quote, so it is linear."""
_NOT_BRACKETS = bytes(c for c in range(256) if c not in b"[]{}")
_NOT_SEPARATORS = bytes(c for c in range(256) if c not in b"[{,")
_MAGIC = (
    (b"GGUF", "a GGUF file"),
    (b"PK\x03\x04", "a zip archive or PyTorch checkpoint, which is never loaded"),
    (b"\x80\x02", "a Python pickle, which is never loaded"),
    (b"\x80\x04", "a Python pickle, which is never loaded"),
    (b"\x1f\x8b", "gzip-compressed"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
)


class _RefusedError(ValueError):
    """Raised from inside the parser; `load` adds the place."""


def load(data: bytes, where: str, *, cap: int = MAX_CONFIG, longest: int = MAX_STRING) -> dict[str, object]:
    """Parse one JSON object of at most `cap` bytes and strings of `longest` characters; `where` names it.

    Raises TooLarge when a cap is passed, and NotAConfig when the bytes are not one JSON object.
    """
    if len(data) > cap:
        too_large(where, len(data), cap)
    value = _parse(_text(data, where), data, where)
    if not isinstance(value, dict):
        raise NotAConfig(
            f"{where} holds {_kind(value)}, not an object",
            hint="a config.json starts with { and holds named fields",
        )
    _check_strings(value, data, where, longest)
    return value


def value(text: str, where: str) -> object:
    """Parse one JSON value of any kind under the same caps; raises NotAConfig or TooLarge."""
    data = text.encode("utf-8", "replace")
    if len(data) > MAX_CONFIG:
        too_large(where, len(data), MAX_CONFIG)
    found = _parse(text, data, where)
    _check_strings(found, data, where)
    return found


def too_large(where: str, size: int | None, cap: int) -> NoReturn:
    """Raise TooLarge for something of `size` bytes, None when it is only known to pass the cap."""
    held = f"{size:,} bytes long" if size is not None else f"longer than {cap:,} bytes"
    raise TooLarge(
        f"{where} is {held}; at most {cap:,} are read",
        hint="a config.json is a few kilobytes; check which file this is",
    )


def _text(data: bytes, where: str) -> str:
    head = data[:64].lstrip()
    for magic, what in _MAGIC:
        if head.startswith(magic):
            raise NotAConfig(f"{where} is {what}", hint="give the config.json of the model")
    if data[8:10] == b'{"' and data[:1] != b"{":
        raise NotAConfig(f"{where} is a safetensors file", hint="give the config.json beside it")
    if not head and not data.strip():
        raise NotAConfig(f"{where} is empty", hint="download it again, or check the command that writes it")
    if head.startswith(b"<"):
        raise NotAConfig(
            f"{where} is an HTML or XML page, not JSON",
            hint="take the raw file: its address has /resolve/ where the page has /blob/",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotAConfig(f"{where} is not UTF-8 text", hint="save it as UTF-8 JSON") from None


def _parse(text: str, data: bytes, where: str) -> object:
    _check_shape(data, where)
    try:
        return _DECODER.decode(text)
    except JSONDecodeError as error:
        _not_json(error, text, where)
    except _RefusedError as error:
        raise NotAConfig(f"{where} holds {error}", hint="no real config holds one; check which file this is") from None


def _check_shape(data: bytes, where: str) -> None:
    """Bound depth and count from the bytes alone; the usual small file is cleared by two counts."""
    openings = data.count(b"[") + data.count(b"{")
    if openings <= MAX_DEPTH and len(data) <= MAX_VALUES:
        return
    bare = _STRING.sub(b"", data)
    if len(bare.translate(None, _NOT_SEPARATORS)) > MAX_VALUES:
        raise TooLarge(f"{where} holds more than {MAX_VALUES:,} values", hint="check which file this is")
    depth = 0
    for char in bare.translate(None, _NOT_BRACKETS):
        depth += 1 if char in b"[{" else -1
        if depth > MAX_DEPTH:
            raise TooLarge(
                f"{where} is nested more than {MAX_DEPTH} levels deep",
                hint="a real config has fewer than ten levels",
            )


def _check_strings(value: object, data: bytes, where: str, longest: int = MAX_STRING) -> None:
    """Refuse very long strings and broken Unicode escapes; skipped where the bytes cannot hold any."""
    if len(data) <= longest and b"\\ud" not in data and b"\\uD" not in data:
        return
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending += item
            pending += item.values()
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, str):
            if len(item) > longest:
                raise TooLarge(f"{where} holds a string of {len(item):,} characters", hint="check which file this is")
            if any("\ud800" <= c <= "\udfff" for c in item):
                raise NotAConfig(f"{where} holds a broken Unicode escape", hint="save it as UTF-8 JSON")


def _not_json(error: JSONDecodeError, text: str, where: str) -> NoReturn:
    body = text.strip()
    extra = error.msg.startswith("Extra data")
    if body[:1] == "{" and not extra and (body[-1] != "}" or error.pos >= len(text.rstrip())):
        raise NotAConfig(f"{where} is cut off: it ends inside its object", hint="download it again") from None
    hint = "a config.json is one JSON object in double quotes"
    if extra:
        hint = "it must hold one JSON object and nothing after it"
    raise NotAConfig(
        f"{where} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}", hint=hint
    ) from None


def _integer(text: str) -> int:
    digits = len(text) - text.startswith("-")
    if digits > MAX_DIGITS:
        raise _RefusedError(f"a whole number of {digits:,} digits")
    return int(text)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(k for k, _ in pairs if k in seen or seen.add(k))  # type: ignore[func-returns-value]
        raise _RefusedError(f"the key {twice[:80]!r} twice")
    return found


def _kind(value: object) -> str:
    names = {list: "a list", str: "a string", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")


_DECODER = JSONDecoder(object_pairs_hook=_object, parse_int=_integer)

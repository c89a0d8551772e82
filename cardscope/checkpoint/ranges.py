"""Headers of many files by range: the first bytes of each, as many as its header is likely to take."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from cardscope.checkpoint.header import PREFIX, header_length, no_duplicates, parse
from cardscope.errors import NetworkError, NotAConfig
from cardscope.source import hub
from cardscope.source.transfer import Answer, Part

AHEAD: Final = 100_000
"""Bytes of a first read at most; most headers are shorter (huggingface_hub: 97 % of them)."""
AT_ONCE: Final = 64
"""Requests under way together."""
_ENTRY, _SPARE = 130, 2_000
"""Bytes of a tensor's entry beside its name, generously, and of the metadata before them."""


def likely(placed: Mapping[str, str]) -> dict[str, int]:
    """Bytes of each shard's header by the names an index places in it, never less than it takes without padding."""
    sizes: Counter[str] = Counter()
    for name, file in placed.items():
        sizes[file] += len(name.encode()) + _ENTRY
    return {file: min(AHEAD, size + _SPARE) for file, size in sizes.items()}


def headers(
    client: hub.Client, name: str, at: str, files: Sequence[str], lengths: Mapping[str, int] | None = None
) -> dict[str, object]:
    """The header of every file as decoded JSON: one request each, and a second for those longer than was read.

    `at` is a quoted revision, `lengths` how many bytes to read first (else AHEAD).  Raises the SourceError family.
    """
    known = lengths or {}
    first = [Part(_path(name, at, file), 0, known.get(file, AHEAD), f"{file} of {name}") for file in files]
    found = [_body(client, part, answer) for part, answer in zip(first, client.get_each(first, AT_ONCE), strict=True)]
    ends = [PREFIX + header_length(body[:PREFIX], part.what) for body, part in zip(found, first, strict=True)]
    more = [
        (number, part._replace(start=len(body), stop=end))
        for number, (part, body, end) in enumerate(zip(first, found, ends, strict=True))
        if part.stop <= len(body) < end
    ]
    for (number, part), answer in zip(more, client.get_each([p for _, p in more], AT_ONCE), strict=True):
        found[number] += _body(client, part, answer)
    return {
        file: _decode(body, end, part.what) for file, body, end, part in zip(files, found, ends, first, strict=True)
    }


def _path(name: str, at: str, file: str) -> str:
    return f"/{name}/resolve/{at}/{'/'.join(map(hub.quoted, file.split('/')))}"


def _body(client: hub.Client, part: Part, answer: Answer) -> bytes:
    if answer.status not in {200, 206}:
        raise NetworkError(f"{client.host} answered {answer.status} when asked for {part.what}", hint="try again later")
    return answer.body


def _decode(body: bytes, end: int, what: str) -> object:
    if len(body) < end:
        raise NotAConfig(f"{what} ends inside its header", hint="the file was not uploaded whole")
    try:
        return json.loads(body[PREFIX:end], object_pairs_hook=no_duplicates)
    except (ValueError, RecursionError):
        parse(body[PREFIX:end], what)
        raise

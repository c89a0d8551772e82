"""The Hub's answers about repositories, kept with their ETags: the next audit asks only whether they still hold.

A 304 carries no body, so that auditing the same models again moves hardly a byte. What is kept for one token is never
shown to another. A cache that cannot be read or written is no cache, and never an error.
"""

from __future__ import annotations

import os
import threading
import zlib
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cardscope.source.transfer import Answer

if TYPE_CHECKING:
    from cardscope.source.hub import Client

LARGEST: Final = 1 << 20
"""Bytes of an answer that is kept; only repositories of thousands of files have longer ones."""


def get(client: Client, path: str, cap: int, what: str) -> Answer:
    """GET a path, or what was kept of it where the Hub says that it holds. Raises as `Client.get` does."""
    place = _place(client, path)
    tag, body = _read(place)
    answer = client.get(path, cap, what, If_None_Match=tag) if tag else client.get(path, cap, what)
    if answer.status == 304 and tag:
        return Answer(200, answer.headers, body)
    new = answer.headers.get("etag", "")
    if answer.status == 200 and 0 < len(new) < 200 and new.isascii() and len(answer.body) <= LARGEST:
        _write(place, new, answer.body)
    return answer


def _place(client: Client, path: str) -> str:
    """`$CARDSCOPE_CACHE/hub/…`, else in the user's cache."""
    key = blake2b(digest_size=20)
    for part in (client.endpoint, path, client.headers.get("Authorization", "")):
        key.update(part.encode("utf-8", "backslashreplace") + b"\0")
    name = key.hexdigest()
    own, shared = os.environ.get("CARDSCOPE_CACHE"), os.environ.get("XDG_CACHE_HOME")
    root = own or f"{shared or Path('~/.cache').expanduser()}/cardscope"
    return f"{root}/hub/{name[:3]}/{name[3:]}.z"


def _read(place: str) -> tuple[str, bytes]:
    """The tag and the body; two empty ones where nothing whole is there."""
    try:
        with open(place, "rb") as stream:  # noqa: PTH123 - once a model, of thousands
            tag, _, packed = stream.read(LARGEST * 2).partition(b"\n")
        unpacker = zlib.decompressobj()
        body = unpacker.decompress(packed, LARGEST + 1)
        return (tag.decode("ascii"), body) if unpacker.eof else ("", b"")
    except (OSError, ValueError, zlib.error):
        return "", b""


def _write(place: str, tag: str, body: bytes) -> None:
    new = f"{place}.{os.getpid()}.{threading.get_ident()}"
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120
        with open(new, "wb") as stream:  # noqa: PTH123
            stream.write(tag.encode("ascii") + b"\n" + zlib.compress(body, 1))
        os.replace(new, place)  # noqa: PTH105
    except OSError:
        return

"""The Hub's answers, kept in one file for the next audit, which asks only whether what it is told still holds.

What the Hub says of a repository is kept with its ETag: a 304 carries no body. A config is kept by its commit, which
never changes. What is kept for one token is never shown to another. One file for all, and writes in batches: a file
and its folders for each of a thousand models take longer than counting them, and a million fill a disk's tables.
A store that cannot be read or written is no store, and never an error.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import zlib
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from cardscope.errors import CardscopeError
from cardscope.model import RawConfig
from cardscope.source.transfer import Answer

if TYPE_CHECKING:
    from cardscope.source.hub import Client

LARGEST: Final = 1 << 20
"""Bytes of an answer that is kept; only repositories of thousands of files have longer ones."""
BATCH, EVERY = 128, 2.0
"""Answers, and seconds, after which what is new is written."""
TABLE: Final = "CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, tag TEXT, body BLOB) WITHOUT ROWID"


class Kept(NamedTuple):
    """A body, and its ETag or commit."""

    tag: str
    body: bytes


class Store:
    """Answers by what was asked; safe to use from several threads, and by several audits at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._new: dict[bytes, tuple[str, bytes]] = {}
        self._written = time.monotonic()
        self._file: sqlite3.Connection | None = None
        self._broken = False

    def get(self, key: bytes) -> Kept | None:
        """What was kept, or None."""
        with self._lock:
            found = self._new.get(key) or self._stored(key)
        if found is None:
            return None
        try:
            unpacker = zlib.decompressobj()
            body = unpacker.decompress(found[1], LARGEST + 1)
        except (zlib.error, TypeError):
            return None
        return Kept(str(found[0]), body) if unpacker.eof else None

    def put(self, key: bytes, tag: str, body: bytes) -> None:
        """Keep an answer; it is on disk some seconds later, or when the store is closed."""
        if len(body) > LARGEST:
            return
        packed = zlib.compress(body, 1)
        with self._lock:
            self._new[key] = (tag, packed)
            if len(self._new) >= BATCH or time.monotonic() - self._written > EVERY:
                self._write()

    def close(self) -> None:
        """Write what is new."""
        with self._lock:
            self._write()
            if self._file is not None:
                with suppress(sqlite3.Error):
                    self._file.close()
                self._file = None

    def _stored(self, key: bytes) -> tuple[str, bytes] | None:
        try:
            file = self._open()
            if file is None:
                return None
            found: tuple[str, bytes] | None = file.execute(
                "SELECT tag, body FROM answers WHERE key = ?", (key,)
            ).fetchone()
        except sqlite3.Error:
            self._broken = True
            return None
        return found

    def _write(self) -> None:
        self._written = time.monotonic()
        try:
            if self._new and (file := self._open()) is not None:
                with file:
                    rows = [(key, *value) for key, value in self._new.items()]
                    file.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)
        except sqlite3.Error:
            self._broken = True
        self._new.clear()

    def _open(self) -> sqlite3.Connection | None:
        if self._file is None and not self._broken:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = sqlite3.connect(self._path, timeout=5, check_same_thread=False)
                self._file.execute("PRAGMA synchronous = OFF")  # a power cut may lose it: it is asked for again
                self._file.execute(TABLE)
            except (sqlite3.Error, OSError):
                self._broken = True
                self._file = None
        return self._file


def default_path() -> Path:
    """`$CARDSCOPE_CACHE/hub.sqlite`, else in the user's cache."""
    own, shared = os.environ.get("CARDSCOPE_CACHE"), os.environ.get("XDG_CACHE_HOME")
    root = Path(own) if own else (Path(shared) if shared else Path("~/.cache").expanduser()) / "cardscope"
    return root / "hub.sqlite"


def key(client: Client, path: str) -> bytes:
    """What an answer is kept under."""
    digest = blake2b(digest_size=20)
    for part in (client.endpoint, path, client.headers.get("Authorization", "")):
        digest.update(part.encode("utf-8", "backslashreplace") + b"\0")
    return digest.digest()


def get(client: Client, store: Store, path: str, cap: int, what: str) -> Answer:
    """GET a path, or what was kept of it where the Hub says that it holds. Raises as `Client.get` does."""
    place = key(client, path)
    kept = store.get(place)
    answer = client.get(path, cap, what, If_None_Match=kept.tag) if kept else client.get(path, cap, what)
    if answer.status == 304 and kept:
        return Answer(200, answer.headers, kept.body)
    tag = answer.headers.get("etag", "")
    if answer.status == 200 and 0 < len(tag) < 200 and tag.isascii():
        store.put(place, tag, answer.body)
    return answer


def recall(client: Client, store: Store, name: str, revision: str | None) -> RawConfig | None:
    """What an earlier audit was told of a repository, without asking anybody; None where that is not whole."""
    from cardscope.source import hub, hubfacts, strictjson

    at = f"/revision/{hub.quoted(revision)}" if revision else ""
    told = store.get(key(client, f"/api/models/{name}{at}?blobs=true"))
    if told is None:
        return None
    try:
        facts = hubfacts.read(strictjson.load(told.body, "the answer", cap=hub.MAX_INFO, longest=hub.MAX_INFO))
        config = store.get(key(client, f"/{name}/resolve/{facts.commit}/config.json"))
        data = strictjson.load(config.body, f"the config.json of {name}") if config else None
    except CardscopeError:
        return None
    if data is None:
        return None
    return RawConfig(data=data, id=name, source="cache", revision=facts.commit, hub=facts, asked=revision)

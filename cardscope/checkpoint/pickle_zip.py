"""Sizes of the tensors in a PyTorch file (`.bin`, `.pt`, `.pth`), told by its zip directory; nothing is unpickled.

Since PyTorch 1.6 `torch.save` writes a zip without compression: `NAME/data.pkl` says what the tensors are, and each
storage lies in `NAME/data/KEY` (torch/csrc/jit/serialization; caffe2/serialize/inline_container.cc).  The directory at
the file's end gives every storage's bytes.  Names, shapes and dtypes stand only in the pickle, and stay unknown here.
Layout of a zip: PKWARE's APPNOTE 6.3.10, §4.3.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from cardscope.errors import NotAConfig, SourceError, TooLarge

MAX_DIRECTORY: Final = 100_000_000
"""Bytes of a directory that is read; one of 100,000 storages takes about 8 MB."""
MAX_ENTRIES: Final = 1_000_000
Fetch = Callable[[int, int], bytes]
"""(start, stop) → the file's bytes, fewer at its end."""

_END, _END64, _LOCATOR, _ENTRY = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x01\x02"
_TAIL: Final = 22 + 20 + 56 + 1024
"""Bytes of a first read from the end: all three end records, and a short comment, which torch does not write."""
_ALL32: Final = 0xFFFFFFFF
_DAMAGED: Final = "the file is truncated or damaged: download it again"


class Storage(NamedTuple):
    """One storage: its key in the archive, and its bytes; tensors that share memory share a storage."""

    key: str
    size: int


class Archive(NamedTuple):
    """What a PyTorch file's directory tells."""

    storages: tuple[Storage, ...]
    pickle_size: int
    """Bytes of `data.pkl`, which was not read."""

    @property
    def size(self) -> int:
        """Bytes of all storages."""
        return sum(storage.size for storage in self.storages)


class _Entry(NamedTuple):
    name: str
    size: int
    stored: int
    offset: int


def read(fetch: Fetch, size: int, where: str) -> Archive:
    """The storages of a file of `size` bytes, by at most a few reads at its end.

    Raises NotAConfig for what is no PyTorch zip (the format before 1.6 is none) or is damaged, TooLarge past a cap.
    """
    tail_at = max(0, size - _TAIL)
    tail = fetch(tail_at, size)
    start, length, count = _directory(tail, tail_at, where)
    if length > MAX_DIRECTORY or count > MAX_ENTRIES:
        raise TooLarge(f"{where} has a directory of {count:,} entries, {length:,} bytes", hint="no real file does")
    if start + length > size:
        raise NotAConfig(f"{where} names a directory that lies outside it", hint=_DAMAGED)
    found = tail[start - tail_at : start - tail_at + length] if start >= tail_at else fetch(start, start + length)
    entries = list(_entries(found, count, where))
    _check(entries, start, where)
    return _archive(entries, where)


def local(path: Path) -> Archive:
    """The storages of a file on this machine. Raises as `read` does, and SourceError where the system refuses."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as stream:
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise NotAConfig(f"{path} is not a regular file", hint="give the weights file itself")

            def fetch(start: int, stop: int) -> bytes:
                stream.seek(start)
                return stream.read(stop - start)

            return read(fetch, found.st_size, str(path))
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}", hint="check the path") from None


def _directory(tail: bytes, tail_at: int, where: str) -> tuple[int, int, int]:
    """(start, bytes, entries) of the directory; the 64-bit record counts where there is one."""
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise NotAConfig(
            f"{where} is no zip, so its tensors cannot be told without unpickling",
            hint="files of PyTorch before 1.6 are none; convert it to safetensors",
        )
    count, length, start = struct.unpack_from("<HII", tail, at + 10)
    if at >= 20 and tail[at - 20 : at - 16] == _LOCATOR:
        wide = struct.unpack_from("<Q", tail, at - 12)[0] - tail_at
        if not 0 <= wide <= at - 56 or tail[wide : wide + 4] != _END64:
            raise NotAConfig(f"{where} has a broken end record", hint=_DAMAGED)
        count, length, start = struct.unpack_from("<QQQ", tail, wide + 32)
    return start, length, count


def _entries(found: bytes, count: int, where: str) -> Iterator[_Entry]:
    at = 0
    for _ in range(count):
        if found[at : at + 4] != _ENTRY or len(found) < at + 46:
            raise NotAConfig(f"{where} ends inside its directory", hint=_DAMAGED)
        stored, size, letters, extra, comment = struct.unpack_from("<IIHHH", found, at + 20)
        offset = struct.unpack_from("<I", found, at + 42)[0]
        name = found[at + 46 : at + 46 + letters]
        fields = found[at + 46 + letters : at + 46 + letters + extra]
        size, stored, offset = _wide([size, stored, offset], fields)
        yield _Entry(name.decode("utf-8", "replace"), size, stored, offset)
        at += 46 + letters + extra + comment


def _wide(values: list[int], fields: bytes) -> list[int]:
    """The values that did not fit in 32 bits, from the extra field 0x0001, in its order."""
    at = 0
    while at + 4 <= len(fields):
        kind, length = struct.unpack_from("<HH", fields, at)
        if kind == 1:
            numbers = iter(struct.unpack_from(f"<{min(length, len(fields) - at - 4) // 8}Q", fields, at + 4))
            return [next(numbers, value) if value == _ALL32 else value for value in values]
        at += 4 + length
    return values


def _check(entries: list[_Entry], start: int, where: str) -> None:
    """Entries lie before the directory, do not overlap, are not compressed, and no name stands twice."""
    if len({entry.name for entry in entries}) != len(entries):
        raise NotAConfig(f"{where} lists an entry twice", hint="the file is damaged or hostile")
    last = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        if entry.offset < last or entry.offset + entry.stored > start:
            raise NotAConfig(f"{where}: {entry.name[:80]!r} lies outside its place", hint=_DAMAGED)
        if entry.size != entry.stored:
            raise NotAConfig(f"{where}: {entry.name[:80]!r} is compressed", hint="torch.save compresses nothing")
        last = entry.offset + entry.stored


def _archive(entries: list[_Entry], where: str) -> Archive:
    pickles = [entry for entry in entries if entry.name.count("/") == 1 and entry.name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise NotAConfig(f"{where} is a zip, and none that torch.save wrote", hint="give a PyTorch weights file")
    inside = pickles[0].name.removesuffix("data.pkl") + "data/"
    found = (Storage(e.name.removeprefix(inside), e.size) for e in entries if e.name.startswith(inside))
    return Archive(tuple(found), pickles[0].size)

"""A GGUF file's metadata and tensor table, read front to back in pieces; the tensors behind them are never touched.

Format: ggml's docs/gguf.md (versions 2 and 3). Sizes of blocks: ggml/src/ggml-common.h and gguf-py's constants.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from cardscope.checkpoint.contents import Contents
from cardscope.checkpoint.header import MAX_AXES, MAX_DIMENSION, MAX_TENSORS
from cardscope.checkpoint.naming import mark_duplicates
from cardscope.checkpoint.piece import Piece, Role
from cardscope.errors import NotAConfig, TooLarge

MAGIC: Final = b"GGUF"
MAX_HEAD: Final = 200_000_000
"""Bytes of metadata and tensor table; a vocabulary of 262,144 tokens with its merges takes about 16 MB."""
MAX_PAIRS: Final = 100_000
KEPT: Final = 4096
"""Elements of an array that is kept; a longer one (a vocabulary) is only counted."""
FIRST: Final = 1_000_000

TYPES: Final[Mapping[int, tuple[str, int, int]]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}  # fmt: skip
"""ggml's number of a type → name, elements of a block, bytes of a block."""

_SCALARS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
Fetch = Callable[[int, int], bytes]
"""(start, stop) → the file's bytes, fewer at its end."""


class Length(int):
    """The length of an array that was not kept."""


Value = str | int | float | bool | tuple[object, ...] | Length


class Row(NamedTuple):
    """One tensor of the table; `shape` is in torch's order, `size` its bytes, None for a type not known here."""

    name: str
    type: str
    shape: tuple[int, ...]
    size: int | None


class Table(NamedTuple):
    """What stands before the tensors."""

    metadata: Mapping[str, Value]
    rows: tuple[Row, ...]


class _Reader:
    """The start of a file, fetched further as it is needed, in pieces that double."""

    def __init__(self, fetch: Fetch, where: str) -> None:
        self._fetch, self._where = fetch, where
        self._held, self._at = b"", 0

    def take(self, count: int) -> bytes:
        """The next bytes. Raises NotAConfig past the file's end, TooLarge past MAX_HEAD."""
        end = self._at + count
        if end > MAX_HEAD:
            raise TooLarge(f"{self._where} has more than {MAX_HEAD:,} bytes before its tensors", hint="no real one has")
        while end > len(self._held):
            more = self._fetch(len(self._held), max(end, 2 * len(self._held), FIRST))
            if not more:
                raise NotAConfig(f"{self._where} ends inside its table", hint="the file is truncated")
            self._held += more
        found = self._held[self._at : end]
        self._at = end
        return found

    def number(self, code: str) -> int:
        """One little-endian integer."""
        value: int = struct.unpack("<" + code, self.take(struct.calcsize(code)))[0]
        return value

    def text(self) -> str:
        """A string with its length before it."""
        return self.take(self.number("Q")).decode("utf-8", "replace")

    def value(self, kind: int) -> Value:
        """One metadata value. Raises NotAConfig for a type that does not exist."""
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self._array(self.number("I"), self.number("Q"))
        if kind not in _SCALARS:
            raise NotAConfig(f"{self._where} holds a value of type {kind}, which GGUF does not have", hint="damaged?")
        found: Value = struct.unpack("<" + _SCALARS[kind], self.take(struct.calcsize(_SCALARS[kind])))[0]
        return found

    def _array(self, kind: int, count: int) -> Value:
        if kind == _ARRAY or count > MAX_HEAD:
            raise NotAConfig(f"{self._where} holds an impossible array", hint="the file is damaged or hostile")
        if kind in _SCALARS:
            code = _SCALARS[kind]
            data = self.take(count * struct.calcsize(code))
            return tuple(struct.unpack(f"<{count}{code}", data)) if count <= KEPT else Length(count)
        kept = [self.value(kind) for _ in range(count)] if count <= KEPT else None
        if kept is None:
            for _ in range(count):
                self.take(self.number("Q"))
        return Length(count) if kept is None else tuple(kept)


def read(fetch: Fetch, where: str) -> Table:
    """Metadata and tensor table of one file. Raises NotAConfig or TooLarge."""
    reader = _Reader(fetch, where)
    if reader.take(4) != MAGIC:
        raise NotAConfig(f"{where} is not a GGUF file", hint="a GGUF file starts with the letters GGUF")
    version = reader.number("I")
    if version not in {2, 3}:
        raise NotAConfig(f"{where} is GGUF version {version}", hint="versions 2 and 3, little-endian, are read")
    tensors, pairs = reader.number("Q"), reader.number("Q")
    if tensors > MAX_TENSORS or pairs > MAX_PAIRS:
        raise TooLarge(f"{where} lists {tensors:,} tensors and {pairs:,} values", hint="no real file does")
    metadata: dict[str, Value] = {}
    for _ in range(pairs):
        key = reader.text()
        if key in metadata:
            raise NotAConfig(f"{where} holds {key[:60]!r} twice", hint="the file is damaged or hostile")
        metadata[key] = reader.value(reader.number("I"))
    rows = tuple(_row(reader, where) for _ in range(tensors))
    if len({row.name for row in rows}) != len(rows):
        raise NotAConfig(f"{where} lists a tensor twice", hint="the file is damaged or hostile")
    return Table(metadata, rows)


def _row(reader: _Reader, where: str) -> Row:
    name, axes = reader.text(), reader.number("I")
    if axes > MAX_AXES:
        raise NotAConfig(f"{where}: tensor {name[:80]!r} has {axes} axes", hint="the file is damaged or hostile")
    lengths = [reader.number("Q") for _ in range(axes)]
    kind = reader.number("I")
    reader.number("Q")
    if any(n > MAX_DIMENSION for n in lengths):
        raise NotAConfig(f"{where}: tensor {name[:80]!r} has an impossible shape", hint="damaged or hostile")
    label, block, size = TYPES.get(kind, (f"type {kind}", 0, 0))
    count = 1
    for length in lengths:
        count *= length
    return Row(name, label, tuple(reversed(lengths)), count // block * size if block else None)


def contents(tables: Mapping[str, Table], *, tied: bool | None = None, notes: Sequence[str] = ()) -> Contents:
    """The tables of a file, or of all its splits, as what a checkpoint holds; blocks count as their elements."""
    pieces = [_piece(row) for table in tables.values() for row in table.rows]
    first = next(iter(tables.values()))
    count = first.metadata.get("split.count")
    missing = []
    if isinstance(count, int) and count > len(tables):
        missing = [f"{count - len(tables)} of {count} splits"]
    return Contents(
        tuple(mark_duplicates(pieces, tied=tied)), "gguf", tuple(tables), tuple(notes), missing=tuple(missing)
    )


def _piece(row: Row) -> Piece:
    role: Role = (
        "buffer" if row.name.startswith("rope_freqs") or row.name.endswith("rope_freqs.weight") else "parameter"
    )
    count = 1
    for length in row.shape:
        count *= length
    if row.size is None:
        role = "unknown"
    return Piece(row.name, row.shape, role, row.type, count, row.size or 0)

"""The journal: every row as soon as it is known, one JSON line each, so that nothing done is done again.

Rows stand in the order they were done; the result is written from it in the order of the input. A line that a
kill or a full disk cut off is no row: it is cut away when the journal is opened again.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from cardscope.auditing.inputs import Item
from cardscope.auditing.rows import Row
from cardscope.errors import UsageError

MISSING: Final = -1


class Journal:
    """An append-only file of rows, and where in it each item's row begins."""

    def __init__(self, path: Path, *, resume: bool, retry: bool = False) -> None:
        """Open it; with `resume` its rows are taken over, with `retry` only those that are no errors."""
        self.path = path
        self._retry = retry
        self._done: dict[int, int] = {}
        self._again: set[int] = set()
        self._places = array("q")
        self.kept = 0
        """Rows of the input that an earlier run had done."""
        if not resume and path.exists() and path.stat().st_size:
            raise UsageError(
                f"{path} holds rows of an audit that did not finish",
                hint="--resume goes on with it; delete it to start again",
            )
        self._stream = path.open("a+b")
        self._recover()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def _recover(self) -> None:
        """Learn which rows are there, and cut off a last one that is not whole."""
        self._stream.seek(0)
        end = 0
        for line in self._stream:
            found = _row(line)
            if found is None:
                break
            key = hash(found["id"])
            self._done[key] = end  # of two rows of one id, the later holds
            (self._again.add if self._retry and found.get("error") else self._again.discard)(key)
            end += len(line)
        self._stream.truncate(end)
        self._stream.seek(end)

    def pending(self, items: Iterable[Item]) -> Iterator[tuple[int, Item]]:
        """The items that have no row yet, numbered among all."""
        for index, item in enumerate(items):
            key = hash(item.id)
            place = self._done.get(key, MISSING)
            self._places.append(place)
            if place == MISSING or key in self._again:
                yield index, item
            else:
                self.kept += 1

    def add(self, index: int, row: Row) -> None:
        """Write one row through to the system. Raises OSError."""
        place = self._stream.tell()
        self._stream.write(encode(row))
        self._stream.flush()
        self._places[index] = place

    def rows(self, *, ordered: bool) -> Iterator[dict[str, Any]]:
        """The rows of the input's items: in its order, or in the order they were done."""
        places = [p for p in self._places if p != MISSING] if ordered else sorted(p for p in self._places if p >= 0)
        with self.path.open("rb") as stream:
            for place in places:
                stream.seek(place)
                yield json.loads(stream.readline())

    @property
    def count(self) -> int:
        """Items that have a row."""
        return sum(1 for place in self._places if place != MISSING)

    def seed(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take over the rows of a finished result into an empty journal, so that its errors are tried again."""
        if self._done:
            return
        for row in rows:
            self._stream.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
        self._stream.flush()
        self._recover()

    def finish(self) -> None:
        """Remove the journal: its rows are in the result."""
        self._stream.close()
        self.path.unlink()


def encode(row: Row) -> bytes:
    """A row as a line of JSON."""
    text = json.dumps(row.to_dict(), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _row(line: bytes) -> dict[str, Any] | None:
    """The row of a line; None where the line is not whole."""
    if not line.endswith(b"\n"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("id"), str) else None

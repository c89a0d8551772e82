"""Results of several runs into one: shards in the order they were cut, each id once, a good row before an error."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from cardscope.auditing.cluster.names import PART
from cardscope.auditing.rows import Row, from_dict
from cardscope.errors import UsageError

READ: Final = (".jsonl", ".ndjson", ".parquet")
"""Forms of a result that can be read back whole."""


def rows(paths: Sequence[str]) -> Iterator[Row]:
    """The rows of results, taken from each in turn: given in order, the shards of one list are in its order again.

    Where an id is there twice, the first row that is no error stays. Raises UsageError for a file that is no result.
    """
    sound = {hash(row["id"]) for path in paths for row in read(path) if row["error"] is None}
    seen: set[int] = set()
    for row in _in_turn([read(path) for path in paths]):
        key = hash(row["id"])
        if key not in seen and (row["error"] is None or key not in sound):
            seen.add(key)
            yield from_dict(row)


def _in_turn(sources: list[Iterator[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    while sources:
        left = []
        for source in sources:
            if (row := next(source, None)) is not None:
                left.append(source)
                yield row
        sources = left


def read(path: str) -> Iterator[dict[str, Any]]:
    """The rows of one result: .jsonl, .parquet, or a folder of shards. Raises UsageError, OSError."""
    place = Path(path)
    if place.is_dir():
        names = sorted(each.name for each in place.iterdir() if PART.fullmatch(each.name))
        if not names:
            raise UsageError(f"{path} holds no shards of an audit", hint="name the folder that -o named")
        for name in names:
            yield from read(str(place / name))
    elif place.suffix.lower() not in READ:
        raise UsageError(f"{path} cannot be merged", hint=f"results in {', '.join(READ)} and folders of shards can")
    elif place.suffix.lower() == ".parquet":
        from cardscope.auditing.parquet import read_open

        with place.open("rb") as stream:
            yield from (_checked(row, path) for row in read_open(stream, path))
    else:
        yield from _lines(place)


def _lines(place: Path) -> Iterator[dict[str, Any]]:
    with place.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                found = json.loads(line)
            except ValueError:
                raise UsageError(f"{place}:{number} is no row of an audit", hint="check the file") from None
            yield _checked(found, str(place))


def _checked(found: Any, path: str) -> dict[str, Any]:
    if not isinstance(found, dict) or not {"id", "status", "error", "findings"} <= set(found):
        raise UsageError(f"{path} is no result of an audit", hint="give files that `cardscope audit -o` wrote")
    return found

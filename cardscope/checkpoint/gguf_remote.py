"""GGUF files of a Hub repository: metadata and tensor table of one model by range, kept by commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cardscope.checkpoint import gguf, kept
from cardscope.checkpoint.gguf import Length, Row, Table
from cardscope.errors import NetworkError
from cardscope.source import hub


def tables(client: hub.Client, name: str, commit: str | None, files: Sequence[str]) -> dict[str, Table]:
    """The tables of a model's files at a commit (None: main). Raises the SourceError family."""
    place = kept.path(client.endpoint, name, commit, tuple(files)) if commit else None
    answer = kept.read(place) if place else None
    if answer is not None and list(answer) == list(files):
        return {file: _from_kept(value) for file, value in answer.items()}
    found = {file: _table(client, name, commit or "main", file) for file in files}
    if place is not None:
        kept.write(place, {file: _to_kept(table) for file, table in found.items()})
    return found


def _table(client: hub.Client, name: str, at: str, file: str) -> Table:
    what = f"{file} of {name}"
    path = f"/{name}/resolve/{hub.quoted(at)}/{file}"

    def fetch(start: int, stop: int) -> bytes:
        answer = client.get(path, stop - start, what, (start, stop))
        if answer.status == 416:
            return b""
        if answer.status not in {200, 206}:
            raise NetworkError(f"{client.host} answered {answer.status} when asked for {what}", hint="try again later")
        return answer.body

    return gguf.read(fetch, what)


def _to_kept(table: Table) -> dict[str, object]:
    values = {key: ["length", int(v)] if isinstance(v, Length) else ["value", v] for key, v in table.metadata.items()}
    return {"metadata": values, "rows": [list(row) for row in table.rows]}


def _from_kept(value: Any) -> Table:
    metadata: Mapping[str, Any] = value["metadata"]
    return Table(
        {key: Length(v) if kind == "length" else tuple(v) if isinstance(v, list) else v
         for key, (kind, v) in metadata.items()},
        tuple(Row(name, kind, tuple(shape), size) for name, kind, shape, size in value["rows"]),
    )  # fmt: skip

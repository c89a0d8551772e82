"""What is audited: MODEL words, files of them, rows that carry their config, folders of models."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from cardscope.errors import CardscopeError, NotAConfig, NotFound, UsageError
from cardscope.model import HubFacts, RawConfig
from cardscope.source import hubfacts, shape, strictjson

ID_KEYS: Final = ("id", "model_id", "modelId", "repo_id", "model", "name")
"""Where a row keeps its model's id, first found first."""
MAX_LINE: Final = strictjson.MAX_CONFIG + 1_000_000
MAX_DEPTH: Final = 6
"""Levels of folders looked into for models; the cache of huggingface_hub has four."""
MAX_FOLDERS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Item:
    """One model to audit: its MODEL word, its config where the input brought it, or why its line says nothing."""

    id: str
    raw: RawConfig | None = None
    error: CardscopeError | None = None


class Columns:
    """Which keys of a row hold the id and the config."""

    def __init__(self, id_column: str | None = None, config_column: str = "config") -> None:
        self._ids = (id_column,) if id_column else ID_KEYS
        self.config = config_column

    def id(self, row: Mapping[str, Any]) -> str | None:
        """The row's id, if it has one."""
        found = (row.get(key) for key in self._ids)
        return next((text.strip() for text in found if isinstance(text, str) and text.strip()), None)

    def named(self) -> str:
        """The keys looked for, as an error names them."""
        return " or ".join(self._ids)


def words(given: Iterable[str]) -> Iterator[Item]:
    """Items of the command line: MODEL words, and folders of models."""
    for word in given:
        path = Path(word).expanduser()
        if path.is_dir() and not (path / "config.json").is_file():
            yield from folder(path)
        else:
            yield Item(word)


def folder(top: Path) -> Iterator[Item]:
    """Every folder below `top` that holds a config.json, in the order of their names. Raises NotFound for none."""
    found = False
    for place, folders, files in islice(os.walk(top), MAX_FOLDERS):
        folders.sort()
        if len(Path(place).relative_to(top).parts) >= MAX_DEPTH:
            folders.clear()
        if "config.json" in files:
            found = True
            yield Item(place if place.startswith(("/", "./", "../", "~")) else f"./{place}")
    if not found:
        raise NotFound(f"no folder in {top} holds a config.json", hint=f"hf://{top} would ask the Hub")


def file(path: str, columns: Columns) -> Iterator[Item]:
    """Items of a file, by its suffix: .parquet, .csv, .tsv, .jsonl, and otherwise one id a line.

    Raises UsageError for a table without an id column, or where Parquet cannot be read here; OSError.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".parquet":
        from cardscope.auditing.parquet import read

        yield from _table(read(path), path, columns)
        return
    with Path(path).open("rb") as stream:
        if suffix in {".csv", ".tsv"}:
            yield from _csv(stream, path, columns, "\t" if suffix == ".tsv" else ",")
        else:
            yield from lines(stream, path, columns)


def lines(stream: BinaryIO, where: str, columns: Columns) -> Iterator[Item]:
    """One item a line: an id, a JSON object with its config or without, a JSON string; # starts a comment."""
    number = 0
    while data := stream.readline(MAX_LINE):
        number += 1
        text = data.strip().removeprefix(b"\xef\xbb\xbf")
        place = f"{where}:{number}"
        if len(data) == MAX_LINE and not data.endswith(b"\n"):
            yield Item(place, error=_long(place))
            while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
        elif text.startswith((b"{", b'"')):
            yield _json(text, place, columns)
        elif text and not text.startswith(b"#"):
            yield Item(text.decode("utf-8", "replace").partition(" #")[0].strip())


def _long(place: str) -> CardscopeError:
    from cardscope.errors import TooLarge

    return TooLarge(f"{place} is longer than {MAX_LINE:,} bytes", hint="a config is a few kilobytes")


def _json(text: bytes, place: str, columns: Columns) -> Item:
    try:
        if text.startswith(b'"'):
            return Item(str(strictjson.value(text.decode("utf-8", "replace"), place)).strip())
        return _item(strictjson.load(text, place, cap=MAX_LINE), place, columns)
    except CardscopeError as error:
        return Item(place, error=error)


def _csv(stream: BinaryIO, where: str, columns: Columns, between: str) -> Iterator[Item]:
    csv.field_size_limit(strictjson.MAX_CONFIG)
    try:
        with TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="") as text:
            rows = (row for row in csv.reader(text, delimiter=between) if row and not row[0].startswith("#"))
            yield from _headed(rows, where, columns)
    except csv.Error as error:
        raise UsageError(
            f"{where} is no CSV file: {error}", hint="one id a line needs no commas: name it .txt"
        ) from None


def _headed(rows: Iterator[list[str]], where: str, columns: Columns) -> Iterator[Item]:
    head = [name.strip() for name in next(rows, [])]
    if columns.id(dict.fromkeys(head, "x")) is None:
        raise UsageError(f"{where} has no column {columns.named()}", hint="--id-column NAME says which one it is")
    yield from _table((dict(zip(head, row, strict=False)) for row in rows), where, columns)


def _table(rows: Iterable[Mapping[str, Any]], where: str, columns: Columns) -> Iterator[Item]:
    for number, row in enumerate(rows, start=1):
        place = f"{where}, row {number}"
        try:
            yield _item(row, place, columns)
        except CardscopeError as error:
            yield Item(columns.id(row) or place, error=error)


def _item(row: Mapping[str, Any], place: str, columns: Columns) -> Item:
    """A row with its config, parsed where it is text; a row that is a config itself has no id but its place."""
    name, config = columns.id(row), row.get(columns.config)
    if isinstance(config, str) and config.strip():
        try:
            config = strictjson.load(config.encode("utf-8", "replace"), f"the config of {name or place}")
        except CardscopeError as error:
            return Item(name or place, error=error)
    if isinstance(config, Mapping):
        return _carried(name or place, config, row)
    if name is None:
        if "model_type" in row or "architectures" in row:
            return _carried(place, row, {})
        raise NotAConfig(f"{place} has no {columns.named()}", hint="--id-column NAME says where the id is")
    return Item(name)


def _carried(name: str, config: Mapping[str, Any], row: Mapping[str, Any]) -> Item:
    try:
        data = shape.plain(config)
        shape.check(data, f"the config of {name}")
    except CardscopeError as error:
        return Item(name, error=error)
    facts = hubfacts.read(row)
    told = facts if facts != HubFacts() else None
    return Item(name, RawConfig(data, name, "file", revision=facts.commit, hub=told))


def once(items: Iterable[Item]) -> Iterator[Item]:
    """Items whose id was not there before."""
    seen: set[int] = set()
    for item in items:
        if (key := hash(item.id)) not in seen:
            seen.add(key)
            yield item

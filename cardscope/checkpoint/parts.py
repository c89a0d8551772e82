"""Repositories of several models: the parts of a pipeline, the modules of a sentence transformer, an adapter's file.

Each part lies in a folder of its own ("" is the repository's root) and is chosen and checked as a model is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from cardscope.checkpoint import local, places, ranges
from cardscope.checkpoint.contents import Contents, gather
from cardscope.checkpoint.header import PREFIX, Header, check
from cardscope.checkpoint.index import MAX_INDEX
from cardscope.checkpoint.index import parse as parse_index
from cardscope.errors import NetworkError
from cardscope.model import RawConfig
from cardscope.source import hub
from cardscope.source.transfer import Patience

MAX_PARTS: Final = 100


def read(raw: RawConfig, parts: Sequence[str], token: str | bool | None) -> Contents | None:
    """What the safetensors of these folders hold, part by part; None where none of them holds any.

    `raw` is a local folder, or a repository whose files are known. Raises the SourceError family.
    """
    found: dict[str, Contents] = {}
    silent = []
    for part in parts[:MAX_PARTS]:
        held = _local(raw, part) if raw.folder is not None else None
        if held is not None:
            found[part] = held
        elif raw.folder is not None:
            silent.append(part)
    if raw.folder is None:
        found = _remote(raw, parts[:MAX_PARTS], token)
        silent = [part for part in parts if part not in found]
    return _together(found, silent) if found else None


def _together(found: Mapping[str, Contents], silent: Sequence[str]) -> Contents:
    """One checkpoint of all parts; names begin with the part's."""
    pieces = tuple(
        piece._replace(name=f"{part}.{piece.name}") if part else piece
        for part, contents in found.items()
        for piece in contents.pieces
    )
    notes = [f"{part or 'root'}: {note}" for part, contents in found.items() for note in contents.notes]
    notes += [f"{part} holds no safetensors, and is not counted" for part in silent if part]
    return Contents(
        pieces,
        files=tuple(f"{part}/{file}".lstrip("/") for part, each in found.items() for file in each.files),
        notes=tuple(notes),
        missing=tuple(f"{part}/{name}" for part, each in found.items() for name in each.missing),
        parts={part: each.total for part, each in found.items()} if len(found) > 1 else {},
    )


def _local(raw: RawConfig, part: str) -> Contents | None:
    folder = Path(raw.folder or ".") / part
    return local.read(str(folder), {}) if folder.is_dir() else None


def _remote(raw: RawConfig, parts: Sequence[str], token: str | bool | None) -> dict[str, Contents]:
    """The parts of a repository: their indexes, then all headers together."""
    wait = hub.default_patience()
    client = hub.connect(token, Patience(wait.first, max(30.0, wait.total)))
    at = hub.quoted(raw.revision or raw.asked or "main")
    sizes = dict(raw.hub.files) if raw.hub else {}
    wanted: dict[str, tuple[places.Choice, tuple[str, ...]]] = {}
    for part in parts:
        choice = places.choose([n.removeprefix(_folder(part)) for n in sizes if _inside(n, part)], part)
        if choice is not None:
            wanted[part] = choice, _shards(client, raw.id, at, part, choice)
    files = [f"{_folder(part)}{name}" for part, (_, names) in wanted.items() for name in names]
    there = [file for file in files if file in sizes]
    decoded = ranges.headers(client, raw.id, at, there)
    headers = {file: check(header, f"{raw.id}: {file}", _room(sizes[file])) for file, header in decoded.items()}
    return {part: _gathered(part, choice, names, headers) for part, (choice, names) in wanted.items()}


def _gathered(part: str, choice: places.Choice, names: Sequence[str], headers: Mapping[str, Header]) -> Contents:
    own = {name: headers[f"{_folder(part)}{name}"] for name in names if f"{_folder(part)}{name}" in headers}
    missing = [name for name in names if name not in own]
    return replace(gather(own, {}, missing=missing, notes=choice.notes), files=tuple(own))


def _shards(client: hub.Client, name: str, at: str, part: str, choice: places.Choice) -> tuple[str, ...]:
    if choice.index is None:
        return choice.files
    what = f"{part}/{choice.index} of {name}"
    answer = client.get(f"/{name}/resolve/{at}/{_folder(part)}{choice.index}", MAX_INDEX, what)
    if answer.status != 200:
        raise NetworkError(f"{client.host} answered {answer.status} when asked for {what}", hint="try again later")
    return parse_index(answer.body, what).shards


def _folder(part: str) -> str:
    return f"{part}/" if part else ""


def _inside(name: str, part: str) -> bool:
    """Whether a file lies in the part's own folder, not deeper."""
    return name.rpartition("/")[0] == part


def _room(size: int | None) -> int | None:
    return None if size is None else size - PREFIX

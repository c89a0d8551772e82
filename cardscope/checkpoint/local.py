"""Headers of weight files on this machine: a few kilobytes of each file are read, never a tensor."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from cardscope.checkpoint import places
from cardscope.checkpoint.contents import NO_FACTS, Contents, Facts, gather
from cardscope.checkpoint.header import PREFIX, Header, header_length, parse
from cardscope.checkpoint.index import MAX_INDEX, Index
from cardscope.checkpoint.index import parse as parse_index
from cardscope.errors import NotAConfig, SourceError
from cardscope.source import local

MAX_ENTRIES = 10_000


def read(
    folder: str,
    config: Mapping[str, object],
    *,
    only: str | None = None,
    facts: Facts = NO_FACTS,
) -> Contents | None:
    """What the safetensors of a folder (or its file `only`) hold; None where there are none.

    Raises the SourceError family for a file that is damaged, hostile or unreadable.
    """
    root = Path(folder)
    choice = places.around(only, _names(root)) if only else places.choose(_names(root))
    if choice is None:
        return None
    index: Index | None = None
    files = choice.files
    if choice.index:
        index = _index(root / choice.index)
        files = tuple(name for name in index.shards if (root / name).is_file())
        missing = [name for name in index.shards if name not in files]
    else:
        missing = places.missing_shards(files)
    headers = {name: header(root / name) for name in files}
    if not headers:
        raise SourceError(f"{choice.index} names {len(missing)} shards and none is in {folder}", hint="download them")
    return gather(
        headers,
        config,
        index=index,
        tied=facts.tied,
        num_layers=facts.num_layers,
        corrections=facts.corrections,
        missing=missing,
        notes=(*choice.notes, *_modules(root)),
    )


def _names(root: Path) -> list[str]:
    try:
        with os.scandir(root) as entries:
            return [entry.name for entry in islice(entries, MAX_ENTRIES)]
    except OSError:
        return []


def _modules(root: Path) -> tuple[str, ...]:
    folders = (name for name in _names(root) if name.endswith("_Dense"))
    return places.modules_beside(
        f"{n}/model.safetensors" for n in folders if (root / n / "model.safetensors").is_file()
    )


def _index(path: Path) -> Index:
    return parse_index(local.read(path, str(path), MAX_INDEX), str(path))


def header(path: Path) -> Header:
    """The header of one file, checked against the file's size.

    Raises NotAConfig, TooLarge, or SourceError where the system refuses.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as stream:
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise NotAConfig(f"{path} is not a regular file", hint="give the weights file itself")
            length = header_length(stream.read(PREFIX), str(path))
            text = stream.read(length)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}", hint="check the path") from None
    if len(text) < length:
        raise NotAConfig(f"{path} ends inside its header", hint="the file is truncated: download it again")
    return parse(text, str(path), found.st_size)

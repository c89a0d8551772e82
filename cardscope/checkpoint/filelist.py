"""PyTorch's own files (`.bin`, `.pt`, `.pth`) as a witness: bytes from their list, index and zip directories only.

Such a file is a pickle, which is never opened: how many numbers there are, of which dtype and shape, stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from cardscope.checkpoint import pickle_zip
from cardscope.checkpoint.index import MAX_INDEX
from cardscope.checkpoint.index import parse as parse_index
from cardscope.errors import CardscopeError, NetworkError
from cardscope.model import RawConfig
from cardscope.source import hub, local

_MODEL: Final = re.compile(
    r"(?:pytorch_model|diffusion_pytorch_model|adapter_model|consolidated|model)\b.*\.(?:bin|pth|pt)"
)
_META: Final = re.compile(r"meta_(\d{1,12})\.json")
INDEX: Final = "pytorch_model.bin.index.json"
MOST: Final = 16
"""Files whose directories are read; of more, only the list's sizes are added up."""


class FileList(NamedTuple):
    """Bytes of the tensors where `exact`, else of the files with all that is around them; `how` says which."""

    bytes: int
    exact: bool
    how: str


def is_native(where: str) -> bool:
    """Whether a config was read from nanochat's meta_*.json, beside which model_*.pt lies."""
    return _META.fullmatch(where.rpartition("/")[2]) is not None


def named(files: Mapping[str, int | None], where: str = "") -> dict[str, int | None]:
    """The model's own files: shards where there are any, a single file otherwise; no optimizer, no training state.

    A native checkpoint of nanochat is the one file of its meta's step.
    """
    meta = _META.fullmatch(where.rpartition("/")[2])
    if meta is not None:
        own = f"{where.rpartition('/')[0]}/model_{meta[1]}.pt".removeprefix("/")
        return {name: size for name, size in files.items() if name in {own, own.rpartition("/")[2]}}
    found = {n: size for n, size in files.items() if "/" not in n and _MODEL.fullmatch(n)}
    shards = {n: size for n, size in found.items() if "-of-" in n}
    plain = {n: size for n, size in found.items() if n == "pytorch_model.bin"}
    return plain or shards or found


def read_local(folder: Path, files: Mapping[str, int | None], where: str = "") -> FileList | None:
    """What a folder's list tells; None where it holds no such files."""
    found = named(files, where)
    index = folder / INDEX
    if len(found) > 1 and index.is_file():
        total = parse_index(local.read(index, str(index), MAX_INDEX), str(index)).total_size
        if total:
            return FileList(total, exact=True, how=f"total_size of {INDEX}")
    return _told(found, lambda name, _size: pickle_zip.local(folder / name).size)


def read_remote(raw: RawConfig, token: str | bool | None) -> FileList | None:
    """What a repository's list tells: its index, else the zip directories at the files' ends, else their sizes."""
    files = dict(raw.hub.files) if raw.hub else {}
    found = named(files, raw.where)
    if not found:
        return None
    client = hub.connect(token)
    at = hub.quoted(raw.revision or raw.asked or "main")
    if len(found) > 1 and INDEX in files:
        answer = client.get(f"/{raw.id}/resolve/{at}/{INDEX}", MAX_INDEX, f"{INDEX} of {raw.id}")
        total = parse_index(answer.body, INDEX).total_size if answer.status == 200 else None
        if total:
            return FileList(total, exact=True, how=f"total_size of {INDEX}")

    def directory(name: str, size: int) -> int:
        def fetch(start: int, stop: int) -> bytes:
            path = f"/{raw.id}/resolve/{at}/{hub.quoted(name)}"
            answer = client.get(path, stop - start, f"{name} of {raw.id}", (start, stop))
            if answer.status not in {200, 206}:
                raise NetworkError(f"{client.host} answered {answer.status} for {name}", hint="try again later")
            return answer.body

        return pickle_zip.read(fetch, size, f"{name} of {raw.id}").size

    return _told(found, directory)


def _told(found: Mapping[str, int | None], directory: Callable[[str, int], int]) -> FileList | None:
    """By the zip directories of a few files; by the list's sizes where one has none, or where they are many."""
    sizes = [size for size in found.values() if size is not None]
    if not found or len(sizes) < len(found):
        return None
    if len(found) <= MOST:
        try:
            total = sum(directory(name, size) for name, size in found.items() if size is not None)
            return FileList(total, exact=True, how="the zip directories of the files")
        except CardscopeError:
            pass  # the format before PyTorch 1.6, or a damaged file: its size is all that can be told
    return FileList(sum(sizes), exact=False, how="the sizes of the files, their pickles included")

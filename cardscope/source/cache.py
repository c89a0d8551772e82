"""The Hub's cache on this machine, read without a network client.

Layout (huggingface_hub, "Understand caching"): `models--ORG--NAME/refs/REVISION` holds a commit, and
`snapshots/COMMIT/` its files. Only `huggingface_hub.constants` is imported, for where the cache is.
"""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from cardscope.errors import CardscopeError
from cardscope.model import RawConfig
from cardscope.source import local, strictjson

COMMIT = re.compile(r"[0-9a-f]{40}")
MAX_SNAPSHOTS = 1_000


@dataclass(frozen=True, slots=True)
class Cached:
    """A config in the cache: its path, its commit, and whether the revision asked for named that commit."""

    path: Path
    commit: str
    exact: bool


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE was set when huggingface_hub was first imported."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def find(name: str, revision: str | None, file: str = "config.json") -> Cached | None:
    """The cached file of a revision (default `main`), or None.

    With no revision asked for and no `main` recorded, the newest snapshot that has the file is taken.
    """
    folder = repo_folder(name)
    commit = commit_of(folder, revision or "main")
    if commit is not None:
        path = folder / "snapshots" / commit / file
        return Cached(path, commit, exact=True) if path.is_file() else None
    return _newest(folder, file) if revision is None else None


def load(name: str, revision: str | None) -> RawConfig | None:
    """The cached config of a Hub id, or None where the cache has none.

    Raises NotAConfig or TooLarge for a cached file that is no config.
    """
    found = find(name, revision)
    if found is None:
        return None
    where = f"the cached config.json of {name}"
    data = strictjson.load(local.read(found.path, where), where)
    written = datetime.fromtimestamp(found.path.stat().st_mtime, UTC)
    note = f"the cache records no main of {name}; its newest snapshot was used"
    return RawConfig(
        data=data,
        id=name,
        source="cache",
        revision=found.commit,
        fetched=written.isoformat(timespec="seconds"),
        notes=() if found.exact else (note,),
        folder=str(found.path.parent),
        files=local.weights(found.path.parent),
    )


def read_commit(name: str, commit: str, file: str = "config.json") -> dict[str, object] | None:
    """The cached file of one commit, parsed; None where it is absent or damaged, and so fetched again."""
    path = repo_folder(name) / "snapshots" / commit / file
    if not COMMIT.fullmatch(commit) or not path.is_file():
        return None
    try:
        return strictjson.load(local.read(path, str(path)), str(path))
    except CardscopeError:
        return None


def store(name: str, revision: str | None, commit: str, body: bytes, file: str = "config.json") -> None:
    """Keep a fetched file where huggingface_hub would look for it; a cache that cannot be written is left.

    The file is written into its snapshot itself, as huggingface_hub does where links are not to be had. The
    reference is recorded when there is none, or when the one there leads to nothing but such a file: a full
    download of an older commit stays what it is.
    """
    if not COMMIT.fullmatch(commit):
        return
    folder = str(repo_folder(name))
    try:
        _write(f"{folder}/snapshots/{commit}", file, body)
        branch = revision or "main"
        old = commit_of(Path(folder), branch)
        if revision == commit or old == commit:
            return
        if old is None or _holds_only(Path(folder, "snapshots", old), file):
            place, _, last = f"{folder}/refs/{branch}".rpartition("/")
            _write(place, last, commit.encode())
    except OSError:
        return


def _write(folder: str, file: str, body: bytes) -> None:
    """Write by renaming, so that no reader sees half a file; the same bytes are not written again."""
    path, new = f"{folder}/{file}", f"{folder}/.{file}.{os.getpid()}.{threading.get_ident()}"
    # Plain strings and one try: of a thousand models' files most are new, and so are their folders.
    try:
        stream = open(new, "wb")  # noqa: SIM115, PTH123 - closed below, whichever way it was opened
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        stream = open(new, "wb")  # noqa: SIM115, PTH123
    else:
        if _same(path, body):
            stream.close()
            os.unlink(new)  # noqa: PTH108
            return
    with stream:
        stream.write(body)
    os.replace(new, path)  # noqa: PTH105


def _same(path: str, body: bytes) -> bool:
    try:
        with open(path, "rb") as stream:  # noqa: PTH123
            return stream.read(len(body) + 1) == body
    except OSError:
        return False


def _holds_only(folder: Path, file: str) -> bool:
    return not folder.is_dir() or {path.name for path in folder.iterdir()} <= {file}


def repo_folder(name: str) -> Path:
    """The cache folder of a model repository."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser() / ("models--" + name.replace("/", "--"))


def commit_of(folder: Path, revision: str) -> str | None:
    """The commit a revision stood for when the cache last saw it."""
    if COMMIT.fullmatch(revision):
        return revision
    try:
        with folder.joinpath("refs", *revision.split("/")).open("rb") as stream:
            commit = stream.read(64).decode("ascii", "replace").strip()
    except OSError:
        return None
    return commit if COMMIT.fullmatch(commit) else None


def _newest(folder: Path, file: str) -> Cached | None:
    found: list[tuple[float, str]] = []
    try:
        with os.scandir(folder / "snapshots") as entries:
            for entry in islice(entries, MAX_SNAPSHOTS):
                path = Path(entry.path) / file
                if COMMIT.fullmatch(entry.name) and path.is_file():
                    found.append((path.stat().st_mtime, entry.name))
    except OSError:
        return None
    if not found:
        return None
    commit = max(found)[1]
    return Cached(folder / "snapshots" / commit / file, commit, exact=False)

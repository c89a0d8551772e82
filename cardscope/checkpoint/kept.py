"""Headers kept on disk by commit: a commit never changes, so they are fetched once.

A cache that cannot be read or written is no cache, and never an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path

LIMIT = 50_000_000
"""Bytes of an entry on disk; a longer file is not one of ours."""
UNPACKED = 300_000_000


def path(endpoint: str, name: str, commit: str, files: tuple[str, ...]) -> Path:
    """Where what one commit of a repository holds is kept: `$CARDSCOPE_CACHE/headers`, else in the user's cache."""
    key = hashlib.sha256(json.dumps([endpoint, name, commit, files]).encode()).hexdigest()
    own = os.environ.get("CARDSCOPE_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME")
    root = Path(own) if own else (Path(shared) if shared else Path("~/.cache").expanduser()) / "cardscope"
    return root / "headers" / key[:2] / f"{key}.json.z"


def read(place: Path) -> dict[str, object] | None:
    """The kept answer, or None where there is none that can be read."""
    try:
        with place.open("rb") as file:
            unpacker = zlib.decompressobj()
            found = json.loads(unpacker.decompress(file.read(LIMIT), UNPACKED))
    except (OSError, ValueError, RecursionError, zlib.error):
        return None
    return found if isinstance(found, dict) else None


def write(place: Path, answer: Mapping[str, object]) -> None:
    """Keep an answer, whole or not at all."""
    import tempfile

    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(zlib.compress(json.dumps(answer).encode(), 1))
            Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError:
        return

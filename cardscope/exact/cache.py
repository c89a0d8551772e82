"""Answers kept on disk, so that a model is built once per machine and version.

An entry is named by the hash of everything the answer depends on: the config, the versions of transformers, torch and
accelerate, and the code that builds and counts.
Only counts are kept, never a failure: what failed may work tomorrow.
A cache that cannot be read or written is no cache, and never an error.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from cardscope.exact.answer import ExactCount, from_answer

ENTRY_LIMIT = 1 << 16
"""Bytes of an entry; a longer file is not one of ours."""

_CODE = tuple(Path(__file__).with_name(name) for name in ("child.py", "build.py", "trim.py"))


def folder() -> Path:
    """`$CARDSCOPE_CACHE/exact`, else `cardscope/exact` in `$XDG_CACHE_HOME` or `~/.cache`."""
    if own := os.environ.get("CARDSCOPE_CACHE"):
        return Path(own) / "exact"
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path("~/.cache").expanduser()) / "cardscope" / "exact"


def entry(line: str, versions: Mapping[str, str]) -> Path:
    """Where the answer to a config (as canonical JSON) under these versions is kept."""
    key = hashlib.sha256()
    code = (file.read_bytes() for file in _CODE)
    for part in (line.encode(), json.dumps(dict(versions), sort_keys=True).encode(), *code):
        key.update(hashlib.sha256(part).digest())
    name = key.hexdigest()
    return folder() / name[:2] / f"{name}.json"


def read(path: Path) -> ExactCount | None:
    """The kept answer; None where there is none that can be trusted."""
    try:
        with path.open("rb") as file:
            found = from_answer(json.loads(file.read(ENTRY_LIMIT)))
    except (OSError, ValueError, RecursionError, AttributeError):
        return None
    return found if found.status == "ok" else None


def write(path: Path, count: ExactCount) -> None:
    """Keep an `ok` answer, whole or not at all."""
    if count.status != "ok":
        return
    import tempfile

    answer = {
        "status": "ok", "reason": count.reason, "class": count.class_name, "total": count.total,
        "buffers": count.buffers, "versions": dict(count.versions),
    }  # fmt: skip
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(answer, file)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError:
        return

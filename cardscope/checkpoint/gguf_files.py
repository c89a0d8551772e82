"""GGUF files of a folder or a repository: which one is the model, and what the others take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cardscope.checkpoint import gguf
from cardscope.checkpoint.gguf import Table
from cardscope.errors import NotAConfig, SourceError

_SPLIT = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
_LABEL = re.compile(
    r"(?:^|[-_.])((?:UD-)?(?:I?Q\d[A-Z0-9_]*|TQ\d_0|MXFP4(?:_MOE)?|BF16|F16|FP16|F32))(?=[-_.]|$)", re.IGNORECASE
)
DEFAULT: Final = "Q4_K_M"
"""What llama.cpp takes of a repository where no file is named."""


class Quant(NamedTuple):
    """One model of a repository: its label, its files, and their bytes (None where a size is not told)."""

    label: str
    files: tuple[str, ...]
    size: int | None


def quants(files: Iterable[tuple[str, int | None]]) -> list[Quant]:
    """The models among the files, splits together; projectors and importance matrices are none."""
    sets: dict[str, list[tuple[str, int | None]]] = {}
    for name, size in sorted(files):
        base = name.rpartition("/")[2].lower()
        if not base.endswith(".gguf") or base.startswith("mmproj") or "imatrix" in base:
            continue
        split = _SPLIT.fullmatch(name)
        sets.setdefault(split["stem"] if split else name.removesuffix(".gguf"), []).append((name, size))
    found = []
    for stem, members in sets.items():
        sizes = [size for _, size in members]
        total = sum(size for size in sizes if size is not None) if None not in sizes else None
        found.append(Quant(label(stem), tuple(name for name, _ in members), total))
    return found


def label(stem: str) -> str:
    """The precision a file's name claims, or the name itself."""
    base = stem.rpartition("/")[2].removesuffix(".gguf")
    claimed = _LABEL.findall(base)
    return str(claimed[-1]) if claimed else base[-24:]


def pick(found: Sequence[Quant]) -> Quant | None:
    """The model that is read: llama.cpp's default, else the first."""
    wanted = [quant for quant in found if quant.label.upper() == DEFAULT]
    return next(iter([*wanted, *found]), None)


def tables(folder: Path, files: Sequence[str]) -> dict[str, Table]:
    """The tables of local files. Raises NotAConfig, TooLarge, or SourceError where the system refuses."""
    found = {}
    for name in files:
        path = folder / name
        if not path.is_file():
            raise NotAConfig(f"{path} is not a regular file", hint="give the GGUF file itself")
        try:
            with path.open("rb") as stream:

                def fetch(start: int, stop: int) -> bytes:
                    stream.seek(start)
                    return stream.read(stop - start)

                found[name] = gguf.read(fetch, str(path))
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror or error}", hint="check the path") from None
    return found


def siblings(folder: Path, name: str) -> tuple[str, ...]:
    """All splits of the file that was named, as far as they are there."""
    split = _SPLIT.fullmatch(name)
    if split is None:
        return (name,)
    found = sorted(path.name for path in folder.glob("*.gguf") if (m := _SPLIT.fullmatch(path.name)))
    return tuple(n for n in found if (m := _SPLIT.fullmatch(n)) and m["stem"] == split["stem"])


def mix(table: Mapping[str, int]) -> str:
    """A type mix in words: `Q4_K 83 %, Q6_K 16 %, F32 0 %` by numbers."""
    total = sum(table.values()) or 1
    return ", ".join(f"{name} {100 * count / total:.0f} %" for name, count in table.items())

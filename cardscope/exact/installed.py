"""Whether the `exact` extra is installed, and in which versions, without importing any of it."""

from __future__ import annotations

import os
import re
import site
import sys
from pathlib import Path
from typing import NamedTuple

WANTED = {"transformers": (5, 23), "torch": (2, 6), "accelerate": (1, 10)}
"""Oldest (major, minor) that counts as the extra asks; transformers 6 is not known yet and is refused."""

TRANSFORMERS_BELOW = 6


_METADATA = re.compile(rf"({'|'.join(WANTED)})-([^-]+)(?:-.*)?\.(?:dist|egg)-info", re.IGNORECASE)


class Extra(NamedTuple):
    """What was found: versions by package, the reason why it will not do, and folders the child must add to see it."""

    versions: dict[str, str]
    missing: str | None
    site: tuple[str, ...] = ()


def find_extra(path: list[str] | None = None) -> Extra:
    """Read the installed versions from the names of the packages' metadata folders, which takes a millisecond.

    The environment's own package folders are looked at first and the current folder never, so that a user's folder
    named `torch` is not mistaken for it. `path` replaces the folders looked at.
    """
    versions: dict[str, str] = {}
    found_in = set()
    for folder in _folders() if path is None else path:
        for name, version in _packages(folder):
            if name not in versions:
                versions[name] = version
                found_in.add(folder)
    user = {site.getusersitepackages()} if site.ENABLE_USER_SITE else set()
    return Extra(versions, _missing(versions), tuple(sorted(found_in & user)))


def _packages(folder: str) -> list[tuple[str, str]]:
    """The wanted packages installed in a folder, with their versions."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names alone are wanted, of thousands
    except OSError:
        return []
    return [(found[1].lower(), found[2]) for name in sorted(names) if (found := _METADATA.fullmatch(name))]


def _folders() -> list[str]:
    """Package folders in order of trust; the user's own one only where Python itself would use it."""
    folders = site.getsitepackages()
    if site.ENABLE_USER_SITE:
        folders = [*folders, site.getusersitepackages()]
    here = Path.cwd()
    others = [entry for entry in sys.path if entry and Path(entry) != here]
    return list(dict.fromkeys([*folders, *others]))


def _missing(versions: dict[str, str]) -> str | None:
    """What keeps the exact count from being taken, or None."""
    install = "pip install 'cardscope[exact]'"
    if absent := [name for name in WANTED if name not in versions]:
        verb = "is" if len(absent) == 1 else "are"
        return f"{' and '.join(absent)} {verb} not installed: {install} adds the exact count"
    for name, oldest in WANTED.items():
        found = _release(versions[name])
        newest = (TRANSFORMERS_BELOW,) if name == "transformers" else (10**6,)
        if found is not None and not oldest <= found < newest:
            wanted = f"{oldest[0]}.{oldest[1]} or newer" + (f", below {newest[0]}" if name == "transformers" else "")
            return f"{name} {versions[name]} is installed, the exact count needs {wanted}: {install}"
    return None


def _release(version: str) -> tuple[int, int] | None:
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None

"""Configs on this machine: a folder, a file, standard input."""

from __future__ import annotations

import os
import stat
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NoReturn

from cardscope.errors import NotAConfig, NotFound, SourceError
from cardscope.model import RawConfig
from cardscope.source import strictjson
from cardscope.source.words import local_path

WEIGHTS = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".index.json")
WEIGHT_FILES = (".safetensors", ".gguf")
_PICKLES = (".pt", ".pth", ".bin", ".ckpt")
MAX_ENTRIES = 10_000
"""Directory entries looked at when weights are listed."""


def load(target: str) -> RawConfig:
    """The config at a path: a folder holding config.json, a config file, or a native nanochat meta file.

    Raises NotFound, TooLarge, NotAConfig, or SourceError where the system refuses.
    """
    path = local_path(target)
    if _is_folder(path, target):
        folder, file, where = path, path / "config.json", f"{target.rstrip('/')}/config.json"
        if not os.path.lexists(file):
            from cardscope.checkpoint.gguf_files import pick, quants

            chosen = pick(quants(weights(folder)))
            meta = _last_meta(folder)
            if chosen is None and meta is None:
                _no_config(folder, target)
            file = folder / (meta or "") if chosen is None else folder / chosen.files[0]
            where = f"{target.rstrip('/')}/{file.name}"
    else:
        folder, file, where = path.parent, path, target
    if file.name.lower().endswith(WEIGHT_FILES):
        return _weights_file(file, target)
    if file.name.lower().endswith(_PICKLES):
        file, where = _beside_pickle(file, target)
    data, notes = _native(strictjson.load(read(file, where), where), where, file)
    return RawConfig(
        data=data, id=target, source="file", where=where, notes=notes, folder=str(folder), files=weights(folder)
    )


def load_stdin(stream: BinaryIO | None) -> RawConfig:
    """The config on standard input; at most one byte over the cap is read."""
    where = "standard input"
    if stream is None:
        raise NotAConfig("standard input is closed", hint="pipe a config in: cardscope - < config.json")
    data, notes = _native(strictjson.load(_read_capped(stream, where, strictjson.MAX_CONFIG), where), where)
    return RawConfig(data=data, id="-", source="stdin", where=where, notes=notes)


def _native(data: dict[str, object], where: str, file: Path | None = None) -> tuple[dict[str, object], tuple[str, ...]]:
    """The config behind a nanochat meta_*.json or nanoGPT's model_args, with notes; any other object as it is."""
    if "model_config" not in data and "model_args" not in data:
        return data, ()
    from cardscope.checkpoint import pickle_zip
    from cardscope.source import native

    if not native.is_native(data):
        return data, ()
    name = native.weights_of(file.name) if file is not None else None
    if file is None or name is None or not file.with_name(name).is_file():
        return native.config(data, where)
    return native.config(data, where, lambda: pickle_zip.local(file.with_name(name)), name)


def _last_meta(folder: Path) -> str | None:
    from cardscope.source import native

    return native.last_meta(path.name for path in islice(folder.glob("meta_*.json"), MAX_ENTRIES))


def _beside_pickle(file: Path, target: str) -> tuple[Path, str]:
    """The meta that belongs to a nanochat model_*.pt. Raises NotAConfig for any other PyTorch file."""
    from cardscope.source import native

    meta = native.meta_of(file.name)
    if meta is None or not file.with_name(meta).is_file():
        raise NotAConfig(
            f"{target} is a pickle, which is never loaded",
            hint="give the config.json, or nanochat's meta_*.json, beside it; nanoGPT's model_args go into a JSON file",
        )
    return file.with_name(meta), str(file.with_name(meta))


def read(path: Path, where: str, cap: int = strictjson.MAX_CONFIG) -> bytes:
    """The bytes of a regular file of at most `cap` bytes; a larger one is refused by its size, unread.

    Pipes and devices are refused without being waited for.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as stream:
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode):
                what = _what(found.st_mode)
                raise NotAConfig(f"{where} is {what}, not a file", hint="to read from a pipe, name the model -")
            if found.st_size > cap:
                strictjson.too_large(where, found.st_size, cap)
            return _read_capped(stream, where, cap)
    except OSError as error:
        _refused(error, where)


def weights(folder: Path) -> tuple[tuple[str, int | None], ...]:
    """The weight files and indexes lying in a folder: (name, size in bytes)."""
    found: list[tuple[str, int | None]] = []
    try:
        with os.scandir(folder) as entries:
            named = (e for e in islice(entries, MAX_ENTRIES) if e.name.endswith(WEIGHTS))
            found += ((entry.name, _size(entry)) for entry in named)
    except OSError:
        pass  # an unreadable folder has no weights to speak of; its config was read all the same
    return tuple(sorted(found))


def _size(entry: os.DirEntry[str]) -> int | None:
    try:
        return entry.stat().st_size
    except OSError:
        return None


def _read_capped(stream: BinaryIO, where: str, cap: int) -> bytes:
    data = stream.read(cap + 1)
    if len(data) > cap:
        strictjson.too_large(where, None, cap)
    return data


def _is_folder(path: Path, target: str) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        _refused(error, target)


def _refused(error: OSError, where: str) -> NoReturn:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        hint = "check the path, or give a Hub id such as gpt2"
        raise NotFound(f"there is no file or folder {where}", hint=hint) from None
    if isinstance(error, IsADirectoryError):
        raise NotAConfig(f"{where} is a folder, not a file", hint="give the file in it") from None
    if isinstance(error, PermissionError):
        raise SourceError(
            f"{where} may not be read: permission denied", hint="check who owns it and its mode"
        ) from None
    raise SourceError(f"{where} cannot be read: {error.strerror or error}", hint="check the path") from None


def _what(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((name for test, name in kinds if test(mode)), "a device")


def _no_config(folder: Path, target: str) -> NoReturn:
    names = [name for name, _ in weights(folder)]
    if (folder / "adapter_config.json").is_file():
        hint = "it holds an adapter: give the base model that adapter_config.json names"
    elif (folder / "model_index.json").is_file():
        hint = "it holds a diffusers pipeline, whose stored components `cardscope FOLDER` alone counts"
    elif names:
        hint = f"it holds {', '.join(names[:3])}; the config.json that belongs to them is needed"
    else:
        hint = "give a folder that holds a config.json, or the file itself"
    raise NotFound(f"the folder {target} holds no config.json", hint=hint)


def _weights_file(path: Path, target: str) -> RawConfig:
    """A weight file as the model: the config beside it, where there is one, else nothing but its headers."""
    beside = path.with_name("config.json")
    data: dict[str, object] = {}
    where = target
    if path.suffix.lower() == ".gguf":
        from cardscope.checkpoint import gguf_config, gguf_files

        data = gguf_config.config(
            gguf_files.tables(path.parent, gguf_files.siblings(path.parent, path.name)[:1]).popitem()[1]
        )
    elif beside.is_file():
        where = str(beside)
        data = strictjson.load(read(beside, where), where)
    return RawConfig(
        data=data,
        id=target,
        source="file",
        where=where,
        folder=str(path.parent),
        files=((path.name, path.stat().st_size),),
        weights=path.name,
    )

"""Which of a folder's or repository's files are the model's weights.

The order is that of transformers' `from_pretrained`: one file, then an index, each under its plain name; shards
without an index, a variant, the maker's own `consolidated` files and any other single file come after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cardscope.errors import NotAConfig, TooLarge

MAX_SHARDS: Final = 10_000
SINGLE: Final = ("model.safetensors", "diffusion_pytorch_model.safetensors", "adapter_model.safetensors")
_SHARD = re.compile(r"(?P<stem>.+?)[-_.]?(?P<number>\d{1,6})-of-(?P<count>\d{1,6})(?P<variant>\.\w+)?\.safetensors")
_SAFE = re.compile(r"[^\x00-\x1f\\]{1,300}")


@dataclass(frozen=True, slots=True)
class Choice:
    """The weights of one model: an index that names its shards, or the files themselves, and what was passed over."""

    index: str | None = None
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    component: str = ""
    """The subfolder of a pipeline that this is, empty for the model itself."""


def choose(names: Sequence[str], component: str = "") -> Choice | None:
    """The choice among the files of one folder (no subfolders), or None where there are no safetensors."""
    weights = sorted(n for n in names if n.endswith(".safetensors"))
    indexes = sorted(n for n in names if n.endswith((".safetensors.index.json",)) or ".safetensors.index." in n)
    for single in SINGLE:
        if single in weights:
            return Choice(None, (single,), tuple(_passed_over(weights, [single])), component)
        if f"{single}.index.json" in indexes:
            chosen = [n for n in weights if n.startswith(single.removesuffix(".safetensors"))]
            return Choice(f"{single}.index.json", (), tuple(_passed_over(weights, chosen)), component)
    return _other(weights, indexes, component)


def _other(weights: list[str], indexes: list[str], component: str) -> Choice | None:
    sets = _shard_sets(weights)
    plain = [s for s in sets if not s[0].startswith("consolidated")]
    if len(indexes) == 1:
        return Choice(indexes[0], (), (), component)
    for files in (plain[:1] if len(plain) == 1 else []):  # fmt: skip
        note = f"{len(files)} shards and no index: all of them were read"
        return Choice(None, tuple(files), (note, *_passed_over(weights, files)), component)
    variants = [n for n in weights if re.fullmatch(r"(?:model|diffusion_pytorch_model)\.\w+\.safetensors", n)]
    if variants:
        chosen = variants[0]
        note = f"only variants are stored: {chosen} was read"
        return Choice(None, (chosen,), (note, *_passed_over(weights, [chosen])), component)
    consolidated = [s for s in sets if s[0].startswith("consolidated")]
    if "consolidated.safetensors" in weights:
        consolidated = [["consolidated.safetensors"]]
    if consolidated:
        return Choice(None, tuple(consolidated[0]), ("the maker's own format: consolidated files",), component)
    return Choice(None, (weights[0],), (), component) if len(weights) == 1 else None


def _shard_sets(weights: Iterable[str]) -> list[list[str]]:
    sets: dict[tuple[str, str, str], list[str]] = {}
    for name in weights:
        found = _SHARD.fullmatch(name)
        if found:
            sets.setdefault((found["stem"], found["count"], found["variant"] or ""), []).append(name)
    return list(sets.values())


def around(name: str, names: Sequence[str]) -> Choice:
    """The one file that was named; a shard stands for its whole set, by its index where there is one."""
    shard = _SHARD.fullmatch(name)
    if shard is None:
        return Choice(None, (name,))
    alike = [n for n in names if (m := _SHARD.fullmatch(n)) and (m["stem"], m["count"]) == shard.group("stem", "count")]
    index = f"{shard['stem']}.safetensors.index.json"
    note = f"{name} is one shard of {int(shard['count']):,}: all of them were read"
    return Choice(index, (), (note,)) if index in names else Choice(None, tuple(sorted(alike)), (note,))


def missing_shards(files: Sequence[str]) -> list[str]:
    """Shards that the names `…-00001-of-00003` promise and that are not among the files."""
    found = [m for m in map(_SHARD.fullmatch, files) if m]
    if not found:
        return []
    last = found[-1]
    have, count = {int(m["number"]) for m in found}, int(last["count"])
    first = 0 if 0 in have else 1
    if count > MAX_SHARDS:
        return []
    absent = [n for n in range(first, count + first) if n not in have]
    return [f"{last['stem']}-{n:0{len(last['number'])}}-of-{last['count']}.safetensors" for n in absent]


def _passed_over(weights: Sequence[str], chosen: Sequence[str]) -> Iterable[str]:
    others = [n for n in weights if n not in set(chosen)]
    if others:
        shown = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
        what = "another copy was" if len(others) == 1 else f"{len(others)} other files were"
        yield f"{what} not read: {shown}"


def check_shards(names: Iterable[object], where: str) -> tuple[str, ...]:
    """The distinct shard names of an index, each a plain file of the index's own folder.

    Raises NotAConfig for a name that leads elsewhere, TooLarge past MAX_SHARDS.
    """
    found = dict.fromkeys(names)
    if len(found) > MAX_SHARDS:
        raise TooLarge(f"{where} names {len(found):,} shards; at most {MAX_SHARDS:,} are read", hint="check the index")
    checked = []
    for name in found:
        safe = isinstance(name, str) and _SAFE.fullmatch(name) and "/" not in name and name not in {".", ".."}
        if not safe or not isinstance(name, str):
            raise NotAConfig(f"{where} names a shard {str(name)[:60]!r}", hint="a shard is a file beside its index")
        checked.append(name)
    return tuple(checked)


_DENSE: Final = re.compile(r"\d{1,3}_Dense")


def modules_beside(names: Iterable[str]) -> tuple[str, ...]:
    """A note on each `2_Dense` of a sentence transformer that stores safetensors in a folder beside the model."""
    found = sorted({n.rpartition("/")[0] for n in names if n.endswith(".safetensors")})
    return tuple(
        f"{folder} is a module of the sentence transformer behind this model, and not counted"
        for folder in found
        if _DENSE.fullmatch(folder)
    )

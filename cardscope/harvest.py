"""Declared defaults of every model type transformers registers, out of data/defaults.jsonl.

One type costs one search in the file's bytes and one line of JSON. `tools/harvest.py` makes the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_MAPS = ("aliases", "sub", "was", "models", "legacy", "forced", "nulls", "only_old")


@dataclass(frozen=True, slots=True)
class Declared:
    """What a config class declares before any of its code has run; never a derived value.

    `defaults`: field -> default (no `tie_word_embeddings`: not tied). `was`: the older default where
    it differs. `only_old`: fields only the older transformers declared. `aliases`: standard name -> field
    (`hidden_size` -> `n_embd`); a file may hold either. `forced`: what the class sets whatever the file says.
    `nulls`: field -> the constant the class puts in place of null.
    `legacy`: keys read though not declared (None: no literal default). `sub`: sub-config key -> its type; in
    those of `sub_any` a `model_type` of the file's own decides, in others it is ignored. `sub_init`: what an
    absent sub-config starts from; those in `sub_optional` stay absent. `models`: task (`causal_lm`) -> class.
    """

    cls: str
    defaults: Mapping[str, object]
    aliases: Mapping[str, str]
    sub: Mapping[str, str]
    was: Mapping[str, object]
    models: Mapping[str, str]
    sub_init: Mapping[str, Mapping[str, object]]
    sub_any: frozenset[str]
    sub_optional: frozenset[str]
    legacy: Mapping[str, object]
    forced: Mapping[str, object]
    nulls: Mapping[str, object]
    only_old: Mapping[str, object]


def declared(model_type: object) -> Declared | None:
    """What the class of this `model_type` declares, or None if transformers registers no such type."""
    return _find(model_type) if isinstance(model_type, str) else None


def versions() -> tuple[str, str]:
    """The transformers versions of `defaults` and of `was`."""
    return str(_header()["transformers"]), str(_header()["was"])


@lru_cache(maxsize=1)
def known_types() -> tuple[str, ...]:
    """Every type in the file, sorted."""
    return tuple(name.decode() for name in re.findall(rb'\n\{"type":"([^"]+)"', _file()))


@lru_cache(maxsize=1024)
def _find(name: str) -> Declared | None:
    start = _file().find(b'\n{"type":"%s",' % name.encode()) if _NAME.fullmatch(name) else -1
    if start < 0:
        return None
    line: dict[str, Any] = json.loads(_file()[start : _file().index(b"\n", start + 1)])
    maps = {key: MappingProxyType(line.get(key, {})) for key in _MAPS}
    return Declared(
        cls=line["class"],
        defaults=MappingProxyType(_header()["base"] | line["defaults"]),
        sub_init=MappingProxyType(line.get("init", {})),
        sub_any=frozenset(line.get("any", ())),
        sub_optional=frozenset(line.get("optional", ())),
        **maps,
    )


@lru_cache(maxsize=1)
def _header() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_file()[: _file().index(b"\n")])
    return found


@lru_cache(maxsize=1)
def _file() -> bytes:
    return Path(__file__).with_name("data").joinpath("defaults.jsonl").read_bytes()


@lru_cache(maxsize=256)
def type_of_class(name: str) -> str | None:
    """The model type whose table names this model class (`GPT2LMHeadModel` → gpt2), or None."""
    if not _NAME.fullmatch(name):
        return None
    hits = re.finditer(rb'\n\{"type":"([^"]+)","class":"([^"]+)"[^\n]*:"%s"' % name.encode(), _file())
    named = [(hit[1].decode(), hit[2].decode().removesuffix("Config")) for hit in hits]
    # Some types borrow another's classes (gpt-sw3, internlm3): the class's own name says whose it is.
    own = min(named, key=lambda it: (not name.startswith(it[1]), it[0].replace("_", "") != it[1].lower()), default=None)
    return own[0] if own else None

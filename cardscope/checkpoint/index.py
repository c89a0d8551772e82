"""The index of a sharded checkpoint: which file holds which tensor, and the bytes it says they take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from cardscope.checkpoint.places import check_shards
from cardscope.errors import NotAConfig
from cardscope.source import strictjson

MAX_INDEX: Final = 100_000_000
"""Bytes; the index of a model with 497,000 tensors takes 60 MB."""


class Index(NamedTuple):
    """Tensor → shard, the shards in order, and what the metadata claims (None where it says nothing usable)."""

    weight_map: Mapping[str, str]
    shards: tuple[str, ...]
    total_size: int | None
    total_parameters: int | None


def parse(data: bytes, where: str) -> Index:
    """An index file. Raises TooLarge, or NotAConfig where it is none or names files outside its folder."""
    found = strictjson.load(data, where, cap=MAX_INDEX)
    listed = found.get("weight_map")
    if not isinstance(listed, dict):
        raise NotAConfig(f"{where} has no weight_map", hint="see the index of any sharded model")
    shards = check_shards(listed.values(), where)
    metadata = found.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    return Index(
        {str(k): str(v) for k, v in listed.items()},
        shards,
        whole(metadata.get("total_size")),
        whole(metadata.get("total_parameters")),
    )


def whole(value: object) -> int | None:
    """A count that may be written as 1.0; zero and nonsense are no claim."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None

"""What a source hands on: a raw config, where it came from, and what the Hub says beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SourceKind = Literal["hub", "cache", "catalog", "file", "stdin", "formula", "object"]


@dataclass(frozen=True, slots=True)
class HubFacts:
    """What `model_info` says of a repository, without opening any file of it.

    `safetensors_total` counts stored numbers (masks, packed words and scales included) and may be wrong;
    `files` holds (path, size in bytes or None).
    """

    commit: str | None = None
    gated: str | bool = False
    safetensors_total: int | None = None
    safetensors_dtypes: Mapping[str, int] = field(default_factory=dict)
    files: tuple[tuple[str, int | None], ...] = ()
    blobs: Mapping[str, str] = field(default_factory=dict)
    """git's id of each safetensors file and index: equal ids are equal bytes."""
    license: str | None = None
    tags: tuple[str, ...] = ()
    library: str | None = None
    pipeline_tag: str | None = None


@dataclass(frozen=True, slots=True)
class RawConfig:
    """A config as it was written, with its origin; nothing in it has been interpreted yet."""

    data: Mapping[str, object]
    id: str
    source: SourceKind
    revision: str | None = None
    fetched: str | None = None
    where: str = "config.json"
    hub: HubFacts | None = None
    notes: tuple[str, ...] = ()
    changes: tuple[tuple[str, object, object], ...] = ()
    """What-if edits applied: (dotted key, before, after)."""
    base: Mapping[str, object] | None = None
    """The config before its what-ifs, where there are any."""
    folder: str | None = None
    """The local folder the config lies in, where its weights may lie too."""
    files: tuple[tuple[str, int | None], ...] = ()
    """Weight files and indexes seen in `folder`: (name, size in bytes)."""
    asked: str | None = None
    """The revision that was asked of the Hub; None is main."""
    weights: str | None = None
    """The one weight file in `folder` that was named as the model."""

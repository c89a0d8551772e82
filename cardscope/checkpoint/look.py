"""Whether and where stored tensors are looked at for a config, and what came of it; a failure here is no error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from cardscope.checkpoint.contents import Contents
from cardscope.errors import CardscopeError
from cardscope.model import RawConfig
from cardscope.parts import Spec


class Look(NamedTuple):
    """Contents, or why there are none; `error` where there is something that could not be read."""

    contents: Contents | None = None
    reason: str | None = None
    error: CardscopeError | None = None


def look(
    raw: RawConfig,
    choice: bool | Literal["auto"],
    spec: Spec | None,
    *,
    token: str | bool | None = None,
    refresh: bool = False,
) -> Look:
    """Read what is stored beside a local config, or in the repository a config came from.

    "auto" and True differ in nothing but that neither is False: local files are always at hand, and a Hub that
    just answered is asked again.  Never raises for what the files or the Hub do.
    """
    if not choice:
        return Look(reason="not asked for")
    if raw.changes:
        return Look(reason="a what-if changes the model: what is stored is another one")
    try:
        return _read(raw, spec, token, refresh=refresh)
    except CardscopeError as error:
        return Look(reason=error.message, error=error)


def _read(raw: RawConfig, spec: Spec | None, token: str | bool | None, *, refresh: bool) -> Look:
    tied, layers = _tied(raw.data, spec), _layers(raw.data, spec)
    if raw.folder is not None and (raw.weights or raw.where.endswith("config.json") or raw.source == "cache"):
        from cardscope.checkpoint import local

        found = local.read(raw.folder, raw.data, only=raw.weights, tied=tied, num_layers=layers)
        return Look(found, None if found else "no safetensors lie beside the config")
    if raw.source == "hub" and raw.hub is not None:
        from cardscope.checkpoint import remote

        found = remote.read(raw, token=token, tied=tied, num_layers=layers, refresh=refresh)
        return Look(found, None if found else "the repository holds no safetensors that belong together")
    return Look(reason="nothing stored was looked at")


def _tied(config: Mapping[str, object], spec: Spec | None) -> bool | None:
    """Whether the head is the embedding: the declaration's word, else the config's own."""
    if spec is not None:
        return spec.tied
    inner = config.get("text_config")
    for place in (config, inner if isinstance(inner, Mapping) else {}):
        value = place.get("tie_word_embeddings")
        if isinstance(value, bool):
            return value
    return None


def _layers(config: Mapping[str, object], spec: Spec | None) -> int | None:
    if spec is not None:
        return len(spec.main.layers)
    inner = config.get("text_config")
    for place in (config, inner if isinstance(inner, Mapping) else {}):
        value = place.get("num_hidden_layers")
        if type(value) is int and value > 0:
            return value
    return None

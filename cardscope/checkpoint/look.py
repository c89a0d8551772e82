"""Whether and where stored tensors are looked at for a config, and what came of it; a failure here is no error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from cardscope.checkpoint import filelist
from cardscope.checkpoint.contents import Contents, Facts
from cardscope.checkpoint.filelist import FileList
from cardscope.checkpoint.gguf_files import Quant, pick, quants
from cardscope.errors import CardscopeError
from cardscope.model import RawConfig
from cardscope.parts import Spec

if TYPE_CHECKING:
    from cardscope.checkpoint.remote import Ahead


class Look(NamedTuple):
    """Contents, or why there are none; `error` where there is something that could not be read."""

    contents: Contents | None = None
    reason: str | None = None
    error: CardscopeError | None = None
    others: tuple[Quant, ...] = ()
    """GGUF models beside the one that was read, by their files' sizes."""
    listed: FileList | None = None
    """What PyTorch's own files take, where nothing better is stored."""


def look(
    raw: RawConfig,
    choice: bool | Literal["auto"],
    spec: Spec | None,
    *,
    token: str | bool | None = None,
    refresh: bool = False,
    ahead: Ahead | None = None,
) -> Look:
    """Read what is stored beside a local config, or in the repository a config came from.

    "auto" and True differ in nothing but that neither is False: local files are always at hand, and a Hub that
    just answered is asked again; `ahead` may have asked it already.  Never raises for what the files or the Hub do.
    """
    if not choice:
        return Look(reason="not asked for")
    if raw.changes:
        return Look(reason="a what-if changes the model: what is stored is another one")
    try:
        return _read(raw, spec, token, ahead, refresh=refresh)
    except CardscopeError as error:
        return Look(reason=error.message, error=error)


def _read(raw: RawConfig, spec: Spec | None, token: str | bool | None, ahead: Ahead | None, *, refresh: bool) -> Look:
    known = facts(raw.data, spec)
    if raw.folder is not None and raw.weights and raw.weights.lower().endswith(".gguf"):
        return _gguf(Path(raw.folder), raw.weights, known)
    if raw.folder is not None and filelist.is_native(raw.where):
        listed = filelist.read_local(Path(raw.folder), dict(raw.files), raw.where)
        return Look(reason=None if listed else "no weights lie beside the meta", listed=listed)
    if raw.folder is not None and (raw.weights or raw.where.endswith("config.json") or raw.source == "cache"):
        from cardscope.checkpoint import local

        found = local.read(raw.folder, raw.data, only=raw.weights, facts=known)
        chosen = pick(quants(raw.files)) if found is None else None
        if chosen is not None:
            return _gguf(Path(raw.folder), chosen.files[0], known)
        listed = None if found else filelist.read_local(Path(raw.folder), dict(raw.files))
        why = None if found else "no safetensors lie beside the config"
        return Look(found, why, others=_quants(raw.files), listed=listed)
    if raw.source == "hub" and raw.hub is not None:
        return _hub(raw, token, known, ahead, refresh=refresh)
    return Look(reason="nothing stored was looked at")


def _hub(raw: RawConfig, token: str | bool | None, known: Facts, ahead: Ahead | None, *, refresh: bool) -> Look:
    from cardscope.checkpoint import remote

    files = raw.hub.files if raw.hub else ()
    found = None if raw.weights else remote.read(raw, token=token, facts=known, refresh=refresh, ahead=ahead)
    chosen = pick(quants(files)) if found is None else None
    if chosen is None:
        reason = None if found else "the repository holds no safetensors that belong together"
        listed = None if found else filelist.read_remote(raw, token)
        return Look(found, reason, others=_quants(files), listed=listed)
    from cardscope.checkpoint import gguf, gguf_remote
    from cardscope.source import hub
    from cardscope.source.transfer import Patience

    wait = hub.default_patience()
    client = hub.connect(token, Patience(wait.first, max(60.0, wait.total)))
    tables = gguf_remote.tables(client, raw.id, raw.revision or raw.asked, chosen.files)
    return Look(gguf.contents(tables, tied=known.tied), others=_quants(files, chosen))


def _quants(files: Iterable[tuple[str, int | None]], read: Quant | None = None) -> tuple[Quant, ...]:
    return tuple(quant for quant in quants(files) if read is None or quant.files != read.files)


def facts(config: Mapping[str, object], spec: Spec | None) -> Facts:
    """What a config, or better its declaration, decides about stored tensors."""
    return Facts(_tied(config, spec), _layers(config, spec), _corrections(spec))


def _gguf(folder: Path, name: str, known: Facts) -> Look:
    from cardscope.checkpoint import gguf, gguf_files
    from cardscope.source import local

    files = gguf_files.siblings(folder, name)
    others = [q for q in quants(local.weights(folder)) if name not in q.files]
    return Look(gguf.contents(gguf_files.tables(folder, files), tied=known.tied), others=tuple(others))


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


def _corrections(spec: Spec | None) -> bool:
    """Whether the declaration counts its routers' correction biases as parameters."""
    if spec is None:
        return False
    layers = dict.fromkeys(layer for tower in spec.towers for layer in tower.layers)
    parts = dict.fromkeys(part for layer in layers for part in layer.parts)
    return any(t.name == "router.correction" and t.kind != "buffer" for part in parts for t in part.tensors())


def _layers(config: Mapping[str, object], spec: Spec | None) -> int | None:
    if spec is not None:
        return len(spec.main.layers)
    inner = config.get("text_config")
    for place in (config, inner if isinstance(inner, Mapping) else {}):
        value = place.get("num_hidden_layers")
        if type(value) is int and value > 0:
            return value
    return None

"""One word in, one RawConfig out: in which order sources are asked, and what is said when one stands in."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cardscope.errors import CardscopeError, Gated, NetworkError, NotFound, RateLimited, UsageError
from cardscope.model import RawConfig
from cardscope.source import shape, words

if TYPE_CHECKING:
    from cardscope.source.catalog import CatalogEntry
    from cardscope.source.hub import Beside

Sets = Iterable[str | tuple[str, str]] | Mapping[str, object]
"""What-ifs: `KEY=VALUE` texts, (key, text of the value) pairs, or keys with their values."""


def resolve(
    word: str | PathLike[str] | Mapping[str, object],
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    offline: bool = False,
    refresh: bool = False,
    sets: Sets = (),
    beside: Beside | None = None,
) -> RawConfig:
    """The config a MODEL word, a path or a dict stands for, with its what-ifs applied.

    A Hub id is asked of the Hub; when the Hub is out of reach, the cache and then the bundled catalogue stand
    in, and a gated repository is answered by the catalogue; a note says so. Offline, the cache comes first.
    Safe to call from several threads. `beside` is told of a repository while its config is being fetched, where
    nothing is to be changed in it. Raises the SourceError family and UsageError.
    """
    edits = _edits(sets)
    if isinstance(word, Mapping):
        if revision is not None:
            raise UsageError(f"a dict has no revisions, so {revision} means nothing", hint="leave the revision out")
        found = _object(shape.plain(word))
    elif isinstance(word, str):
        parsed = words.parse(word)
        edits = (*parsed.edits, *edits)
        if parsed.kind == "formula":
            return _finish(*_formula(parsed, revision, edits))
        found = (
            _hub(_with_revision(parsed, revision), token, offline, refresh, None if edits else beside)
            if parsed.kind == "hub"
            else _here(parsed, revision)
        )
    elif isinstance(word, PathLike):
        found = _here(words.Word(fspath(word), "local", fspath(word), explicit=True), revision)
    else:
        raise UsageError(f"a {type(word).__name__} names no model", hint="give a word, a path, or a config as a dict")
    return _finish(found, edits)


def _object(data: dict[str, object]) -> RawConfig:
    """A dict: a config, or a nanochat meta or nanoGPT's model_args as they were read."""
    from cardscope.source import native

    where = "the config"
    notes: tuple[str, ...] = ()
    if ("model_config" in data or "model_args" in data) and native.is_native(data):
        data, notes = native.config(data, where)
    return RawConfig(data=data, id="object", source="object", where=where, notes=notes)


def _edits(sets: Sets) -> tuple[tuple[str, str], ...]:
    """Every what-if as (key, text of the value). Raises UsageError."""
    if isinstance(sets, Mapping):
        import json

        return tuple((str(key), json.dumps(value, default=str)) for key, value in sets.items())
    return tuple(words.edit(s) if isinstance(s, str) else s for s in ((sets,) if isinstance(sets, str) else sets))


def begin(word: str | PathLike[str] | Mapping[str, object], **options: Any) -> Callable[[], RawConfig]:
    """Start `resolve(word, **options)` and return what waits for its result, or raises its error.

    A Hub id is asked for in a thread, so that a caller can import what it needs next while the network and the
    TLS set-up take their time; anything else is resolved when it is waited for.
    """
    if not isinstance(word, str) or options.get("offline") or not _may_be_hub(word):
        return lambda: resolve(word, **options)
    box: list[RawConfig | Exception] = []

    def run() -> None:
        try:
            box.append(resolve(word, **options))
        except Exception as error:  # noqa: BLE001 - raised again where the result is waited for
            box.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def wait() -> RawConfig:
        thread.join()
        if isinstance(box[0], Exception):
            raise box[0]
        return box[0]

    return wait


def _may_be_hub(word: str) -> bool:
    try:
        return words.parse(word).kind == "hub"
    except CardscopeError:
        return False


def _finish(found: RawConfig, edits: tuple[tuple[str, str], ...]) -> RawConfig:
    if found.weights is None or found.data:
        shape.check(found.data, found.where)
    found = _own_nanochat(found)
    if not edits:
        return found
    from cardscope.source import whatif

    data, changes = whatif.apply(found.data, edits, aliases_of)
    return replace(found, data=data, changes=changes, base=found.data)


def _own_nanochat(found: RawConfig) -> RawConfig:
    """A config.json of type nanochat in nanochat's own keys, of which transformers would build its default sizes."""
    if found.data.get("model_type") != "nanochat":
        return found
    from cardscope.source import formula

    if not formula.is_own_config(found.data):
        return found
    note = "nanochat's own keys: transformers' class does not read them and would build its default sizes"
    return replace(found, data=formula.of_keys(found.data, {}, found.where), notes=(*found.notes, note))


def aliases_of(model_type: str) -> Mapping[str, str]:
    """The other spellings that a model type reads, one way round or the other."""
    from cardscope import harvest

    if model_type == "nanochat-native":
        from cardscope.nanochat.view import KEYS

        return KEYS

    found = harvest.declared(model_type)
    return found.aliases if found else {}


def _formula(
    word: words.Word, revision: str | None, edits: tuple[tuple[str, str], ...]
) -> tuple[RawConfig, tuple[tuple[str, str], ...]]:
    _no_revision(revision, word)
    from cardscope.source import formula

    data, rest = formula.config(word.target, edits)
    options = "".join(f",{k}={v}" for k, v in edits if (k, v) not in rest)
    name = f"nanochat:{word.target.lower()}{options}"
    return RawConfig(data=data, id=name, source="formula", where=name), rest


def _here(word: words.Word, revision: str | None) -> RawConfig:
    from cardscope.source import local

    _no_revision(revision, word)
    if word.kind == "stdin":
        return local.load_stdin(getattr(sys.stdin, "buffer", None))
    found = local.load(word.target)
    if word.explicit or word.target.endswith(".json"):
        return found
    note = f"{word.target} is a folder here; hf://{word.target} asks the Hub"
    return replace(found, notes=(*found.notes, note))


def _no_revision(revision: str | None, word: words.Word) -> None:
    if revision is not None:
        raise UsageError(
            f"{word.text} has no revisions, so --revision {revision} means nothing",
            hint="leave --revision out",
        )


def _with_revision(word: words.Word, revision: str | None) -> words.Word:
    if revision is None:
        return word
    words.check_revision(revision, word.target)
    if word.revision not in (None, revision):
        raise UsageError(f"{word.text} names one revision and --revision {revision} another", hint="give one of them")
    return replace(word, revision=revision)


def _hub(word: words.Word, token: str | bool | None, offline: bool, refresh: bool, beside: Beside | None) -> RawConfig:
    from cardscope.source import cache

    if offline or cache.is_offline():
        if refresh:
            raise UsageError("refresh needs the Hub, and offline forbids it", hint="leave one of them out")
        return _offline(word, by_option=offline)
    from cardscope.source import hub

    try:
        return hub.load(word.target, word.revision, token=token, refresh=refresh, beside=beside)
    except Gated as error:
        return _gated(word, error)
    except NotFound as error:
        if Path(word.target).is_dir():
            error.hint = f"for the folder of that name write ./{word.target}"
        raise
    except (NetworkError, RateLimited) as error:
        if refresh:
            raise
        return _unreached(word, error)


def _offline(word: words.Word, *, by_option: bool) -> RawConfig:
    from cardscope.source import cache

    found = cache.load(word.target, word.revision)
    if found is not None:
        return found
    how = "without --offline" if by_option else "without HF_HUB_OFFLINE"
    entry = _entry(word)
    if entry is not None:
        note = f"offline: used the bundled snapshot of {entry.date}; {how} the live config is read"
        return replace(entry.raw(word.target), notes=(note,))
    at = f" at {word.revision}" if word.revision else ""
    raise NetworkError(
        f"offline, and {word.target}{at} is neither in the cache nor in the bundled catalogue",
        hint=_similar(word.target) or f"run once {how}",
    )


def _unreached(word: words.Word, error: NetworkError | RateLimited) -> RawConfig:
    """The cache, then the catalogue, in place of a Hub that gave no answer; after a 429 only the cache."""
    from cardscope.source import cache

    try:
        found = cache.load(word.target, word.revision)
    except CardscopeError:
        found = None
    if found is not None:
        note = f"{error.message}: read from the cache at commit {(found.revision or '')[:12]}"
        return replace(found, notes=(note, *found.notes))
    entry = None if isinstance(error, RateLimited) else _entry(word)
    if entry is not None:
        note = f"{error.message}: used the bundled snapshot of {entry.date}; online, the live config is read"
        return replace(entry.raw(word.target), notes=(note,))
    if isinstance(error, NetworkError):
        absent = _similar(word.target) or f"neither the cache nor the bundled catalogue has {word.target}"
        error.hint = f"{error.hint}; {absent}" if error.hint else absent
    raise error


def _gated(word: words.Word, error: Gated) -> RawConfig:
    """The bundled snapshot with what the Hub tells anyone, in place of a config that needs a licence."""
    entry = _entry(word)
    if entry is None:
        raise error
    note = f"{word.target} is gated: used the bundled snapshot of {entry.date}; for the live config, {error.hint}"
    return replace(entry.raw(word.target), hub=error.facts, notes=(note,))


def _entry(word: words.Word) -> CatalogEntry | None:
    """The catalogue knows a repository's main only."""
    from cardscope.source import catalog

    return catalog.lookup(word.target) if word.revision in (None, "main") else None


def _similar(name: str) -> str | None:
    from cardscope.source import catalog

    near = catalog.nearest(name)
    return f"the bundled catalogue has {', '.join(near)}" if near else None

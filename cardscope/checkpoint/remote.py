"""Headers of a Hub repository: one request for all shards of `main`, else the first bytes of each file.

The Hub's `safetensors-metadata` endpoint (huggingface_hub, get_sharded_safetensors_metadata) knows `main` only; where
it has no answer, and for a revision with other weights, headers are read by range, concurrently. Nothing of a tensor
is read beyond the 100 kB that a first read may run ahead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cardscope.checkpoint import kept, places, ranges
from cardscope.checkpoint.contents import NO_FACTS, Contents, Facts, gather
from cardscope.checkpoint.header import MAX_HEADER, PREFIX, check, no_duplicates
from cardscope.checkpoint.index import MAX_INDEX, Index, whole
from cardscope.checkpoint.index import parse as parse_index
from cardscope.errors import CardscopeError, NetworkError, NotAConfig
from cardscope.model import RawConfig
from cardscope.source import hub
from cardscope.source.transfer import Patience, later

FEW: Final = 16
"""Shards that are read before the index is known, 100 kB of each; of more, only what their headers take."""
MAX_METADATA: Final = 300_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """Headers by file as decoded JSON, and what the index says; the form that is kept on disk."""

    headers: Mapping[str, object]
    index: Index | None


def read(
    raw: RawConfig,
    *,
    token: str | bool | None = None,
    facts: Facts = NO_FACTS,
    refresh: bool = False,
    ahead: Ahead | None = None,
) -> Contents | None:
    """What the safetensors of the repository behind a config hold; None where there are none.

    `ahead` may have them under way already. Raises the SourceError family.
    """
    choice = _choice(raw)
    if choice is None or raw.hub is None:
        return None
    sizes = dict(raw.hub.files)
    found = ahead.found(raw) if ahead else None
    found = found or fetch(raw, choice, token, refresh=refresh)
    headers = {
        file: check(header, f"{raw.id}: {file}", _room(sizes.get(file))) for file, header in found.headers.items()
    }
    missing = [] if choice.index else places.missing_shards(choice.files)
    shards = found.index.shards if found.index else ()
    missing += [name for name in shards if name not in headers]
    return gather(
        headers,
        raw.data,
        index=found.index,
        tied=facts.tied,
        num_layers=facts.num_layers,
        corrections=facts.corrections,
        missing=missing,
        notes=(*choice.notes, *places.modules_beside(sizes)),
    )


def _choice(raw: RawConfig) -> places.Choice | None:
    return places.choose([name for name, _ in raw.hub.files if "/" not in name]) if raw.hub else None


class Ahead:
    """Headers that are fetched while the config still is: neither needs the other, and each takes its time."""

    def __init__(self, token: str | bool | None, *, refresh: bool) -> None:
        self._token, self._refresh = token, refresh
        self._begun: tuple[str, str | None, Callable[[], Found]] | None = None

    def begin(self, raw: RawConfig) -> None:
        """Start on the headers of a repository of which all but the config is known."""
        choice = _choice(raw)
        if choice is not None:
            found = later(lambda: fetch(raw, choice, self._token, refresh=self._refresh))
            self._begun = (raw.id, raw.revision, found)

    def found(self, raw: RawConfig) -> Found | None:
        """What was begun for this commit of this repository, waited for. Raises the SourceError family."""
        if self._begun is None or self._begun[:2] != (raw.id, raw.revision):
            return None
        return self._begun[2]()


def _room(size: int | None) -> int | None:
    """Bytes behind the header, at the most."""
    return None if size is None else size - PREFIX


def fetch(raw: RawConfig, choice: places.Choice, token: str | bool | None, *, refresh: bool) -> Found:
    """The headers of a choice of files, from disk where this commit's are kept."""
    wait = hub.default_patience()
    client = hub.connect(token, Patience(wait.first, max(30.0, wait.total)))
    files = (choice.index,) if choice.index else choice.files
    place = kept.path(client.endpoint, raw.id, raw.revision, files) if raw.revision else None
    answer = kept.read(place) if place and not refresh else None
    if answer is not None and (found := _from_kept(answer)) is not None:
        return found
    found = _online(client, raw, choice)
    if place is not None:
        kept.write(place, _to_kept(found))
    return found


def _online(client: hub.Client, raw: RawConfig, choice: places.Choice) -> Found:
    at = hub.quoted(raw.revision or raw.asked or "main")
    if choice.index is None:
        return Found(ranges.headers(client, raw.id, at, choice.files), None)
    if raw.asked in (None, "main"):
        try:
            return _at_once(client, raw, choice.index)
        except CardscopeError:
            pass  # a mirror without the endpoint, or an answer that cannot be meant: the files themselves tell
    return _one_by_one(client, raw, at, choice.index)


def _at_once(client: hub.Client, raw: RawConfig, index: str) -> Found:
    """All headers of `main` in one request; its index comes without a weight map, which the headers repeat."""
    what = f"the headers of {raw.id}"
    answer = client.get(f"/api/models/{raw.id}/safetensors-metadata/{index}", MAX_METADATA, what)
    if answer.status != 200:
        raise NetworkError(f"{client.host} has no list of headers for {raw.id}", hint="they are read one by one")
    try:
        found = json.loads(answer.body, object_pairs_hook=no_duplicates)
        headers, claimed = found["headers"], found["index"].get("metadata") or {}
        shards = places.check_shards(headers, what)
        total, parameters = whole(claimed.get("total_size")), whole(claimed.get("total_parameters"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotAConfig(f"{what} came in another form", hint="they are read one by one") from None
    _same_commit(raw, headers)
    names = {n: file for file, header in headers.items() for n in header if n != "__metadata__"}
    return Found(headers, Index(names, shards, total, parameters))


def _same_commit(raw: RawConfig, headers: Mapping[str, object]) -> None:
    """`main` may have moved since its commit was told: every shard must fit a file of that commit."""
    sizes = dict(raw.hub.files) if raw.hub else {}
    for file, header in headers.items():
        size = sizes.get(file)
        fits = size is None or size - MAX_HEADER - PREFIX <= _end(header) <= size - PREFIX
        if file not in sizes or not fits:
            raise NotAConfig(f"{file} is not of this commit", hint="its header is read by range")


def _end(header: object) -> int:
    """Where the last tensor ends; a header of another form, which `check` will refuse, ends nowhere."""
    entries = header.values() if isinstance(header, dict) else ()
    spans = (entry.get("data_offsets") for entry in entries if isinstance(entry, dict))
    ends = (span[1] for span in spans if isinstance(span, list) and len(span) == 2 and isinstance(span[1], int))
    return max(ends, default=0)


def _one_by_one(client: hub.Client, raw: RawConfig, at: str, index: str) -> Found:
    """The index and every shard: a few at the same time, many by the lengths that the index lets expect."""
    names = [n for n, _ in raw.hub.files] if raw.hub else []
    stem = index.partition(".safetensors.index")[0]
    named = (n for n in names if "/" not in n and n.endswith(".safetensors") and "-of-" in n and n.startswith(stem))
    likely = list(named)[: places.MAX_SHARDS]
    listed = later(lambda: _index(client, raw.id, at, index))
    if len(likely) > FEW and _weights_of_main(client, raw):
        try:
            return _at_once(client, raw, index)
        except CardscopeError:
            pass  # as for main itself
    found = ranges.headers(client, raw.id, at, likely) if len(likely) <= FEW else {}
    table = listed()
    rest = [n for n in table.shards if n in names and n not in found]
    found |= ranges.headers(client, raw.id, at, rest, ranges.likely(table.weight_map))
    return Found({name: found[name] for name in table.shards if name in found}, table)


def _weights_of_main(client: hub.Client, raw: RawConfig) -> bool:
    """Whether the weights of this revision are, file for file, those of main, as they mostly are."""
    own = {n: blob for n, blob in raw.hub.blobs.items() if "/" not in n} if raw.hub else {}
    try:
        return bool(own) and own.items() <= hub.ask(client, raw.id, None).blobs.items()
    except CardscopeError:
        return False


def _index(client: hub.Client, name: str, at: str, file: str) -> Index:
    what = f"{file} of {name}"
    answer = client.get(f"/{name}/resolve/{at}/{file}", MAX_INDEX, what)
    if answer.status != 200:
        raise NetworkError(f"{client.host} answered {answer.status} when asked for {what}", hint="try again later")
    return parse_index(answer.body, what)


# -- the form on disk ----------------------------------------------------------------------------------------


def _to_kept(found: Found) -> dict[str, object]:
    index = found.index
    listed = None
    if index is not None:
        placed = {n: f for f, h in found.headers.items() if isinstance(h, dict) for n in h if n != "__metadata__"}
        listed = {
            "total_size": index.total_size,
            "total_parameters": index.total_parameters,
            "weight_map": None if placed == index.weight_map else dict(index.weight_map),
        }
    return {"headers": dict(found.headers), "index": listed}


def _from_kept(answer: Mapping[str, object]) -> Found | None:
    headers, listed = answer.get("headers"), answer.get("index")
    if not isinstance(headers, dict):
        return None
    if not isinstance(listed, dict):
        return Found(headers, None)
    placed = listed.get("weight_map")
    if placed is None:
        placed = {n: f for f, h in headers.items() for n in h if n != "__metadata__"}
    shards = places.check_shards(placed.values(), "the kept index")
    return Found(headers, Index(placed, shards, whole(listed["total_size"]), whole(listed["total_parameters"])))

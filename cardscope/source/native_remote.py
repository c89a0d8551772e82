"""A native nanochat checkpoint on the Hub: its meta, and by range the directory of the weights beside it."""

from __future__ import annotations

from datetime import UTC, datetime

from cardscope.checkpoint import pickle_zip
from cardscope.errors import NetworkError
from cardscope.model import HubFacts, RawConfig
from cardscope.source import cache, hub, huberrors, native, strictjson


def load(client: hub.Client, name: str, revision: str | None, facts: HubFacts) -> RawConfig | None:
    """The config of the last meta in a repository; None where it holds none. Raises the SourceError family."""
    sizes = dict(facts.files)
    meta = native.last_meta(sizes)
    if meta is None:
        return None
    at = facts.commit or revision or "main"
    data = cache.read_commit(name, at, meta) or _fetch(client, name, revision, facts, meta)
    if not native.is_native(data):
        return None
    file = native.weights_of(meta) or ""
    size = sizes.get(file)
    archive = None if size is None else lambda: _archive(client, name, at, file, size)
    found, notes = native.config(data, meta, archive, file.rpartition("/")[2])
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return RawConfig(
        data=found,
        id=name,
        source="hub",
        revision=facts.commit,
        fetched=now,
        where=meta,
        hub=facts,
        notes=notes,
        asked=revision,
    )


def _fetch(client: hub.Client, name: str, revision: str | None, facts: HubFacts, meta: str) -> dict[str, object]:
    what = f"{meta} of {name}"
    at = hub.quoted(facts.commit or revision or "main")
    answer = client.get(f"/{name}/resolve/{at}/{meta}", strictjson.MAX_CONFIG, what)
    if answer.status != 200:
        huberrors.refuse(answer, client, name, revision, facts)
    data = strictjson.load(answer.body, what)
    if facts.commit is not None:
        cache.store(name, revision, facts.commit, answer.body, meta)
    return data


def _archive(client: hub.Client, name: str, at: str, file: str, size: int) -> pickle_zip.Archive:
    what = f"{file} of {name}"

    def fetch(start: int, stop: int) -> bytes:
        answer = client.get(f"/{name}/resolve/{hub.quoted(at)}/{file}", stop - start, what, (start, stop))
        if answer.status not in {200, 206}:
            raise NetworkError(f"{client.host} answered {answer.status} when asked for {what}", hint="try again later")
        return answer.body

    return pickle_zip.read(fetch, size, what)

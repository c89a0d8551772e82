"""A model's README.md: from the repository its config came from, or from the folder it lies in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cardscope.errors import NetworkError, NotFound, SourceError
from cardscope.model import RawConfig
from cardscope.source import cache, local, words

MAX_CARD: Final = 8_000_000
"""Bytes; the largest real cards have a few hundred thousand."""
NAME: Final = "README.md"
SUFFIXES: Final = (".md", ".markdown")


def text(raw: RawConfig, token: str | bool | None = None, *, refresh: bool = False) -> tuple[str, str]:
    """(text, where it was read) of the card beside a config; one request where the cache has none of that commit.

    Raises NotFound where there is no card, and the SourceError family.
    """
    if raw.source == "hub":
        return _hub(raw, token, refresh=refresh), f"{NAME} of {raw.id}"
    if raw.source == "cache":
        found = cache.find(raw.id, raw.revision, NAME)
        if found is None:
            hint = "online, it is one small request; or name a file: --check README.md"
            raise NetworkError(f"the cache holds no {NAME} of {raw.id}", hint=hint)
        return decode(local.read(found.path, str(found.path), MAX_CARD)), f"the cached {NAME} of {raw.id}"
    if raw.folder is not None:
        return of_file(str(Path(raw.folder) / NAME))
    if raw.source == "catalog":
        why = f": {raw.notes[0]}" if raw.notes else ""
        raise NetworkError(
            f"the card of {raw.id} is not at hand{why}", hint="online it is read; or --check README.md names a file"
        )
    raise NotFound(f"there is no {NAME} beside {raw.where}", hint=f"--check {NAME} names one")


def of_file(target: str) -> tuple[str, str]:
    """(text, path) of a card on this machine. Raises NotFound, TooLarge or SourceError."""
    return decode(local.read(words.local_path(target), target, MAX_CARD)), target


def is_card(word: str) -> bool:
    """Whether a MODEL word is a card on this machine."""
    return word.lower().endswith(SUFFIXES) and words.local_path(word).is_file()


def decode(data: bytes) -> str:
    """The text of a card; what is not UTF-8 becomes a mark."""
    return data.decode("utf-8-sig", "replace")


def _hub(raw: RawConfig, token: str | bool | None, *, refresh: bool) -> str:
    facts = raw.hub
    if facts and facts.files and NAME not in dict(facts.files):
        raise NotFound(f"{raw.id} has no {NAME}", hint=f"--check {NAME} names a file on this machine")
    kept = cache.find(raw.id, raw.revision, NAME) if raw.revision else None
    if kept is not None and not refresh:
        return decode(local.read(kept.path, str(kept.path), MAX_CARD))
    from cardscope.source import hub

    client = hub.connect(token)
    at = hub.quoted(raw.revision or raw.asked or "main")
    answer = client.get(f"/{raw.id}/resolve/{at}/{NAME}", MAX_CARD, f"the {NAME} of {raw.id}")
    if answer.status == 404:
        raise NotFound(f"{raw.id} has no {NAME}", hint=f"--check {NAME} names a file on this machine")
    if answer.status != 200:
        from cardscope.source import huberrors

        huberrors.refuse(answer, client, raw.id, raw.asked, facts)
    if raw.revision:
        cache.store(raw.id, raw.asked, raw.revision, answer.body, NAME)
    return decode(answer.body)


def without_config(error: SourceError, name: str) -> RawConfig | None:
    """What stands for a repository that has a card and no config; None where there is no card either."""
    facts = error.facts
    if facts is None or NAME not in dict(facts.files):
        return None
    return RawConfig(data={}, id=name, source="hub", revision=facts.commit, hub=facts, where="no config.json")

"""A MODEL word → its card's text, its config and its report, as far as they are to be had."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NamedTuple

from cardscope.assemble import assemble
from cardscope.checkpoint.look import Look
from cardscope.errors import CardscopeError, NotAConfig, NotFound, UsageError
from cardscope.model import RawConfig
from cardscope.report.model import Report
from cardscope.source import readme, resolve

Stored = Callable[[RawConfig], Look | None]


class Fetched(NamedTuple):
    """The card's text and where it was read; config and report, or why there are none."""

    text: str
    where: str
    raw: RawConfig | None
    report: Report | None
    reason: str | None = None


def fetch(model: Any, file: str | PathLike[str] | None, stored: Stored, options: Mapping[str, Any]) -> Fetched:
    """The card of a model: of a file where one is named, else the one beside its config.

    Raises the SourceError family where the card cannot be read; a config that cannot be counted is a reason.
    """
    token, refresh = options.get("token"), bool(options.get("refresh"))
    word = fspath(model) if isinstance(model, PathLike) else model
    if isinstance(word, str) and readme.is_card(word):
        if file is not None:
            raise UsageError(f"two cards are named: {word} and {fspath(file)}", hint="name the model and one card")
        file, word = word, None
    raw, reason = _beside(Path(fspath(file))) if word is None and file is not None else _config(word, options)
    text, where = readme.of_file(fspath(file)) if file is not None else _text(word, raw, token, refresh=refresh)
    report = None
    if raw is not None and raw.data:
        try:
            report = assemble(raw, stored=stored(raw))
        except CardscopeError as error:
            reason = error.message
    return Fetched(text, where, raw, report, reason)


def _text(word: Any, raw: RawConfig | None, token: Any, *, refresh: bool) -> tuple[str, str]:
    if raw is None:
        return readme.of_file(str(Path(str(word)) / readme.NAME))
    return readme.text(raw, token, refresh=refresh)


def _beside(card: Path) -> tuple[RawConfig | None, str | None]:
    """The config in the folder of a card, where there is one."""
    folder = card.expanduser().resolve().parent
    if not (folder / "config.json").is_file():
        return None, f"no config.json lies beside {card}"
    try:
        return resolve(folder), None
    except CardscopeError as error:
        return None, error.message


def _config(word: Any, options: Mapping[str, Any]) -> tuple[RawConfig | None, str | None]:
    try:
        return resolve(word, **options), None
    except (NotFound, NotAConfig) as error:
        if not isinstance(word, str):
            raise
        if (Path(word).expanduser() / readme.NAME).is_file():
            return None, error.message
        raw = readme.without_config(error, word.partition("@")[0].removeprefix("hf://"))
        if raw is None:
            raise
        return raw, error.message

"""One card answered: text and witnesses in, claims with verdicts out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from cardscope.carding import lint
from cardscope.carding.find import claims
from cardscope.carding.implications import implications
from cardscope.carding.model import KINDS, Answer, Judged, Value
from cardscope.carding.read import Document, read
from cardscope.carding.subject import Subject, subject
from cardscope.carding.verdict import judge
from cardscope.carding.witness import Witnesses, none, witnesses
from cardscope.model import RawConfig
from cardscope.report.model import Report

WORTH_STATING: Final = (
    "parameters",
    "active_parameters",
    "num_layers",
    "hidden_size",
    "num_heads",
    "num_kv_heads",
    "vocab_size",
    "context_length",
    "dtype",
    "num_experts",
)
"""Facts whose absence from a card is told."""


_SCALING: Final = re.compile(
    r"\b(?:yarn|rope[-_ ]scaling|(?:dynamic|aware)[- ]ntk|ntk[- ]aware|longrope)\b", re.IGNORECASE
)


def analyse(text: str, raw: RawConfig | None, report: Report | None, where: str, reason: str | None = None) -> Answer:
    """The answer for one card. Never raises for what the card holds."""
    document = read(text)
    own = named(document, raw)
    if not own.sizes and report is not None and report.headline.total:
        own = replace(own, sizes=(float(report.headline.total),))
    known = none(reason or "there is no config to hold it against", document.metadata.data)
    if raw is not None and raw.data:
        known = witnesses(raw, report, document.metadata.data, reason)
    found = tuple(claims(document, own))
    if any(claim.kind == "context_length" for claim in found):
        known = replace(known, scaling_told=bool(_SCALING.search(text)))
    judged = tuple(judge(claim, known) for claim in found)
    notes = (
        *(raw.notes if raw else ()),
        *document.notes,
        *((document.metadata.error,) if document.metadata.error else ()),
    )
    return Answer(
        id=raw.id if raw else own.name or where,
        source=raw.source if raw else "file",
        where=where,
        revision=raw.revision if raw else None,
        claims=judged,
        unstated=tuple(_unstated(judged, known)),
        implications=implications(report, judged),
        findings=lint.findings(text, raw),
        notes=notes,
    )


def named(document: Document, raw: RawConfig | None) -> Subject:
    """Whom the card is about: the repository's id, else the name in the metadata, the first heading, the folder.

    Of these the first that tells a size, so that a heading `Llama 2` leaves the word to the folder `Llama-2-7b`.
    """
    if raw is not None and raw.source in {"hub", "cache", "catalog"}:
        return subject(raw.id)
    folder = _folder(Path(raw.folder).resolve()) if raw is not None and raw.folder else ""
    said = (document.metadata.data.get("model_name"), document.title, folder)
    names = [name for name in said if isinstance(name, str) and any(map(str.isdigit, name)) and len(name) <= 120]
    found = [subject(name) for name in names]
    return next((own for own in found if own.sizes), next(iter(found), subject(document.title[:120])))


def _folder(path: Path) -> str:
    """A folder's name; in the cache of the Hub's tools that of the repository."""
    repository = path.parent.parent.name if path.parent.name == "snapshots" else ""
    return repository.rpartition("--")[2] if repository.startswith("models--") else path.name


def _unstated(judged: tuple[Judged, ...], known: Witnesses) -> Iterator[tuple[str, Value, str]]:
    """Facts that a witness has and no claim names."""
    said = {item.claim.kind for item in judged if item.claim.where != "name"}
    report = known.report
    spec = report.spec if report else None
    for kind in WORTH_STATING:
        if kind in said or kind not in KINDS or report is None:
            continue
        value: Value | None = None
        if kind == "parameters":
            value = known.total
        elif kind == "active_parameters":
            value = report.headline.active if report.headline.active != known.total else None
        elif kind == "dtype":
            value = known.dtype
        elif kind == "context_length":
            value = spec.max_positions if spec else None
        elif spec is not None:
            value = getattr(spec, kind)
        if value is not None:
            yield kind, value, known.counted if "parameters" in kind else "config.json"

"""RawConfig → Row, and the memory of configs seen before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from typing import Final

from cardscope.assemble import SKIPPED, Options, assemble
from cardscope.auditing.evidence import NOTHING, Beside
from cardscope.auditing.rows import LONGEST, Row, cut, failed
from cardscope.carding.lint import beside as card_beside
from cardscope.checkpoint.look import Look
from cardscope.errors import CardscopeError, NotModelled
from cardscope.exact.answer import TOO_LONG
from cardscope.findings import Finding, finding
from cardscope.model import RawConfig
from cardscope.report.model import Exact
from cardscope.rules import Repository, of_config, of_repository
from cardscope.stored import method

LEAN: Final = Options(lean=True)
KEPT: Final = 4096
"""Configs whose rows are remembered, oldest forgotten first: an audit's memory does not grow with its rows."""


class Analyst:
    """Analyses configs one after the other; one that was seen before is not analysed again."""

    def __init__(self) -> None:
        self._seen: dict[bytes, Row] = {}
        self.repeated = 0

    def row(
        self, name: str, raw: RawConfig, exact: Exact = SKIPPED, stored: Look | None = None, beside: Beside = NOTHING
    ) -> Row:
        """The row of one model. Never raises for what a config holds; a fault of our own is a row of kind internal."""
        try:
            known = self._figures(name, raw, exact, stored)
            facts = raw.hub
            row = replace(known, id=name, revision=raw.revision, license=cut(facts.license) if facts else None)
            if row.error:
                return row
            contents = stored.contents if stored else None
            about = Repository(
                name, raw.data, row.parameters, facts, row.active, row.context, contents, beside, raw.files
            )
            return replace(row, findings=(*row.findings, *of_repository(about), *card_beside(raw)))
        except Exception as error:  # noqa: BLE001 - one model costs itself, never the audit
            return failed(name, error, raw)

    def _figures(self, name: str, raw: RawConfig, exact: Exact, stored: Look | None) -> Row:
        """The figures, remembered where they rest on the config and what is said of it alone."""
        if stored is not None and stored.contents is not None:
            return figures(name, raw, exact, stored)
        key = _key(raw, exact, stored)
        known = self._seen.get(key)
        if known is not None:
            self.repeated += 1
            return known
        return self._keep(key, figures(name, raw, exact, stored))

    def _keep(self, key: bytes, row: Row) -> Row:
        if len(self._seen) >= KEPT:
            del self._seen[next(iter(self._seen))]
        self._seen[key] = row
        return row


def figures(name: str, raw: RawConfig, exact: Exact = SKIPPED, stored: Look | None = None) -> Row:
    """The row of one config, an error row where nothing can be counted.

    Raises what a fault of our own raises; a CardscopeError is a row.
    """
    try:
        report = assemble(raw, exact=exact, stored=stored, options=LEAN)
    except NotModelled as error:
        slow = TookTooLong(f"{error.message}; its exact count: {exact.reason}")
        return failed(name, slow if exact.reason == TOO_LONG else error, raw)
    except CardscopeError as error:
        return failed(name, error, raw)
    head, classes = report.headline, report.model.architectures
    return Row(
        name,
        "ok",
        revision=raw.revision,
        model_type=cut(report.model.model_type),
        architecture=cut(classes[0]) if classes else None,
        parameters=head.total,
        active=head.active,
        witness=head.witness,
        confidence=report.parameters.analytic.confidence,
        dtype=head.dtype,
        quantization=method(raw),
        weight_bytes=head.bytes,
        kv_per_token_bytes=report.kv_cache.per_token_bytes if report.kv_cache else None,
        context=report.spec.max_positions if report.spec else None,
        attention=report.attention.kind if report.attention else None,
        license=cut(raw.hub.license) if raw.hub else None,
        findings=(*report.findings, *_not_taken(exact, raw.where), *of_config(raw.data, raw.where)),
    )


class TookTooLong(CardscopeError):
    """The only witness that could count a model overran its time."""

    kind = "timeout"


def _not_taken(exact: Exact, where: str) -> Iterator[Finding]:
    """A count that was asked for, is not there, and does not keep the row from having another."""
    if exact.status in {"failed", "unavailable"}:
        yield finding("CS211", f"no exact count: {exact.reason}"[:LONGEST], where)


def _key(raw: RawConfig, exact: Exact, look: Look | None) -> bytes:
    """What the figures depend on: the config, where findings say it lies, and what the Hub says is stored."""
    facts = raw.hub
    stored = [facts.safetensors_total, facts.safetensors_dtypes] if facts else None
    why = look.reason if look else None
    text = json.dumps([raw.data, raw.where, stored, exact.total, exact.status, why], sort_keys=True)
    return blake2b(text.encode("ascii"), digest_size=16).digest()

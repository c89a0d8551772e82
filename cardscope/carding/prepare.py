"""A MODEL word → the block of specification or the metadata that its card should have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cardscope.assemble import assemble
from cardscope.carding import write
from cardscope.carding.fetch import fetch
from cardscope.carding.metadata import split
from cardscope.checkpoint.look import look
from cardscope.errors import NotFound
from cardscope.model import RawConfig
from cardscope.report.model import Report
from cardscope.source import resolve


def prepared(what: str, model: str, options: Mapping[str, Any]) -> str:
    """`block` (Markdown) or `metadata` (YAML) of one model, whose card need not be there.

    Raises the SourceError family, and NotModelled where nothing is known of the model.
    """
    headers = options.get("headers", "auto")
    asked = {key: value for key, value in options.items() if key != "headers"}
    if what == "block":
        return write.block(_report(resolve(model, **asked), headers, asked))
    try:
        found = fetch(model, None, lambda _: None, asked)
    except NotFound:
        return write.metadata({}, resolve(model, **asked))
    return write.metadata(split(found.text)[0].data, found.raw or RawConfig(data={}, id="", source="file"))


def _report(raw: RawConfig, headers: Any, asked: Mapping[str, Any]) -> Report:
    from cardscope.assemble import outline

    spec, _ = outline(raw)
    stored = look(raw, headers, spec, token=asked.get("token"), refresh=bool(asked.get("refresh"))) if headers else None
    return assemble(raw, stored=stored)

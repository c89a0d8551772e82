"""The library's verbs: what the command line and users call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Literal

from cardscope.errors import CardscopeError

if TYPE_CHECKING:
    from cardscope.exact import ExactCount, Worker
    from cardscope.report.model import Exact, Report

Model = str | PathLike[str] | Mapping[str, object]
Choice = bool | Literal["auto"]


def inspect(
    model: Model,
    *,
    exact: Choice = "auto",
    headers: Choice = "auto",
    revision: str | None = None,
    token: str | bool | None = None,
    offline: bool = False,
    refresh: bool = False,
    sets: Iterable[str | tuple[str, str]] = (),
    context: int | None = None,
    batch: int = 1,
    kv_dtype: str | None = None,
) -> Report:
    """The report of one model: a Hub id or URL, a path, `nanochat:d20`, or a config as a dict.

    `exact` builds the empty model in a child process ("auto": where the `exact` extra is installed); `headers` is
    reserved for reading stored tensors.  `context` adds a row to the cache table, `batch` multiplies nothing but the
    cache, `kv_dtype` is the cache's.  A dict with exact=False and headers=False touches neither network nor disk
    beyond the package's own data.  Raises the CardscopeError family.
    """
    from cardscope.assemble import SKIPPED, Options, assemble
    from cardscope.source import resolve

    del headers
    worker = _warm(model) if exact else None
    try:
        raw = resolve(model, revision=revision, token=token, offline=offline, refresh=refresh, sets=sets)
        counted = _exact(raw.data, worker) if exact else SKIPPED
    finally:
        if worker is not None:
            worker.close()
    return assemble(raw, exact=counted, options=Options(context, batch, kv_dtype))


def _warm(model: Model) -> Worker | None:
    """A child whose slow imports run while the network is asked; only a Hub id is worth one ahead of time."""
    from cardscope.source import parse

    if not isinstance(model, str):
        return None
    try:
        kind = parse(model).kind
    except CardscopeError:
        return None
    if kind != "hub":
        return None
    from cardscope.exact import warm

    return warm()


def _exact(config: Mapping[str, object], worker: Worker | None) -> Exact:
    from cardscope.exact import count

    return as_witness(count(config, worker=worker))


def as_witness(counted: ExactCount) -> Exact:
    """The child's answer as a witness of the report."""
    from cardscope.report.model import Exact

    return Exact(counted.total, counted.buffers, counted.class_name, counted.status, counted.reason)

"""The library's verbs: what the command line and users call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from cardscope.begin import Choice, Model, Sets, begin, stored_beside
from cardscope.errors import CardscopeError, NotAConfig, NotFound

if TYPE_CHECKING:
    from cardscope.assemble import Options
    from cardscope.auditing.rows import Row
    from cardscope.carding.model import Answer
    from cardscope.comparison import Comparison
    from cardscope.derivation import Explanation
    from cardscope.designing import Designs
    from cardscope.exact import ExactCount, Worker
    from cardscope.report.model import Exact, Report
    from cardscope.training import Plan


def inspect(
    model: Model,
    *,
    exact: Choice = "auto",
    headers: Choice = "auto",
    revision: str | None = None,
    token: str | bool | None = None,
    offline: bool = False,
    refresh: bool = False,
    sets: Sets = (),
    context: int | None = None,
    batch: int = 1,
    kv_dtype: str | None = None,
) -> Report:
    """The report of one model: a Hub id or URL, a path, `nanochat:d20`, or a config as a dict.

    `exact` builds the empty model in a child process ("auto": where the `exact` extra is installed, and unless what is
    stored already agrees with the config); `headers` reads the headers of the stored tensors, beside a local config or
    on the Hub, never a tensor.  `context` adds a row to the cache table, `batch` multiplies nothing but the
    cache, `kv_dtype` is the cache's.  A dict with exact=False and headers=False touches neither network nor disk
    beyond the package's own data.
    `sets` are what-ifs as `KEY=VALUE`, or as a mapping.  Raises the CardscopeError family.
    """
    from cardscope.assemble import SKIPPED, Options, assemble
    from cardscope.carding.lint import with_card

    options = Options(context, batch, kv_dtype)
    # Where headers may settle the count, torch is not started before they are read.
    worker = _warm(model) if exact is True or (exact and not headers) else None
    try:
        try:
            raw, ahead = begin(model, headers, token, refresh, revision=revision, offline=offline, sets=sets)
        except (NotFound, NotAConfig) as error:
            return _bundle(model, error, headers, token, options, offline=offline)
        stored, agrees = stored_beside(raw, headers, token, ahead, refresh=refresh)
        counted = SKIPPED
        if exact:
            counted = _settled() if agrees and exact == "auto" else _exact(raw.data, worker)
    finally:
        if worker is not None:
            worker.close()
    return with_card(assemble(raw, exact=counted, stored=stored, options=options), raw)


def _bundle(
    model: Model, error: NotFound | NotAConfig, headers: Choice, token: str | bool | None, options: Options,
    *, offline: bool,
) -> Report:  # fmt: skip
    """The report of a pipeline or an adapter, which transformers has no config of. Raises `error` for all else."""
    from cardscope import bundles
    from cardscope.assemble import assemble

    if not headers:
        raise error
    found = bundles.read(model, error, token, offline=offline)
    report = assemble(found.raw, stored=found.look, options=options)
    return replace(report, findings=(*report.findings, *found.findings))


def audit(
    ids: Iterable[Model],
    *,
    jobs: int = 16,
    ordered: bool = True,
    token: str | bool | None = None,
    offline: bool = False,
    refresh: bool = False,
    tries: int = 4,
    exact: bool = False,
    headers: Choice = "auto",
    files: Choice = "auto",
) -> Iterator[Row]:
    """One row a model (ids, paths, configs as dicts), as they are done or in the order given; duplicates once.

    A model that cannot be counted is a row with an error, never an exception. `jobs` requests are under way at
    once; a 429 pauses all of them for as long as the Hub says, and what may pass is tried `tries` times.
    `exact` builds every empty model too, in children that are limited in time and memory; `headers` reads the headers
    of stored tensors and `files` the generation and tokenizer config ("auto": of folders, where it costs no request).
    Raises UsageError where the `exact` extra is missing.
    """
    from cardscope.auditing.engine import audit as rows
    from cardscope.auditing.evidence import Asker
    from cardscope.auditing.exact_pool import pool
    from cardscope.auditing.fetch import Fetcher, kept

    fetch = Fetcher(token=token, offline=offline, refresh=refresh, tries=tries, store=kept())
    return rows(ids, Asker(fetch, pool() if exact else None, headers, files), jobs, ordered=ordered)


def _settled() -> Exact:
    from cardscope.report.model import Exact

    return Exact(None, status="skipped", reason="the stored tensors agree with the config; --exact builds it too")


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


def explain(
    model: Model,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    offline: bool = False,
    refresh: bool = False,
    sets: Sets = (),
) -> Explanation:
    """The count of one model derived step by step; its sections sum to the total. Raises the CardscopeError family."""
    from cardscope.derivation import derive
    from cardscope.source import resolve

    return derive(resolve(model, revision=revision, token=token, offline=offline, refresh=refresh, sets=sets))


def compare(
    models: Iterable[Model],
    *,
    families: Iterable[str] = (),
    exact: Choice = False,
    headers: Choice = "auto",
    token: str | bool | None = None,
    offline: bool = False,
    refresh: bool = False,
    context: int | None = None,
    batch: int = 1,
    kv_dtype: str | None = None,
) -> Comparison:
    """Models (words with their revisions and what-ifs, paths, configs) and whole families, side by side.

    Raises the CardscopeError family: one model that cannot be read is an error, not a gap.
    """
    from cardscope.comparison import compare_reports
    from cardscope.comparison.families import members

    asked: list[tuple[str, Model]] = []
    for model in models:
        asked.append((f"config {len(asked) + 1}" if isinstance(model, Mapping) else str(model), model))
    for family in families:
        asked += members(family).items()
    reports = [
        inspect(
            model,
            exact=exact,
            headers=headers,
            token=token,
            offline=offline,
            refresh=refresh,
            context=context,
            batch=batch,
            kv_dtype=kv_dtype,
        )
        for _, model in asked
    ]
    return compare_reports([name for name, _ in asked], reports)


def train(
    model: Model,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    offline: bool = False,
    refresh: bool = False,
    sets: Sets = (),
    **run: Any,
) -> Plan:
    """Tokens, FLOPs, steps, time, cost and data of training one model; `run` are the fields of `training.Run`.

    Raises the CardscopeError family, and TypeError for a field that Run does not have.
    """
    from cardscope.source import resolve
    from cardscope.training import Run, plan

    raw = resolve(model, revision=revision, token=token, offline=offline, refresh=refresh, sets=sets)
    return plan(raw, Run(**run))


def design(
    *,
    devices: int = 8,
    device_batch: int = 32,
    peak_flops: float = 989e12,
    mfu: float = 0.5,
    price: float | None = None,
    chars_per_token: float = 4.8,
    **asked: Any,
) -> Designs:
    """Small architectures that meet a budget, best first, with reasons, data and the cost of training.

    `asked`: params, flops, memory, cache ("38M", "4GB", numbers); split "1:1:1" of embedding, blocks and head; family
    "nanochat", "gpt2", "llama" or "qwen3", nanochat's release; head_dim, vocab, gqa, mlp_ratio (one or several); depth
    "2:64"; width_multiple, tied, context, precision, tolerance, limit, ratio.  Raises UsageError where nothing meets
    it, and TypeError for a word that is none of these.
    """
    from cardscope.designing import design_for
    from cardscope.designing.words import ask

    return design_for(
        ask(asked),
        devices=devices,
        device_batch=device_batch,
        peak_flops=peak_flops,
        mfu=mfu,
        price=price,
        chars_per_token=chars_per_token,
    )


def card(
    model: Model,
    *,
    readme: str | PathLike[str] | None = None,
    headers: Choice = "auto",
    revision: str | None = None,
    token: str | bool | None = None,
    offline: bool = False,
    refresh: bool = False,
    sets: Sets = (),
) -> Answer:
    """What a model's card claims, each claim beside what config, count and stored tensors say.

    The card is the README.md beside the config (one request more on the Hub), or the file `readme`; MODEL may be a card
    itself, whose folder may hold a config. A model that cannot be counted is no error: its claims cannot be checked.
    Raises the CardscopeError family where there is no card.
    """
    from cardscope.carding.answer import analyse
    from cardscope.carding.fetch import fetch

    options = {"revision": revision, "token": token, "offline": offline, "refresh": refresh, "sets": sets}
    found = fetch(model, readme, lambda raw: stored_beside(raw, headers, token, None, refresh=refresh)[0], options)
    return analyse(found.text, found.raw, found.report, found.where, found.reason)

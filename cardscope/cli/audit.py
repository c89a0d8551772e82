"""`cardscope audit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cardscope.auditing.cluster.drive import Cluster
    from cardscope.auditing.cluster.work import Plan
    from cardscope.auditing.evidence import Asker
    from cardscope.auditing.job import Wanted
    from cardscope.auditing.summary import Choice

SORTS = ("created_at", "downloads", "last_modified", "likes", "trending_score")
FORMATS = ("auto", "human", "jsonl", "csv", "markdown", "html", "parquet")


def _shard(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, int]:
    first, _, last = text.partition("/")
    if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= 100_000):
        raise click.BadParameter(f"{text!r} is not I/N with I from 1 to N")
    return int(first), int(last)


@click.command("audit")
@click.argument("ids", nargs=-1)
@click.option("--from", "lists", multiple=True, metavar="FILE", help="Ids or rows: .txt, .csv, .jsonl, .parquet, -.")
@click.option("--id-column", help="The column of a table that holds the id.")
@click.option("--config-column", default="config", help="The column that may hold the config itself.")
@click.option("--author", help="All models of an author on the Hub.")
@click.option("--search", help="Models that the Hub finds for these words.")
@click.option("--filter", "filters", multiple=True, help="Models with this tag on the Hub.")
@click.option("--sort", type=click.Choice(SORTS), help="The Hub's order.")
@click.option("--limit", type=click.IntRange(1), help="At most so many models.")
@click.option("--shard", default="1/1", metavar="I/N", callback=_shard, help="Only the I-th of N equal shares.")
@click.option("--jobs", type=click.IntRange(1, 256), default=16, help="Requests at once.")
@click.option("--retries", type=click.IntRange(0, 20), default=3, help="Tries after a first one that failed.")
@click.option("--headers/--no-headers", default=None, help="Read stored tensors' headers; by default of folders.")
@click.option("--files/--no-files", default=None, help="Read generation and tokenizer config; by default of folders.")
@click.option("--exact/--no-exact", default=False, help="Build every empty model too (needs the `exact` extra).")
@click.option("--exact-jobs", type=click.IntRange(1, 256), help="Models built at once; by default one a core.")
@click.option("--exact-timeout", type=click.FloatRange(1, 86_400), default=60, help="Seconds one may take.")
@click.option("--exact-memory", type=click.FloatRange(1, 4096), default=8, help="GiB one may take.")
@click.option("--unordered", is_flag=True, help="Rows as they are done, not in the input's order.")
@click.option(
    "--engine", type=click.Choice(("local", "ray")), default="local", help="Where: here, or on a Ray cluster."
)
@click.option("--ray-address", help="The cluster; by default one is started here.")
@click.option("--ray-workers", type=click.IntRange(1, 1024), help="Workers of one that is started here.")
@click.option("--ray-batch", type=click.IntRange(1, 100_000), default=1000, help="Models a Parquet file.")
@click.option("--rate", type=click.FloatRange(0.01), help="Requests a second at most, of all workers together.")
@click.option("--resume", is_flag=True, help="Go on where an earlier run of the same command stopped.")
@click.option("--retry-errors", is_flag=True, help="Go on, and ask again for models whose row is an error.")
@click.option("--merge", is_flag=True, help="Merge results: the words are files, the shards in order.")
@click.option("--select", multiple=True, metavar="CODE", help="Only these findings: CS101, or CS1 for all such.")
@click.option("--ignore", multiple=True, metavar="CODE", help="Not these findings.")
@click.option("--fail-on", multiple=True, metavar="LEVEL", help="Exit 1 on info, warning, error or a code.")
@click.option("--token", help="Hub token; by default the one `hf auth login` stored, or HF_TOKEN.")
@click.option("--offline", is_flag=True, help="Use the cache and the bundled catalogue only.")
@click.option("--refresh", is_flag=True, help="Ask the Hub even where a fresh answer is cached.")
@click.option("-o", "--output", type=click.Path(writable=True), help="Write the rows to a file.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="auto", help="How to write them.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format jsonl.")
def command(ids: tuple[str, ...], *, form: str, as_json: bool, **options: Any) -> int:
    """Many models: one row each, findings, resumable."""
    from cardscope.auditing.job import merged, perform

    if options["merge"]:
        if options["output"] is None:
            raise click.UsageError("--merge writes a file: -o names it")
        return merged(ids, options["output"], "jsonl" if as_json else form, _choice(options))
    wanted = _wanted(ids, "jsonl" if as_json else form, options)
    return perform(wanted, _asker(options))


def _wanted(ids: tuple[str, ...], form: str, options: Mapping[str, Any]) -> Wanted:
    from cardscope.auditing.hub_query import Query
    from cardscope.auditing.inputs import Columns
    from cardscope.auditing.job import Wanted

    return Wanted(
        ids=ids,
        files=options["lists"],
        columns=Columns(options["id_column"], options["config_column"]),
        query=Query(options["author"], options["search"], options["filters"], options["sort"], options["limit"]),
        limit=options["limit"],
        shard=options["shard"],
        jobs=options["jobs"],
        ordered=not options["unordered"],
        resume=options["resume"],
        retry=options["retry_errors"],
        output=options["output"],
        form=form,
        choice=_choice(options),
        cluster=_cluster(options) if options["engine"] == "ray" else None,
    )


def _choice(options: Mapping[str, Any]) -> Choice:
    from cardscope.auditing.summary import choice

    return choice(options["select"], options["ignore"], options["fail_on"])


def _asker(options: Mapping[str, Any]) -> Asker:
    """Who asks here; on a cluster, each worker has its own."""
    from cardscope.auditing.evidence import Asker
    from cardscope.auditing.exact_pool import pool
    from cardscope.auditing.fetch import Fetcher, Gate, kept

    token, offline, refresh, retries = (options[name] for name in ("token", "offline", "refresh", "retries"))
    fetch = Fetcher(Gate(options["rate"]), token, offline, refresh, retries + 1, kept())
    exact = None
    if options["exact"] and options["engine"] == "local":
        exact = pool(options["exact_jobs"], timeout=options["exact_timeout"], memory_gib=options["exact_memory"])
    return Asker(fetch, exact, _auto(options["headers"]), _auto(options["files"]))


def _cluster(options: Mapping[str, Any]) -> tuple[Cluster, Plan]:
    from cardscope.auditing.cluster.drive import Cluster
    from cardscope.auditing.cluster.work import Plan

    token, offline, refresh, retries = (options[name] for name in ("token", "offline", "refresh", "retries"))
    plan = Plan(
        token=token,
        offline=offline,
        refresh=refresh,
        tries=retries + 1,
        exact=options["exact"],
        timeout=options["exact_timeout"],
        memory_gib=options["exact_memory"],
        headers=_auto(options["headers"]),
        files=_auto(options["files"]),
    )
    return Cluster(options["ray_address"], options["ray_workers"], options["ray_batch"], options["rate"]), plan


def _auto(choice: bool | None) -> Any:
    return "auto" if choice is None else choice

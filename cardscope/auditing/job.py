"""One audit from input to exit code: what the command does once its words are understood."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

from cardscope.auditing import engine, hub_query, inputs, merge, outputs
from cardscope.auditing.evidence import Asker
from cardscope.auditing.fetch import Fetcher, Gate
from cardscope.auditing.inputs import Columns, Item
from cardscope.auditing.journal import Journal
from cardscope.auditing.progress import Progress
from cardscope.auditing.rows import Row, from_dict
from cardscope.auditing.summary import Choice, Tally
from cardscope.errors import CardscopeError, UsageError

if TYPE_CHECKING:
    from cardscope.auditing.cluster.drive import Cluster
    from cardscope.auditing.cluster.work import Plan

TURN: Final = 0.001
"""Seconds one thread computes while others wait."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which models, in how many threads, and how the rows are written."""

    ids: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    columns: Columns = field(default_factory=Columns)
    query: hub_query.Query = field(default_factory=hub_query.Query)
    limit: int | None = None
    shard: tuple[int, int] = (1, 1)
    jobs: int = 16
    ordered: bool = True
    resume: bool = False
    retry: bool = False
    """Whether models whose row is an error are asked again; implies `resume`."""
    output: str | None = None
    form: str = "auto"
    choice: Choice = field(default_factory=Choice)
    cluster: tuple[Cluster, Plan] | None = None


def perform(wanted: Wanted, ask: Asker) -> int:
    """Audits and writes; the exit code. Raises UsageError, NotFound, OSError where the input cannot be read."""
    if not (wanted.ids or wanted.files or wanted.query):
        raise UsageError("no models are named", hint="give ids, --from FILE, - for standard input, or --author NAME")
    if (wanted.resume or wanted.retry) and wanted.output is None:
        name = "--retry-errors" if wanted.retry else "--resume"
        raise UsageError(f"{name} goes on with a result file", hint="name it with -o, as in the run before")
    if wanted.cluster is None and wanted.output is not None and Path(wanted.output).is_dir():
        raise UsageError(f"{wanted.output} is a folder", hint="-o names a file, or a folder with --engine ray")
    if wanted.cluster is not None:
        with Interrupt(ask.fetch.gate):
            return _on_cluster(wanted, ask, *wanted.cluster)
    with Interrupt(ask.fetch.gate), ask, _quick_turns():
        return _into_file(wanted, ask, wanted.output) if wanted.output else _onto_stream(wanted, ask)


@contextmanager
def _quick_turns() -> Iterator[None]:
    """Threads that wait for the Hub take turns with the one that counts every millisecond, not every fifth."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def items(wanted: Wanted, fetch: Fetcher) -> Iterator[Item]:
    """Every model that is wanted, once, of this shard."""
    found = _cut(inputs.once(_all(wanted, fetch)), wanted.limit)
    shard, shards = wanted.shard
    return (item for index, item in enumerate(found) if index % shards == shard - 1)


def _all(wanted: Wanted, fetch: Fetcher) -> Iterator[Item]:
    for word in wanted.ids:
        if word == "-":
            yield from inputs.lines(sys.stdin.buffer, "standard input", wanted.columns)
        else:
            yield from inputs.words([word])
    for path in wanted.files:
        if path == "-":
            yield from inputs.lines(sys.stdin.buffer, "standard input", wanted.columns)
        else:
            yield from inputs.file(path, wanted.columns)
    if wanted.query:
        yield from hub_query.ask(wanted.query, fetch.token)


def _cut(found: Iterable[Item], limit: int | None) -> Iterator[Item]:
    from itertools import islice

    return islice(found, limit)


def _onto_stream(wanted: Wanted, ask: Asker) -> int:
    """Rows onto standard output as they come; nothing is kept that a later run could go on with."""
    tally = Tally(wanted.choice)
    form = "human" if wanted.form == "auto" else wanted.form
    if form not in outputs.WRITERS:
        raise UsageError(f"{form} needs a file", hint="-o FILE writes it")
    outputs.check(form)
    rows = engine.run(enumerate(items(wanted, ask.fetch)), ask, wanted.jobs)
    found = engine.in_order(rows) if wanted.ordered else (row for _, row in rows)
    outputs.stream_to(_counted(found, tally), form, sys.stdout)
    return _end(tally, ask.fetch, None, sys.stderr)


def _into_file(wanted: Wanted, ask: Asker, output: str) -> int:
    """Rows into the journal as they are done, then into the result in the input's order."""
    form = outputs.form_of(output, wanted.form)
    outputs.check(form)
    tally = Tally(wanted.choice)
    resume = wanted.resume or wanted.retry
    with Journal(Path(f"{output}.journal"), resume=resume, retry=wanted.retry) as journal:
        if wanted.retry and Path(output).exists():
            journal.seed(merge.read(output))
        with Progress(sys.stderr, None, quiet=False) as progress:
            for index, row in engine.run(journal.pending(items(wanted, ask.fetch)), ask, wanted.jobs):
                journal.add(index, row)
                progress.step(error=row.error is not None)
        rows = (from_dict(found) for found in journal.rows(ordered=wanted.ordered))
        outputs.save(_counted(rows, tally), output, form)
        if not ask.fetch.gate.stopped:
            journal.finish()
    return _end(tally, ask.fetch, output, sys.stderr)


def _on_cluster(wanted: Wanted, ask: Asker, cluster: Cluster, plan: Plan) -> int:
    """Rows into a folder of Parquet files, each written by the worker that audited its models."""
    from cardscope.auditing.cluster import drive
    from cardscope.auditing.cluster.shards import Folder

    if wanted.output is None or Path(wanted.output).is_file():
        raise UsageError("--engine ray writes a folder of Parquet files", hint="-o FOLDER names it")
    plan = replace(plan, choice=wanted.choice, jobs=wanted.jobs)
    gate = ask.fetch.gate
    names = drive.perform(items(wanted, ask.fetch), plan, cluster, wanted.output, gate,
                          resume=wanted.resume, retry=wanted.retry)  # fmt: skip
    tally, folder = Tally(wanted.choice), Folder(wanted.output)
    for name in sorted(set(names) & folder.done()):
        for row in folder.rows(name):
            tally.add(from_dict(row))
    return _end(tally, ask.fetch, wanted.output, sys.stderr)


def merged(paths: Sequence[str], output: str, form: str, choice: Choice) -> int:
    """Writes the rows of several results into one; the exit code. Raises UsageError, OSError."""
    form = outputs.form_of(output, form)
    outputs.check(form)
    if not paths:
        raise UsageError("no results are named", hint="cardscope audit --merge 1.jsonl 2.jsonl -o all.jsonl")
    tally = Tally(choice)
    outputs.save(_counted(merge.rows(paths), tally), output, form)
    sys.stderr.writelines(sentence + "\n" for sentence in tally.sentences())
    return tally.code


def _counted(rows: Iterable[Row], tally: Tally) -> Iterator[dict[str, Any]]:
    for row in rows:
        chosen = tally.choice.of(row)
        tally.add(chosen)
        yield chosen.to_dict()


def _end(tally: Tally, fetch: Fetcher, output: str | None, talk: TextIO) -> int:
    """Says what came of it; the exit code. Raises CardscopeError where the audit was interrupted."""
    talk.writelines(sentence + "\n" for sentence in tally.sentences())
    if fetch.gate.stopped:
        hint = "the same command with --resume goes on" if output else "-o FILE keeps a journal to go on with"
        raise Interrupted(f"interrupted after {tally.rows:,} models, which are written", hint=hint)
    return tally.code


class Interrupted(CardscopeError):
    """The audit was asked to end before all was done."""


class Interrupt:
    """Ctrl-C closes the gate, so that what is in flight is finished; a second one ends at once."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._asked)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._gate.stopped:
            raise KeyboardInterrupt
        self._gate.stop()
        sys.stderr.write("finishing what is in flight; Ctrl-C again ends at once\n")

"""Items in, rows out: the Hub is asked by several threads, figures are worked out in the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from queue import SimpleQueue
from typing import Final, NamedTuple

from cardscope.auditing.analyse import Analyst
from cardscope.auditing.evidence import Asker, Evidence
from cardscope.auditing.fetch import Stopped
from cardscope.auditing.inputs import Item
from cardscope.auditing.rows import Row, failed
from cardscope.errors import CardscopeError

AHEAD: Final = 4
"""Items a worker has waiting at most: so many configs are in memory at once."""


class Numbered(NamedTuple):
    """A row and which of the input's items, from 0, it belongs to."""

    number: int
    row: Row


Answer = tuple[int, Item, Evidence | Exception]


def run(
    items: Iterable[tuple[int, Item]], ask: Asker, jobs: int, analyse: Callable[..., Row] | None = None
) -> Iterator[Numbered]:
    """One row an item, in the order they are done. When the fetcher's gate stops, those in flight are the last."""
    work = analyse or Analyst().row
    gate = ask.fetch.gate
    ready: SimpleQueue[Answer] = SimpleQueue()
    flying = 0
    with ThreadPoolExecutor(jobs, thread_name_prefix="audit") as pool:
        try:
            for index, item in items:
                if gate.stopped:
                    break
                if (answer := _at_once(index, item, ask)) is not None:
                    yield from _row(answer, work)
                    continue
                pool.submit(_ask, index, item, ask, ready)
                flying += 1
                while flying >= jobs * AHEAD or (flying and not ready.empty()):
                    yield from _row(ready.get(), work)
                    flying -= 1
            for _ in range(flying):
                yield from _row(ready.get(), work)
        except BaseException:
            gate.stop()
            raise


def _at_once(index: int, item: Item, ask: Asker) -> Answer | None:
    """The answer that nobody is waited for, or None."""
    if item.error is not None:
        return index, item, item.error
    try:
        return (index, item, ask(item)) if ask.quick(item) else None
    except Exception as error:  # noqa: BLE001 - one model costs itself, never the audit
        return index, item, error


def _ask(index: int, item: Item, ask: Asker, ready: SimpleQueue[Answer]) -> None:
    try:
        ready.put((index, item, ask(item)))
    except Exception as error:  # noqa: BLE001 - one model costs itself, never the audit
        ready.put((index, item, error))


def _row(answer: Answer, work: Callable[..., Row]) -> Iterator[Numbered]:
    index, item, found = answer
    if isinstance(found, Stopped):
        return
    row = failed(item.id, found) if isinstance(found, Exception) else work(item.id, *found)
    yield Numbered(index, row)


def in_order(rows: Iterable[Numbered]) -> Iterator[Row]:
    """Rows in the order of the input; those that come early are held. Of a run that was stopped, gaps are left out."""
    held: dict[int, Row] = {}
    due = 0
    for index, row in rows:
        held[index] = row
        while due in held:
            yield held.pop(due)
            due += 1
    yield from (held[index] for index in sorted(held))


def audit(ids: Iterable[object], ask: Asker, jobs: int, *, ordered: bool) -> Iterator[Row]:
    """Rows of MODEL words, paths and configs as dicts: what `cardscope.audit` yields; ends the asker's children."""
    from cardscope.auditing.inputs import once

    numbered = enumerate(once(chain.from_iterable(_given(n, value) for n, value in enumerate(ids))))
    with ask:
        rows = run(numbered, ask, jobs)
        yield from in_order(rows) if ordered else (row for _, row in rows)


def _given(number: int, value: object) -> Iterator[Item]:
    from collections.abc import Mapping
    from os import PathLike, fspath

    from cardscope.source import resolve

    if isinstance(value, Mapping):
        name = f"config {number}"
        try:
            yield Item(name, resolve(value))
        except CardscopeError as error:
            yield Item(name, error=error)
    elif isinstance(value, PathLike):
        path = str(fspath(value))
        yield Item(path if path.startswith(("/", "./", "../")) else f"./{path}")
    else:
        yield Item(str(value))

"""Items in, rows out: the Hub is asked by several threads, figures are worked out in the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from queue import SimpleQueue
from typing import Final, NamedTuple

from cardscope.auditing.analyse import Analyst
from cardscope.auditing.fetch import Fetcher, Stopped
from cardscope.auditing.inputs import Item
from cardscope.auditing.rows import Row, failed
from cardscope.errors import CardscopeError
from cardscope.model import RawConfig

AHEAD: Final = 4
"""Items a worker has waiting at most: so many configs are in memory at once."""


class Numbered(NamedTuple):
    """A row and which of the input's items, from 0, it belongs to."""

    number: int
    row: Row


Answer = tuple[int, Item, RawConfig | Exception]


def run(
    items: Iterable[tuple[int, Item]], fetch: Fetcher, jobs: int, analyse: Callable[[str, RawConfig], Row] | None = None
) -> Iterator[Numbered]:
    """One row an item, in the order they are done. When the fetcher's gate stops, those in flight are the last."""
    work = analyse or Analyst().row
    ready: SimpleQueue[Answer] = SimpleQueue()
    flying = 0
    with ThreadPoolExecutor(jobs, thread_name_prefix="audit") as pool:
        try:
            for index, item in items:
                if fetch.gate.stopped:
                    break
                if (answer := _at_once(index, item, fetch)) is not None:
                    yield from _row(answer, work)
                    continue
                pool.submit(_ask, index, item, fetch, ready)
                flying += 1
                while flying >= jobs * AHEAD or (flying and not ready.empty()):
                    yield from _row(ready.get(), work)
                    flying -= 1
            for _ in range(flying):
                yield from _row(ready.get(), work)
        except BaseException:
            fetch.gate.stop()
            raise


def _at_once(index: int, item: Item, fetch: Fetcher) -> Answer | None:
    """The answer that needs no network, or None."""
    if item.error is not None:
        return index, item, item.error
    if item.raw is not None:
        return index, item, item.raw
    try:
        return None if fetch.online(item.id) else (index, item, fetch(item.id))
    except Exception as error:  # noqa: BLE001 - one model costs itself, never the audit
        return index, item, error


def _ask(index: int, item: Item, fetch: Fetcher, ready: SimpleQueue[Answer]) -> None:
    try:
        ready.put((index, item, fetch(item.id)))
    except Exception as error:  # noqa: BLE001 - one model costs itself, never the audit
        ready.put((index, item, error))


def _row(answer: Answer, work: Callable[[str, RawConfig], Row]) -> Iterator[Numbered]:
    index, item, found = answer
    if isinstance(found, Stopped):
        return
    row = failed(item.id, found) if isinstance(found, Exception) else work(item.id, found)
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


def audit(ids: Iterable[object], fetch: Fetcher, jobs: int, *, ordered: bool) -> Iterator[Row]:
    """Rows of MODEL words, paths and configs as dicts: what `cardscope.audit` yields."""
    from cardscope.auditing.inputs import once

    numbered = enumerate(once(chain.from_iterable(_given(n, value) for n, value in enumerate(ids))))
    rows = run(numbered, fetch, jobs)
    return in_order(rows) if ordered else (row for _, row in rows)


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

"""Asks for exact counts: from the disk cache, else from a child process that is started early and can be kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from cardscope.exact.answer import ExactCount, from_answer, without_count

if TYPE_CHECKING:
    from cardscope.exact.installed import Extra
    from cardscope.exact.process import Child

TIMEOUT = 60.0
"""Seconds a config may take, from being asked to being answered; a first one waits for the imports too (2 s warm)."""

MEMORY_BYTES = 8 << 30
"""Memory a child may write to; its imports take 0.35 GiB, a model of 671 B parameters 0.1 GiB more."""


class _Asked(NamedTuple):
    """A question a child is at work on."""

    child: Child
    deadline: float
    entry: Path | None
    versions: Mapping[str, str]


class Pending:
    """A count that may still be under way."""

    def __init__(self, known: ExactCount | None, asked: _Asked | None = None, *, last: bool = False) -> None:
        self._known = known
        self._asked = asked
        self._last = last

    def result(self) -> ExactCount:
        """The count, waited for until its time is up; never raises for what the config or the child did."""
        if self._known is None:
            assert self._asked is not None  # noqa: S101 - one of the two is given
            self._known = _collect(self._asked)
            if self._last:
                self._asked.child.close()
        return self._known

    def cancel(self) -> None:
        """Stop the child that is at work on it; `result` then says `skipped`."""
        if self._known is None and self._asked is not None:
            self._asked.child.close()
            self._known = without_count("skipped", "cancelled")


class Worker:
    """Counts configs one at a time in one child, which is replaced when a config kills or hangs it.

    `timeout` is in seconds per config, `memory_bytes` caps the child, `cache` reads and keeps answers on disk.
    Not for several threads at once: give each its own.
    """

    def __init__(self, *, timeout: float = TIMEOUT, memory_bytes: int = MEMORY_BYTES, cache: bool = True) -> None:
        self._timeout = min(timeout, 86400.0)
        self._memory_bytes = memory_bytes
        self._cache = cache
        self._child: Child | None = None
        self._extra: Extra | None = None
        self._open: Pending | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def warm(self) -> Self:
        """Start the child's imports now, before a config is known. Does nothing where the extra is missing."""
        extra = self._found()
        if extra.missing is None:
            try:
                self._running(extra)
            except OSError:  # said when a config is asked for
                self._child = None
        return self

    def start(self, config: Mapping[str, object], *, detail: bool = False, last: bool = False) -> Pending:
        """Ask for a count and go on; a question still open is waited for first.

        `detail` asks for the shape of every tensor too, past the cache. After the `last` one the child is ended.
        """
        from cardscope.exact.cache import entry, read
        from cardscope.exact.limits import config_line

        if self._open is not None:
            self._open.result()
        try:
            line = config_line(config)
        except ValueError as error:
            return Pending(without_count("failed", str(error)))
        extra = self._found()
        if extra.missing is not None:
            return Pending(without_count("unavailable", extra.missing, extra.versions))
        path = entry(line, extra.versions) if self._cache and not detail else None
        if path is not None and (kept := read(path)) is not None:
            return Pending(kept)
        self._open = self._ask(line, detail, extra, path, last)
        return self._open

    def count(self, config: Mapping[str, object], *, detail: bool = False) -> ExactCount:
        """The count of one config."""
        return self.start(config, detail=detail).result()

    def close(self) -> None:
        """End the child, whatever it does."""
        if self._open is not None:
            self._open.cancel()
        if self._child is not None:
            self._child.close()
            self._child = None

    def _ask(self, line: str, detail: bool, extra: Extra, path: Path | None, last: bool) -> Pending:
        try:
            child = self._running(extra)
        except OSError as error:
            return Pending(without_count("failed", f"no process can be started: {error.strerror}", extra.versions))
        child.ask(f'{{"config":{line},"detail":{str(detail).lower()},"timeout":{self._timeout}}}')
        return Pending(None, _Asked(child, monotonic() + self._timeout, path, extra.versions), last=last)

    def _running(self, extra: Extra) -> Child:
        from cardscope.exact.process import Child

        if self._child is None or not self._child.alive:
            if self._child is not None:
                self._child.close()
            self._child = Child(self._memory_bytes, extra.site)
        return self._child

    def _found(self) -> Extra:
        from cardscope.exact.installed import find_extra

        if self._extra is None:
            self._extra = find_extra()
        return self._extra


def _collect(asked: _Asked) -> ExactCount:
    """Wait for the answer, check it, and keep a good one."""
    from cardscope.exact.cache import write
    from cardscope.exact.process import Silence

    try:
        answer = asked.child.answer(asked.deadline)
        found = from_answer(answer)
    except Silence as silence:
        return without_count("failed", str(silence), asked.versions)
    except (ValueError, TypeError, AttributeError):
        asked.child.close()
        return without_count("failed", "its answer cannot be read", asked.versions)
    if isinstance(answer, dict) and answer.get("exhausted"):
        asked.child.close()
    if asked.entry is not None and dict(found.versions) == dict(asked.versions):
        write(asked.entry, found)
    return found


def warm(*, timeout: float = TIMEOUT, memory_bytes: int = MEMORY_BYTES, cache: bool = True) -> Worker:
    """A worker whose imports already run while the config is still being fetched; close it when done."""
    return Worker(timeout=timeout, memory_bytes=memory_bytes, cache=cache).warm()


def start(
    config: Mapping[str, object], *, timeout: float = TIMEOUT, memory_bytes: int = MEMORY_BYTES, cache: bool = True,
    detail: bool = False, worker: Worker | None = None,
) -> Pending:  # fmt: skip
    """Start counting a config exactly; `result()` of what comes back waits for it.

    Without a `worker` the config gets a child of its own, which ends with it; with one, the worker's limits hold.
    """
    if worker is not None:
        return worker.start(config, detail=detail)
    return Worker(timeout=timeout, memory_bytes=memory_bytes, cache=cache).start(config, detail=detail, last=True)


def count(
    config: Mapping[str, object], *, timeout: float = TIMEOUT, memory_bytes: int = MEMORY_BYTES, cache: bool = True,
    detail: bool = False, worker: Worker | None = None,
) -> ExactCount:  # fmt: skip
    """The exact count of a config: parameters and persistent buffers of the class named in its `architectures`."""
    pending = start(config, timeout=timeout, memory_bytes=memory_bytes, cache=cache, detail=detail, worker=worker)
    return pending.result()

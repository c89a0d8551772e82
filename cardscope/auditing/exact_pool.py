"""Exact counts for an audit: a few warm children, each model limited in time and memory, each costing only itself."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from hashlib import blake2b
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Final, Self

from cardscope.errors import UsageError
from cardscope.exact import Worker
from cardscope.exact.parent import MEMORY_BYTES, TIMEOUT
from cardscope.report.model import Exact

MOST_CHILDREN: Final = 8
"""Children by default at most: one holds about 0.4 GiB, and a core is what it needs."""
KEPT: Final = 4096
"""Counts remembered, failures too, so that a config that hangs is waited for once and not once a copy."""
LOOK: Final = 0.2
"""Seconds between two looks at whether the audit is to end, while all children are busy."""


class ExactPool:
    """Children that count configs, lent to one thread at a time; safe to call from any number of threads.

    `timeout` is in seconds a config, `memory_bytes` caps each child. A child that a config hangs or crashes is ended
    and replaced, and the config's count says `failed` with the reason. Raises UsageError where the `exact` extra is
    not installed.
    """

    def __init__(self, children: int | None, *, timeout: float, memory_bytes: int, cache: bool = True) -> None:
        from cardscope.exact.installed import find_extra

        if (missing := find_extra().missing) is not None:
            raise UsageError(f"no exact count can be taken: {missing.partition(':')[0]}",
                             hint="pip install 'cardscope[exact]', or leave --exact out")  # fmt: skip
        self.size = children or min(MOST_CHILDREN, os.cpu_count() or 1)
        self._workers = [Worker(timeout=timeout, memory_bytes=memory_bytes, cache=cache) for _ in range(self.size)]
        self._free: SimpleQueue[Worker] = SimpleQueue()
        for worker in self._workers:
            self._free.put(worker)
        self._known: dict[bytes, Exact] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def warm(self) -> Self:
        """Start every child's imports now, while the first models are still asked for."""
        for worker in self._workers:
            worker.warm()
        return self

    def count(self, config: Mapping[str, object], wanted: Callable[[], bool] = lambda: True) -> Exact | None:
        """The count of one config; None when it is no longer wanted before a child is free."""
        key = blake2b(json.dumps(config, sort_keys=True).encode(), digest_size=16).digest()
        while (known := self._known.get(key)) is None and wanted():
            try:
                worker = self._free.get(timeout=LOOK)
            except Empty:
                continue
            try:
                # Another thread may have counted the same config while this one waited.
                known = self._known.get(key) or self._keep(key, _taken(worker, config))
            finally:
                self._free.put(worker)
            return known
        return known

    def _keep(self, key: bytes, found: Exact) -> Exact:
        with self._lock:
            if len(self._known) >= KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = found
        return found

    def close(self) -> None:
        """End all children, whatever they do."""
        for worker in self._workers:
            worker.close()


def _taken(worker: Worker, config: Mapping[str, object]) -> Exact:
    counted = worker.count(config)
    return Exact(counted.total, counted.buffers, counted.class_name, counted.status, counted.reason)


def pool(children: int | None = None, *, timeout: float = TIMEOUT, memory_gib: float | None = None) -> ExactPool:
    """A pool that nothing has been started for yet. Raises UsageError where the `exact` extra is not installed."""
    memory = MEMORY_BYTES if memory_gib is None else int(memory_gib * (1 << 30))
    return ExactPool(children, timeout=timeout, memory_bytes=memory)

"""The Hub's limits, shared by all workers: one actor knows when requests are welcome, each worker asks it for leave."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from cardscope.auditing.fetch import LONGEST_PAUSE, Gate

Ask = Callable[[str, float], Any]
"""A method of the limiter by its name, and what it is given."""
LEASE: Final = 8
"""Requests a worker may make for each time it asks."""
LASTS: Final = 1.0
"""Seconds for which such leave holds: a pause is known everywhere after so long."""


class Limiter:
    """Gives leave for requests, at most `rate` a second over all workers, and none while the Hub wants a pause."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._until = 0.0
        self._next = 0.0

    def lease(self, count: float) -> float:
        """Seconds to wait before the next `count` requests."""
        now = time.monotonic()
        start = max(now, self._until)
        if self._rate is not None:
            start = max(start, self._next)
            self._next = start + count / self._rate
        return start - now

    def pause(self, seconds: float) -> None:
        """Nobody makes a request for so long."""
        self._until = max(self._until, time.monotonic() + min(seconds, LONGEST_PAUSE))


class SharedGate(Gate):
    """A worker's gate: it opens when this worker may go on, and when the limiter says that all may."""

    def __init__(self, ask: Ask) -> None:
        super().__init__()
        self._ask = ask
        self._mine = threading.Lock()
        self._left = 0
        self._expires = 0.0

    def enter(self) -> None:
        """Wait until a request is welcome. Raises Stopped when the audit ends first."""
        while True:
            super().enter()
            with self._mine:
                if self._left and time.monotonic() < self._expires:
                    self._left -= 1
                    return
                wait = self._ask("lease", LEASE) or 0.0
                self._left, self._expires = LEASE, time.monotonic() + wait + LASTS
            self.sleep(wait)

    def pause(self, seconds: float) -> None:
        """No requests from anybody, on any machine, for so long."""
        super().pause(seconds)
        with self._mine:
            self._left = 0
        self._ask("pause", seconds)


def of_actor(limiter: Any) -> Ask:
    """How a worker asks the limiter, which is an actor; None is answered while it starts again on another machine."""

    def ask(name: str, value: float) -> Any:
        import ray

        try:
            return ray.get(getattr(limiter, name).remote(value), timeout=10)
        except (ray.exceptions.RayActorError, ray.exceptions.GetTimeoutError):
            return None

    return ask

"""A config of the Hub, asked for politely: pauses the Hub asks for hold for all, and what may pass is tried again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from cardscope.errors import NetworkError, RateLimited
from cardscope.model import RawConfig
from cardscope.source import parse, resolve
from cardscope.source.again import Store
from cardscope.source.transfer import Patience

T = TypeVar("T")
LONGEST_PAUSE: Final = 310.0
"""Seconds of a pause that is kept; the Hub's windows are five minutes long."""
FIRST_WAIT: Final = 0.5
"""Seconds before something is tried a second time; they double with each try, and vary by half."""


class Stopped(Exception):
    """The audit ends before this model was asked for."""


class Gate:
    """What all workers pass before they ask: closed while the Hub wants no requests, or the audit ends.

    With a `rate` it lets so many through a second.
    """

    def __init__(self, rate: float | None = None) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._until = 0.0
        self._rate = rate
        self._next = 0.0

    def enter(self) -> None:
        """Wait until requests are welcome. Raises Stopped when the audit ends first."""
        while not self._stop.is_set():
            wait = self._until - time.monotonic()
            if wait <= 0:
                self._in_turn()
                return
            # Not all at once when the time is up.
            self._stop.wait(wait + random.uniform(0, 0.25))  # noqa: S311 - jitter, not a secret
        raise Stopped

    def _in_turn(self) -> None:
        """Wait for one's turn where there is a rate. Raises Stopped when the audit ends first."""
        if self._rate is None:
            return
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + 1 / self._rate
        self.sleep(turn - time.monotonic())

    def pause(self, seconds: float) -> None:
        """No requests from anybody for so long."""
        with self._lock:
            self._until = max(self._until, time.monotonic() + min(seconds, LONGEST_PAUSE))

    def sleep(self, seconds: float) -> None:
        """Let one worker wait. Raises Stopped when the audit ends first."""
        if self._stop.wait(max(0.0, seconds)):
            raise Stopped

    def stop(self) -> None:
        """Wake whoever waits; nobody enters any more."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether the audit is to end."""
        return self._stop.is_set()


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Reads MODEL words for an audit: the Hub's with patience and repetition, everything else once."""

    gate: Gate = field(default_factory=Gate)
    token: str | bool | None = None
    offline: bool = False
    refresh: bool = False
    tries: int = 4
    store: Store | None = None
    """What the Hub said in earlier audits, and where what it says now is kept."""

    def __call__(self, word: str) -> RawConfig:
        """The config of a MODEL word. Raises the CardscopeError family, Stopped."""
        if not self.online(word):
            return self._here(word)
        named = parse(word)

        def ask() -> RawConfig:
            from cardscope.source import hub

            return hub.load(
                named.target,
                named.revision,
                token=self.token,
                refresh=self.refresh,
                patience=self.patience,
                store=self.store,
            )

        found = self.insist(ask, each=True)
        return resolve_edits(found, named.edits)

    def _here(self, word: str) -> RawConfig:
        """A local model, or, offline, what is kept of the Hub's: its cache, earlier audits, the catalogue."""
        named = parse(word)
        if self.store is None or named.kind != "hub" or named.edits:
            return resolve(word, offline=self.offline)
        from cardscope.source import again, cache, hub

        if cache.find(named.target, named.revision) is None:
            found = again.recall(hub.connect(self.token), self.store, named.target, named.revision)
            if found is not None:
                return found
        return resolve(word, offline=self.offline)

    def online(self, word: str) -> bool:
        """Whether the network is asked for this word."""
        if self.offline or _offline():
            return False
        return parse(word).kind == "hub"

    @property
    def patience(self) -> Patience:
        """How long a request may take, each after its turn at the gate."""
        return _patience()._replace(turn=self.gate.enter)

    def insist(self, ask: Callable[[], T], *, each: bool = False) -> T:
        """The answer, tried again after a 429 and after failures that may pass.

        The gate is passed before each try, or, with `each`, by every request that `ask` makes.
        """
        for attempt in range(1, self.tries + 1):
            if not each:
                self.gate.enter()
            try:
                return ask()
            except RateLimited as error:
                if attempt == self.tries:
                    raise
                self.gate.pause(error.retry_after if error.retry_after is not None else _backoff(attempt + 3))
            except NetworkError:
                if attempt == self.tries:
                    raise
                self.gate.sleep(_backoff(attempt))
        raise AssertionError


def resolve_edits(found: RawConfig, edits: tuple[tuple[str, str], ...]) -> RawConfig:
    """The config with the what-ifs of its word applied, and checked as every config is."""
    from dataclasses import replace

    changed = resolve(found.data, sets=edits)
    return replace(found, data=changed.data, changes=changed.changes)


def _backoff(attempt: int) -> float:
    return FIRST_WAIT * float(1 << (attempt - 1)) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, not a secret


def _offline() -> bool:
    from cardscope.source import cache

    return cache.is_offline()


def _patience() -> Patience:
    """Longer than for one model, whose user waits: many requests share the line. The variables still rule."""
    import os

    from cardscope.source.hub import default_patience

    asked = default_patience()
    first = asked.first if "HF_HUB_ETAG_TIMEOUT" in os.environ else 5.0
    total = asked.total if "HF_HUB_DOWNLOAD_TIMEOUT" in os.environ else 30.0
    return Patience(first, max(first, total))


def kept() -> Store:
    """The store of this machine's audits."""
    from cardscope.source import again

    return again.Store(again.default_path())

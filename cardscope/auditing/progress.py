"""How far an audit is: a bar on a terminal, a quiet line now and then elsewhere; always on standard error."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Final, Self, TextIO

EVERY: Final = 15.0
"""Seconds between two lines where there is no terminal."""


class Progress:
    """Counts rows and errors aloud."""

    def __init__(self, stream: TextIO, total: int | None, *, quiet: bool) -> None:
        self._stream, self._total, self._quiet = stream, total, quiet
        self._rows = self._errors = 0
        self._begun = self._told = time.monotonic()
        self._bar: Any = None
        if not quiet and stream.isatty():
            self._bar = _bar(stream)
            self._task = self._bar.add_task("", total=total, errors=0, rate=0.0)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, *, error: bool) -> None:
        """One more row."""
        self._rows += 1
        self._errors += error
        now = time.monotonic()
        rate = self._rows / max(now - self._begun, 1e-9)
        if self._bar is not None:
            self._bar.update(self._task, advance=1, errors=self._errors, rate=rate)
            return
        if not self._quiet and now - self._told >= EVERY:
            self._told = now
            of = f" of {self._total:,}" if self._total else ""
            self._stream.write(f"{self._rows:,}{of} models, {self._errors:,} errors, {rate:,.0f}/s\n")
            self._stream.flush()


def _bar(stream: TextIO) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]:,.0f}/s, {task.fields[errors]:,} errors")
    columns = (BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    return Progress(*columns, console=Console(file=stream), transient=True, refresh_per_second=4)

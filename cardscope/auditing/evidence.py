"""What is known of a model before its row is worked out: its config, and the witnesses that were asked."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

from cardscope.assemble import SKIPPED
from cardscope.auditing.exact_pool import ExactPool
from cardscope.auditing.fetch import Fetcher, Stopped
from cardscope.auditing.inputs import Item
from cardscope.model import RawConfig
from cardscope.report.model import Exact


class Evidence(NamedTuple):
    """One model's config, and what the witnesses said of it."""

    raw: RawConfig
    exact: Exact = SKIPPED


@dataclass(frozen=True, slots=True)
class Asker:
    """Everything that is asked about an item: its config, then the witnesses that are wanted."""

    fetch: Fetcher
    exact: ExactPool | None = None

    def __enter__(self) -> Self:
        if self.exact is not None:
            self.exact.warm()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.exact is not None:
            self.exact.close()

    def quick(self, item: Item) -> bool:
        """Whether asking takes neither the network nor a child's time. Raises UsageError for a word that is none."""
        return self.exact is None and (item.raw is not None or not self.fetch.online(item.id))

    def __call__(self, item: Item) -> Evidence:
        """What is known of an item. Raises the CardscopeError family, and Stopped when the audit ends first."""
        raw = self.fetch(item.id) if item.raw is None else item.raw
        if self.exact is None:
            return Evidence(raw)
        counted = self.exact.count(raw.data, lambda: not self.fetch.gate.stopped)
        if counted is None:
            raise Stopped
        return Evidence(raw, counted)

"""What is known of a model before its row is worked out: its config, and the witnesses that were asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Any, Final, Literal, NamedTuple, Self

from cardscope.assemble import SKIPPED, outline
from cardscope.auditing.exact_pool import ExactPool
from cardscope.auditing.fetch import Fetcher, Stopped
from cardscope.auditing.inputs import Item
from cardscope.checkpoint.look import Look, look
from cardscope.errors import CardscopeError, ConfigError, NetworkError, RateLimited
from cardscope.model import RawConfig
from cardscope.report.model import Exact
from cardscope.rules.companions import GENERATION, TOKENIZER

Choice = bool | Literal["auto"]
"""Yes, no, or where it costs no request: for a folder on this machine."""
Beside = Mapping[str, Mapping[str, Any] | None]
NOTHING: Final[Beside] = MappingProxyType({})


class Evidence(NamedTuple):
    """One model's config, and what the witnesses said of it."""

    raw: RawConfig
    exact: Exact = SKIPPED
    stored: Look | None = None
    beside: Beside = NOTHING


@dataclass(frozen=True, slots=True)
class Asker:
    """Everything that is asked about an item: its config, then the witnesses that are wanted."""

    fetch: Fetcher
    exact: ExactPool | None = None
    headers: Choice = "auto"
    """Whether the headers of stored tensors are read."""
    files: Choice = "auto"
    """Whether the generation config and the tokenizer's config are read."""

    def __enter__(self) -> Self:
        if self.exact is not None:
            self.exact.warm()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.exact is not None:
            self.exact.close()
        if self.fetch.store is not None:
            self.fetch.store.close()

    def quick(self, item: Item) -> bool:
        """Whether asking takes neither the network nor a child's time. Raises UsageError for a word that is none."""
        return self.exact is None and (item.raw is not None or not self.fetch.online(item.id))

    def __call__(self, item: Item) -> Evidence:
        """What is known of an item. Raises the CardscopeError family, and Stopped when the audit ends first."""
        raw = self.fetch(item.id) if item.raw is None else item.raw
        stored = self._stored(raw) if _wanted(self.headers, raw) else None
        beside = self._beside(raw) if _wanted(self.files, raw) else NOTHING
        if self.exact is None:
            return Evidence(raw, SKIPPED, stored, beside)
        counted = self.exact.count(raw.data, lambda: not self.fetch.gate.stopped)
        if counted is None:
            raise Stopped
        return Evidence(raw, counted, stored, beside)

    def _stored(self, raw: RawConfig) -> Look:
        """The stored tensors, asked for with the patience of an audit; a failure is a finding, never an error."""
        try:
            spec, _ = outline(raw)
        except ConfigError:
            return Look(reason="the config cannot be read")  # which its row will say

        def ask() -> Look:
            found = look(raw, choice=True, spec=spec, token=self.fetch.token, refresh=self.fetch.refresh)
            if isinstance(found.error, NetworkError | RateLimited):
                raise found.error
            return found

        try:
            return self.fetch.insist(ask)
        except CardscopeError as error:
            return Look(reason=error.message, error=error)

    def _beside(self, raw: RawConfig) -> Beside:
        """Each file that is there, parsed; None for one that is broken. One the Hub does not give is left out."""
        from cardscope.source import beside

        token, patience = self.fetch.token, self.fetch.patience
        found: dict[str, Mapping[str, Any] | None] = {}
        for name in (GENERATION, TOKENIZER):
            try:
                content = self.fetch.insist(partial(beside.read, raw, name, token, patience), each=True)
            except (NetworkError, RateLimited):
                continue
            except CardscopeError:
                found[name] = None
                continue
            if content is not None:
                found[name] = content
        return found


def _wanted(choice: Choice, raw: RawConfig) -> bool:
    return raw.folder is not None if choice == "auto" else choice

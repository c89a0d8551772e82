"""What one worker does: audits a batch with threads of its own, and writes its file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cardscope.auditing.inputs import Item
from cardscope.auditing.rows import failed
from cardscope.auditing.summary import Choice
from cardscope.model import RawConfig


class Work(NamedTuple):
    """One model of a batch as it travels: its word, its config where the input brought it, its row where it has one."""

    id: str
    raw: RawConfig | None = None
    row: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What all batches of an audit have in common."""

    jobs: int = 16
    token: str | bool | None = None
    offline: bool = False
    refresh: bool = False
    tries: int = 4
    exact: bool = False
    timeout: float = 60.0
    memory_gib: float = 8.0
    headers: Any = False
    files: Any = False
    choice: Choice = field(default_factory=Choice)


def packed(item: Item) -> Work:
    """An item that can travel: an error is its row already."""
    return Work(item.id, item.raw, failed(item.id, item.error).to_dict() if item.error else None)


def audit(batch: Sequence[Work], plan: Plan, limiter: Any) -> list[dict[str, Any]]:
    """The rows of a batch, in its order."""
    from cardscope.auditing.cluster.limit import SharedGate, of_actor
    from cardscope.auditing.engine import run
    from cardscope.auditing.evidence import Asker
    from cardscope.auditing.exact_pool import pool
    from cardscope.auditing.fetch import Fetcher

    fetch = Fetcher(SharedGate(of_actor(limiter)), plan.token, plan.offline, plan.refresh, plan.tries)
    exact = pool(1, timeout=plan.timeout, memory_gib=plan.memory_gib) if plan.exact else None
    known = {index: work.row for index, work in enumerate(batch) if work.row is not None}
    with Asker(fetch, exact, plan.headers, plan.files) as ask:
        found = {row.number: plan.choice.of(row.row).to_dict() for row in run(_asked(batch), ask, plan.jobs)}
    return [(known | found)[index] for index in range(len(batch))]


def _asked(batch: Sequence[Work]) -> Iterator[tuple[int, Item]]:
    return ((index, Item(work.id, work.raw)) for index, work in enumerate(batch) if work.row is None)


def audit_batch(batch: Sequence[Work], plan: Plan, limiter: Any, place: str, name: str) -> int:
    """Audits a batch and writes its file; how many rows it has."""
    from cardscope.auditing.cluster.shards import Folder

    rows = audit(batch, plan, limiter)
    Folder(place).write(name, rows)
    return len(rows)

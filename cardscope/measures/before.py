"""What a what-if changes: the model's figures before and after, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cardscope.inventory import Inventory
from cardscope.measures.kvcache import kv_cache
from cardscope.measures.precision import weight_rows

_PRECISIONS = ("bf16", "int4")


@dataclass(frozen=True, slots=True)
class Effect:
    """One figure before and after; None where one of the models has no such figure."""

    name: str
    unit: str
    """parameters or bytes."""
    before: int | None
    after: int | None

    @property
    def delta(self) -> int | None:
        """After minus before."""
        return None if self.before is None or self.after is None else self.after - self.before


def effects(before: Inventory, after: Inventory, kv_dtype: str) -> tuple[Effect, ...]:
    """Total and active parameters, every component, cache and weights, in that order; what stays the same included."""
    first, second = _figures(before, kv_dtype), _figures(after, kv_dtype)
    names = dict.fromkeys((*first, *second))
    # A component that one of the models lacks has no parameters there; what is unknown stays None.
    found = (Effect(name, unit, first.get((name, unit), 0), second.get((name, unit), 0)) for name, unit in names)
    routed = before.active != before.parameters or after.active != after.parameters
    return tuple(effect for effect in found if routed or effect.name != "active")


def _figures(found: Inventory, kv_dtype: str) -> Mapping[tuple[str, str], int | None]:
    cache = kv_cache(found, kv_dtype, ())
    figures: dict[tuple[str, str], int | None] = {("total", "parameters"): found.parameters}
    figures["active", "parameters"] = found.active
    figures |= {(name, "parameters"): count for name, count in found.components().items()}
    figures["cache per token", "bytes"] = cache.per_token_bytes
    shown = (row for row in weight_rows(found) if row.precision in _PRECISIONS)
    figures |= {(f"weights in {row.precision}", "bytes"): row.bytes for row in shown}
    return figures

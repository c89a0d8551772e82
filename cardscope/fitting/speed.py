"""Speed as bounds: no decode is faster than its bytes over the bandwidth, no prefill than its FLOPs over throughput."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cardscope.fitting.engines.transformers import cache_bytes
from cardscope.fitting.precisions import sizes
from cardscope.fitting.target import Load, Target


@dataclass(frozen=True, slots=True)
class Speed:
    """Most tokens a second for the whole batch, fewest seconds to the first token; None: not known."""

    decode_tokens_per_second: float | None
    first_token_seconds: float | None


def speed(target: Target, load: Load, parts: tuple[float, ...] | None = None) -> Speed | None:
    """Bounds from the table's bandwidth and dense bf16 throughput; None without a GPU.

    Devices that work at once add up; `parts` are the shares of those that work one after another.  Every sequence of a
    batch may ask for other experts: the bound reads the active ones once.
    """
    if load.devices is None:
        return None
    gpus = load.devices.gpus
    total, active = target.inventory.parameters, target.inventory.active
    if not total or active is None:
        return Speed(None, None)
    wide = _together([gpu.bandwidth for gpu in gpus], parts)
    fast = _together([gpu.bf16 for gpu in gpus], parts)
    found = sizes(target, load.quant)
    # Of the input table one row is read a token; a tied table is read as the head.
    table = 0 if target.facts.tied_embeddings else found.table
    bytes_read = (found.total - table) * active / total + cache_bytes(target, load, load.tokens)
    decode = load.batch * wide / bytes_read if wide and bytes_read else None
    first = 2 * active * load.context * load.batch / fast if fast else None
    return Speed(decode, first)


def _together(rates: Sequence[float | None], parts: tuple[float, ...] | None) -> float | None:
    """What several devices do a second: their sum, or the mean that their shares of one job weigh."""
    known = [rate for rate in rates if rate]
    if len(known) != len(rates):
        return None
    if parts is None:
        return sum(known)
    seconds = sum(part / rate for part, rate in zip(parts, known, strict=True))
    return 1 / seconds if seconds else None

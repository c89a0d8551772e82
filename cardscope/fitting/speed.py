"""Speed as bounds: no decode is faster than its bytes over the bandwidth, no prefill than its FLOPs over throughput."""

from __future__ import annotations

from dataclasses import dataclass

from cardscope.fitting.engines.transformers import cache_bytes
from cardscope.fitting.precisions import sizes
from cardscope.fitting.target import Load, Target


@dataclass(frozen=True, slots=True)
class Speed:
    """Most tokens a second for the whole batch, fewest seconds to the first token; None: not known."""

    decode_tokens_per_second: float | None
    first_token_seconds: float | None


def speed(target: Target, load: Load) -> Speed | None:
    """Bounds from the table's bandwidth and dense bf16 throughput, summed over the devices; None without a GPU.

    Every sequence of a batch may ask for other experts: the bound reads the active ones once.
    """
    if load.devices is None:
        return None
    gpus = load.devices.gpus
    total, active = target.inventory.parameters, target.inventory.active
    wide = [gpu.bandwidth for gpu in gpus if gpu.bandwidth]
    fast = [gpu.bf16 for gpu in gpus if gpu.bf16]
    if not total or active is None:
        return Speed(None, None)
    found = sizes(target, load.quant)
    # Of the input table one row is read a token; a tied table is read as the head.
    table = 0 if target.facts.tied_embeddings else found.table
    bytes_read = (found.total - table) * active / total + cache_bytes(target, load, load.tokens)
    decode = load.batch * sum(wide) / bytes_read if len(wide) == len(gpus) and bytes_read else None
    first = 2 * active * load.context * load.batch / sum(fast) if len(fast) == len(gpus) else None
    return Speed(decode, first)

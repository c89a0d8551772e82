"""What would fit instead: the longest context, the largest batch, the best precision, the smallest GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from cardscope.errors import UsageError
from cardscope.fitting.engines import Engine
from cardscope.fitting.hardware import Devices, Gpu, table
from cardscope.fitting.precisions import BEST_FIRST, BEST_GGUF
from cardscope.fitting.target import GIB, Load, Target
from cardscope.fitting.verdict import headroom

MOST_TOKENS: Final = 1 << 27
MOST_BATCH: Final = 1 << 16
COUNTS: Final = (1, 2, 4, 8)
SMALLEST: Final = 3
HOST: Final = "64GB"
"""A host that is assumed where offloading is proposed."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One change that would make it fit, in words and as values."""

    kind: str
    text: str
    gpu: str | None = None
    count: int | None = None
    precision: str | None = None
    context: int | None = None
    batch: int | None = None


def fits(engine: Engine, target: Target, load: Load) -> bool:
    """Whether the fullest device holds what it needs, uncertainty aside."""
    left = headroom(engine.need(target, load))
    return left is not None and left >= 0


def largest(holds: Callable[[int], bool], most: int) -> int:
    """The largest number up to `most` that holds, 0 if not even one does; `holds` never turns true again."""
    if not holds(1):
        return 0
    low, high = 1, 2
    while high <= most and holds(high):
        low, high = high, high * 2
    high = min(high, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def max_context(engine: Engine, target: Target, load: Load) -> int | None:
    """The longest context at this batch, no longer than the model was made for; None without a GPU."""
    if load.devices is None:
        return None
    free = replace(load, options={k: v for k, v in load.options.items() if k != "max_model_len"})
    most = target.facts.max_positions or MOST_TOKENS
    return largest(lambda n: fits(engine, target, replace(free, context=n)), max(1, most - (load.new_tokens or 0)))


def max_batch(engine: Engine, target: Target, load: Load) -> int | None:
    """The most sequences at this context; None without a GPU."""
    if load.devices is None:
        return None
    return largest(lambda n: fits(engine, target, replace(load, batch=n)), MOST_BATCH)


def alternatives(
    engine: Engine, target: Target, load: Load, context: int | None, batch: int | None
) -> Iterator[Alternative]:
    """What to change, cheapest first: precision, context, batch, then hardware."""
    if load.devices is None:
        yield from hardware(engine, target, load)
        return
    if fits(engine, target, load):
        return
    yield from _elsewhere(engine, target, load)
    best = best_precision(engine, target, load)
    if best:
        yield Alternative("precision", f"--quant {best}", precision=best)
    if context:
        yield Alternative("context", f"--context {context}", context=context)
    if batch and batch < load.batch:
        yield Alternative("batch", f"--batch {batch}", batch=batch)
    yield from hardware(engine, target, load)


def _elsewhere(engine: Engine, target: Target, load: Load) -> Iterator[Alternative]:
    """Another device map, or a host that holds what the GPUs do not beside cache and work space."""
    if engine.name != "transformers" or load.devices is None or load.tp > 1 or load.on_host:
        return
    if load.devices.count > 1:
        other = replace(load, options={**load.options, "device_map": "sequential"})
        if fits(engine, target, other):
            yield Alternative("device_map", "--engine-option device_map=sequential")
            return
    # Down to a third of the smallest GPU; below, the host would do all the work.
    for share in (0.8, 0.7, 0.6, 0.5, 0.4, 0.33):
        cap = f"{share * load.devices.smallest.usable / GIB:.1f}GiB"
        options = {"max_memory": cap, "cpu_memory": HOST}
        if fits(engine, target, replace(load, options={**load.options, **options})):
            text = " ".join(f"--engine-option {key}={value}" for key, value in options.items())
            yield Alternative("offload", text)
            return


def best_precision(engine: Engine, target: Target, load: Load) -> str | None:
    """The precision with the most bits that fits, of those the engine runs."""
    names = BEST_GGUF if engine.name == "llama.cpp" else BEST_FIRST
    return next((name for name in names if fits(engine, target, replace(load, quant=name))), None)


def hardware(engine: Engine, target: Target, load: Load) -> Iterator[Alternative]:
    """The smallest cards that would do alone, else the fewest of a large one."""
    found: dict[int, Gpu] = {}
    for gpu in sorted(table()[0], key=lambda gpu: gpu.usable):
        if gpu.kind in {"data centre", "consumer", "workstation"} and gpu.memory not in found:
            single = replace(load, devices=Devices(gpu.name, (gpu,)), tp=1)
            if _possible(engine, target, single):
                found[gpu.memory] = gpu
                if len(found) == SMALLEST:
                    break
    for gpu in found.values():
        yield Alternative("gpu", f'--gpu "{gpu.name}"', gpu=gpu.name, count=1)
    if not found:
        yield from _several(engine, target, load)


def _several(engine: Engine, target: Target, load: Load) -> Iterator[Alternative]:
    known = {gpu.name: gpu for gpu in table()[0]}
    for name in ("RTX 4090", "A100 80GB", "H100 SXM 80GB", "H200 141GB", "B200 180GB", "MI300X"):
        for count in (2, 4, 8, 16, 32):
            many = Devices(f"{count}x{name}", (known[name],) * count)
            if _possible(engine, target, replace(load, devices=many, tp=1)):
                yield Alternative("gpu", f'--gpu "{count}x{name}"', gpu=name, count=count)
                break


def _possible(engine: Engine, target: Target, load: Load) -> bool:
    try:
        return fits(engine, target, load)
    except UsageError:
        return False

"""Transformers over several devices: weights as `device_map` places them, caches with their layers, the rest beside.

Layers on the host or the disk run on the first GPU: their cache is there, and room for one of them at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cardscope.errors import UsageError
from cardscope.fitting.device_map import CPU, DISK, Device, Share, balanced, infer, modules
from cardscope.fitting.engines.options import flag, word
from cardscope.fitting.hardware import Devices, memory_alone
from cardscope.fitting.target import Load, Target

MAPS: Final = ("auto", "balanced", "sequential")
ASKS: Final = ("device_map", "max_memory", "cpu_memory", "disk")
FREE: Final = 0.9
"""Share of a single GPU's free memory that device_map="auto" fills (get_balanced_memory)."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Bytes of weights and share of the layers for each device; bytes on the host, on the disk, and with no place."""

    weights: tuple[int, ...]
    layers: tuple[float, ...]
    host: int
    disk: int
    homeless: int

    @property
    def away(self) -> int:
        """Bytes that are fetched for every token."""
        return self.host + self.disk


def wanted(load: Load) -> bool:
    """Whether devices are filled by a device map: several GPUs without tensor parallelism, or a host that may help."""
    if load.devices is None or load.tp > 1:
        return False
    return load.devices.count > 1 or any(
        key in load.options for key in ("device_map", "max_memory", "cpu_memory", "disk")
    )


def place(target: Target, load: Load, devices: Devices) -> Placed:
    """Where the weights go. Raises UsageError for a map or a memory that is none."""
    found = modules(target, load.quant)
    usable = tuple(gpu.usable for gpu in devices.gpus)
    memory: list[tuple[Device, int]] = list(enumerate(_limits(load, usable, balanced(found, usable))))
    host = host_memory(load)
    if host is not None:
        memory.append((CPU, host))
    shares = {share.device: share for share in infer(found, memory)}
    layers = max(1, sum(module.layers for module in found))
    empty = Share(0, 0, 0, ())
    held = [shares.get(index, empty) for index in range(len(usable))]
    cpu, rest = shares.get(CPU, empty), shares.get(DISK, empty)
    far = flag(load.options, "disk", default=False)
    away = cpu.layers + rest.layers
    return Placed(
        tuple(share.bytes for share in held),
        tuple((share.layers + (away if index == 0 else 0)) / layers for index, share in enumerate(held)),
        cpu.bytes,
        rest.bytes if far else 0,
        0 if far else rest.bytes,
    )


def _limits(load: Load, usable: tuple[int, ...], even: tuple[int, ...]) -> tuple[int, ...]:
    kind = word(load.options, "device_map", "auto")
    if kind not in MAPS:
        raise UsageError(f"device_map {kind[:40]!r} is none that is inferred", hint=f"device_map={', '.join(MAPS)}")
    cap = gpu_memory(load)
    if cap is not None:
        return tuple(min(cap, size) for size in usable)
    if kind == "sequential":
        return usable
    return even if len(usable) > 1 else tuple(int(FREE * size) for size in usable)


def gpu_memory(load: Load) -> int | None:
    """Bytes of each GPU that weights may take (`max_memory`), None where it is left to the map. Raises UsageError."""
    return _memory(load, "max_memory")


def host_memory(load: Load) -> int | None:
    """Bytes of the host that weights may take, None where they may not. Raises UsageError."""
    return _memory(load, "cpu_memory")


def _memory(load: Load, key: str) -> int | None:
    asked = load.options.get(key)
    if asked is None:
        return None
    found = memory_alone(str(asked))
    if found is None:
        raise UsageError(f"{key} is {str(asked)[:40]!r}", hint=f"--engine-option {key}=64GB")
    return found.memory

"""This machine's accelerators, with what is free now: NVML, the amdgpu driver's files, Apple, else the CPU's memory."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from cardscope.errors import UsageError
from cardscope.fitting.hardware import Devices, Gpu, card

DRIVER = Path("/proc/driver/nvidia/gpus")
DRM = Path("/sys/class/drm")


def detect() -> Devices:
    """What is here. Raises UsageError where it cannot be asked: no `gpu` extra, or not even the CPU's memory."""
    found = _nvidia() or _amd() or _memory()
    if not found:
        raise UsageError("this machine's memory could not be read", hint='--gpu "24GB" says how much there is')
    names = tuple(dict.fromkeys(gpu.name for gpu in found))
    shown = " + ".join(names)
    return Devices(f"{len(found)}x{shown}" if len(names) == 1 and len(found) > 1 else shown, tuple(found))


def _nvidia() -> list[Gpu]:
    try:
        import pynvml
    except ImportError:
        if DRIVER.is_dir():
            raise UsageError(
                "an NVIDIA GPU is here, but nothing that could ask how much of it is free",
                hint="pip install 'cardscope[gpu]', or say which it is: --gpu \"RTX 4090\"",
            ) from None
        return []
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        return [
            _measured(str(pynvml.nvmlDeviceGetName(h)), *_sizes(pynvml.nvmlDeviceGetMemoryInfo(h))) for h in handles
        ]
    except pynvml.NVMLError:
        return []


def _sizes(info: object) -> tuple[int, int]:
    return int(getattr(info, "total", 0)), int(getattr(info, "free", 0))


def _amd() -> list[Gpu]:
    found = []
    for total in sorted(DRM.glob("card*/device/mem_info_vram_total")):
        try:
            size = int(total.read_text())
            used = int((total.parent / "mem_info_vram_used").read_text())
        except (OSError, ValueError):
            continue
        if size > 0:
            found.append(_measured("AMD GPU", size, size - used))
    return found


def _measured(name: str, total: int, free: int) -> Gpu:
    known = card(name)
    note = "what is free now"
    if known is None:
        return Gpu(name, total, free, note=note)
    return Gpu(
        name, total, free, known.vendor, known.kind, known.bandwidth, known.bf16, known.fp8, known.fp4, note=note
    )


def _memory() -> list[Gpu]:
    """The CPU's memory, or Apple's unified memory with its usable share."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return []
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        share = 2 / 3 if total <= 36 << 30 else 3 / 4
        return [Gpu("Apple unified memory", total, int(total * share), "Apple", "unified", note="Metal's usable share")]
    free = _available(total)
    return [Gpu("CPU memory", total, free, kind="cpu", note="no GPU was found; memory that is free now")]


def _available(total: int) -> int:
    try:
        import psutil

        return int(psutil.virtual_memory().available)
    except ImportError:
        pass
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, ValueError, StopIteration):
        return total

"""The hardware table as text, Markdown and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cardscope.fitting.hardware import Gpu, Instance
from cardscope.report.lines import Line, Span, line, safe
from cardscope.report.markdown import escape, table


def gpus_lines(cards: Sequence[Gpu], machines: Sequence[Instance]) -> list[Line]:
    """One line a card: memory, usable memory, bandwidth, dense throughput."""
    head = f"{'name':<26} {'memory':>8} {'usable':>9} {'GB/s':>6} {'bf16':>6} {'fp8':>6} {'fp4':>6}"
    rows = [line(Span(head, "head"))]
    rows += [line(_row(gpu)) for gpu in cards]
    if machines:
        rows += [line(), line(Span("instances", "head"))]
        rows += [line(f"{item.name:<30} {item.count} × {item.card}") for item in machines]
    rows += [
        line(),
        line(Span("throughput in dense TFLOP/s, - where the maker states none; --json has sources", "dim")),
    ]
    return rows


def _row(gpu: Gpu) -> str:
    memory, usable = f"{gpu.memory / 2**30:.4g} GiB", f"{gpu.usable / 2**30:.4g} GiB"
    speeds = " ".join(f"{_tera(value):>6}" for value in (gpu.bf16, gpu.fp8, gpu.fp4))
    return f"{safe(gpu.name)[:26]:<26} {memory:>8} {usable:>9} {_giga(gpu.bandwidth):>6} {speeds}"


def _tera(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e12:.4g}"


def _giga(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e9:.4g}"


def gpus_markdown(cards: Sequence[Gpu], machines: Sequence[Instance]) -> str:
    """The table for a document, sources included."""
    heads = ["name", "memory GiB", "usable GiB", "GB/s", "bf16 TFLOP/s", "fp8", "fp4", "interconnect", "source"]
    rows = [
        [
            escape(g.name), f"{g.memory / 2**30:.4g}", f"{g.usable / 2**30:.4g}", _giga(g.bandwidth), _tera(g.bf16),
            _tera(g.fp8), _tera(g.fp4), escape(g.interconnect or "-"), g.source,
        ]
        for g in cards
    ]  # fmt: skip
    text = list(table(heads, rows))
    if machines:
        text += [
            "",
            *table(["instance", "GPUs", "source"], [[m.name, f"{m.count} × {m.card}", m.source] for m in machines]),
        ]
    return "\n".join(text) + "\n"


def gpus_dict(cards: Sequence[Gpu], machines: Sequence[Instance]) -> dict[str, Any]:
    """Bytes, bytes a second and FLOP a second."""
    body: dict[str, Any] = {"schema": "cardscope.gpus/1", "gpus": [gpu_dict(gpu) for gpu in cards]}
    body["instances"] = [{"name": m.name, "gpu": m.card, "count": m.count, "source": m.source} for m in machines]
    return body


def gpu_dict(gpu: Gpu) -> dict[str, Any]:
    """One card's facts."""
    return {
        "name": gpu.name, "vendor": gpu.vendor, "kind": gpu.kind, "memory_bytes": gpu.memory,
        "usable_bytes": gpu.usable, "bandwidth": gpu.bandwidth, "bf16_flops": gpu.bf16, "fp8_flops": gpu.fp8,
        "fp4_flops": gpu.fp4, "interconnect": gpu.interconnect, "aliases": list(gpu.aliases), "source": gpu.source,
    }  # fmt: skip

"""Reports → comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Final

from cardscope.comparison.model import Cell, Column, Comparison, Row
from cardscope.measures.facts import Facts
from cardscope.report.model import Report


def compare_reports(names: Sequence[str], reports: Sequence[Report]) -> Comparison:
    """One column a report, under the name it was asked for by."""
    rows = (*_counts(reports), *_components(reports), *_spec(reports), *_cache(reports), *_memory(reports))
    columns = tuple(_column(name, report) for name, report in zip(names, reports, strict=True))
    return Comparison(columns, (*rows, *_findings(reports)))


def _column(name: str, report: Report) -> Column:
    spec, total, inventory = report.spec, report.headline.total, report.inventory
    layers = [group for group in inventory.groups if group.layers] if inventory else []
    whole = inventory is not None and report.parameters.analytic.total is not None
    blocks = sum(group.count * group.parameters for group in layers) if whole else None
    sizes = {group.parameters for group in layers}
    guess = report.parameters.heuristic.total
    return Column(
        name,
        report.model.model_type,
        spec.num_layers if spec else None,
        spec.hidden_size if spec else None,
        spec.num_heads if spec else None,
        sizes.pop() if len(sizes) == 1 and whole else None,
        blocks,
        inventory.parameters - blocks if inventory and blocks is not None else None,
        total,
        round(guess / total, 6) if guess is not None and total else None,
    )


def _row(section: str, name: str, reports: Sequence[Report], read: Callable[[Report], Cell]) -> Row:
    return Row(section, name, tuple(read(report) for report in reports))


def _counts(reports: Sequence[Report]) -> Iterator[Row]:
    section = "parameters"
    yield _row(section, "total", reports, lambda r: r.headline.total)
    yield _row(section, "active", reports, lambda r: r.headline.active)
    yield Row(section, "witness", tuple(report.headline.witness for report in reports), "text")
    yield _row(section, "12·L·d²", reports, lambda r: r.parameters.heuristic.total)


def _components(reports: Sequence[Report]) -> Iterator[Row]:
    every = [report.parameters.analytic.components for report in reports]
    names = dict.fromkeys(name for components in every for name in components)
    for name in names:
        counts = tuple(components.get(name, 0) if components else None for components in every)
        if any(counts):
            yield Row("components", name, counts)
            shares = tuple(_share(count, components) for count, components in zip(counts, every, strict=True))
            yield Row("components", f"{name}, %", shares, "percent")


def _share(count: int | None, components: object) -> float | None:
    total = sum(components.values()) if hasattr(components, "values") else 0
    return round(100 * count / total, 2) if count is not None and total else None


def _spec(reports: Sequence[Report]) -> Iterator[Row]:
    yield Row("specification", "model_type", tuple(report.model.model_type for report in reports), "text")
    for item in fields(Facts):
        cells = tuple(getattr(report.spec, item.name) if report.spec else None for report in reports)
        if any(cell not in (None, 0) for cell in cells):
            yield Row("specification", item.name, cells)
    attention = tuple(report.attention.kind if report.attention else None for report in reports)
    yield Row("specification", "attention", attention, "text")


def _cache(reports: Sequence[Report]) -> Iterator[Row]:
    caches = [report.kv_cache for report in reports]
    if not any(caches):
        return
    section = "cache"
    yield Row(section, "dtype", tuple(cache.dtype if cache else None for cache in caches), "text")
    yield Row(section, "per token", tuple(cache.per_token_bytes if cache else None for cache in caches), "bytes")
    long = tuple(cache.per_token_bytes_long if cache else None for cache in caches)
    yield Row(section, "per token, windows full", long, "bytes")
    yield Row(section, "constant state", tuple(cache.state_bytes if cache else None for cache in caches), "bytes")
    rows = [{row.tokens: row.live_bytes for row in cache.rows} if cache else {} for cache in caches]
    for tokens in sorted(set.intersection(*(set(found) for found in rows if found))):
        if tokens in (1024, 2048, 8192, 32_768, 131_072) or len(rows[0]) == 1:
            yield Row(section, f"at {tokens:,} tokens", tuple(found.get(tokens) for found in rows), "bytes")


_LEFT_OUT: Final = {
    *("fp8 blocks", "nf4 double", "nvfp4", "GGUF Q6_K", "GGUF Q5_K_M", "GGUF Q4_0", "GGUF IQ4_XS", "GGUF Q3_K_M"),
}
"""Precisions that say little beside the others here; the report has them."""


def _memory(reports: Sequence[Report]) -> Iterator[Row]:
    found = [{w.precision: w.bytes for w in report.weights if w.precision not in _LEFT_OUT} for report in reports]
    for name in dict.fromkeys(name for weights in found for name in weights):
        yield Row("weights", name, tuple(weights.get(name) for weights in found), "bytes")


def _findings(reports: Sequence[Report]) -> Iterator[Row]:
    for code in sorted({item.code for report in reports for item in report.findings}):
        cells = tuple(sum(item.code == code for item in report.findings) or None for report in reports)
        yield Row("findings", code, cells)

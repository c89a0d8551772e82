"""Derivation → text, Markdown and JSON; the figures are the derivation's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from cardscope.derivation.model import SCHEMA, Explanation, Section, Step
from cardscope.report.lines import WIDTH, Line, Span, bar, fit, line, safe, shorten, wrap
from cardscope.report.markdown import code, escape, table


def lines(found: Explanation) -> list[Line]:
    """The derivation as lines of at most 80 columns."""
    rows: list[Line] = []
    for part in (_title, _sections, _sum, _short, _scaling, _facts, _picture):
        rows += (fit(row) for row in part(found))
    return rows


def _title(found: Explanation) -> Iterator[Line]:
    yield line(Span(shorten(safe(found.id), WIDTH), "title"))
    yield line(Span(f"{found.total:,} parameters, derived tensor by tensor", "strong"))
    for note in found.notes:
        for row in wrap(safe(note).split(" "), 0, 0, " "):
            yield line(Span(row, "warn"))


def _sections(found: Explanation) -> Iterator[Line]:
    for section in found.sections:
        yield line()
        times = f" (× {section.count:,})" if section.block else ""
        yield line(Span(shorten(safe(section.title), 60).upper() + times, "head"))
        for step in section.steps:
            yield from _step(step)
        if section.block:
            yield _total("one layer", section.each)
            yield _total(f"× {section.count:,}", section.total)
        else:
            yield _total("together", section.total)


def _step(step: Step) -> Iterator[Line]:
    start = f"  {shorten(safe(step.name.removesuffix('.weight')), 16):<16} {shorten(step.calculation, 26):<26} "
    yield line(start, Span(f"{step.parameters:>17,}", "strong"))
    for row in wrap(safe(step.why).split(" "), 4, 4, " "):
        yield line(Span(row if row.startswith("    ") else "    " + row, "dim"))


def _total(label: str, value: int) -> Line:
    return line(f"  {label:<43} ", Span(f"{value:>17,}", "strong"))


def _sum(found: Explanation) -> Iterator[Line]:
    yield line()
    yield line(Span("THE SUM", "head"))
    for section in found.sections:
        yield _total(shorten(safe(section.title), 36), section.total)
    yield _total("all parameters", found.total)
    if found.active is not None and found.active != found.total:
        yield _total("of which one token uses", found.active)


def _short(found: Explanation) -> Iterator[Line]:
    if found.short:
        yield line()
        yield line(Span("THE SHORT WAY", "head"))
    for item in found.short:
        yield line(f"  {item.formula:<20} {item.parameters:>24,}   ", Span(f"{item.percent_off:+.2f} %", "warn"))
        yield line(Span(f"    {item.calculation}", "dim"))


def _scaling(found: Explanation) -> Iterator[Line]:
    if found.scaling:
        yield line()
        yield line(Span("WHAT SCALES HOW", "head"))
    for item in found.scaling:
        if item.total is None:
            for row in wrap(f"{item.name}: {safe(item.reason or 'unknown')}".split(" "), 4, 4, " "):
                yield line(Span(row if row.startswith("    ") else "  " + row, "dim"))
        else:
            yield line(f"  {item.name:<32} {item.total:>22,}   ", Span(f"{item.factor:.2f} ×", "strong"))


def _facts(found: Explanation) -> Iterator[Line]:
    if found.facts:
        yield line()
        yield line(Span("NANOCHAT'S OWN FIGURES", "head"))
    for fact in found.facts:
        yield line(f"  {fact.name:<20} {fact.value:>17,}  ", Span(fact.why, "dim"))


def _picture(found: Explanation) -> Iterator[Line]:
    """The model drawn to scale: a bar's length is the component's share of all parameters, layers framed."""
    if not found.total:
        return
    yield line()
    yield line(Span("TO SCALE", "head"))
    for section in found.sections:
        if section.block:
            yield line(f"  +-- {section.count:,} × {shorten(safe(section.title), 50)}")
        for name, each in section.by_component().items():
            if not each:
                continue
            edge = "  | " if section.block else "    "
            share = section.count * each / found.total
            start = f"{edge}{shorten(safe(name), 16):<16} {section.count * each:>19,} "
            yield line(start, Span(bar(share, WIDTH - len(start) - 1), "bar"))
        if section.block:
            yield line("  +--")


# -- Markdown ----------------------------------------------------------------------------------------------


def markdown(found: Explanation) -> str:
    """The derivation as tables."""
    rows = [f"## {escape(found.id)}: {found.total:,} parameters", ""]
    for note in found.notes:
        rows += [f"> {escape(note)}", ""]
    for section in found.sections:
        rows += [*_section(section), ""]
    rows += ["### The sum", ""]
    sums = [[escape(section.title), f"{section.total:,}"] for section in found.sections]
    rows += [*table(["part", "parameters"], [*sums, ["**all**", f"**{found.total:,}**"]]), ""]
    if found.short:
        short = [
            [item.formula, item.calculation, f"{item.parameters:,}", f"{item.percent_off:+.2f} %"]
            for item in found.short
        ]
        rows += ["### The short way", "", *table(["formula", "put in", "parameters", "off"], short), ""]
    if found.scaling:
        scaled = [
            [
                item.name,
                f"{item.total:,}" if item.total is not None else escape(item.reason or ""),
                f"{item.factor or ''}",
            ]
            for item in found.scaling
        ]
        rows += ["### What scales how", "", *table(["change", "parameters", "times"], scaled), ""]
    if found.facts:
        facts = [[fact.name, f"{fact.value:,}", fact.why] for fact in found.facts]
        rows += ["### nanochat's own figures", "", *table(["figure", "value", "why"], facts), ""]
    return "\n".join(rows).rstrip() + "\n"


def _section(section: Section) -> Iterator[str]:
    times = f" (× {section.count:,})" if section.block else ""
    yield f"### {escape(section.title)}{times}"
    yield ""
    body = [[code(s.name), s.calculation, f"{s.parameters:,}", escape(s.why)] for s in section.steps]
    last = [["**one layer**", "", f"{section.each:,}", ""]] if section.block else []
    last.append([f"**× {section.count:,}**" if section.block else "**together**", "", f"**{section.total:,}**", ""])
    yield from table(["tensor", "shape", "parameters", "why"], [*body, *last])


# -- JSON --------------------------------------------------------------------------------------------------


def to_dict(found: Explanation) -> dict[str, object]:
    """Every figure of the derivation; `sections[].total` sum to `total`."""
    return {
        "schema": SCHEMA,
        "model": {"id": found.id, "model_type": found.model_type},
        "total": found.total,
        "active": found.active,
        "blocks": found.blocks,
        "sections": [
            {
                "title": s.title,
                "block": s.block,
                "count": s.count,
                "each": s.each,
                "total": s.total,
                "components": s.by_component(),
                "steps": [asdict(step) for step in s.steps],
            }
            for s in found.sections
        ],
        "short": [asdict(item) for item in found.short],
        "scaling": [asdict(item) for item in found.scaling],
        "facts": [asdict(item) for item in found.facts],
        "notes": list(found.notes),
    }

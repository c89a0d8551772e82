"""Report → GitHub-flavoured Markdown, ready for an issue or a model card."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cardscope.report.lines import spelled
from cardscope.report.model import Report
from cardscope.report.text import headline_pieces
from cardscope.units import format_bytes, short_dtype

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|])")


def escape(text: str) -> str:
    """A foreign string that cannot become markup, on one line."""
    clean = "".join(char if char.isprintable() else " " for char in text)
    return _SPECIAL.sub(r"\\\1", clean)


def code(text: str) -> str:
    """A foreign string as code, in which only backticks and a table's bars mean anything."""
    clean = "".join(char if char.isprintable() else " " for char in text)
    return "`" + clean.replace("`", "'").replace("|", "\\|") + "`"


def markdown(report: Report) -> str:
    """The report's tables: counts, differences, components, cache, memory, findings."""
    blocks = [_head(report), _counts(report), _differences(report), _components(report)]
    blocks += [_cache(report), _memory(report), _spec(report), _findings(report)]
    return "\n\n".join("\n".join(rows) for block in blocks if (rows := list(block))) + "\n"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table whose first column is left-aligned and the others right-aligned."""
    yield "| " + " | ".join(heads) + " |"
    yield "|---|" + "---:|" * (len(heads) - 1)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _head(report: Report) -> Iterator[str]:
    yield f"## {escape(report.model.id)}"
    yield ""
    yield f"**{' · '.join(headline_pieces(report))}**"
    for note in report.model.notes:
        yield f"\n> {escape(note)}"
    for key, before, after in report.model.changes:
        yield f"\n> what if: {code(key)} = {_short(after)} (was {_short(before)})"
    changed = [effect for effect in report.effects if effect.before != effect.after]
    if changed:
        yield ""
        body = [[escape(e.name), *(_number(n) for n in (e.before, e.after, e.delta))] for e in changed]
        yield from table(["what changed", "before", "after", "difference"], body)


def _counts(report: Report) -> Iterator[str]:
    p = report.parameters
    told = p.checkpoint.source == "hub-total" or p.checkpoint.total is None
    stored = p.checkpoint.stored_numbers if told else p.checkpoint.total
    rows = [
        ("stored", stored, p.checkpoint.source, p.checkpoint.reason),
        ("exact (empty model)", p.exact.total, p.exact.class_name, p.exact.reason),
        ("analytic (per tensor)", p.analytic.total, p.analytic.confidence, p.analytic.reason),
        ("12·L·d² (rule of thumb)", p.heuristic.total, None, p.heuristic.reason),
    ]
    yield "### Parameters"
    yield ""
    body = [[name, _number(value), escape(label or why or "")] for name, value, label, why in rows]
    yield from table(["count", "parameters", "basis"], body)


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _differences(report: Report) -> Iterator[str]:
    rows = []
    for item in report.parameters.differences:
        if item.terms:
            terms = ", ".join(f"{term.name} {term.delta:+,}" for term in item.terms)
            rows.append([f"{item.from_} → {item.to}", f"{item.delta:+,}", f"{item.percent:+.2f} %", terms])
    if rows:
        yield "### Why they differ"
        yield ""
        yield from table(["difference", "delta", "percent", "terms"], rows)


def _components(report: Report) -> Iterator[str]:
    parts = report.parameters.analytic.components
    total = sum(parts.values())
    if total:
        yield "### Where they live"
        yield ""
        ordered = sorted(parts.items(), key=lambda item: -item[1])
        yield from table(
            ["component", "parameters", "share"], [[n, f"{c:,}", f"{100 * c / total:.1f} %"] for n, c in ordered]
        )


def _cache(report: Report) -> Iterator[str]:
    cache = report.kv_cache
    if cache is None:
        return
    yield f"### KV cache ({short_dtype(cache.dtype)})"
    yield ""
    grow, multi_head = f"{cache.per_token_bytes:,} B per token", f"multi-head {cache.mha_per_token_bytes:,} B per token"
    yield f"{grow}, {cache.state_bytes:,} B constant; {multi_head}."
    yield ""
    rows = [
        [f"{r.tokens:,}", format_bytes(r.live_bytes), format_bytes(r.reserved_bytes), format_bytes(r.mha_bytes)]
        for r in cache.rows
    ]
    yield from table(["tokens", "live", "reserved", "multi-head"], rows)


def _memory(report: Report) -> Iterator[str]:
    if report.weights:
        yield "### Memory of the weights"
        yield ""
        rows = [[w.precision, format_bytes(w.bytes), f"{w.bits_per_weight:.2f}", w.basis] for w in report.weights]
        yield from table(["precision", "weights", "bits per weight", "basis"], rows)


def _spec(report: Report) -> Iterator[str]:
    if report.fields:
        yield "### Fields read"
        yield ""
        rows = [[code(r.name), _short(r.value), code(r.key), r.origin] for r in report.fields]
        yield from table(["field", "value", "key", "from"], rows)


def _short(value: object) -> str:
    text = spelled(value)
    return escape(text if len(text) <= 60 else text[:57] + "…")


def _findings(report: Report) -> Iterator[str]:
    yield "### Findings"
    yield ""
    if not report.findings:
        yield "None."
    for item in report.findings:
        yield f"- **{item.code}** {item.severity}: {escape(item.message)}"

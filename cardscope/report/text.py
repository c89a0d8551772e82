"""Report → lines for people: the answer first, then the four counts, then the detail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from cardscope.measures.before import Effect
from cardscope.measures.kvcache import CacheRow, KvCache
from cardscope.report.lines import WIDTH, Line, Span, Style, bar, columns, fit, line, pad, safe, shorten, spelled, wrap
from cardscope.report.model import Checkpoint, Exact, Report
from cardscope.units import format_bytes, format_count, short_dtype

ROWS: Final = 8
"""Rows of the cache table: the shortest, the trained context and what lies between, thinned."""
PLACES: Final = {
    "hub": "Hub",
    "cache": "Hub cache",
    "catalog": "bundled snapshot",
    "file": "local file",
    "stdin": "standard input",
    "formula": "formula",
    "object": "object",
}


def lines(report: Report) -> list[Line]:
    """The whole report as styled lines of at most 80 columns."""
    sections = (
        *(_title, _headline, _changes, _parameters, _components),
        *(_checkpoint, _attention, _cache, _memory, _spec, _findings),
    )
    rows: list[Line] = []
    for section in sections:
        rows += (fit(row) for row in section(report))
    return rows


def _title(report: Report) -> Iterator[Line]:
    model = report.model
    at = f" @ {safe(model.revision[:8])}" if model.revision else ""
    right = f"{safe(model.model_type or 'no model_type')} · {PLACES.get(model.source, model.source)}{at}"
    name = safe(model.id)
    room = WIDTH - columns(right) - 2
    if columns(name) <= room:
        yield line(Span(pad(name, room + 2), "title"), Span(right, "dim"))
    else:
        yield line(Span(shorten(name, WIDTH), "title"))
        yield line(Span(shorten(right, WIDTH), "dim"))


def headline_pieces(report: Report) -> list[str]:
    """The answer in a handful of phrases: size, active size, memory, cache growth, context."""
    pieces = [*_size(report), *_growth(report.kv_cache)]
    context = report.spec.max_positions if report.spec else None
    return [*pieces, f"{context:,} context"] if context else pieces


def _headline(report: Report) -> Iterator[Line]:
    for row in wrap(headline_pieces(report), 0, 0, " · "):
        yield line(Span(row, "strong"))
    for note in report.model.notes:
        for row in wrap(safe(note).split(" "), 0, 0, " "):
            yield line(Span(row, "warn"))


def _size(report: Report) -> Iterator[str]:
    head = report.headline
    if head.total is None:
        stored = report.parameters.checkpoint.stored_numbers
        yield f"{format_count(stored)} numbers stored" if stored else "parameters unknown"
    else:
        ranged = head.witness == "analytic" and any(item.code == "CS130" for item in report.findings)
        yield f"{format_count(head.total)} parameters{' (one of a range: CS130)' if ranged else ''}"
        if head.active is None:
            yield "active unknown"
        elif head.active != head.total:
            yield f"{format_count(head.active)} active"
    if head.bytes is not None:
        about = "" if report.parameters.checkpoint.stored_bytes or not _estimated(report) else "~"
        yield f"{about}{format_bytes(head.bytes)} in {short_dtype(head.dtype or '?')}"


def _estimated(report: Report) -> bool:
    return any(row.bytes == report.headline.bytes and row.basis == "estimated" for row in report.weights)


def _growth(cache: KvCache | None) -> Iterator[str]:
    if cache is None:
        return
    if cache.per_token_bytes:
        yield f"{format_bytes(cache.per_token_bytes)} cache per token"
        if not cache.per_token_bytes_long:
            yield "none once windows fill"
        elif cache.per_token_bytes_long != cache.per_token_bytes:
            yield f"{format_bytes(cache.per_token_bytes_long)} once windows fill"
    if cache.state_bytes:
        yield f"{format_bytes(cache.state_bytes)} of constant state"
    if cache.source_per_token_bytes:
        yield f"{format_bytes(cache.source_per_token_bytes)} per source token"


def _changes(report: Report) -> Iterator[Line]:
    for key, before, after in report.model.changes:
        told = f"what if: {safe(key)} = {shorten(safe(spelled(after)), 200)}"
        told += f" (was {shorten(safe(spelled(before)), 200)})"
        for row in wrap(told.split(" "), 2, 0, " "):
            yield line(Span(row, "warn"))
    for effect in report.effects:
        if effect.before != effect.after:
            yield _effect(effect)


def _effect(effect: Effect) -> Line:
    """One figure before, after, and what changed; a figure that only one side has changes by all of itself."""
    shown: Callable[[float], str] = format_bytes if effect.unit == "bytes" else "{:,.0f}".format
    before, after = effect.before or 0, effect.after or 0
    start = f"  {shorten(safe(effect.name), 15):<15} {shown(before):>18} → {shown(after):>18}  "
    sign = "+" if after > before else "−"
    share = f" {_signed(100 * (after - before) / before)} %" if before else ""
    return line(start, Span(f"{sign}{shown(abs(after - before))}{share}", "strong"))


# -- the four counts ---------------------------------------------------------------------------------------


def _parameters(report: Report) -> Iterator[Line]:
    yield line()
    yield line(Span("PARAMETERS", "head"))
    parameters, base = report.parameters, report.headline.total
    yield from _count("stored", _stored_label(parameters.checkpoint), *_stored(parameters.checkpoint), base)
    yield from _count("exact", _exact_label(parameters.exact), parameters.exact.total, parameters.exact.reason, base)
    analytic = parameters.analytic
    yield from _count("analytic", analytic.confidence, analytic.total, analytic.reason, base)
    yield from _count("12·L·d²", "rule of thumb", parameters.heuristic.total, parameters.heuristic.reason, base)
    yield from _why(report)


def _stored_label(stored: Checkpoint) -> str:
    if stored.source is None:
        return stored.status if stored.status == "failed" else ""
    return {"hub-total": "the Hub's total", "headers": "safetensors headers", "gguf": "GGUF tensor table"}.get(
        stored.source, stored.source
    )


def _stored(stored: Checkpoint) -> tuple[int | None, str | None]:
    if stored.stored_numbers is None or stored.source != "hub-total":
        return stored.total, stored.reason
    return stored.stored_numbers, None


def _exact_label(exact: Exact) -> str:
    return safe(exact.class_name or "") if exact.total is not None else exact.status


def _count(name: str, label: str, value: int | None, reason: str | None, base: int | None) -> Iterator[Line]:
    start = f"  {name:<9} {pad(shorten(label, 24), 24)} "
    if value is None:
        rows = wrap((safe(reason or "unknown")).split(" "), len(start), len(start), " ")
        yield line(Span(start), Span(rows[0], "dim"))
        for row in rows[1:]:
            yield line(Span(row, "dim"))
        return
    yield line(start, Span(f"{value:>21,}", "strong"), "   ", _against(value, base))


def _against(value: int, base: int | None) -> Span:
    if base is None or not base:
        return Span("")
    if value == base:
        return Span("equal", "good")
    return Span(f"{_signed(100 * (value - base) / base)} %", "warn")


def _signed(value: float) -> str:
    digits = f"{abs(value):,.1f}" if abs(value) >= 0.05 else f"{abs(value):.2g}"
    return ("+" if value > 0 else "−") + digits


_NAMES: Final = {"heuristic": "the rule", "analytic": "analytic", "exact": "exact", "checkpoint": "stored"}


def _why(report: Report) -> Iterator[Line]:
    """Each difference in named terms that sum to it."""
    for item in report.parameters.differences:
        if not item.terms:
            continue
        label = f"  {_NAMES[item.from_]} → {_NAMES[item.to]}: "
        pieces = [f"{'+' if term.delta > 0 else '−'} {term.name} {abs(term.delta):,}" for term in item.terms]
        rows = wrap(pieces, 4, len(label))
        yield line(Span(label, "dim"), rows[0])
        for row in rows[1:]:
            yield line(row)


def _components(report: Report) -> Iterator[Line]:
    parts = report.parameters.analytic.components or report.parameters.checkpoint.told
    total = sum(parts.values())
    if not total:
        return
    yield line()
    yield line(Span("WHERE THEY LIVE", "head"))
    for name, count in sorted(parts.items(), key=lambda item: -item[1]):
        share = count / total
        start = f"  {name:<11} {count:>19,} {100 * share:>6.1f} %  "
        yield line(start, Span(bar(share, WIDTH - len(start) - 2), "bar"))
    for index, row in enumerate(wrap(list(_layers(report)), 9, 9, " · ") if report.groups else []):
        yield line(Span("" if index else "  layers ", "dim"), row)


def _layers(report: Report) -> Iterator[str]:
    """Equal layers in words; where there are several towers, each names its own."""
    several = len({tower for tower, _, _ in report.groups}) > 1
    for tower, count, label in report.groups:
        yield f"{safe(tower) + ': ' if several else ''}{count} × {safe(label) or 'layer'}"


def _checkpoint(report: Report) -> Iterator[Line]:
    """What is stored: numbers by dtype, and what of them is no parameter."""
    stored = report.parameters.checkpoint
    if stored.source not in {"headers", "gguf"} or stored.stored_numbers is None or stored.stored_bytes is None:
        return
    yield line()
    yield line(Span("STORED", "head"), f"  {stored.stored_numbers:,} numbers in {format_bytes(stored.stored_bytes)}")
    pieces = [f"{safe(name)} {count:,}" for name, count in stored.dtypes.items()]
    beside = ("buffers", "scales", "duplicates", "mtp")
    words = {"scales": "scales and zero points", "duplicates": "second copies", "mtp": "extra prediction layers"}
    extras = [f"{words.get(name, name)} {count:,}" for name in beside if (count := getattr(stored, name))]
    for label, items in (("  by dtype  ", pieces), ("  beside parameters  ", extras)):
        for index, row in enumerate(wrap(items, len(label), len(label), " · ") if items else []):
            yield line(Span("" if index else label, "dim"), row)


# -- attention, cache, memory ------------------------------------------------------------------------------

_KINDS: Final = {
    "mha": "multi-head",
    "gqa": "grouped-query",
    "mqa": "multi-query",
    "mla": "latent",
    "none": "no attention",
}


def _attention(report: Report) -> Iterator[Line]:
    facts, cache = report.attention, report.kv_cache
    if facts is None:
        return
    yield line()
    yield line(Span("ATTENTION  ", "head"), _grouping(report))
    present = [f"{count} {name}" for name, count in facts.layers.items() if count]
    if len(present) > 1 or not facts.layers.get("full"):
        yield line(f"  layers: {', '.join(present)}")
    if cache and cache.saving and facts.kind != "mha":
        much = f"{100 * cache.saving:.1f}".rstrip("0").rstrip(".") if cache.saving < 0.9995 else "over 99.9"
        saved = f" and {format_count(facts.parameters_saved)} parameters" if facts.parameters_saved else ""
        yield line(
            f"  per token {cache.per_token_bytes:,} B; multi-head would keep {cache.mha_per_token_bytes:,} B: ",
            Span(f"saves {much} %", "good"),
        )
        if saved:
            yield line(f"  against multi-head it saves{saved.removeprefix(' and')}")


def _grouping(report: Report) -> str:
    facts, spec = report.attention, report.spec
    if facts is None or spec is None or facts.heads is None or facts.kv_heads is None:
        return _KINDS["none"]
    if facts.kind == "mla":
        return f"latent, {facts.heads} heads · cached: {spec.kv_lora_rank} + {spec.rope_head_dim} values a layer"
    name = _KINDS[facts.kind]
    if facts.kind == "mha":
        return f"{name}, {facts.heads} heads of {spec.head_dim}"
    return f"{name}, {facts.heads} query heads over {facts.kv_heads} KV ({facts.group} to 1), head_dim {spec.head_dim}"


def _cache(report: Report) -> Iterator[Line]:
    cache = report.kv_cache
    if cache is None or not cache.rows or not cache.rows[-1].reserved_bytes:
        return
    yield line()
    held = "one sequence" if cache.batch == 1 else f"{cache.batch:,} sequences"
    yield line(Span("CACHE", "head"), f"  {held}, {short_dtype(cache.dtype)}")
    rows = cache.rows[-1:] if _constant(cache) else _thin(cache.rows)
    reserved = any(row.live_bytes != row.reserved_bytes for row in rows)
    multi_head = any(row.live_bytes != row.mha_bytes for row in rows)
    heads = ["tokens", "live", *(["reserved"] if reserved else []), *(["multi-head"] if multi_head else [])]
    yield line(Span("  " + "".join(f"{head:>14}" for head in heads), "dim"))
    for row in rows:
        cells = ["any" if _constant(cache) else f"{row.tokens:,}", format_bytes(row.live_bytes)]
        cells += [format_bytes(row.reserved_bytes)] if reserved else []
        cells += [format_bytes(row.mha_bytes)] if multi_head else []
        yield line("  " + "".join(f"{cell:>14}" for cell in cells))


def _constant(cache: KvCache) -> bool:
    """Whether the cache is the same whatever the length: recurrent state only."""
    return not cache.per_token_bytes


def _thin(rows: tuple[CacheRow, ...]) -> tuple[CacheRow, ...]:
    """At most ROWS rows: every second one is dropped from the short end while there are more."""
    kept = list(rows)
    while len(kept) > ROWS:
        kept = kept[-1::-2][::-1]
    return tuple(kept)


_SHOWN: Final = frozenset({"fp32", "bf16", "fp8", "int8", "int4", "nf4", "mxfp4", "GGUF Q8_0", "GGUF Q4_K_M"})
"""The precisions that the screen has room for; the published and the stored one always show."""


def _memory(report: Report) -> Iterator[Line]:
    if not report.weights:
        return
    row = _reference(report)
    extra = f"+ cache at {row.tokens:,}" if row else ""
    yield line()
    yield line(Span("MEMORY", "head"), Span(f"{'bits':>23}{'weights':>16}{extra:>22}", "dim"))
    shown = [
        item for item in report.weights if item.precision in _SHOWN or item.basis == "stored" or "(" in item.precision
    ]
    for item in shown:
        about = "~" if item.basis == "estimated" else ""
        with_cache = format_bytes(item.bytes + row.live_bytes) if row else ""
        style: Style = "strong" if item.bytes == report.headline.bytes else ""
        cells = f"{item.bits_per_weight:>9.2f}{about + format_bytes(item.bytes):>16}{with_cache:>22}"
        yield line(Span(f"  {item.precision:<18}{cells}", style))
    if any(item.basis == "estimated" for item in shown):
        yield line(Span("  ~ by a rule (linear layers packed, the rest bf16; GGUF by llama.cpp's mixes)", "dim"))
    if len(shown) < len(report.weights):
        yield line(
            Span(f"  {len(report.weights) - len(shown)} more precisions with --format markdown or --json", "dim")
        )


def _reference(report: Report) -> CacheRow | None:
    """The cache row the memory table adds: 8K tokens, or the longest there is."""
    rows = report.kv_cache.rows if report.kv_cache else ()
    return next((row for row in rows if row.tokens >= 8192), rows[-1] if rows else None)


# -- spec and findings -------------------------------------------------------------------------------------

_SPEC: Final = {
    "num_layers": "layers",
    "hidden_size": "hidden",
    "num_heads": "heads",
    "num_kv_heads": "KV heads",
    "head_dim": "head_dim",
    "intermediate_size": "MLP",
    "vocab_size": "vocabulary",
    "max_positions": "positions",
    "sliding_window": "window",
    "num_experts": "experts",
    "experts_per_token": "firing",
    "expert_intermediate_size": "expert width",
    "shared_expert_intermediate_size": "shared width",
    "kv_lora_rank": "KV rank",
    "q_lora_rank": "Q rank",
    "state_size": "state",
    "num_mtp_layers": "extra prediction layers",
}


def _spec(report: Report) -> Iterator[Line]:
    if report.spec is None:
        return
    pieces = []
    for name, word in _SPEC.items():
        value = getattr(report.spec, name)
        if value:
            pieces.append(f"{word} {value:,}")
    if report.spec.tied_embeddings is not None:
        pieces.append("head tied" if report.spec.tied_embeddings else "head untied")
    yield line()
    rows = wrap(pieces, 6, 6, " · ")
    yield line(Span("SPEC  ", "head"), rows[0])
    for row in rows[1:]:
        yield line(row)


_MARKS: Final[dict[str, Style]] = {"error": "bad", "warning": "warn", "info": "dim"}


def _findings(report: Report) -> Iterator[Line]:
    yield line()
    if not report.findings:
        yield line(Span("FINDINGS  ", "head"), "none")
        return
    yield line(Span("FINDINGS", "head"))
    for item in report.findings:
        start = f"  {item.code} {item.severity:<8}"
        rows = wrap(safe(item.message).split(" "), len(start), len(start), " ")
        yield line(Span(start, _MARKS[item.severity]), rows[0])
        for row in rows[1:]:
            yield line(row)

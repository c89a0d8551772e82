"""Fit → JSON, text and Markdown."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from cardscope.report.lines import Line, Span, Style, bar, line, safe, shorten, wrap
from cardscope.report.lines import fit as fit_line
from cardscope.units import format_bytes, format_tokens

if TYPE_CHECKING:
    from cardscope.fitting.answer import Fit

WORDS: Final[dict[str, tuple[str, Style]]] = {
    "fits": ("fits", "good"),
    "marginal": ("marginal", "warn"),
    "does_not_fit": ("does not fit", "bad"),
    "unknown": ("cannot say", "warn"),
}
BAR: Final = 40


def to_dict(fit: Fit) -> dict[str, Any]:
    """The contract's JSON: bytes over all devices; `device` and `per_device_bytes` are of one."""
    need, devices = fit.need, fit.load.devices
    device = None
    if devices is not None and need.limits is not None:
        smallest = devices.smallest
        device = {
            "name": devices.name,
            "count": devices.count,
            "memory_bytes": smallest.memory,
            "usable_bytes": min(need.limits),
        }
    return {
        "schema": "cardscope.fit/1",
        "model": fit.model,
        "verdict": fit.verdict,
        "reason": fit.reason,
        "engine": fit.engine,
        "device": device,
        "precision": fit.precision,
        "context": fit.load.context,
        "batch": fit.load.batch,
        "new_tokens": fit.load.new_tokens,
        "need": {
            "weights": need.weights,
            "kv_cache": need.kv_cache,
            "activations": need.activations,
            "overhead": need.overhead,
            "total": need.total,
        },
        "per_device_bytes": fit.per_device_bytes,
        "host_bytes": need.host,
        "headroom_bytes": fit.headroom_bytes,
        "max_context": fit.max_context,
        "max_batch": fit.max_batch,
        "kv_cache_tokens": need.kv_cache_tokens,
        "uncertainty": asdict(fit.uncertainty),
        "speed": None if fit.speed is None else asdict(fit.speed),
        "settings": dict(need.settings),
        "alternatives": [asdict(item) for item in fit.alternatives],
        "command": fit.command,
        "notes": list(fit.notes),
    }


def lines(fit: Fit) -> list[Line]:
    """The answer for people: verdict, bar, parts of the need, what else would fit."""
    word, style = WORDS[fit.verdict]
    load = fit.load
    where = f" on {load.devices.name}" if load.devices else ""
    rows = [line(Span(shorten(safe(fit.model), 44), "title"), Span(shorten(f"  {word}{where}", 34), style))]
    asked = [f"{fit.engine}", fit.precision, f"context {format_tokens(load.context)}", f"batch {load.batch:,}"]
    rows.append(line(Span(" · ".join(asked), "dim")))
    if fit.reason:
        rows += [line(text) for text in wrap(fit.reason.split(), 0, 0, " ")]
    rows += [line(), *_device_rows(fit), *_need_rows(fit), line(), *_limits(fit)]
    if fit.alternatives:
        rows += [line(), line(Span("would fit", "head"))]
        rows += [line(f"  {item.text}") for item in fit.alternatives]
    if fit.command:
        rows += [line(), line(Span("run it with" if fit.verdict != "does_not_fit" else "its command line", "head"))]
        rows += [line(text) for text in wrap(("  " + safe(fit.command)).split(" "), 4, 0, " ")]
    rows += [line(Span(text, "dim")) for note in fit.notes for text in wrap(note.split(), 2, 0, " ")]
    return rows


def _device_rows(fit: Fit) -> list[Line]:
    """One bar for each device that differs from the one before."""
    need = fit.need
    if need.limits is None:
        return []
    rows, seen = [], set()
    for size, limit in zip(need.each, need.limits, strict=True):
        if (size, limit) in seen:
            continue
        seen.add((size, limit))
        share = size / limit if limit else 1.0
        style: Style = "bad" if share > 1 else "bar"
        text = f" {format_bytes(size)} of {format_bytes(limit)} usable ({100 * share:.0f} %)"
        rows.append(fit_line(line(Span(bar(share, BAR).ljust(BAR, "·"), style), text)))
    return rows


def _need_rows(fit: Fit) -> list[Line]:
    need = fit.need
    count = len(need.each)
    parts = (("weights", need.weights), ("KV cache", need.kv_cache), ("activations", need.activations))
    rows = [line(f"  {name:<14}{format_bytes(size):>12}") for name, size in (*parts, ("overhead", need.overhead))]
    over = f" over {count} devices" if count > 1 else ""
    rows.append(line(Span(f"  {'total':<14}{format_bytes(need.total):>12}{over}", "strong")))
    if need.host:
        rows.append(line(f"  {'host memory':<14}{format_bytes(need.host):>12}"))
    return rows


def _limits(fit: Fit) -> list[Line]:
    rows = []
    if fit.headroom_bytes is not None:
        left = fit.headroom_bytes
        rows.append(f"{'headroom' if left >= 0 else 'missing':<18}{format_bytes(abs(left))} on the fullest device")
    if fit.max_context is not None:
        rows.append(f"{'longest context':<18}{format_tokens(fit.max_context)} tokens at batch {fit.load.batch:,}")
    if fit.max_batch is not None:
        rows.append(f"{'largest batch':<18}{fit.max_batch:,} sequences at this context")
    if fit.need.kv_cache_tokens is not None:
        rows.append(f"{'cache holds':<18}{format_tokens(fit.need.kv_cache_tokens)} tokens")
    if fit.speed and fit.speed.decode_tokens_per_second:
        rows.append(f"{'decode':<18}at most {fit.speed.decode_tokens_per_second:,.0f} tokens/s (a bound)")
    if fit.speed and fit.speed.first_token_seconds:
        rows.append(f"{'first token':<18}at least {fit.speed.first_token_seconds:.3g} s (a bound)")
    rows.append(f"{'uncertainty':<18}± {fit.uncertainty.percent:g} %")
    return [line(f"  {text}") for text in rows]


def markdown(fit: Fit) -> str:
    """The answer as Markdown, for an issue or a model card."""
    from cardscope.report.markdown import code, escape, table

    word = WORDS[fit.verdict][0]
    where = f" on {escape(fit.load.devices.name)}" if fit.load.devices else ""
    need = fit.need
    rows = [("weights", need.weights), ("KV cache", need.kv_cache), ("activations", need.activations)]
    rows += [("overhead", need.overhead), ("total", need.total)]
    text = [f"## {escape(fit.model)}: {word}{where}", ""]
    text.append(f"{fit.engine}, {fit.precision}, context {fit.load.context:,}, batch {fit.load.batch:,}")
    text += ["", *table(["need", "size"], [[name, format_bytes(size)] for name, size in rows])]
    if fit.alternatives:
        text += ["", "Would fit:", "", *(f"- {code(item.text)}" for item in fit.alternatives)]
    return "\n".join(text) + "\n"

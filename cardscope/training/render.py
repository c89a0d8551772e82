"""Plan → text, Markdown and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from cardscope.report.lines import WIDTH, Line, Span, fit, line, safe, shorten, wrap
from cardscope.report.markdown import escape, table
from cardscope.training.memory import Memory
from cardscope.training.plan import SCHEMA, Plan
from cardscope.units import format_count


def rows(found: Plan) -> Iterator[tuple[str, str, str]]:
    """(figure, value, what it rests on), in the order of reading."""
    run = found.run
    yield "parameters", f"{found.parameters:,}", ""
    if found.active != found.parameters:
        yield "active parameters", f"{found.active:,}", "used for one token"
    for name, count in found.optimizers:
        yield f"trained by {name}", f"{count:,}", ""
    yield "tokens", f"{found.tokens:,}", found.tokens_basis
    yield "FLOPs per token", f"{found.flops_per_token:,}", found.flops_basis
    yield "by the rule 6·N", f"{found.flops_per_token_6n:,}", "every active parameter, no attention"
    yield "FLOPs in all", f"{found.total_flops:.4g}", ""
    micro = f"{run.devices} × {run.device_batch} × {found.sequence:,} tokens at once"
    batch = f"; {found.batch_basis}" if found.batch_basis not in {"", "given"} else ""
    yield "tokens a step", f"{found.batch_tokens:,}", micro + batch
    yield "micro-steps a step", f"{found.accumulation:,}", "gradient accumulation"
    yield "steps", f"{found.steps:,}", ""
    speed = f"{run.devices} × {run.peak_flops / 1e12:g} TFLOP/s at {100 * run.mfu:g} %"
    yield "hours", f"{found.seconds / 3600:,.1f}", speed
    yield "device hours", f"{found.device_hours:,.1f}", ""
    if found.cost is not None:
        yield "cost", f"{found.cost:,.0f}", f"at {run.price:g} an hour for all devices"
    yield from _memory(found.memory)
    for options, peak in found.leaner:
        yield "a device: leaner", _gb(peak), f"with {options}"
    yield "characters of text", f"{found.characters:,}", f"{run.chars_per_token:g} a token"
    yield "shards", f"{found.shards:,}", f"{run.shard_chars:,} characters each"
    yield "disk", f"{found.disk_bytes / 1e9:,.1f} GB", f"{run.shard_bytes / 1e6:g} MB a shard"


def _memory(found: Memory) -> Iterator[tuple[str, str, str]]:
    """What one device holds, each kind at its most, and all at the fullest moment."""
    for name in ("weights", "gradients", "optimizer", "activations", "logits"):
        yield f"a device: {name}", _gb(getattr(found, name)), found.rules[name]
    yield "a device: at most", _gb(found.peak), f"at once, at the {found.moment}"
    low, high = found.process
    yield "as nvidia-smi sees it", f"{low / 1e9:,.0f} to {high / 1e9:,.0f} GB", "with 3 to 15 % of slack, CUDA and NCCL"


def _gb(size: int) -> str:
    """Decimal gigabytes, as GPUs are sold and runs reported."""
    return f"{size / 1e9:,.2f} GB" if size < 10**15 else f"{size / 1e15:,.2f} PB"


def lines(found: Plan) -> list[Line]:
    """The plan as lines of at most 80 columns."""
    result = [line(Span(shorten(safe(found.id), WIDTH), "title"))]
    hours = f"{found.seconds / 3600:,.1f} h"
    summary = f"{format_count(found.tokens)} tokens, {found.total_flops:.3g} FLOPs, {found.steps:,} steps, {hours}"
    result.append(line(Span(summary, "strong")))
    result += [line(Span(safe(row), "warn")) for note in found.notes for row in wrap(note.split(" "), 0, 0, " ")]
    result.append(line())
    for name, value, basis in rows(found):
        start = f"  {name:<21} {value:>19}  "
        first, *rest = wrap(basis.split(" "), len(start), len(start), " ")
        result.append(line(start, Span(first, "dim")))
        result += [line(Span(row, "dim")) for row in rest]
    return [fit(row) for row in result]


def markdown(found: Plan) -> str:
    """The plan as one table."""
    body = [[name, value, escape(basis)] for name, value, basis in rows(found)]
    notes = [f"> {escape(note)}\n" for note in found.notes]
    return "\n".join([f"## Training {escape(found.id)}", "", *notes, *table(["figure", "value", "basis"], body)]) + "\n"


def to_dict(found: Plan) -> dict[str, object]:
    """Every figure; counts are integers, times seconds, sizes bytes."""
    data: dict[str, object] = {"schema": SCHEMA, **asdict(found)}
    data["optimizers"] = dict(found.optimizers)
    data["leaner"] = [{"options": options, "bytes": peak} for options, peak in found.leaner]
    data["device_hours"] = found.device_hours
    return data

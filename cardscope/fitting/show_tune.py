"""Tuning → JSON, text and Markdown."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from cardscope.fitting.render import BAR, WORDS
from cardscope.report.lines import Line, Span, bar, line, safe, shorten, wrap
from cardscope.report.lines import fit as fit_line
from cardscope.units import format_bytes, format_count, format_tokens

if TYPE_CHECKING:
    from cardscope.fitting.tune import Tuning

MOMENTS: Final = {
    "loaded": "loaded",
    "loss": "the loss starts back",
    "last block": "back in the last block",
    "first block": "back in the first block",
    "step": "the optimizer's step",
}


def to_dict(found: Tuning) -> dict[str, Any]:
    """Bytes on one device; `peak` names the stage that needs most."""
    from cardscope.fitting.tune import SCHEMA

    device = None
    if found.devices is not None:
        smallest = found.devices.smallest
        device = {
            "name": found.devices.name,
            "count": found.devices.count,
            "memory_bytes": smallest.memory,
            "usable_bytes": smallest.usable,
        }
    return {
        "schema": SCHEMA,
        "model": found.model,
        "verdict": found.verdict,
        "reason": found.reason,
        "device": device,
        "recipe": {**asdict(found.recipe), "base_precision": found.precision},
        "parameters": found.parameters,
        "trainable": found.training.trainable,
        "stages": [{**asdict(stage), "total": stage.total} for stage in found.training.stages],
        "peak": found.training.peak.name,
        "overhead_bytes": found.overhead,
        "per_device_bytes": found.per_device_bytes,
        "host_bytes": found.training.host,
        "headroom_bytes": found.headroom_bytes,
        "max_context": found.max_sequence,
        "max_batch": found.max_micro_batch,
        "uncertainty": asdict(found.uncertainty),
        "alternatives": [asdict(change) for change in found.alternatives],
        "notes": list(found.notes),
    }


def lines(found: Tuning) -> list[Line]:
    """The answer for people: verdict, bar, the stages of a step, limits, what would fit."""
    word, style = WORDS[found.verdict]
    where = f" on {found.devices.name}" if found.devices else ""
    rows = [line(Span(shorten(safe(found.model), 44), "title"), Span(shorten(f"  {word}{where}", 34), style))]
    rows += [line(Span(text, "dim")) for text in wrap(_asked(found), 0, 0, " · ")]
    if found.reason:
        rows += [line(text) for text in wrap(found.reason.split(), 0, 0, " ")]
    rows += [line(), *_bar(found), *_stage_rows(found), line(), *_limits(found)]
    if found.alternatives:
        rows += [line(), line(Span("would fit", "head"))]
        for change in found.alternatives:
            rows += [line(text) for text in wrap(f"- {change.text}".split(" "), 4, 2, " ")]
    rows += [line(Span(text, "dim")) for note in found.notes for text in wrap(note.split(), 2, 0, " ")]
    return rows


def _asked(found: Tuning) -> list[str]:
    recipe = found.recipe
    words = [f"train {recipe.method}", found.precision if recipe.method != "full" else recipe.precision]
    if recipe.method != "full":
        words.append(f"rank {recipe.rank} on {safe(recipe.targets)}")
    words += [recipe.optimizer, f"sequence {format_tokens(recipe.sequence)}", f"micro-batch {recipe.micro_batch:,}"]
    words.append("nothing run again" if recipe.recompute == "none" else f"run again: {recipe.recompute}")
    if recipe.sharding != "none":
        words.append(f"{recipe.sharding} over {recipe.devices:,}")
    if recipe.offload != "none":
        words.append(f"{recipe.offload} on the host")
    words.append(f"{format_count(found.training.trainable)} of {format_count(found.parameters)} learn")
    return words


def _bar(found: Tuning) -> list[Line]:
    if found.devices is None:
        return []
    limit, size = found.devices.smallest.usable, found.per_device_bytes
    share = size / limit if limit else 1.0
    style = "bad" if share > 1 else "bar"
    text = f" {format_bytes(size)} of {format_bytes(limit)} usable ({100 * share:.0f} %)"
    return [fit_line(line(Span(bar(share, BAR).ljust(BAR, "·"), style), text))]  # type: ignore[arg-type]


def _stage_rows(found: Tuning) -> list[Line]:
    """A table in GiB: moments of a step by what holds the memory."""
    head = f"  {'GiB':<24}{'weights':>8}{'grads':>8}{'states':>8}{'activ.':>8}{'logits':>8}{'total':>9}"
    rows = [line(Span(head, "strong"))]
    peak = found.training.peak
    for stage in found.training.stages:
        parts = (stage.weights, stage.gradients, stage.optimizer, stage.activations, stage.logits)
        cells = "".join(f"{size / 2**30:>8.2f}" if size else f"{'-':>8}" for size in parts)
        text = f"  {MOMENTS[stage.name]:<24}{cells}{stage.total / 2**30:>9.2f}"
        rows.append(line(Span(text, "strong")) if stage is peak else line(text))
    each = " on each device" if found.recipe.devices > 1 else ""
    rows.append(line(f"  driver's context {format_bytes(found.overhead)}{each}"))
    if found.training.host:
        rows.append(line(f"  host memory {format_bytes(found.training.host)}"))
    return rows


def _limits(found: Tuning) -> list[Line]:
    rows = []
    left = found.headroom_bytes
    if left is not None:
        rows.append(f"{'headroom' if left >= 0 else 'missing':<21}{format_bytes(abs(left))}")
    if found.max_sequence is not None:
        at = f" tokens at micro-batch {found.recipe.micro_batch:,}"
        rows.append(f"{'longest sequence':<21}{format_tokens(found.max_sequence) if found.max_sequence else 'no'}{at}")
    if found.max_micro_batch is not None:
        widest = f"{found.max_micro_batch:,}" if found.max_micro_batch else "none"
        rows.append(f"{'largest micro-batch':<21}{widest} at this sequence")
    rows.append(f"{'uncertainty':<21}± {found.uncertainty.percent:g} %")
    return [line(f"  {text}") for text in rows]


def markdown(found: Tuning) -> str:
    """The answer as Markdown."""
    from cardscope.report.markdown import code, escape, table

    where = f" on {escape(found.devices.name)}" if found.devices else ""
    text = [f"## Training {escape(found.model)}: {WORDS[found.verdict][0]}{where}", "", " · ".join(_asked(found)), ""]
    rows = []
    for stage in found.training.stages:
        parts = (stage.weights, stage.gradients, stage.optimizer, stage.activations, stage.logits, stage.total)
        rows.append([MOMENTS[stage.name], *(format_bytes(size) for size in parts)])
    text += table(["moment", "weights", "gradients", "states", "activations", "logits", "total"], rows)
    text += ["", f"Driver's context: {format_bytes(found.overhead)}."]
    if found.alternatives:
        text += ["", "Would fit:", "", *(f"- {code(change.text)}" for change in found.alternatives)]
    return "\n".join(text) + "\n"

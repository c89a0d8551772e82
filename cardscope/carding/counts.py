"""Verdicts on parameters: total, active, without embeddings."""

from __future__ import annotations

from cardscope.carding.held import Held, holds, off, unknown
from cardscope.carding.model import Claim, Said, Verdict
from cardscope.carding.witness import Witnesses
from cardscope.units import format_count


def parameters(claim: Claim, known: Witnesses) -> Held:
    """The total; active, text-only and embedding-free counts that fit instead are told, not wrong."""
    said, total = claim.said, known.total
    if total is None or known.report is None:
        return unknown(known)
    if holds(said, total):
        return Held("agrees", known.counted, total, _embedding_note(known))
    checkpoint, active = known.report.parameters.checkpoint, known.report.headline.active
    bare = known.without_embeddings
    if said.detail == "effective":
        return Held(
            "ambiguous", known.counted, total, "effective parameters leave out tables whose size no witness names"
        )
    if active is not None and active != total and holds(said, active):
        return Held("ambiguous", known.counted, total, f"the active parameters, {active:,}; {total:,} in all")
    for other, words in (
        (checkpoint.stored_numbers, "every stored number"),
        (_text(known), "the text model alone"),
        (bare, "without embeddings"),
    ):
        if words == "without embeddings" and other is not None and other > 0.8 * total:
            continue  # where embeddings are few, they are no excuse
        if other is not None and holds(said, other):
            verdict: Verdict = "agrees" if words == "every stored number" else "ambiguous"
            return Held(verdict, known.counted, total, f"{words}: {other:,}; {total:,} parameters in all")
    if _cut(said, total):
        return Held("ambiguous", known.counted, total, f"{format_count(total)} cut off, not rounded")
    doubt = _doubt(claim, known, total)
    if doubt:
        return Held("ambiguous" if doubt != known.reason else "cannot be checked", known.counted, total, doubt)
    return Held("disagrees", known.counted, total, off(said, total))


def _embedding_note(known: Witnesses) -> str:
    """Said where embeddings are more than a fifth: a small model's size depends on whether they count."""
    bare, total = known.without_embeddings, known.total
    if bare is not None and total and bare < 0.8 * total:
        return f"{bare:,} without embeddings"
    return ""


def _text(known: Witnesses) -> int | None:
    parts = known.report.parameters.analytic.components if known.report else {}
    other = sum(parts.get(name, 0) for name in ("vision", "audio", "projector", "image", "speech"))
    total = known.report.parameters.analytic.total if known.report else None
    return total - other if other and total is not None else None


def _cut(said: Said, total: int) -> bool:
    """Whether the claim is the count cut off after its last digit: 14B of 14.77B."""
    for reading in said.readings:
        half = (reading.high - reading.low) / 2
        if half and reading.value <= total < reading.value + 2 * half and said.loose != "over":
            return True
    return False


def _doubt(claim: Claim, known: Witnesses, total: int) -> str | None:
    """Why a difference is no contradiction, if it is none."""
    report = known.report
    if report is None:
        return known.reason
    if report.parameters.analytic.confidence == "guess":
        return "the count is a guess among several releases"
    if known.counted == "nothing":
        return known.reason or "nothing counts this model"
    gap = abs(float(str(claim.said.value)) - total) / total if total else 1.0
    if gap < 0.002 and report.headline.witness == "analytic":
        return f"off by {100 * gap:.2f} %: the files may hold what the config does not tell"
    if claim.where == "name" and any(
        mark in known.config for mark in ("text_model_id", "audio_model_id", "base_model_name_or_path")
    ):
        return "the name may be that of the model inside"
    return None


def active_parameters(claim: Claim, known: Witnesses) -> Held:
    """What one token uses, with or without the tables it looks up."""
    if known.report is None or known.total is None:
        return unknown(known)
    active = known.report.headline.active
    if active is None:
        return unknown(known, "the config does not say how many experts fire")
    if holds(claim.said, active):
        return Held("agrees", known.counted, active)
    parts = known.report.parameters.analytic.components
    for names, words in (
        (("embedding",), "without the embedding"),
        (("embedding", "head"), "without embedding and head"),
        (("head",), "without the head"),
    ):
        less = active - sum(parts.get(name, 0) for name in names)
        if holds(claim.said, less):
            return Held("agrees", known.counted, active, f"{words}: {less:,}")
    gap = abs(float(str(claim.said.value)) - active) / active
    if _cut(claim.said, active) or gap < 0.2 or active == known.total:
        return Held(
            "ambiguous", known.counted, active, f"{active:,} by the config; which tables count as active is not said"
        )
    return Held("disagrees", known.counted, active, off(claim.said, active))


def bare_parameters(claim: Claim, known: Witnesses) -> Held:
    """What is left without the embedding, and perhaps without the head."""
    bare, total = known.without_embeddings, known.total
    if bare is None or total is None or known.report is None:
        return unknown(known)
    if holds(claim.said, bare):
        return Held("agrees", known.counted, bare)
    parts = known.report.parameters.analytic.components
    half = bare + parts.get("head", 0)
    if holds(claim.said, half):
        return Held("agrees", known.counted, half, "with the head, without the embedding")
    gap = abs(float(str(claim.said.value)) - bare) / max(1, bare)
    if _cut(claim.said, bare) or known.towers > 1 or gap < 0.03:
        return Held("ambiguous", known.counted, bare, f"{bare:,} without embeddings and head")
    return Held("disagrees", known.counted, bare, off(claim.said, bare))

"""A claim beside the witnesses → agrees, disagrees, ambiguous, or cannot be checked, and why.

A wrong `disagrees` is the worst error there is: where witness, words or subject leave a doubt, it is not said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cardscope.carding import compared, counts, shapes
from cardscope.carding.held import LABELLED, Held
from cardscope.carding.model import Claim, Judged, Verdict
from cardscope.carding.witness import Witnesses
from cardscope.units import format_bytes

Judge = Callable[[Claim, Witnesses], Held]


def judge(claim: Claim, known: Witnesses) -> Judged:
    """The verdict on one claim."""
    held = _JUDGES[claim.kind](claim, known)
    return Judged(claim, held.verdict, held.witness, held.actual, held.reason)


def _never(reason: str) -> Judge:
    def held(claim: Claim, known: Witnesses) -> Held:
        del claim, known
        return Held("cannot be checked", reason=reason)

    return held


def _tokens(claim: Claim, known: Witnesses) -> Held:
    total, tokens = known.total, float(str(claim.said.value))
    if not total or claim.said.detail == "family":
        return Held("cannot be checked", reason="nothing at hand tells what a model was trained on")
    ratio = tokens / total
    return Held("cannot be checked", reason=f"{ratio:,.1f} tokens per parameter, {ratio / 20:,.1f}× Chinchilla's 20")


def _size(claim: Claim, known: Witnesses) -> Held:
    stored = known.report.parameters.checkpoint.stored_bytes if known.report else None
    if stored is None:
        listed = [size for name, size in known.files if name.endswith((".safetensors", ".gguf")) and size]
        stored = sum(listed) if listed and any(n.endswith(".safetensors") for n, _ in known.files) else None
    if stored is not None:
        near = any(0.95 * r.low <= stored <= 1.05 * r.high for r in claim.said.readings)
        if near:
            return Held("agrees", "stored tensors", stored, format_bytes(stored))
        one_file = any(
            size and any(0.97 * r.low <= size <= 1.03 * r.high for r in claim.said.readings) for _, size in known.files
        )
        likely = 0.2 < float(str(claim.said.value)) / max(1, stored) < 5  # else some other thing's size is meant
        verdict: Verdict = "disagrees" if likely and not one_file and claim.where in LABELLED else "ambiguous"
        return Held(verdict, "stored tensors", stored, f"{format_bytes(stored)} are stored")
    estimate = known.report.headline.bytes if known.report else None
    if estimate is not None and any(0.9 * r.low <= estimate <= 1.1 * r.high for r in claim.said.readings):
        return Held("agrees", known.counted, estimate, f"about {format_bytes(estimate)} by the count")
    return Held("cannot be checked", reason="the files' sizes are not known")


_JUDGES: Final[dict[str, Judge]] = {
    "parameters": counts.parameters,
    "active_parameters": counts.active_parameters,
    "non_embedding_parameters": counts.bare_parameters,
    **dict.fromkeys(shapes.KEYS, shapes.shape),
    "vocab_size": shapes.vocabulary,
    "context_length": shapes.context,
    "extended_context_length": shapes.context,
    "attention": shapes.attention,
    "dtype": compared.dtype,
    "quantization": compared.quantization,
    "architecture": compared.architecture,
    "training_tokens": _tokens,
    "training_flops": _never("no file tells what training cost"),
    "gpu_hours": _never("no file tells what training cost"),
    "base_model": compared.base_model,
    "license": compared.license_,
    "languages": compared.languages,
    "library": compared.library,
    "file_size": _size,
}

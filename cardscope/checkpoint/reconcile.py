"""The checkpoint as a witness: what it says, why it differs from the others by name, and what does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from cardscope.checkpoint.contents import Contents
from cardscope.checkpoint.match import LACK, Mismatch, compare
from cardscope.checkpoint.piece import Piece
from cardscope.findings import Finding, finding
from cardscope.inventory import Inventory
from cardscope.measures.heuristic import Term
from cardscope.report.model import Checkpoint

_BUFFERS: Final = (
    ("e_score_correction_bias", "router correction biases"),
    ("expert_bias", "router correction biases"),
    ("masked_bias", "mask fill values"),
    ("inv_freq", "rotary frequencies"),
    ("running_", "running statistics"),
    ("num_batches_tracked", "running statistics"),
    ("position_ids", "position ids"),
    ("attn.bias", "attention masks"),
    ("attention.bias", "attention masks"),
)
SHOWN: Final = 5


class Verdict(NamedTuple):
    """The witness, the terms from the declared (or exact) total to every stored number, and the findings."""

    checkpoint: Checkpoint
    terms: tuple[Term, ...]
    findings: tuple[Finding, ...]


def agrees(contents: Contents, inventory: Inventory | None) -> bool:
    """Whether what is stored is exactly what the config declares, so that no other witness is needed."""
    return inventory is not None and not contents.missing and contents.total == inventory.parameters


def judge(contents: Contents, inventory: Inventory | None, hub_total: int | None, where: str) -> Verdict:
    """Everything that contents say; `inventory` is the declared one, `hub_total` the Hub's own number."""
    missing = contents.missing
    mismatch = Mismatch() if inventory is None or missing else compare(contents.pieces, inventory)
    found = (
        *_shape_findings(mismatch, where), *_lack_findings(mismatch), *_file_findings(contents),
        *_hub_findings(contents, hub_total),
    )  # fmt: skip
    if missing:
        shown = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        reason = f"incomplete: {len(missing):,} named and not there ({shown})"
        return Verdict(Checkpoint(None, source=contents.source, status="failed", reason=reason), (), found)
    return Verdict(_witness(contents), tuple(_terms(contents, mismatch)), found)


def _witness(contents: Contents) -> Checkpoint:
    unknown = contents.unknown
    reason = None
    if unknown:
        reason = f"{len(unknown):,} packed tensors are in no known format, {unknown[0].name} among them"
    return Checkpoint(
        contents.total,
        source=contents.source,
        stored_numbers=contents.numbers,
        buffers=contents.stored("buffer"),
        mtp=contents.logical("parameter", mtp=True),
        scales=contents.stored("scale", "zero point", "index"),
        duplicates=contents.stored("duplicate"),
        stored_bytes=contents.bytes,
        dtypes=contents.dtypes(),
        status="ok",
        reason=reason,
        parts=contents.parts,
    )


def _terms(contents: Contents, mismatch: Mismatch) -> Iterator[Term]:
    """Reasons from declared parameters to stored numbers; what they leave over is unexplained."""
    yield from mismatch.terms
    main = [p for p in contents.pieces if p.role == "parameter" and not p.mtp]
    yield Term("packed words", sum(p.numbers - p.logical for p in main))
    yield Term("scales", contents.stored("scale"))
    yield Term("zero points", contents.stored("zero point"))
    yield Term("quantizer's tables", contents.stored("index"))
    buffers: Counter[str] = Counter()
    for piece in contents.pieces:
        if piece.role == "buffer":
            buffers[_buffer(piece)] += piece.numbers
    for name, count in buffers.items():
        yield Term(name, count)
    again = [p for p in contents.pieces if p.role == "duplicate"]
    heads = sum(p.numbers for p in again if not p.mtp and "head" in p.name)
    extra = sum(p.numbers for p in again if p.mtp)
    yield Term("tied head stored", heads)
    yield Term("embedding and head repeated for the extra layers", extra)
    yield Term("second copies", sum(p.numbers for p in again) - heads - extra)
    yield Term("extra prediction layers", sum(p.numbers for p in contents.pieces if p.mtp and p.role == "parameter"))
    if contents.unknown:
        yield Term("in no known format", sum(p.numbers for p in contents.unknown))


def _buffer(piece: Piece) -> str:
    return next((label for key, label in _BUFFERS if key in piece.name), "other buffers")


# -- findings ----------------------------------------------------------------------------------------------


def _shape_findings(mismatch: Mismatch, where: str) -> Iterable[Finding]:
    wrong = [c for c in mismatch.contradictions if not c.padding]
    for item in wrong[:SHOWN]:
        more = f", and {len(wrong) - 1:,} more tensors" if len(wrong) > 1 and item is wrong[0] else ""
        message = f"{item.name} is stored as {_dims(item.stored)}; the config gives {_dims(item.declared)}{more}"
        yield finding("CS203", message, where)
    padded = [c for c in mismatch.contradictions if c.padding]
    if padded:
        first = padded[0]
        message = f"{first.name} has {first.stored[0]:,} rows for a vocabulary of {first.declared[0]:,}"
        yield finding("CS208", message, where)


def _dims(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{n:,}" for n in shape) or "one number"


def _lack_findings(mismatch: Mismatch) -> Iterable[Finding]:
    """Less is stored than declared, and no tensor's shape says why."""
    lacking = sum(term.delta for term in mismatch.terms)
    if lacking < 0 and not mismatch.contradictions:
        named = [t for t in mismatch.terms if t.name.startswith(LACK) and t.delta < 0]
        shown = ", ".join(f"{t.name.removeprefix(LACK)} {-t.delta:,}" for t in named[:3])
        more = ", …" if len(named) > 3 else ""
        yield finding("CS214", f"{-lacking:,} declared parameters are not stored: {shown}{more}", "the checkpoint")


def _file_findings(contents: Contents) -> Iterable[Finding]:
    if contents.missing:
        shown = ", ".join(contents.missing[:3])
        yield finding("CS205", f"{len(contents.missing):,} named and not stored: {shown}", "the checkpoint")
    size = contents.index_size
    if size is not None and not contents.missing and size != contents.bytes:
        message = f"the index says {size:,} bytes, its shards hold {contents.bytes:,}"
        yield finding("CS204", message, "the checkpoint's index")
    if contents.unlisted:
        message = f"{len(contents.unlisted):,} tensors are in no index: {min(contents.unlisted)}"
        yield finding("CS204", message, "the checkpoint's index")
    if contents.unknown:
        message = f"{len(contents.unknown):,} packed tensors are in no known format: {contents.unknown[0].name}"
        yield finding("CS207", message, "the checkpoint")
    for note in contents.notes:
        yield finding("CS209", note, "the checkpoint")


def _hub_findings(contents: Contents, hub_total: int | None) -> Iterable[Finding]:
    """The Hub counts stored numbers, in some formats with packed words unpacked: either is right."""
    if hub_total is None or contents.missing or contents.unknown:
        return
    logical = sum(p.logical if p.role == "parameter" else p.numbers for p in contents.pieces)
    weights = sum(p.logical for p in contents.pieces if p.role in {"parameter", "buffer", "duplicate"})
    if hub_total not in {contents.numbers, logical, weights, contents.total}:
        message = f"the Hub's own total is {hub_total:,}; its files hold {contents.numbers:,} numbers"
        yield finding("CS206", message, "the Hub")

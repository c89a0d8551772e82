"""What is stored, for the report: headers where they were read, else the Hub's own total, else why neither."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from cardscope.checkpoint.contents import Contents
from cardscope.checkpoint.filelist import FileList
from cardscope.checkpoint.gguf_files import Quant, label, mix
from cardscope.checkpoint.inventory import inventory as stored_inventory
from cardscope.checkpoint.look import Look
from cardscope.checkpoint.reconcile import judge
from cardscope.findings import Finding, finding
from cardscope.inventory import Inventory
from cardscope.measures.differences import Difference, beside, difference, explain_stored, stored_candidates
from cardscope.measures.heuristic import Term
from cardscope.measures.precision import WeightRow
from cardscope.measures.quantized import packed_terms
from cardscope.model import RawConfig
from cardscope.parts import Spec
from cardscope.report.model import Checkpoint, Status
from cardscope.units import dtype_bytes, dtype_name, short_dtype

NOTHING = Checkpoint(None, status="skipped", reason="nothing stored was looked at")


class Stored(NamedTuple):
    """The checkpoint's witness with its inventory, its named reasons (None: not told by headers) and findings."""

    checkpoint: Checkpoint
    inventory: Inventory | None = None
    terms: tuple[Term, ...] | None = None
    findings: tuple[Finding, ...] = ()
    rows: tuple[WeightRow, ...] = ()
    """What is stored, and what lies beside it in other precisions."""
    dtype: str | None = None


def view(raw: RawConfig, look: Look | None, declared: Inventory | None) -> Stored:
    """The stored witness; `declared` is the analytic inventory of the whole model, where there is one."""
    told = raw.hub.safetensors_total if raw.hub else None
    if look is None or look.contents is None:
        return _without(raw, look, declared)
    contents = look.contents
    verdict = judge(contents, declared, told, raw.where)
    if verdict.checkpoint.stored_numbers is None:
        return Stored(verdict.checkpoint, findings=verdict.findings)
    rows = (*_row(contents, raw), *_others(look.others, contents.total or (declared.parameters if declared else 0)))
    # Where the config declares the model, its own inventory serves; the stored one takes as long as all else.
    found = stored_inventory(contents.pieces) if declared is None else None
    named = method(raw) if packed(contents) else None
    named = label(contents.files[0]) if contents.source == "gguf" else named
    return Stored(verdict.checkpoint, found, verdict.terms, verdict.findings, rows, named or _dtype(contents))


def _without(raw: RawConfig, look: Look | None, declared: Inventory | None) -> Stored:
    fallback = hub_total(raw)
    if look is None:
        return Stored(fallback)
    if look.listed is not None and fallback is NOTHING:
        return _listed(look.listed, declared)
    if fallback is NOTHING:
        status: Status = "failed" if look.error else "skipped"
        fallback = Checkpoint(None, status=status, reason=look.reason)
    if look.error is None:
        return Stored(fallback)
    return Stored(fallback, findings=(finding("CS210", look.reason or "unreadable", "the checkpoint"),))


def _listed(found: FileList, declared: Inventory | None) -> Stored:
    """PyTorch's own files: bytes, and nothing that only a pickle would tell."""
    reason = f"PyTorch files, told by {found.how}; numbers, shapes and dtypes stand in pickles, which are never opened"
    told = Checkpoint(None, source="file-list", stored_bytes=found.bytes, status="ok", reason=reason)
    if declared is None or not declared.parameters:
        return Stored(told)
    bits = round(8 * found.bytes / declared.parameters, 3)
    return Stored(told, rows=(WeightRow("PyTorch files", found.bytes, bits, "stored", f"by {found.how}"),))


def hub_total(raw: RawConfig) -> Checkpoint:
    """The Hub's own safetensors total as a witness: stored numbers, labelled as such."""
    hub = raw.hub
    if hub is None or hub.safetensors_total is None:
        return NOTHING
    sizes = {name: dtype_name(name) for name in hub.safetensors_dtypes}
    known = all(sizes.values()) and sizes
    size = sum(int(hub.safetensors_dtypes[n] * dtype_bytes(d)) for n, d in sizes.items() if d) if known else None
    return Checkpoint(
        None,
        source="hub-total",
        stored_numbers=hub.safetensors_total,
        stored_bytes=size,
        dtypes=dict(hub.safetensors_dtypes),
        status="ok",
        reason="the Hub's total counts stored numbers, masks, packed words and duplicates included",
    )


def _dtype(contents: Contents) -> str | None:
    """The dtype that most bytes are in, in torch's name or as the file spells it."""
    sizes: dict[str, int] = {}
    for piece in contents.pieces:
        sizes[piece.dtype] = sizes.get(piece.dtype, 0) + piece.size
    most = max(sizes, key=lambda name: sizes[name], default=None)
    return None if most is None else dtype_name(most) or most


def packed(contents: Contents) -> bool:
    """Whether parameters are stored with scales or in packed words."""
    return any(p.role in {"scale", "unknown"} or (p.role == "parameter" and p.numbers != p.logical)
               for p in contents.pieces)  # fmt: skip


def _row(contents: Contents, raw: RawConfig) -> Iterator[WeightRow]:
    """The memory row of what is stored, everything included."""
    total, size = contents.total, contents.bytes
    if not total:
        return
    rule = "every stored tensor, as its header says"
    if contents.source == "gguf":
        name, rule = label(contents.files[0]), f"every tensor by its own type: {mix(contents.dtypes())}"
    elif packed(contents):
        name = f"{method(raw) or 'packed'} (stored)"
    else:
        name = short_dtype(_dtype(contents) or "stored")
    yield WeightRow(name, size, round(8 * size / total, 3), "stored", rule)


def _others(quants: Iterable[Quant], total: int) -> Iterator[WeightRow]:
    """GGUF files beside it: their whole size, metadata included."""
    for quant in quants:
        if quant.size is not None and total:
            bits = round(8 * quant.size / total, 3)
            yield WeightRow(quant.label, quant.size, bits, "stored", f"the size of {quant.files[0]}, metadata included")


def method(raw: RawConfig) -> str | None:
    """The name the config gives its quantization."""
    inner = raw.data.get("text_config")
    for place in (raw.data, inner if isinstance(inner, dict) else {}):
        for key in ("quantization_config", "compression_config"):
            found = place.get(key)
            if isinstance(found, dict) and isinstance(found.get("quant_method"), str):
                return str(found["quant_method"])[:20]
    return "mlx" if isinstance(raw.data.get("quantization"), dict) else None


def surplus(
    spec: Spec | None, whole: Inventory | None, base: tuple[str, int | None], found: Stored, raw: RawConfig
) -> tuple[tuple[Difference, ...], Checkpoint]:
    """From the other witnesses to every stored number, by name.

    Headers name what they hold; the Hub's number is explained by trial, and where all of it has a name, that tells
    the parameters apart.
    """
    stored = found.checkpoint
    if base[1] is None or stored.stored_numbers is None:
        return (), stored
    gap = stored.stored_numbers - base[1]
    terms = found.terms or ()
    if found.terms is None and spec and whole and gap:
        terms = explain_stored(gap, stored_candidates(spec, whole, packed_terms(raw.data, whole)))
    last = difference((base[0], base[1]), ("checkpoint", stored.stored_numbers), terms)
    if stored.source == "hub-total" and last.explained:
        buffers, mtp, scales, duplicates = beside(terms)
        packed = sum(term.delta for term in terms if term.name == "packed words")
        total = stored.stored_numbers - buffers - mtp - scales - duplicates - packed
        stored = replace(stored, total=total, buffers=buffers, mtp=mtp, scales=scales, duplicates=duplicates)
    return (last,), stored


def merge(stored: tuple[WeightRow, ...], rows: tuple[WeightRow, ...]) -> tuple[WeightRow, ...]:
    """What is stored before what is counted; one row of a precision, and no estimate of what is there."""
    if not stored:
        return rows
    names = {{"fp16": "bf16"}.get(row.precision, row.precision) for row in stored}
    kept = tuple(r for r in rows if not r.precision.endswith("(published)") and r.precision not in names)
    return (*stored, *kept)

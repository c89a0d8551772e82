"""Pieces → Inventory: the same shape as the analytic one, so that every fold works on what is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from cardscope.checkpoint.naming import component, place
from cardscope.checkpoint.piece import Piece
from cardscope.inventory import Group, Inventory
from cardscope.parts import Tensor
from cardscope.parts.tensor import Kind


def inventory(pieces: Sequence[Piece]) -> Inventory:
    """Parameters and buffers by layer, equal layers grouped; extra prediction layers apart.

    Experts of one layer that have equal shapes become one tensor with copies; how many of them fire is not in a
    checkpoint, so `active` is None where there are any.
    """
    kept = [p for p in pieces if p.role in {"parameter", "buffer"}]
    return Inventory(tuple(_groups(p for p in kept if not p.mtp)), tuple(_groups(p for p in kept if p.mtp)))


def _groups(pieces: Iterable[Piece]) -> Iterable[Group]:
    layers: dict[tuple[str, int | None], list[Piece]] = {}
    for piece in pieces:
        where = place(piece.name)
        layers.setdefault((where.tower, where.layer), []).append(piece)
    equal: dict[tuple[str, tuple[Tensor, ...], bool], list[int]] = {}
    for (tower, number), members in layers.items():
        tensors = tuple(_tensors(members))
        equal.setdefault((tower, tensors, number is None), []).append(number if number is not None else 0)
    for (tower, tensors, loose), numbers in equal.items():
        yield Group(tower, "", len(numbers), () if loose else tuple(sorted(numbers)), tensors)


def _tensors(pieces: Sequence[Piece]) -> Iterable[Tensor]:
    counts: Counter[tuple[str, tuple[int, ...], str, Kind, bool]] = Counter()
    for piece in pieces:
        where = place(piece.name)
        key = (where.name, piece.shape, component(piece.name), _kind(piece), where.expert is not None)
        counts[key] += 1
    for (name, shape, part, kind, expert), copies in counts.items():
        yield Tensor(name, shape, part, kind, copies, None if expert else copies)


def _kind(piece: Piece) -> Kind:
    if piece.role == "buffer":
        return "buffer"
    part = component(piece.name)
    if part == "norm":
        return "norm"
    if len(piece.shape) < 2:
        return "bias" if piece.name.endswith("bias") else "other"
    if len(piece.shape) > 3 or (len(piece.shape) == 3 and "conv" in piece.name):
        return "other"  # convolutions, which no quantizer packs
    return "table" if part in {"embedding", "position"} else "linear"

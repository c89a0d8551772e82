"""Where stored parameters and the declaration part: tensors that only one of them has, and shapes that contradict.

Layers whose sums agree are left alone, however their tensors are split (fused or not, experts apart or stacked).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from cardscope.checkpoint.naming import component, is_head, is_table, place
from cardscope.checkpoint.piece import Piece
from cardscope.inventory import Inventory
from cardscope.measures.heuristic import Term

Shape = tuple[int, ...]
PADDING = "vocabulary padding"


class Contradiction(NamedTuple):
    """A stored tensor whose shape the config cannot mean."""

    name: str
    stored: Shape
    declared: Shape
    padding: bool


LACK: Final = "not stored: "
"""What the name of a term starts with where a declared component is not stored."""


class Mismatch(NamedTuple):
    """Named reasons that sum to stored minus declared, and the tensors that contradict the config."""

    terms: tuple[Term, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()


class _Declared(NamedTuple):
    name: str
    component: str
    shape: Shape


def compare(pieces: Sequence[Piece], inventory: Inventory) -> Mismatch:
    """Stored parameters of the main model against the declared ones."""
    stored = [p for p in pieces if p.role == "parameter" and not p.mtp]
    delta = sum(p.logical for p in stored) - inventory.parameters
    if not delta:
        return Mismatch()
    terms: Counter[str] = Counter()
    found: list[Contradiction] = []
    for ours, theirs in _scopes(stored, inventory):
        if sum(p.logical for p in ours) == sum(_size(d.shape) * n for d, n in theirs.items()):
            continue
        extra, lacking = _leftovers(ours, theirs)
        found += _contradict(extra, lacking, terms)
        for piece in extra:
            terms[f"stored, not declared: {_shown(piece.name)}"] += piece.logical
        for declared, count in lacking.items():
            terms[f"{LACK}{declared.component}"] -= count * _size(declared.shape)
    ordered = sorted(terms.items(), key=lambda item: -abs(item[1]))
    return Mismatch(_few([Term(name, value) for name, value in ordered if value]), tuple(found))


def _few(terms: list[Term], most: int = 12) -> tuple[Term, ...]:
    if len(terms) <= most:
        return tuple(terms)
    rest = sum(term.delta for term in terms[most:])
    return (*terms[:most], Term(f"{len(terms) - most} smaller differences", rest)) if rest else tuple(terms[:most])


def _scopes(stored: list[Piece], inventory: Inventory) -> Iterable[tuple[list[Piece], Counter[_Declared]]]:
    """(stored, declared) by layer of the one tower with layers, then the rest; several towers are one scope."""
    towers = {group.tower for group in inventory.groups if group.layers}
    named = Counter(w.tower for p in stored if (w := place(p.name)).layer is not None)
    single = len(towers) == 1 and len(named) == 1
    ours: dict[int | None, list[Piece]] = {}
    for piece in stored:
        where = place(piece.name)
        ours.setdefault(where.layer if single else None, []).append(piece)
    theirs: dict[int | None, Counter[_Declared]] = {}
    for group in inventory.groups:
        times = 1 if single and group.layers else group.count
        for layer in (group.layers if single and group.layers else (None,)):  # fmt: skip
            scope = theirs.setdefault(layer, Counter())
            for tensor in group.tensors:
                if tensor.kind != "buffer":
                    scope[_Declared(tensor.name, tensor.component, tensor.shape)] += times * tensor.copies
    for key in {**theirs, **ours}:
        yield ours.get(key, []), theirs.get(key, Counter())


def _leftovers(ours: list[Piece], theirs: Counter[_Declared]) -> tuple[list[Piece], Counter[_Declared]]:
    """What is left of both when equal shapes are struck out; a matrix equals its transpose."""
    left = Counter({d: n for d, n in theirs.items() if _size(d.shape)})
    by_shape: dict[Shape, list[_Declared]] = {}
    for declared in left:
        by_shape.setdefault(_canonical(declared.shape), []).append(declared)
    rest = [p for p in ours if not _strike(p, by_shape, left, kin=True)]
    rest = [p for p in rest if not _strike(p, by_shape, left, kin=False)]
    extra = [p for p in rest if not _unstack(p, by_shape, left)]
    return extra, +left


def _strike(piece: Piece, by_shape: dict[Shape, list[_Declared]], left: Counter[_Declared], *, kin: bool) -> bool:
    """Strike out a declared tensor of the piece's shape, with `kin` only one whose name is alike."""
    same = [d for d in by_shape.get(_canonical(piece.shape), []) if left[d] > 0]
    same = [d for d in same if not kin or (d.component == component(piece.name) and not _kin(d.name, piece.name))]
    if same:
        left[same[0]] -= 1
    return bool(same)


def _unstack(piece: Piece, by_shape: dict[Shape, list[_Declared]], left: Counter[_Declared]) -> bool:
    """Experts stacked in one tensor stand for as many declared ones."""
    if len(piece.shape) != 3:
        return False
    same = [d for d in by_shape.get(_canonical(piece.shape[1:]), []) if left[d] >= piece.shape[0]]
    if same:
        left[same[0]] -= piece.shape[0]
    return bool(same)


def _contradict(extra: list[Piece], lacking: Counter[_Declared], terms: Counter[str]) -> Iterable[Contradiction]:
    """Pairs of leftovers of one component: the same tensor in two shapes. Both are struck out and named."""
    for piece in list(extra):
        part = component(piece.name)
        part = "embedding" if is_table(piece.name) else "head" if is_head(piece.name) else part
        like = [d for d in lacking if lacking[d] > 0 and d.component == part and len(d.shape) == len(piece.shape)]
        if not like:
            continue
        near = min(like, key=lambda d: (_kin(d.name, piece.name), abs(_size(d.shape) - piece.logical)))
        lacking[near] -= 1
        extra.remove(piece)
        rows, declared = piece.shape[0], near.shape[0]
        padding = part in {"embedding", "head"} and piece.shape[1:] == near.shape[1:] and rows > declared
        label = PADDING if padding else f"{place(piece.name).name} against the config"
        terms[label] += piece.logical - _size(near.shape)
        yield Contradiction(piece.name, piece.shape, near.shape, padding)


def _kin(declared: str, stored: str) -> int:
    """0 where the declared name's first letters are in the stored name: `q.weight` and `q_proj.weight`."""
    word = declared.partition(".")[0].rpartition("_")[2]
    return 0 if word and f".{word}" in f".{place(stored).name}" else 1


def _shown(name: str) -> str:
    """A module's name without its layer's number and last word."""
    where = place(name)
    path = where.name.rpartition(".")[0] or where.name
    return path if where.layer is None else f"layers: {path}"


def _canonical(shape: Shape) -> Shape:
    return tuple(sorted(n for n in shape if n != 1))


def _size(shape: Shape) -> int:
    count = 1
    for length in shape:
        count *= length
    return count

"""The search: every combination of sizes, most of them ruled out a whole range at a time, for each figure only grows.

With a split, designs are ordered by how near their shares are (in half percentage points), then by how near their
width is to 64 for each layer (in doublings), then by the budget; of one width and vocabulary the best depth stands.
Without a split each vocabulary (and tying) keeps the design whose width is nearest 64 for each layer, for shares are
then the reader's to weigh.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from math import lcm, log2
from typing import Final, NamedTuple

from cardscope.designing.ask import PRECISIONS, Ask
from cardscope.designing.closed import Form, Linear, form
from cardscope.designing.families import Shape

ASPECT: Final = 64
"""Width for each layer that counts as best: GPT-2's, GPT-3's 125M, and the rule of nanochat itself."""
WIDEST: Final = 65_536
CACHE_BYTES: Final = 2
"""Bytes of one cached element in bf16."""

Size = Callable[[int], float]


class Candidate(NamedTuple):
    """A design that meets the budget; candidates sort by preference."""

    order: tuple[float, ...]
    shape: Shape


@dataclass(slots=True)
class Search:
    """What the search has seen so far."""

    ask: Ask
    vocabs: Sequence[int]
    candidates: int = 0
    """Combinations covered, those ruled out by a range included."""
    within: int = 0
    """Of them, those that meet every budget."""
    nearest: tuple[float, float] | None = None
    """(distance, size) of the combination whose size is nearest the budget, of those a look was taken at."""
    by_group: dict[tuple[int, ...], Candidate] = field(default_factory=dict)
    """The best so far of each vocabulary and tying; with a split, of each width too."""

    def best(self) -> list[Candidate]:
        """The designs worth showing, best first."""
        if self.ask.split is None:
            return sorted(self.by_group.values())
        return nsmallest(self.ask.limit, self.by_group.values())


def search(ask: Ask) -> Search:
    """Goes through every width, grouping, MLP, depth and vocabulary of the ask."""
    found = Search(ask, sorted(set(ask.vocabs)))
    for head_dim in sorted(set(ask.head_dims)):
        for tied in ask.ties:
            closed = form(ask.kind, head_dim, ask.context, tied=tied)
            for width in range(*_widths(ask, head_dim)):
                if _over(found, closed, width, head_dim):
                    break  # the least of this width is over the budget, and a wider one only more so
                for shape in _shapes(ask, width, head_dim, tied=tied):
                    _depths(found, shape, closed.at(width, shape.kv_heads * head_dim, shape.inner))
    return found


def _over(found: Search, closed: Form, width: int, head_dim: int) -> bool:
    """Whether even one KV head, the narrowest MLP, the fewest layers and words of this width are over the budget."""
    ask, kind = found.ask, found.ask.kind
    inner = min(kind.inner(width, ratio) for ratio in ask.mlp_ratios or kind.mlp)
    forms = closed.at(width, head_dim if kind.grouped else width, inner)
    layers = ask.depth[0]
    size, most = _budgets(ask, [_of_vocab(line, layers) for line in forms[layers % len(forms)]])[0]
    if size(found.vocabs[0]) <= most:
        return False
    _note_nearest(found, size(found.vocabs[0]))
    return True


def _widths(ask: Ask, head_dim: int) -> tuple[int, int, int]:
    step = lcm(head_dim, ask.width_multiple or 1)
    return step, max(WIDEST, step) + 1, step


def _shapes(ask: Ask, width: int, head_dim: int, *, tied: bool) -> Iterator[Shape]:
    """The widest part of the sizes; layers and vocabulary are filled in later."""
    kind, heads = ask.kind, width // head_dim
    for group in ask.groups:
        if heads % group == 0:
            for ratio in ask.mlp_ratios or kind.mlp:
                inner = kind.inner(width, ratio)
                yield Shape(0, width, heads, heads // group, head_dim, inner, 0, tied, ask.context)


def _depths(found: Search, shape: Shape, forms: Sequence[Sequence[Linear]]) -> None:
    """Every depth of one shape; those over the budget with the fewest words, or under it with the most, are skipped."""
    ask, vocabs = found.ask, found.vocabs
    depths = range(ask.depth[0], ask.depth[1] + 1)
    least, most = ask.band
    found.candidates += len(depths) * len(vocabs)

    def at(layers: int) -> list[tuple[float, float]]:
        return [_of_vocab(line, layers) for line in forms[layers % len(forms)]]

    def size(layers: int, vocab: int) -> float:
        return _budgets(ask, at(layers))[0][0](vocab)

    first = bisect_left(depths, least, key=lambda layers: size(layers, vocabs[-1]))
    last = bisect_right(depths, most, key=lambda layers: size(layers, vocabs[0]))
    if first:
        _note_nearest(found, size(depths[first - 1], vocabs[-1]))
    if last < len(depths):
        _note_nearest(found, size(depths[last], vocabs[0]))
    for layers in depths[first:last]:
        _words(found, shape, layers, at(layers))


def _words(found: Search, shape: Shape, layers: int, at: Sequence[tuple[float, float]]) -> None:
    """Every vocabulary of one depth."""
    vocabs, sizes = found.vocabs, _budgets(found.ask, at)
    size = sizes[0][0]
    first = bisect_left(vocabs, found.ask.band[0], key=size)
    last = min(bisect_right(vocabs, cap, key=measure) for measure, cap in sizes)
    if first < last:
        found.within += last - first
        _keep(found, shape, layers, vocabs[first:last], at)
    elif not found.within:
        _note_nearest(found, size(vocabs[min(first, len(vocabs) - 1)]))
        _note_nearest(found, size(vocabs[max(first - 1, 0)]))


def _of_vocab(line: Linear, layers: int) -> tuple[float, float]:
    """(constant, factor of the vocabulary) at one depth."""
    return line.one + line.layers * layers, line.vocab + line.both * layers


def _budgets(ask: Ask, at: Sequence[tuple[float, float]]) -> list[tuple[Size, float]]:
    """(size by vocabulary, most allowed) of every budget; the one to fill comes first."""
    (p0, p1), _, _, (f0, f1), (c0, c1) = at
    per = PRECISIONS[ask.precision]
    sizes: dict[str, Size] = {
        "params": lambda v: p0 + p1 * v,
        "flops": lambda v: ask.ratio * (p0 + p1 * v) * (f0 + f1 * v),
        "memory": lambda v: per * (p0 + p1 * v) + CACHE_BYTES * (c0 + c1 * v),
        "cache": lambda v: CACHE_BYTES * (c0 + c1 * v),
    }
    own, _ = ask.budget
    rest = [name for name in sizes if name != own and getattr(ask, name)]
    return [(sizes[own], ask.band[1]), *((sizes[name], getattr(ask, name)) for name in rest)]


def _note_nearest(found: Search, size: float) -> None:
    distance = abs(size - found.ask.budget[1])
    if found.nearest is None or distance < found.nearest[0]:
        found.nearest = (distance, size)


def _keep(found: Search, shape: Shape, layers: int, vocabs: Sequence[int], at: Sequence[tuple[float, float]]) -> None:
    """Orders what meets the budget; only what may be shown is kept."""
    ask, best = found.ask, found.by_group
    octaves = abs(log2(shape.width / (ASPECT * layers)))
    off = round(octaves, 1) if ask.split is None else round(octaves)
    size, _ = _budgets(ask, at)[0]
    (p0, p1), (e0, e1), (h0, h1) = at[:3]
    for vocab in vocabs:
        miss = abs(size(vocab) / ask.budget[1] - 1)
        key: tuple[int, ...] = (vocab, shape.tied)
        order: tuple[float, ...] = (off, miss)
        if ask.split is not None:
            total, table, head = p0 + p1 * vocab, e0 + e1 * vocab, h0 + h1 * vocab
            far = deviation(ask.split, table / total, (total - table - head) / total, head / total)
            key, order = (vocab, shape.width), (round(2 * far) / 2, off, miss)
        known = best.get(key)
        if known is None or order < known.order:
            best[key] = Candidate(order, shape._replace(layers=layers, vocab=vocab))


def deviation(split: tuple[float, float, float], embedding: float, blocks: float, head: float) -> float:
    """The largest distance of a share from the one asked for, in percentage points."""
    return 100 * max(abs(embedding - split[0]), abs(blocks - split[1]), abs(head - split[2]))

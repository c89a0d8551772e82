"""A closed form of every figure the search needs, found by evaluating the inventory at a few points.

Each figure is a polynomial in width (of degree two), KV width, MLP width, vocabulary and layers (of degree one each):
48 inventories give its coefficients exactly, one more elsewhere says whether that was all. Nothing is written down
by family; where a family's layers repeat in a pattern, each remainder of the layer count has a form of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from itertools import product
from typing import Final, NamedTuple

from cardscope.assemble import outline
from cardscope.designing.families import Family, Shape
from cardscope.errors import NotModelled
from cardscope.inventory import Inventory
from cardscope.measures.kvcache import live_elements
from cardscope.model import RawConfig
from cardscope.training.flops import flops_per_token

TABLES: Final = ("embedding", "position", "value embedding", "bigram embedding")
SEQUENCE: Final = 2048
"""Tokens of a training sequence at most."""
_AXES: Final = ("width", "kv width", "MLP width", "vocabulary", "layers")


class Figures(NamedTuple):
    """What one architecture has: parameters by place, FLOPs of training a token, elements of one sequence's cache."""

    parameters: int
    embedding: int
    head: int
    flops: int
    cache: int


class Linear(NamedTuple):
    """one + layers·L + vocab·V + both·L·V, of one figure."""

    one: float
    layers: float
    vocab: float
    both: float


Monomials = Mapping[tuple[int, ...], float]


def figures(found: Family, shape: Shape) -> tuple[Figures, Inventory]:
    """The figures of one shape, read off its inventory."""
    raw = RawConfig(found.build(shape), "a design", "object")
    spec, inventory = outline(raw)
    if spec is None or inventory is None:
        raise NotModelled(f"{found.name} is not modelled")
    parts = inventory.components()
    known = flops_per_token(raw.data, spec, inventory, inventory.parameters, min(shape.context, SEQUENCE))
    cache_of = live_elements(tuple(inventory.states()), shape.context)
    embedding = sum(parts.get(name, 0) for name in TABLES)
    return Figures(inventory.parameters, embedding, parts.get("head", 0), known.per_token, cache_of), inventory


class Form:
    """The closed form of one family at one head dimension, context and tying."""

    def __init__(self, found: Family, head_dim: int, context: int, *, tied: bool) -> None:
        self._found = found
        self._base = Shape(1, head_dim, 1, 1, head_dim, 1, 64, tied, context)
        self._by_rest = tuple(self._fit(rest) for rest in range(found.period))

    def at(self, width: int, kv_width: int, inner: int) -> tuple[tuple[Linear, ...], ...]:
        """For each remainder of the layer count: one Linear a figure, in the order of Figures."""
        return tuple(tuple(_linear(form, width, kv_width, inner) for form in forms) for forms in self._by_rest)

    def _shape(self, point: tuple[int, ...]) -> Shape:
        width, kv_width, inner, vocab, layers = point
        size = self._base.head_dim
        return self._base._replace(
            layers=layers, width=width, heads=width // size, kv_heads=kv_width // size, inner=inner, vocab=vocab
        )

    def _fit(self, rest: int) -> tuple[Monomials, ...]:
        size, period = self._base.head_dim, self._found.period
        nodes = (
            (4 * size, 8 * size, 12 * size),
            (size, 2 * size),
            (64, 192),
            (64, 192),
            (period + rest, 3 * period + rest),
        )
        values = {
            place: figures(self._found, self._shape(point))[0]
            for place, point in zip(product(*map(range, map(len, nodes))), product(*nodes), strict=True)
        }
        forms = tuple(_coefficients(values, nodes, number) for number in range(len(Figures._fields)))
        self._hold(forms, (16 * size, 4 * size, 320, 448, 4 * period + rest))
        return forms

    def _hold(self, forms: tuple[Monomials, ...], point: tuple[int, ...]) -> None:
        """A point that was not fitted: the form must say what the inventory says."""
        wanted = figures(self._found, self._shape(point))[0]
        width, kv_width, inner, vocab, layers = point
        for form, want, name in zip(forms, wanted, Figures._fields, strict=True):
            line = _linear(form, width, kv_width, inner)
            if line.one + line.layers * layers + (line.vocab + line.both * layers) * vocab != want:
                raise NotModelled(f"the {name} of {self._found.name} are no polynomial in {', '.join(_AXES)}")


def _coefficients(
    values: Mapping[tuple[int, ...], Figures], nodes: tuple[tuple[int, ...], ...], number: int
) -> Monomials:
    """Exponents → coefficient of figure `number`: one axis after the other, the inverse Vandermonde of its nodes."""
    table: dict[tuple[int, ...], Fraction] = {place: Fraction(found[number]) for place, found in values.items()}
    for axis, points in enumerate(nodes):
        inverse = _inverse(points)
        changed: dict[tuple[int, ...], Fraction] = {}
        for place in table:
            line = [table[(*place[:axis], index, *place[axis + 1 :])] for index in range(len(points))]
            changed[place] = sum((a * b for a, b in zip(inverse[place[axis]], line, strict=True)), Fraction(0))
        table = changed
    return {place: _plain(value) for place, value in table.items() if value}


def _inverse(points: tuple[int, ...]) -> list[list[Fraction]]:
    """Row e, column i: the coefficient of x^e in the Lagrange polynomial that is one at points[i]."""
    columns = []
    for own in points:
        poly = [Fraction(1)]
        for other in points:
            if other != own:
                scale = Fraction(1, own - other)
                raised = [Fraction(0), *poly]
                poly = [scale * (a - other * b) for a, b in zip(raised, [*poly, Fraction(0)], strict=True)]
        columns.append(poly)
    return [list(row) for row in zip(*columns, strict=True)]


def _plain(value: Fraction) -> float:
    """A whole number stays one; a half is exact as a float."""
    return value.numerator if value.denominator == 1 else float(value)


def _linear(form: Monomials, width: int, kv_width: int, inner: int) -> Linear:
    sums = [0.0, 0.0, 0.0, 0.0]
    whole = [0, 0, 0, 0]
    for (d, k, i, v, n), factor in form.items():
        value = factor * width**d * kv_width**k * inner**i
        place = 2 * v + n
        if isinstance(value, int):
            whole[place] += value
        else:
            sums[place] += value
    one, layers, vocab, both = (a + b if b else a for a, b in zip(whole, sums, strict=True))
    return Linear(one, layers, vocab, both)


@cache
def form(found: Family, head_dim: int, context: int, *, tied: bool) -> Form:
    """The closed form, found once."""
    return Form(found, head_dim, context, tied=tied)

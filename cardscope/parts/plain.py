"""Parts without a cache: tables, norms, heads, and free-standing tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cardscope.parts.tensor import State, Tensor, linear, norm


@dataclass(frozen=True, slots=True)
class Table:
    """An embedding table of shape (rows, width); component "embedding" or "position"."""

    rows: int
    width: int
    component: str = "embedding"
    name: str = "embed"
    label: str = ""

    def tensors(self) -> Iterator[Tensor]:
        """The table."""
        yield Tensor(f"{self.name}.weight", (self.rows, self.width), self.component, "table")

    def state(self) -> State | None:
        """Keeps nothing between tokens."""
        return None


@dataclass(frozen=True, slots=True)
class Norm:
    """A normalisation: RMSNorm has a gain, LayerNorm a gain and a shift, nanochat's and OLMo's neither."""

    width: int
    weight: bool = True
    bias: bool = False
    name: str = "norm"
    label: str = ""
    component: str = "norm"

    def tensors(self) -> Iterator[Tensor]:
        """Gain and shift of length width, where there are any."""
        yield from norm(self.name, self.width, weight=self.weight, bias=self.bias, component=self.component)

    def state(self) -> State | None:
        """Keeps nothing between tokens."""
        return None

    def named(self, name: str) -> Norm:
        """The same norm at another place of the layer."""
        return Norm(self.width, self.weight, self.bias, name, self.label, self.component)

    def sized(self, width: int) -> Norm:
        """The same norm over another width."""
        return Norm(width, self.weight, self.bias, self.name, self.label, self.component)


@dataclass(frozen=True, slots=True)
class Head:
    """The output projection (rows, width): the vocabulary's, or a task's labels.

    A tied head shares the embedding's tensor and has none of its own, but keeps a bias if it has one.
    """

    rows: int
    width: int
    bias: bool = False
    tied: bool = False
    name: str = "head"
    label: str = ""

    def tensors(self) -> Iterator[Tensor]:
        """Weight (unless tied) and bias."""
        for tensor in linear(self.name, self.rows, self.width, "head", bias=self.bias):
            if tensor.kind == "bias" or not self.tied:
                yield tensor

    def state(self) -> State | None:
        """Keeps nothing between tokens."""
        return None


@dataclass(frozen=True, slots=True)
class Bag:
    """Free-standing tensors that belong to no other part, with a word for the layer's description."""

    items: tuple[Tensor, ...]
    label: str = ""

    def tensors(self) -> Iterator[Tensor]:
        """The tensors as given."""
        yield from self.items

    def state(self) -> State | None:
        """Keeps nothing between tokens."""
        return None


RMS = Norm(0)
LAYER = Norm(0, bias=True)
BARE = Norm(0, weight=False)
"""A norm without parameters."""


def project(name: str, rows: int, columns: int, component: str, *, bias: bool = False, label: str = "") -> Bag:
    """One free-standing projection (rows, columns)."""
    return Bag(tuple(linear(name, rows, columns, component, bias=bias)), label)

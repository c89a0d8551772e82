"""The atoms: a tensor and the cache a part keeps while generating."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Literal, NamedTuple, Protocol

Kind = Literal["linear", "table", "norm", "bias", "other", "buffer"]
"""linear: a matrix a quantizer may pack; table: an embedding; other: convolutions, decays, gates; buffer: stored,
not a parameter."""

CacheKind = Literal["full", "sliding", "chunked", "latent", "linear", "recurrent", "none"]


class Tensor(NamedTuple):
    """One kind of tensor of a part: `copies` of it exist (experts), `active` of them serve one token.

    `active` is None where the config does not say how many experts fire.
    """

    name: str
    shape: tuple[int, ...]
    component: str
    kind: Kind = "linear"
    copies: int = 1
    active: int | None = 1

    @property
    def numel(self) -> int:
        """Numbers in all copies."""
        return self.copies * prod(self.shape)

    @property
    def active_numel(self) -> int | None:
        """Numbers in the copies that serve one token."""
        return None if self.active is None else self.numel // self.copies * self.active if self.copies else 0


class State(NamedTuple):
    """What one layer's part keeps for one sequence while it generates.

    `per_token` elements are added for each token, up to `window` tokens; `mha_per_token` is the same with one
    KV head for every query head; `constant` lists (elements, dtype), dtype None meaning the model's own.
    """

    kind: CacheKind
    per_token: int = 0
    mha_per_token: int = 0
    window: int | None = None
    constant: tuple[tuple[int, str | None], ...] = ()
    per_source_token: int = 0
    """Elements per token of the encoder's output, kept by cross-attention."""


class Part(Protocol):
    """A piece of a layer that knows its tensors and its cache."""

    @property
    def label(self) -> str:
        """A few words for the layer's description, or an empty string."""
        ...

    def tensors(self) -> Iterator[Tensor]:
        """Every tensor of the part."""
        ...

    def state(self) -> State | None:
        """The cache the part keeps, or None if it keeps none."""
        ...


def linear(name: str, rows: int, columns: int, component: str, *, bias: bool = False) -> Iterator[Tensor]:
    """A projection of shape (rows, columns), with its bias of length rows if it has one."""
    yield Tensor(f"{name}.weight", (rows, columns), component)
    if bias:
        yield Tensor(f"{name}.bias", (rows,), component, "bias")


def norm(
    name: str, width: int, *, weight: bool = True, bias: bool = False, component: str = "norm"
) -> Iterator[Tensor]:
    """A normalisation's gain and shift; nanochat's RMSNorm has neither."""
    if weight:
        yield Tensor(f"{name}.weight", (width,), component, "norm")
    if bias:
        yield Tensor(f"{name}.bias", (width,), component, "norm")

"""The tensors of one module, and what a format makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cardscope.checkpoint.header import Stored
from cardscope.checkpoint.piece import Piece, Role

FLOAT8 = frozenset({"F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the config says of its quantization; shapes decide, settings only settle what shapes leave open."""

    method: str | None = None
    bits: int | None = None
    group_size: int | None = None
    choices: tuple[tuple[int, int], ...] = ()
    """(bits, group size) of every group of layers, where there are several."""
    modules: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """MLX's own settings of single modules."""


class Group(NamedTuple):
    """One module: its path and its tensors by what follows the path (`weight`, `weight.absmax`, `qweight`)."""

    path: str
    tensors: Mapping[str, Stored]

    def weight(self, key: str, shape: Iterable[int], name: str = "weight") -> Piece:
        """The tensor `key` as the parameter `name` of the given logical shape."""
        return piece(self.tensors[key], "parameter", tuple(shape), f"{self.path}.{name}" if self.path else name)

    def rest(self, taken: Iterable[str], roles: Mapping[str, Role]) -> list[Piece]:
        """The module's other tensors: by `roles` where named there, parameters otherwise (a bias, a norm)."""
        gone = set(taken)
        return [piece(t, roles.get(key, "parameter")) for key, t in self.tensors.items() if key not in gone]


def piece(tensor: Stored, role: Role, shape: tuple[int, ...] | None = None, name: str | None = None) -> Piece:
    """A stored tensor as a piece, of its own shape unless told."""
    return Piece(
        name or tensor.name,
        tensor.shape if shape is None else shape,
        role,
        tensor.dtype,
        tensor.numel,
        tensor.size,
    )

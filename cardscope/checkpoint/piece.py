"""What one stored tensor stands for: a parameter (perhaps packed), a buffer, a scale, a second copy."""

from __future__ import annotations

from math import prod
from typing import Literal, NamedTuple

Role = Literal["parameter", "buffer", "scale", "zero point", "index", "duplicate", "unknown"]
"""index: what a quantizer needs beside scales (group indices, shapes, code tables); unknown: not decoded."""


class Piece(NamedTuple):
    """One stored tensor read: `shape` is logical (packed words unpacked), `numbers` and `size` are as stored.

    `mtp` marks what belongs to extra prediction layers.
    """

    name: str
    shape: tuple[int, ...]
    role: Role
    dtype: str
    numbers: int
    size: int
    mtp: bool = False

    @property
    def logical(self) -> int:
        """Numbers it stands for."""
        return prod(self.shape)

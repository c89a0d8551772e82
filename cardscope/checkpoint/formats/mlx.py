"""MLX: uint32 words along the input axis, a scale and (affine mode) a bias for each group (mlx.core.quantize)."""

from __future__ import annotations

from itertools import product
from typing import Final

from cardscope.checkpoint.formats.group import Group, Settings
from cardscope.checkpoint.piece import Piece, Role

_ROLES: Final[dict[str, Role]] = {"scales": "scale", "biases": "zero point"}
_BITS, _GROUPS = (2, 3, 4, 5, 6, 8), (16, 32, 64, 128)


def decode(group: Group, settings: Settings) -> list[Piece] | None:
    """The module's pieces, or None where it is not of this format."""
    words, scales = group.tensors.get("weight"), group.tensors.get("scales")
    if words is None or scales is None or words.dtype != "U32" or not words.shape or not scales.shape:
        return None
    row, groups = words.shape[-1] * 32, scales.shape[-1]
    inputs = _inputs(row, groups, group.path, settings)
    if inputs is None:
        return None
    return [group.weight("weight", (*words.shape[:-1], inputs)), *group.rest(["weight"], _ROLES)]


def _inputs(row: int, groups: int, path: str, settings: Settings) -> int | None:
    """Inputs of a row of `row` bits in `groups` groups; the settings choose where several would do."""
    stated = settings.modules.get(path)
    if stated is None and settings.bits and settings.group_size:
        stated = settings.bits, settings.group_size
    if stated and stated[0] * stated[1] * groups == row:
        return stated[1] * groups
    fitting = [size * groups for bits, size in product(_BITS, _GROUPS) if bits * size * groups == row]
    return fitting[0] if len(fitting) == 1 else None

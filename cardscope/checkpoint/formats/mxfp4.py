"""MXFP4 as gpt-oss stores it: `X_blocks` (…, groups, 16) bytes of two FP4 numbers, `X_scales` (…, groups) of E8M0.

Source: OCP Microscaling Formats 1.0 (blocks of 32, one shared exponent); transformers, integrations/mxfp4.py.
"""

from __future__ import annotations

from cardscope.checkpoint.formats.group import Group, Settings, piece
from cardscope.checkpoint.piece import Piece


def decode(group: Group, settings: Settings) -> list[Piece] | None:
    """The module's pieces, or None where it is not of this format."""
    del settings
    bases = [k.removesuffix("_blocks") for k in group.tensors if k.endswith("_blocks")]
    bases = [base for base in bases if f"{base}_scales" in group.tensors]
    if not bases:
        return None
    found, taken = [], []
    for base in bases:
        blocks = group.tensors[f"{base}_blocks"]
        if len(blocks.shape) < 3 or blocks.dtype != "U8":
            return None
        *outer, groups, width = blocks.shape
        found.append(group.weight(f"{base}_blocks", (*outer, groups * width * 2), base))
        found.append(piece(group.tensors[f"{base}_scales"], "scale"))
        taken += [f"{base}_blocks", f"{base}_scales"]
    return [*found, *group.rest(taken, {})]

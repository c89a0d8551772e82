"""AQLM: `codes` (out groups, in groups, codebooks) into `codebooks` (codebooks, entries, out group, in group).

Source: arXiv 2401.06118; aqlm/inference.py, QuantizedLinear.
"""

from __future__ import annotations

from cardscope.checkpoint.formats.group import Group, Settings
from cardscope.checkpoint.piece import Piece


def decode(group: Group, settings: Settings) -> list[Piece] | None:
    """The module's pieces, or None where it is not of this format."""
    del settings
    codes, books = group.tensors.get("codes"), group.tensors.get("codebooks")
    if codes is None or books is None or len(codes.shape) != 3 or len(books.shape) != 4:
        return None
    shape = (codes.shape[0] * books.shape[2], codes.shape[1] * books.shape[3])
    return [group.weight("codes", shape), *group.rest(["codes"], {"codebooks": "index", "scales": "scale"})]

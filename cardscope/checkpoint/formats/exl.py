"""ExLlama: EXL2 (`q_weight` words, a permutation as long as the inputs) and EXL3 (`trellis` tiles of 16 × 16).

Source: exllamav2/linear.py and exllamav3/modules/quant/exl3.py.
"""

from __future__ import annotations

from typing import Final

from cardscope.checkpoint.formats.group import Group, Settings
from cardscope.checkpoint.piece import Piece, Role

_EXL2: Final[dict[str, Role]] = {
    "q_invperm": "index", "q_perm": "index", "q_groups": "index", "q_group_map": "index", "q_scale": "scale",
    "q_scale_max": "scale",
}  # fmt: skip
_EXL3: Final[dict[str, Role]] = {
    "suh": "scale", "svh": "scale", "su": "scale", "sv": "scale", "mcg": "index", "mul1": "index",
}  # fmt: skip


def decode(group: Group, settings: Settings) -> list[Piece] | None:
    """The module's pieces, or None where it is not of these formats."""
    del settings
    words, order = group.tensors.get("q_weight"), group.tensors.get("q_invperm") or group.tensors.get("q_perm")
    if words is not None and order is not None and len(words.shape) == 2:
        return [group.weight("q_weight", (words.shape[1], order.numel)), *group.rest(["q_weight"], _EXL2)]
    tiles = group.tensors.get("trellis")
    if tiles is not None and len(tiles.shape) == 3:
        inputs, outputs = 16 * tiles.shape[0], 16 * tiles.shape[1]
        return [group.weight("trellis", (outputs, inputs)), *group.rest(["trellis"], _EXL3)]
    return None

"""GPTQ, AWQ and AutoRound: int32 words along one axis, fp16 scales and packed zeros for each group.

GPTQ packs the input axis (AutoGPTQ, qlinear_cuda.py): qweight (in·bits/32, out), scales (groups, out).
AWQ packs the output axis (AutoAWQ, WQLinear_GEMM): qweight (in, out·bits/32), scales (groups, out).
"""

from __future__ import annotations

from typing import Final

from cardscope.checkpoint.formats.group import Group, Settings
from cardscope.checkpoint.piece import Piece, Role

_ROLES: Final[dict[str, Role]] = {
    "qzeros": "zero point", "scales": "scale", "g_idx": "index", "perm": "index", "workspace": "index",
}  # fmt: skip


def decode(group: Group, settings: Settings) -> list[Piece] | None:
    """The module's pieces, or None where it is not of this format."""
    words, scales = group.tensors.get("qweight"), group.tensors.get("scales")
    if words is None or scales is None or len(words.shape) != 2 or len(scales.shape) != 2:
        return None
    shape = _shape(group, settings)
    if shape is None:
        return None
    return [group.weight("qweight", shape), *group.rest(["qweight"], _ROLES)]


def _shape(group: Group, settings: Settings) -> tuple[int, int] | None:
    """(out, in). The index of each input's group, where stored, says how many inputs there are."""
    words, outputs = group.tensors["qweight"].shape, group.tensors["scales"].shape[1]
    per_word = group.tensors["qweight"].size * 8 // max(1, group.tensors["qweight"].numel)
    if words[1] != outputs:
        return (outputs, words[0]) if words[1] and outputs % words[1] == 0 else None
    index, zeros = group.tensors.get("g_idx"), group.tensors.get("qzeros")
    if index is not None and index.numel:
        return outputs, index.numel
    bits = settings.bits
    if zeros is not None and len(zeros.shape) == 2 and outputs:
        bits = zeros.shape[1] * per_word // outputs or bits
    return (outputs, words[0] * per_word // bits) if bits else None

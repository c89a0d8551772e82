"""compressed-tensors' packed formats: `weight_packed` as int32 words (pack-quantized) or as bytes of two FP4 numbers.

Source: compressed_tensors/compressors (pack_quantized, nvfp4): words hold 32/bits numbers along the input axis.
"""

from __future__ import annotations

from typing import Final

from cardscope.checkpoint.formats.group import Group, Settings
from cardscope.checkpoint.piece import Piece, Role

_ROLES: Final[dict[str, Role]] = {
    "weight_scale": "scale", "weight_global_scale": "scale", "input_global_scale": "scale", "input_scale": "scale",
    "weight_zero_point": "zero point", "input_zero_point": "zero point", "weight_shape": "index",
    "weight_g_idx": "index", "output_scale": "scale", "k_scale": "scale", "v_scale": "scale",
}  # fmt: skip


def decode(group: Group, settings: Settings) -> list[Piece] | None:
    """The module's pieces, or None where it is not of this format or its bits cannot be told."""
    packed, scale = group.tensors.get("weight_packed"), group.tensors.get("weight_scale")
    if packed is None or scale is None or not packed.shape or not scale.shape:
        return None
    if packed.dtype == "U8":
        inputs: int | None = 2 * packed.shape[-1]
    else:
        inputs = _inputs(packed.shape[-1], scale.shape[-1], settings)
    if inputs is None:
        return None
    return [group.weight("weight_packed", (*packed.shape[:-1], inputs)), *group.rest(["weight_packed"], _ROLES)]


def _inputs(words: int, groups: int, settings: Settings) -> int | None:
    """Inputs of a row: groups · group size where that fills the words, else all that the words hold."""
    for width, size in settings.choices:
        if size > 0 and -(-groups * size * width // 32) == words:
            return groups * size
    widths = {bits for bits, _ in settings.choices} or ({settings.bits} if settings.bits else set())
    bits = min(widths) if len(widths) == 1 else None
    if bits and groups == 1 and 32 % bits == 0:
        return words * 32 // bits
    return None

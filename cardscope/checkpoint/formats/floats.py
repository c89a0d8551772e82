"""Weights kept in 8 or 4 bits beside their scales: FP8 (tensor, channel, block), int8, NVFP4, packed MXFP4, BitNet.

FP8: `X` of its own shape with `X_scale` or `X_scale_inv` (DeepSeek-V3, compressed-tensors, ModelOpt).
NVFP4: bytes of two FP4 numbers, an E4M3 scale for each 16, a global fp32 scale (ModelOpt: `weight_scale_2`).
MXFP4: bytes of two FP4 numbers, an E8M0 scale for each 32.  BitNet: four ternary numbers a byte along the outputs.
"""

from __future__ import annotations

from typing import Final

from cardscope.checkpoint.formats.group import FLOAT8, Group, Settings
from cardscope.checkpoint.header import Stored
from cardscope.checkpoint.piece import Piece, Role

SCALES: Final = (
    "_scale_inv", "_scale", "_scale_2", "_scales", "_global_scale", "_input_scale", "_weight_scale", "_bias_scale",
)  # fmt: skip
BESIDE: Final[dict[str, Role]] = {
    "input_scale": "scale", "output_scale": "scale", "input_global_scale": "scale", "activation_scale": "scale",
    "act_scale": "scale", "pre_quant_scale": "scale", "k_scale": "scale", "v_scale": "scale", "kv_scale": "scale",
    "prob_output_scale": "scale", "q_output_scale": "scale", "k_output_scale": "scale", "v_output_scale": "scale",
    "weight_scale": "scale", "weight_scale_inv": "scale", "weight_scale_2": "scale",
    "weight_zero_point": "zero point", "input_zero_point": "zero point",
}  # fmt: skip
"""Names that only quantizers give, whatever stands beside them."""
_NARROW = FLOAT8 | {"I8", "U8", "F4"}


def decode(group: Group, settings: Settings) -> list[Piece] | None:
    """The module's pieces, or None where no weight here is narrow and has a scale."""
    found, taken = [], []
    roles = dict(BESIDE)
    for key, tensor in group.tensors.items():
        scale = _scale(group, key) if tensor.dtype in _NARROW and len(tensor.shape) > 1 else None
        if scale is None:
            continue
        shape = _shape(tensor, group.tensors[scale], settings)
        if shape is None:
            return None
        found.append(group.weight(key, shape, key))
        taken.append(key)
        roles |= {k: "scale" for k in group.tensors if k == scale or k in {key + s for s in SCALES}}
    return [*found, *group.rest(taken, roles)] if found else None


def _scale(group: Group, key: str) -> str | None:
    names = [key + ending for ending in SCALES]
    if key == "weight":
        names.append("scale")
    return next((name for name in names if name in group.tensors), None)


def _shape(weight: Stored, scale: Stored, settings: Settings) -> tuple[int, ...] | None:
    """The logical shape, told by how many numbers of a row one scale serves."""
    shape, columns = weight.shape, weight.shape[-1]
    groups = scale.shape[-1] if scale.shape else 1
    if weight.dtype in FLOAT8 or weight.dtype == "F4":
        return shape
    if scale.dtype in FLOAT8 and 2 * columns == 16 * groups:
        return (*shape[:-1], 2 * columns)
    if scale.dtype in {"F8_E8M0", "U8"} and 2 * columns == 32 * groups:
        return (*shape[:-1], 2 * columns)
    if weight.dtype == "U8":
        return (4 * shape[0], *shape[1:]) if settings.method == "bitnet" else None
    return shape

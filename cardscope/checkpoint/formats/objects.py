"""HQQ, quanto and torchao: tensors that are objects in memory, flattened into several stored ones.

HQQ: `W_q` with one scale for each group (hqq/core/quantize.py).  quanto: `weight._data` of the weight's shape, or
packed bytes (optimum/quanto/tensor).  torchao: `_weight_qdata` beside `_weight_scale` (safetensors support).
"""

from __future__ import annotations

from cardscope.checkpoint.formats.group import FLOAT8, Group, Settings
from cardscope.checkpoint.piece import Piece, Role


def decode(group: Group, settings: Settings) -> list[Piece] | None:
    """The module's pieces, or None where it is of none of these, or its bits cannot be told."""
    if "W_q" in group.tensors:
        return _hqq(group, settings)
    for key in ("weight._data", "weight._data._data"):
        if key in group.tensors:
            return _quanto(group, key, settings)
    for key in ("_weight_qdata", "weight_qdata", "weight:qdata"):
        if key in group.tensors:
            return _torchao(group, key)
    return None


def _hqq(group: Group, settings: Settings) -> list[Piece] | None:
    scale = group.tensors.get("scale")
    if scale is None or not settings.group_size or settings.group_size < 1:
        return None
    roles: dict[str, Role] = {k: "index" for k in group.tensors if k != "bias"}
    roles |= {"scale": "scale", "zero": "zero point"}
    return [group.weight("W_q", (scale.numel, settings.group_size)), *group.rest(["W_q"], roles)]


def _quanto(group: Group, key: str, settings: Settings) -> list[Piece] | None:
    data = group.tensors[key]
    roles: dict[str, Role] = {"weight._scale": "scale", "weight._shift": "zero point"}
    roles |= {"input_scale": "scale", "output_scale": "scale"}
    shape: tuple[int, ...] = data.shape
    if data.dtype not in FLOAT8 | {"I8"}:
        if settings.bits not in {2, 4} or data.dtype != "U8":
            return None
        shape = (data.numel * 8 // settings.bits,)
    return [group.weight(key, shape), *group.rest([key], roles)]


def _torchao(group: Group, key: str) -> list[Piece] | None:
    data = group.tensors[key]
    if data.dtype not in FLOAT8 | {"I8"}:
        return None
    roles: dict[str, Role] = {
        k: "zero point" if "zero" in k else "scale" for k in group.tensors if ("scale" in k or "zero" in k)
    }
    return [group.weight(key, data.shape), *group.rest([key], roles)]

"""HQQ, quanto and torchao: tensors that are objects in memory, flattened into several stored ones.

HQQ: `W_q` with one scale for each group (hqq/core/quantize.py).  quanto: `weight._data` of the weight's shape, or
packed bytes (optimum/quanto/tensor).  torchao: `_weight_qdata` beside `_weight_scale` (safetensors support).
"""

from __future__ import annotations

from cardscope.checkpoint.formats.group import FLOAT8, Group, Settings
from cardscope.checkpoint.header import Stored
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
    """Groups lie along the rows of `W_q` where every scale has a row of its own; else their size must be told."""
    words, scale = group.tensors["W_q"], group.tensors.get("scale")
    if scale is None or len(words.shape) != 2:
        return None
    size = words.shape[1] if scale.shape == (scale.numel, 1) else settings.group_size
    if not size or size < 1:
        return None
    roles: dict[str, Role] = {k: "index" for k in group.tensors if k != "bias"}
    roles |= {"scale": "scale", "zero": "zero point"}
    return [group.weight("W_q", (scale.numel, size)), *group.rest(["W_q"], roles)]


def _quanto(group: Group, key: str, settings: Settings) -> list[Piece] | None:
    data, scale = group.tensors[key], group.tensors.get("weight._scale")
    roles: dict[str, Role] = {"weight._scale": "scale", "weight._shift": "zero point"}
    roles |= {"input_scale": "scale", "output_scale": "scale"}
    shape: tuple[int, ...] | None = data.shape
    if data.dtype not in FLOAT8 | {"I8"}:
        shape = _packed(data, scale, settings) if data.dtype == "U8" else None
    return None if shape is None else [group.weight(key, shape), *group.rest([key], roles)]


def _packed(data: Stored, scale: Stored | None, settings: Settings) -> tuple[int, ...] | None:
    """Rows of `_data` hold two or four groups each, and each group has a scale: (groups, numbers of one)."""
    if scale is not None and len(data.shape) == 2 and scale.shape == (scale.numel, 1):
        fits = [bits for bits in (2, 4) if -(-scale.numel * bits // 8) == data.shape[0]]
        if fits:
            return scale.numel, data.shape[1]
    return (data.numel * 8 // settings.bits,) if settings.bits in {2, 4} else None


def _torchao(group: Group, key: str) -> list[Piece] | None:
    data = group.tensors[key]
    stem = key.removesuffix("qdata")
    roles: dict[str, Role] = {
        k: "zero point" if "zero" in k else "scale" for k in group.tensors if ("scale" in k or "zero" in k)
    }
    shape = _torchao_shape(data, group.tensors.get(f"{stem}scale"), group.tensors.get(f"{stem}scale_and_zero"))
    return None if shape is None else [group.weight(key, shape), *group.rest([key], roles)]


def _torchao_shape(data: Stored, scale: Stored | None, pairs: Stored | None) -> tuple[int, ...] | None:
    """Int8 and FP8 keep the weight's shape; four bits are told by their scales, which lie across: (groups, out).

    Int4Tensor: bytes (out, in/2).  Int4PlainInt32Tensor: words (out, in/8).  Int4TilePackedTo4dTensor: words in tiles
    of 8 outputs beside `scale_and_zero` (groups, out, 2).  MXTensor and NVFP4Tensor: bytes (out, in/2), scales as wide
    as 32 and 16 numbers (torchao/quantization/quantize_/workflows/int4, torchao/prototype/mx_formats).
    """
    if pairs is not None and data.dtype == "I32" and len(data.shape) == 4 and len(pairs.shape) == 3:
        return (pairs.shape[1], data.numel * 8 // pairs.shape[1]) if pairs.shape[1] else None
    if scale is None or len(data.shape) < 2:
        return None
    if data.dtype == "I32":
        return (*data.shape[:-1], 8 * data.shape[-1]) if scale.shape[-1:] == data.shape[-2:-1] else None
    if scale.dtype in FLOAT8 | {"F8_E8M0"} and data.dtype == "U8":
        return (*data.shape[:-1], 2 * data.shape[-1])
    if data.dtype not in FLOAT8 | {"I8", "U8"}:
        return None
    across = len(scale.shape) == len(data.shape) and scale.shape[-1] == data.shape[-2] != scale.shape[-2]
    if data.dtype in {"I8", "U8"} and across and scale.shape[-2] and 2 * data.shape[-1] % scale.shape[-2] == 0:
        return (*data.shape[:-1], 2 * data.shape[-1])
    return data.shape if data.dtype != "U8" else None

"""From stored tensors to logical ones: each module's tensors are offered to every quantized format in turn.

Shapes decide; the config's settings only settle what shapes leave open.  A tensor of whole numbers that no format
claims is unknown, and so is every total it would be part of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from cardscope.checkpoint.formats import (
    aqlm,
    bitsandbytes,
    compressed,
    exl,
    floats,
    gptq,
    mlx,
    mxfp4,
    objects,
)
from cardscope.checkpoint.formats.group import Group, Settings, piece
from cardscope.checkpoint.header import Stored
from cardscope.checkpoint.naming import is_buffer
from cardscope.checkpoint.piece import Piece

_Decoder = Callable[[Group, Settings], list[Piece] | None]
_FORMATS: Final = (gptq, mlx, mxfp4, bitsandbytes, compressed, exl, aqlm, objects, floats)
_DECODERS: Final[tuple[_Decoder, ...]] = tuple(form.decode for form in _FORMATS)
_SCALES: Final = re.compile(r"scale|zero|shift|absmax|mean")
_WORDS: Final = frozenset({"I32", "U32", "I16", "U16", "U8", "I8", "I64", "U64", "F4", "F6_E2M3", "F6_E3M2"})


def unpack(tensors: Sequence[Stored], settings: Settings) -> list[Piece]:
    """Every stored tensor as exactly one piece, in the order of modules."""
    found: list[Piece] = []
    for group in _modules(tensors):
        found += _decode(group, settings)
    return found


def _decode(group: Group, settings: Settings) -> Iterable[Piece]:
    if len(group.tensors) > 1:
        for decode in _DECODERS:
            pieces = decode(group, settings)
            if pieces is not None:
                return pieces
    found = [_plain(key, tensor) for key, tensor in group.tensors.items()]
    if len(found) > 1 and any(each.role == "unknown" for each in found):
        # What stands beside packed words is no parameter either, whatever the format is.
        return [_beside(key, each) for key, each in zip(group.tensors, found, strict=True)]
    return found


def _beside(key: str, found: Piece) -> Piece:
    if found.role != "parameter" or key in {"weight", "bias"}:
        return found
    return found._replace(role="scale" if _SCALES.search(key) else "index")


def _plain(key: str, tensor: Stored) -> Piece:
    if key in floats.BESIDE:
        return piece(tensor, floats.BESIDE[key])
    if is_buffer(tensor):
        return piece(tensor, "buffer")
    if tensor.dtype in _WORDS and len(tensor.shape) > 1:
        return piece(tensor, "unknown")
    return piece(tensor, "parameter")


def _modules(tensors: Sequence[Stored]) -> Iterable[Group]:
    modules: dict[str, dict[str, Stored]] = {}
    for tensor in tensors:
        path, inner, key = tensor.name.partition(".weight.")
        if inner:
            key = f"weight.{key}"
        else:
            path, _, key = tensor.name.rpartition(".")
        modules.setdefault(path, {})[key] = tensor
    return [Group(path, members) for path, members in modules.items()]


def settings_of(config: Mapping[str, object]) -> Settings:
    """The quantization a config states, its own or its text model's; nothing is raised for odd values."""
    for place in (config, config.get("text_config")):
        if not isinstance(place, Mapping):
            continue
        for key in ("quantization_config", "compression_config", "quantization"):
            found = place.get(key)
            if isinstance(found, Mapping):
                return _settings(found)
    return Settings()


def _settings(found: Mapping[str, object]) -> Settings:
    inner = found.get("quant_config")
    weights = inner.get("weight_quant_params") if isinstance(inner, Mapping) else None
    top = weights if isinstance(weights, Mapping) else found
    method = found.get("quant_method", found.get("quant_library"))
    bits = _int(top, "bits", "nbits", "num_bits") or {"int4": 4, "int2": 2}.get(str(found.get("weights")))
    return Settings(
        str(method) if isinstance(method, str) else None,
        bits,
        _int(top, "group_size"),
        tuple(_choices(found.get("config_groups"))),
        {name: pair for name, value in found.items() if isinstance(value, Mapping) and (pair := _pair(value))},
    )


def _choices(groups: object) -> Iterable[tuple[int, int]]:
    for each in groups.values() if isinstance(groups, Mapping) else ():
        weights = each.get("weights") if isinstance(each, Mapping) else None
        if isinstance(weights, Mapping) and (bits := _int(weights, "num_bits")):
            yield bits, _int(weights, "group_size") or 0


def _pair(value: Mapping[str, object]) -> tuple[int, int] | None:
    bits, size = _int(value, "bits"), _int(value, "group_size")
    return (bits, size) if bits and size else None


def _int(found: Mapping[str, object], *names: str) -> int | None:
    value = next((found[name] for name in names if name in found), None)
    return value if type(value) is int and -1 <= value <= 1 << 20 else None

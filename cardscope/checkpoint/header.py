"""One safetensors header: names, dtypes, shapes and offsets, checked, without a byte of weights.

Format: eight bytes little-endian length, that many bytes of JSON, then the data (safetensors' README).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import prod
from typing import Final, NamedTuple

from cardscope.errors import NotAConfig, TooLarge

MAX_HEADER: Final = 25_000_000
"""huggingface_hub's own cap on a header's bytes."""
MAX_TENSORS: Final = 1_000_000
MAX_DIMENSION: Final = 1 << 32
MAX_AXES: Final = 16
PREFIX: Final = 8

DTYPE_BITS: Final = {
    "F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
    "C64": 64, "I8": 8, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
"""Bits of one element, in safetensors' names (safetensors/src/tensor.rs, Dtype)."""


class Stored(NamedTuple):
    """One stored tensor; `size` is its bytes in the file, `file` where it lies."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int
    file: str = ""

    @property
    def numel(self) -> int:
        """Numbers stored (packed words count as one)."""
        return prod(self.shape)


class Header(NamedTuple):
    """A file's tensors and its free-form metadata; `data_bytes` is what lies behind the header."""

    tensors: tuple[Stored, ...]
    metadata: Mapping[str, str]
    data_bytes: int


def header_length(prefix: bytes, where: str) -> int:
    """The header's length from a file's first eight bytes. Raises NotAConfig or TooLarge."""
    if len(prefix) < PREFIX:
        raise NotAConfig(
            f"{where} ends before a safetensors header starts", hint="the file is truncated or another format"
        )
    length = int.from_bytes(prefix[:PREFIX], "little")
    if length > MAX_HEADER:
        raise TooLarge(
            f"{where} announces a header of {length:,} bytes, over the cap of {MAX_HEADER:,}",
            hint="a real header is a few megabytes at most; this is no safetensors file",
        )
    return length


def parse(text: bytes, where: str, file_size: int | None = None) -> Header:
    """A header's JSON as tensors, every value checked. Raises NotAConfig or TooLarge.

    `file_size`, where known, bounds the offsets.
    """
    try:
        found = json.loads(text, object_pairs_hook=no_duplicates)
    except (ValueError, RecursionError) as error:
        raise NotAConfig(
            f"{where} has a header that is not JSON: {str(error)[:80]}", hint="download the file again"
        ) from None
    return check(found, where, None if file_size is None else file_size - PREFIX - len(text))


def check(found: object, where: str, room: int | None = None) -> Header:
    """A header already decoded from JSON, every value checked. Raises NotAConfig or TooLarge.

    `room`, where known, is the number of bytes behind the header, which bounds the offsets.
    """
    if not isinstance(found, dict):
        raise NotAConfig(f"{where} has a header that is not an object", hint="this is no safetensors file")
    found = dict(found)
    metadata = found.pop("__metadata__", {})
    if len(found) > MAX_TENSORS:
        raise TooLarge(
            f"{where} lists {len(found):,} tensors, over the cap of {MAX_TENSORS:,}", hint="no real file does"
        )
    spans = []
    tensors = []
    for name, entry in found.items():
        tensor, span = _tensor(name, entry, where)
        tensors.append(tensor)
        spans.append(span)
    end = _check_layout(spans, where, room)
    notes = {str(k): str(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {}
    return Header(tuple(tensors), notes, end)


def no_duplicates(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """For json.loads: an object none of whose keys stands in it twice. Raises ValueError."""
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name[:60]!r} stands in it twice")
        found[name] = value
    return found


def _tensor(name: str, entry: object, where: str) -> tuple[Stored, tuple[int, int]]:
    # Plain tests, not a match statement, which takes three times as long: a large model has 90,000 tensors.
    found = entry if isinstance(entry, dict) else {}
    dtype, shape, span = found.get("dtype"), found.get("shape"), found.get("data_offsets")
    whole = isinstance(span, list) and len(span) == 2 and isinstance(span[0], int) and isinstance(span[1], int)
    if not (isinstance(dtype, str) and isinstance(shape, list) and isinstance(span, list) and whole):
        raise NotAConfig(
            f"{where}: tensor {name[:80]!r} has no dtype, shape and data_offsets", hint="see the safetensors format"
        )
    start, end = span
    if len(shape) > MAX_AXES or any(type(n) is not int or not 0 <= n <= MAX_DIMENSION for n in shape):
        raise NotAConfig(
            f"{where}: tensor {name[:80]!r} has an impossible shape", hint="the file is damaged or hostile"
        )
    if not 0 <= start <= end:
        raise NotAConfig(
            f"{where}: tensor {name[:80]!r} has offsets {start} to {end}", hint="the file is damaged or hostile"
        )
    stored = Stored(name, dtype, tuple(shape), end - start, where)
    bits = DTYPE_BITS.get(dtype)
    if bits is not None and (stored.numel * bits + 7) // 8 != stored.size:
        raise NotAConfig(
            f"{where}: tensor {name[:80]!r} is {stored.size:,} bytes long, its shape and {dtype} need another number",
            hint="the file is damaged or hostile",
        )
    return stored, (start, end)


def _check_layout(spans: list[tuple[int, int]], where: str, room: int | None) -> int:
    """Offsets must not overlap and must lie inside the file; returns where the data ends."""
    last = 0
    for start, end in sorted(spans):
        if start < last:
            raise NotAConfig(f"{where}: two tensors overlap at byte {start:,}", hint="the file is damaged or hostile")
        last = max(last, end)
    if room is not None and last > room:
        raise NotAConfig(
            f"{where}: tensors end at byte {last:,} of the data, and the file holds {room:,}",
            hint="the file is truncated: download it again",
        )
    return last

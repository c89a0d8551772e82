"""Memory of the weights at each precision, with honest bits per weight: what stays unquantized is counted as such."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from cardscope.inventory import Inventory
from cardscope.measures import gguf_mix
from cardscope.parts import Tensor

Basis = Literal["stored", "counted", "estimated"]


class Scheme(NamedTuple):
    """A precision: bits of a packed weight, what each group of weights carries beside them, and the rule in words.

    `group` weights along a row share `overhead` bits, `rows` rows of them where that is not 1; group 0 means one
    group for a row.  Each matrix carries `each` bits more, and `column` bits for each of its columns.  `experts`
    restricts packing to routed experts where a model has any.
    """

    name: str
    bits: float
    group: int | None
    overhead: float
    rule: str
    rows: int = 1
    experts: bool = False
    each: float = 0
    column: float = 0
    towers: bool = True
    """Whether image and sound towers are packed as well."""

    def packed(self, rows: int, columns: int, matrices: int = 1) -> float:
        """Bits of so many matrices of this width, `rows` in all of them."""
        down = -(-rows // self.rows)
        groups = down * (-(-columns // self.group) if self.group else 1)
        return rows * columns * self.bits + groups * self.overhead + matrices * (self.each + columns * self.column)


NF4_TABLE: Final = 32 * 16 + 8 * 80
"""Bits bitsandbytes keeps for each matrix in 4 bits: the table of 16 values, and a blob of some 80 bytes."""
NF4_NESTED: Final = 32 * (16 + 256) + 8 * 170
"""The same where scales are quantized again: a second table of 256 values, and a longer blob."""

SCHEMES: Final = (
    Scheme("fp32", 32, None, 0, "every weight in 4 bytes"),
    Scheme("bf16", 16, None, 0, "every weight in 2 bytes; fp16 is the same"),
    Scheme("fp8", 8, 0, 32, "linear layers in 1 byte with one fp32 scale a row; the rest in bf16"),
    Scheme(
        "fp8 blocks", 8, 128, 32, "linear layers in 1 byte, an fp32 scale for 128 × 128; the rest in bf16", rows=128
    ),
    Scheme("int8", 8, 0, 32, "linear layers in 1 byte with one fp32 scale a row; the rest in bf16", each=8),
    Scheme(
        "int4",
        4,
        128,
        20,
        "linear layers in groups of 128: 4 bits, an fp16 scale and a 4-bit zero; the rest in bf16",
    ),
    Scheme("nf4", 4, 64, 32, "linear layers in 4 bits, an fp32 scale for each 64; the rest in bf16", each=NF4_TABLE),
    Scheme(
        "nf4 double",
        4,
        64,
        8 + 32 / 256,
        "linear layers in 4 bits, an 8-bit scale for each 64, an fp32 one for each 256 of these; the rest in bf16",
        each=NF4_NESTED,
    ),
    Scheme("nvfp4", 4, 16, 8, "linear layers in 4 bits, an fp8 scale for each 16; the rest in bf16", each=64),
    Scheme(
        "mxfp4",
        4,
        32,
        8,
        "routed experts (else linear layers) in 4 bits, an 8-bit exponent for each 32; the rest in bf16",
        experts=True,
    ),
)
"""fp8 as compressed-tensors by channel and as DeepSeek-V3 by block, int8 as bitsandbytes LLM.int8(), int4 as AWQ and
GPTQ with g128, nf4 as bitsandbytes (functional.py: blocks of 64, nested 256), nvfp4 as ModelOpt, mxfp4 as gpt-oss."""


@dataclass(frozen=True, slots=True)
class WeightRow:
    """Bytes of the weights at one precision; bits_per_weight = 8 · bytes / parameters."""

    precision: str
    bytes: int
    bits_per_weight: float
    basis: Basis
    rule: str


def quantizable(tensor: Tensor) -> bool:
    """Whether quantizers pack it: linear layers inside the blocks, not tables, head, router, norms or convolutions."""
    return tensor.kind == "linear" and tensor.component not in {"head", "router", "embedding", "position"}


_WHERE: Final = {"experts": "experts", "vision": "towers", "audio": "towers", "projector": "towers"}


class _Fold(NamedTuple):
    """A main model folded to what the schemes ask: numbers not packed, and rows of packed matrices by their length."""

    total: int
    packed: Mapping[tuple[str, int], tuple[int, int]]
    """(where: experts, towers or the rest; columns) → (rows, matrices)."""


def _fold(inventory: Inventory) -> _Fold:
    total = 0
    packed: dict[tuple[str, int], tuple[int, int]] = {}
    for count, tensor in inventory.tensors():
        if tensor.kind == "buffer":
            continue
        numel = count * tensor.numel
        total += numel
        if tensor.kind == "linear" and quantizable(tensor) and (columns := tensor.shape[-1]):
            key = _WHERE.get(tensor.component, ""), columns
            rows, matrices = packed.get(key, (0, 0))
            packed[key] = rows + numel // columns, matrices + count * tensor.copies
    return _Fold(total, packed)


def weight_bytes(inventory: Inventory, scheme: Scheme) -> int:
    """Bytes of the main model's parameters under a scheme."""
    return _bytes(_fold(inventory), scheme)


def _bytes(fold: _Fold, scheme: Scheme) -> int:
    if scheme.group is None:
        return int(fold.total * scheme.bits / 8)
    routed = scheme.experts and any(where == "experts" for where, _ in fold.packed)
    total, plain = 0.0, fold.total
    for (where, columns), (rows, matrices) in fold.packed.items():
        if (routed and where != "experts") or (where == "towers" and not scheme.towers):
            continue
        plain -= rows * columns
        total += scheme.packed(rows, columns, matrices) / 8
    return int(total) + 2 * plain


def weight_rows(inventory: Inventory) -> tuple[WeightRow, ...]:
    """One row for each precision; fp32 and bf16 are counted, quantized ones estimated by their rule."""
    fold = _fold(inventory)
    rows = []
    for scheme in SCHEMES:
        size = _bytes(fold, scheme)
        basis: Basis = "counted" if scheme.group is None else "estimated"
        rows.append(WeightRow(scheme.name, size, _bits(size, fold.total), basis, scheme.rule))
    for name, size, rule in gguf_mix.rows(inventory):
        rows.append(WeightRow(name, size, _bits(size, fold.total), "estimated", rule))
    return tuple(rows)


def plain_rows(total: int) -> tuple[WeightRow, ...]:
    """Rows of the unquantized precisions where only a total is known."""
    return tuple(
        WeightRow(s.name, int(total * s.bits / 8), float(s.bits), "counted", s.rule) for s in SCHEMES if s.group is None
    )


def _bits(size: int, total: int) -> float:
    return round(8 * size / total, 3) if total else 0.0

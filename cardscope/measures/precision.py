"""Memory of the weights at each precision, with honest bits per weight: what stays unquantized is counted as such."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from cardscope.inventory import Inventory
from cardscope.parts import Tensor

Basis = Literal["stored", "counted", "estimated"]


class Scheme(NamedTuple):
    """A precision: bits of a packed weight, what each group of weights carries beside them, and the rule in words.

    `group` weights along a row share `overhead` bits; group 0 means one group for each row.
    """

    name: str
    bits: float
    group: int | None
    overhead: float
    rule: str


SCHEMES: Final = (
    Scheme("fp32", 32, None, 0, "every weight in 4 bytes"),
    Scheme("bf16", 16, None, 0, "every weight in 2 bytes; fp16 is the same"),
    Scheme("fp8", 8, 0, 32, "linear layers in 1 byte with one fp32 scale a row; the rest in bf16"),
    Scheme("int8", 8, 0, 16, "linear layers in 1 byte with one fp16 scale a row; the rest in bf16"),
    Scheme(
        "int4",
        4,
        128,
        20,
        "linear layers in groups of 128: 4 bits, an fp16 scale and a 4-bit zero; the rest in bf16",
    ),
)
"""fp8 as compressed-tensors writes it by channel; int8 as bitsandbytes LLM.int8(); int4 as AWQ and GPTQ with g128."""


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


def weight_bytes(inventory: Inventory, scheme: Scheme) -> int:
    """Bytes of the main model's parameters under a scheme."""
    total = 0.0
    for count, tensor in inventory.tensors():
        if tensor.kind == "buffer":
            continue
        if scheme.group is None:
            total += count * tensor.numel * scheme.bits / 8
        elif quantizable(tensor):
            total += count * _packed(tensor, scheme)
        else:
            total += count * tensor.numel * 2
    return int(total)


def _packed(tensor: Tensor, scheme: Scheme) -> float:
    columns = tensor.shape[-1]
    rows = tensor.numel // columns if columns else 0
    groups = rows if not scheme.group else rows * -(-columns // scheme.group)
    return (tensor.numel * scheme.bits + groups * scheme.overhead) / 8


def weight_rows(inventory: Inventory) -> tuple[WeightRow, ...]:
    """One row for each precision; fp32 and bf16 are counted, quantized ones estimated by their rule."""
    total = inventory.parameters
    rows = []
    for scheme in SCHEMES:
        size = weight_bytes(inventory, scheme)
        basis: Basis = "counted" if scheme.group is None else "estimated"
        rows.append(WeightRow(scheme.name, size, _bits(size, total), basis, scheme.rule))
    return tuple(rows)


def plain_rows(total: int) -> tuple[WeightRow, ...]:
    """Rows of the unquantized precisions where only a total is known."""
    return tuple(
        WeightRow(s.name, int(total * s.bits / 8), float(s.bits), "counted", s.rule) for s in SCHEMES if s.group is None
    )


def _bits(size: int, total: int) -> float:
    return round(8 * size / total, 3) if total else 0.0

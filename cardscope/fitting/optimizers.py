"""Bytes that an optimizer keeps for the parameters it trains: a fold over their shapes.

AdamW, SGD, Adafactor and Muon keep states in the dtype of the parameters (torch.optim, zeros_like); the 8-bit ones keep
a byte a state and an fp32 scale for each block of 256, and fp32 states for tensors below 4,096 numbers (bitsandbytes,
min_8bit_size).  Adafactor keeps a row and a column instead of a matrix (Shazeer and Stern 2018, arXiv:1804.04235).
Muon keeps one momentum for matrices inside the blocks and leaves the rest to AdamW (Jordan 2024, kellerjordan/Muon).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from cardscope.errors import UsageError
from cardscope.parts import Tensor

SMALL: Final = 4096
BLOCK: Final = 256


class Optimizer(NamedTuple):
    """An optimizer: what it keeps for one tensor given the bytes of a number, and whether that may leave the device."""

    name: str
    keeps: Callable[[Tensor, int], int]
    paged: bool = False


def states(found: Iterable[tuple[int, Tensor]], optimizer: Optimizer, size: int) -> int:
    """Bytes of all states; `size` is the bytes of one trained number."""
    return sum(count * optimizer.keeps(tensor, size) for count, tensor in found if tensor.kind != "buffer")


def _plain(count: int) -> Callable[[Tensor, int], int]:
    return lambda tensor, size: count * size * tensor.numel


def _eight_bit(count: int) -> Callable[[Tensor, int], int]:
    def keeps(tensor: Tensor, size: int) -> int:
        del size
        if tensor.numel < SMALL:
            return 4 * count * tensor.numel
        return count * (tensor.numel + 4 * -(-tensor.numel // BLOCK))

    return keeps


def _adafactor(tensor: Tensor, size: int) -> int:
    if len(tensor.shape) < 2:
        return size * tensor.numel
    rows, columns = tensor.shape[-2:]
    return size * (tensor.numel // (rows * columns)) * (rows + columns)


def _muon(tensor: Tensor, size: int) -> int:
    inside = tensor.kind == "linear" and tensor.component not in {"head", "embedding"}
    return (1 if inside else 2) * size * tensor.numel


OPTIMIZERS: Final = {
    found.name: found
    for found in (
        Optimizer("adamw", _plain(2)),
        Optimizer("adamw-8bit", _eight_bit(2)),
        Optimizer("paged-adamw", _plain(2), paged=True),
        Optimizer("paged-adamw-8bit", _eight_bit(2), paged=True),
        Optimizer("lion", _plain(1)),
        Optimizer("lion-8bit", _eight_bit(1)),
        Optimizer("muon", _muon),
        Optimizer("adafactor", _adafactor),
        Optimizer("sgd", _plain(0)),
        Optimizer("sgd-momentum", _plain(1)),
    )
}
SPELLED: Final = {
    "adam": "adamw", "adamw-torch": "adamw", "adamw-torch-fused": "adamw", "adamw-bnb-8bit": "adamw-8bit",
    "adam-8bit": "adamw-8bit", "adamw8bit": "adamw-8bit", "paged-adamw-32bit": "paged-adamw",
    "pagedadamw8bit": "paged-adamw-8bit",
}  # fmt: skip


def optimizer(name: str) -> Optimizer:
    """The optimizer of a name, as trainers spell it. Raises UsageError."""
    low = name.strip().lower().replace("_", "-")
    low = SPELLED.get(low, low)
    if low not in OPTIMIZERS:
        raise UsageError(f"there are no rules for the optimizer {name[:40]!r}", hint=f"known: {', '.join(OPTIMIZERS)}")
    return OPTIMIZERS[low]

"""Bytes of the weights at any precision a person may name: the repository's own, schemes, GGUF's mixes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from cardscope.errors import UsageError
from cardscope.fitting.target import Target
from cardscope.inventory import Inventory
from cardscope.measures import gguf_mix
from cardscope.measures.precision import SCHEMES, Scheme, quantizable
from cardscope.measures.quantized import published
from cardscope.parts import Tensor

MORE: Final = (
    Scheme("awq", 4, 128, 20, "4 bits, an fp16 scale and a 4-bit zero for each group of 128"),
    Scheme("gptq", 4, 128, 20, "4 bits, an fp16 scale and a 4-bit zero for each group of 128"),
    Scheme("gptq-int8", 8, 128, 24, "8 bits, an fp16 scale and an 8-bit zero for each group of 128"),
)
BY_NAME: Final[Mapping[str, Scheme]] = {scheme.name: scheme for scheme in (*SCHEMES, *MORE)}
SPELLED: Final = {
    "fp16": "bf16", "float16": "bf16", "bfloat16": "bf16", "f16": "bf16", "float32": "fp32", "f32": "fp32",
    "bnb-4bit": "nf4", "4bit": "nf4", "nf4-dq": "nf4-double", "8bit": "int8", "bnb-8bit": "int8", "awq-int4": "awq",
    "gptq-int4": "gptq", "fp8-block": "fp8-blocks",
}  # fmt: skip

MIXES: Final[Mapping[str, str]] = {name.lower(): name for name in gguf_mix.MIXES}
"""GGUF's file types as --quant spells them → as llama.cpp does."""
BEST_FIRST: Final = ("bf16", "fp8", "int8", "awq", "nf4")
BEST_GGUF: Final = ("bf16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q3_k_m", "q2_k")


class Sizes(NamedTuple):
    """Bytes of the weights: input tables, output head, what tensor parallelism splits, what every rank holds whole."""

    table: int
    head: int
    split: int
    whole: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.table + self.head + self.split + self.whole


def names() -> tuple[str, ...]:
    """Every precision that --quant takes."""
    return (*BY_NAME, *(name for name in MIXES if name not in BY_NAME))


def canonical(quant: str) -> str:
    """The name a precision is known by. Raises UsageError with what there is."""
    known = {name.replace(" ", "-").replace("_", "-"): name for name in (*BY_NAME, *MIXES)}
    low = quant.strip().lower().replace(" ", "-").replace("_", "-")
    low = SPELLED.get(low, low)
    if low not in known:
        raise UsageError(f"{quant[:60]} is no known precision", hint=f"--quant takes {', '.join(known)}")
    return known[low]


def sizes(target: Target, quant: str | None) -> Sizes:
    """Bytes of the weights at a precision; None is the repository's own."""
    if quant is None:
        return _own(target)
    name = canonical(quant)
    if name in MIXES:
        return _gguf(target, MIXES[name])
    return _fold(target.inventory, BY_NAME[name])


def _own(target: Target) -> Sizes:
    """The known total, in which what is never packed has its plain size."""
    if target.own_scheme is not None:
        guess = _fold(target.inventory, target.own_scheme)
    else:
        guess = _fold(target.inventory, BY_NAME["fp32" if target.precision == "fp32" else "bf16"])
    rest = target.own_bytes - guess.table - guess.head - guess.whole
    return guess._replace(split=max(0, rest)) if rest > 0 else Sizes(0, 0, target.own_bytes, 0)


def folded(inventory: Inventory, scheme: Scheme) -> int:
    """Bytes of a whole inventory under a scheme; mxfp4 packs experts only where there are any."""
    return _fold(inventory, scheme).total


def _fold(inventory: Inventory, scheme: Scheme) -> Sizes:
    found = dict.fromkeys(Sizes._fields, 0.0)
    only = "experts" if scheme.experts and "experts" in inventory.components() else None
    for count, tensor in inventory.tensors():
        if tensor.kind == "buffer":
            continue
        found[_place(tensor)] += count * _bytes(tensor, scheme, only)
    return Sizes(*(int(value) for value in found.values()))


def _place(tensor: Tensor) -> str:
    if tensor.component in {"vision", "audio", "projector"}:
        return "whole"
    if tensor.component == "head" and tensor.kind in {"linear", "table"}:
        return "head"
    if tensor.component == "embedding" and tensor.kind in {"table", "linear"}:
        return "table"
    return "split" if tensor.kind == "linear" and tensor.component != "router" else "whole"


def _bytes(tensor: Tensor, scheme: Scheme, only: str | None) -> float:
    if scheme.group is None:
        return tensor.numel * scheme.bits / 8
    if not quantizable(tensor) or (only is not None and tensor.component != only):
        return tensor.numel * 2
    columns = tensor.shape[-1]
    rows = tensor.numel // columns if columns else 0
    return scheme.packed(rows, columns, tensor.copies) / 8


def _gguf(target: Target, mix: str) -> Sizes:
    found = dict.fromkeys(Sizes._fields, 0)
    for tensor, size in gguf_mix.sizes(target.inventory, mix):
        found[_place(tensor)] += size
    return Sizes(**found)


def own_scheme(config: Mapping[str, object]) -> Scheme | str | None:
    """The scheme the repository's own quantization follows, None where there is none, or why it cannot be told."""
    return published(config, strict=False)

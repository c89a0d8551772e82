"""Bytes of the weights at any precision a person may name: the repository's own, schemes, GGUF's mixes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from cardscope.errors import UsageError
from cardscope.fitting.target import Target
from cardscope.inventory import Group, Inventory
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

BLOCKS: Final = {
    "f32": (1, 4), "f16": (1, 2), "q8_0": (32, 34), "q6_k": (256, 210), "q5_k": (256, 176), "q5_1": (32, 24),
    "q5_0": (32, 22), "q4_k": (256, 144), "q4_1": (32, 20), "q4_0": (32, 18), "iq4_nl": (32, 18), "iq4_xs": (256, 136),
    "q3_k": (256, 110), "q2_k": (256, 84), "mxfp4": (32, 17),
}  # fmt: skip
"""GGUF type → (weights in a block, bytes of the block); ggml/src/ggml-common.h of llama.cpp."""
NARROW: Final = {"q6_k": "q8_0", "q5_k": "q5_1", "q4_k": "q5_0", "iq4_xs": "iq4_nl", "q3_k": "iq4_nl", "q2_k": "iq4_nl"}
"""What stands in where a row is no multiple of 256 (llama_tensor_get_type in src/llama-quant.cpp)."""


class Mix(NamedTuple):
    """A GGUF file type: the type of most matrices, of the head, and of those that are kept better."""

    base: str
    head: str
    better: str | None = None
    rule: str = "none"


MIXES: Final[Mapping[str, Mix]] = {
    "q8_0": Mix("q8_0", "q8_0"), "q6_k": Mix("q6_k", "q6_k"),
    "q5_k_m": Mix("q5_k", "q6_k", "q6_k", "some"), "q5_k_s": Mix("q5_k", "q6_k"),
    "q4_k_m": Mix("q4_k", "q6_k", "q6_k", "some"), "q4_k_s": Mix("q4_k", "q6_k", "q5_k", "first"),
    "q4_0": Mix("q4_0", "q6_k"), "q4_1": Mix("q4_1", "q6_k"), "q5_0": Mix("q5_0", "q6_k"), "q5_1": Mix("q5_1", "q6_k"),
    "q3_k_m": Mix("q3_k", "q6_k", "q4_k", "all"), "q3_k_s": Mix("q3_k", "q6_k"),
    "q3_k_l": Mix("q3_k", "q6_k", "q5_k", "all"), "q2_k": Mix("q2_k", "q6_k", "q3_k", "all"),
    "iq4_xs": Mix("iq4_xs", "q6_k", "q5_k", "first"), "iq4_nl": Mix("iq4_nl", "q6_k", "q5_k", "first"),
}  # fmt: skip
"""Which layers' values and down-projections are kept better: some of them, the first eighth, or all."""
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


def _gguf(target: Target, mix: Mix) -> Sizes:
    found = dict.fromkeys(Sizes._fields, 0)
    total = target.layers
    for group in target.inventory.groups:
        better = _better(group, mix, total)
        for tensor in group.tensors:
            if tensor.kind == "buffer":
                continue
            place = _place(tensor)
            kept = better if _precious(tensor) else 0
            plain = _block(tensor, _type(tensor, mix, place, target))
            found[place] += (group.count - kept) * plain
            if kept and mix.better:
                found[place] += kept * _block(tensor, mix.better)
    return Sizes(**found)


def _precious(tensor: Tensor) -> bool:
    return tensor.kind == "linear" and (tensor.name.startswith("v.") or "down" in tensor.name)


def _better(group: Group, mix: Mix, layers: int) -> int:
    """How many of a group's layers keep values and down-projections better; use_more_bits in src/llama-quant.cpp."""
    if mix.rule == "all":
        return group.count
    if mix.rule == "first":
        return sum(1 for i in group.layers if i < layers // 8)
    if mix.rule == "some":
        low, high = layers // 8, 7 * layers // 8
        return sum(1 for i in group.layers if i < low or i >= high or (i - low) % 3 == 2)
    return 0


def _type(tensor: Tensor, mix: Mix, place: str, target: Target) -> str:
    if tensor.kind != "linear" and place not in {"table", "head"}:
        return "f32"
    if tensor.component == "router":
        return "f32"
    # A tied table is the head as well, and is kept as one.
    return mix.head if place == "head" or (place == "table" and target.facts.tied_embeddings) else mix.base


def _block(tensor: Tensor, name: str) -> int:
    columns = tensor.shape[-1] if tensor.shape else 1
    per, size = BLOCKS[name]
    if columns % per:
        per, size = BLOCKS[NARROW.get(name, "f16")]
        if columns % per:
            per, size = BLOCKS["f16"]
    return tensor.numel // per * size


def own_scheme(config: Mapping[str, object]) -> Scheme | str | None:
    """The scheme the repository's own quantization follows, None where there is none, or why it cannot be told."""
    return published(config, strict=False)

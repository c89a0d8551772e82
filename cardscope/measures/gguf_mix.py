"""GGUF precisions by the mixes llama.cpp really makes: which type each tensor gets, and the bytes of its blocks.

Source: llama.cpp, src/llama-quant.cpp (llama_tensor_get_type, use_more_bits) without an importance matrix; sizes of
blocks from ggml/src/ggml-common.h.  Vectors and routers stay in fp32; a row that blocks of 256 do not divide falls
back to a type with blocks of 32.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Final, Literal, NamedTuple

from cardscope.inventory import Inventory
from cardscope.parts import Tensor

BITS: Final[Mapping[str, float]] = {
    "F32": 32, "F16": 16, "Q8_0": 8.5, "Q6_K": 6.5625, "Q5_K": 5.5, "Q5_1": 6.0, "Q5_0": 5.5, "Q4_K": 4.5,
    "Q4_0": 4.5, "Q3_K": 3.4375, "IQ4_XS": 4.25, "IQ4_NL": 4.5,
}  # fmt: skip
"""Bits of one weight, scales included: 8 · bytes / elements of a block."""
FALLBACK: Final[Mapping[str, str]] = {
    "Q6_K": "Q8_0", "Q5_K": "Q5_1", "Q4_K": "Q5_0", "Q3_K": "IQ4_NL", "IQ4_XS": "IQ4_NL",
}  # fmt: skip

Role = Literal["small", "table", "output", "v", "k", "qkv", "o", "down", "other"]


class Slot(NamedTuple):
    """Tensors that every mix treats alike: their role and where their layers stand.

    `more`: among the layers that get more bits; `early`: in the first sixteenth, eighth, or two layers.
    """

    role: Role
    more: bool = False
    sixteenth: bool = False
    eighth: bool = False
    second: bool = False
    whole: bool = True
    """Whether blocks of 256 divide its rows."""


class Traits(NamedTuple):
    """What the mixes ask of a model: query heads per KV head, experts."""

    group: int = 1
    experts: int = 0


Mix = Callable[[Slot, Traits], str]


def _q4_k_m(slot: Slot, model: Traits) -> str:
    match slot.role:
        case "v" | "k" if model.experts == 8:
            return "Q8_0"
        case "v" | "down" if slot.more:
            return "Q6_K"
        case "o" if model.experts == 8:
            return "Q5_K"
        case "qkv":
            return "Q5_K"
        case _:
            return "Q4_K"


def _q5_k_m(slot: Slot, model: Traits) -> str:
    if slot.role in {"v", "k"} and model.experts == 8:
        return "Q8_0"
    return "Q6_K" if slot.role == "qkv" or (slot.role in {"v", "down"} and slot.more) else "Q5_K"


def _q3_k_m(slot: Slot, model: Traits) -> str:
    match slot.role:
        case "v" | "k" if model.experts == 8:
            return "Q8_0"
        case "v":
            return "Q5_K" if slot.second else "Q4_K"
        case "down":
            return "Q5_K" if slot.sixteenth else "Q4_K" if slot.more else "Q3_K"
        case "o":
            return "Q5_K" if model.experts == 8 else "Q4_K"
        case "qkv":
            return "Q4_K"
        case _:
            return "Q3_K"


def _iq4_xs(slot: Slot, model: Traits) -> str:
    if slot.role in {"v", "k"} and model.experts == 8:
        return "Q8_0"
    if (slot.role == "v" and model.group >= 4) or (slot.role == "down" and slot.eighth):
        return "Q5_K"
    return "Q5_K" if slot.role == "o" and model.experts == 8 else "IQ4_XS"


def _q4_0(slot: Slot, model: Traits) -> str:
    return "Q8_0" if slot.role in {"v", "k"} and model.experts == 8 else "Q4_0"


MIXES: Final[Mapping[str, Mix]] = {
    "Q8_0": lambda _slot, _model: "Q8_0",
    "Q6_K": lambda slot, model: "Q8_0" if slot.role in {"v", "k"} and model.experts == 8 else "Q6_K",
    "Q5_K_M": _q5_k_m,
    "Q4_K_M": _q4_k_m,
    "Q4_0": _q4_0,
    "IQ4_XS": _iq4_xs,
    "Q3_K_M": _q3_k_m,
}


def rows(inventory: Inventory) -> Iterator[tuple[str, int, str]]:
    """(name, bytes, rule) of the main model's tensors in each GGUF precision; nothing where no layer can be packed."""
    counts = _slots(inventory)
    if not any(slot.role not in _LEFT for slot in counts):
        return
    total = sum(counts.values())
    numels = tuple(counts.values())
    for name, kinds, weights in _types(tuple(counts), _traits(inventory)):
        bits, types = 0.0, dict.fromkeys(kinds, 0)
        for kind, weight, numel in zip(kinds, weights, numels, strict=True):
            bits += numel * weight
            types[kind] += numel
        most = sorted(types.items(), key=_by_count)[:3]
        share = ", ".join([f"{kind} {100 * n / total:.0f} %" for kind, n in most])
        yield f"GGUF {name}", int(bits / 8), f"llama.cpp's mix without importance matrix: {share}; metadata not counted"


_LEFT: Final = frozenset({"small", "table", "output"})


def _by_count(item: tuple[str, int]) -> int:
    return -item[1]


@lru_cache(maxsize=512)
def _types(slots: tuple[Slot, ...], model: Traits) -> tuple[tuple[str, tuple[str, ...], tuple[float, ...]], ...]:
    """Each mix with the type it gives every slot, and its bits; models of one shape share the answer."""
    found = []
    for name, mix in MIXES.items():
        kinds = tuple(_type(name, mix, slot, model) for slot in slots)
        found.append((name, kinds, tuple(BITS[kind] for kind in kinds)))
    return tuple(found)


def _type(name: str, mix: Mix, slot: Slot, model: Traits) -> str:
    if slot.role == "small":
        return "F32"
    # The head, or the embedding that serves as one, keeps six bits where most have fewer.
    chosen = ("Q8_0" if name == "Q8_0" else "Q6_K") if slot.role == "output" else mix(slot, model)
    return chosen if slot.whole else FALLBACK.get(chosen, chosen)


def _traits(inventory: Inventory) -> Traits:
    heads, experts = 1, 0
    for group in inventory.groups:
        for part in group.parts:
            queries, keys = getattr(part, "heads", 0), getattr(part, "kv_heads", 0)
            if isinstance(queries, int) and isinstance(keys, int) and keys:
                heads = max(heads, queries // keys)
            found = getattr(part, "experts", 0)
            experts = max(experts, found if isinstance(found, int) else 0)
    return Traits(heads, experts)


def _slots(inventory: Inventory) -> dict[Slot, int]:
    counts: dict[Slot, int] = {}
    has_head = any(t.component == "head" and t.kind == "linear" for g in inventory.groups for t in g.tensors)
    layers = max((max(group.layers, default=-1) + 1 for group in inventory.groups), default=0)
    for group in inventory.groups:
        sums: dict[tuple[Role, bool], int] = {}
        for tensor in group.tensors:
            if tensor.kind != "buffer":
                shape = tensor.shape
                key = _role(tensor, has_head=has_head), bool(shape) and shape[-1] % 256 == 0
                sums[key] = sums.get(key, 0) + tensor.numel
        places = _places(group.layers, layers) if group.layers else ((_NOWHERE, group.count),)
        for (role, whole), numel in sums.items():
            for place, times in places if role in _PLACED else ((_NOWHERE, group.count),):
                slot = _slot(role, whole, place)
                counts[slot] = counts.get(slot, 0) + times * numel
    return counts


_PLACED: Final = frozenset({"v", "down"})


@cache
def _slot(role: Role, whole: bool, place: Slot) -> Slot:
    return place._replace(role=role, whole=whole)


_NOWHERE: Final = Slot("other")


@lru_cache(maxsize=256)
def _places(indexes: tuple[int, ...], layers: int) -> tuple[tuple[Slot, int], ...]:
    """How many of these layers fall into each place; models of one depth share the answer."""
    return tuple(Counter(_place(index, layers) for index in indexes).items())


def _place(index: int, layers: int) -> Slot:
    eighth = layers // 8
    more = index < eighth or index >= 7 * layers // 8 or (index - eighth) % 3 == 2
    return Slot("other", more, index < layers // 16, index < eighth, index < 2)


def _role(tensor: Tensor, *, has_head: bool) -> Role:
    if len(tensor.shape) < 2 or tensor.component == "router" or tensor.kind not in {"linear", "table"}:
        return "small"
    if tensor.component == "head":
        return "output"
    if tensor.kind == "table":
        return "table" if has_head or tensor.component != "embedding" else "output"
    word = tensor.name.removesuffix(".weight").rpartition(".")[2]
    return _ROLES.get(word, "other")


_ROLES: Final[Mapping[str, Role]] = {"v": "v", "k": "k", "qkv": "qkv", "o": "o", "down": "down"}

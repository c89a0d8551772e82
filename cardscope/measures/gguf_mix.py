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
from cardscope.parts import LatentAttention, Tensor

BITS: Final[Mapping[str, float]] = {
    "F32": 32, "F16": 16, "Q8_0": 8.5, "Q6_K": 6.5625, "Q5_K": 5.5, "Q5_1": 6.0, "Q5_0": 5.5, "Q4_K": 4.5,
    "Q4_1": 5.0, "Q4_0": 4.5, "Q3_K": 3.4375, "Q2_K": 2.625, "IQ4_XS": 4.25, "IQ4_NL": 4.5, "IQ3_S": 3.4375,
    "MXFP4": 4.25,
}  # fmt: skip
"""Bits of one weight, scales included: 8 · bytes / elements of a block."""
FALLBACK: Final[Mapping[str, str]] = {
    "Q6_K": "Q8_0", "Q5_K": "Q5_1", "Q4_K": "Q5_0", "Q3_K": "IQ4_NL", "Q2_K": "IQ4_NL", "IQ4_XS": "IQ4_NL",
    "IQ3_S": "IQ4_NL",
}  # fmt: skip
"""What stands in where blocks of 256 do not divide a row."""

Role = Literal["small", "table", "output", "v", "k", "qkv", "o", "down", "expert", "expert down", "other"]
_DOWN: Final = ("down", "expert down")


class Slot(NamedTuple):
    """Tensors that every mix treats alike: their role and where their layers stand.

    `more`: among the layers that get more bits; then: in the first sixteenth, eighth, two or four layers.
    """

    role: Role
    more: bool = False
    sixteenth: bool = False
    eighth: bool = False
    second: bool = False
    fourth: bool = False
    whole: bool = True
    """Whether blocks of 256 divide its rows."""
    narrow: bool = False
    """Whether not even blocks of 32 do."""


class Traits(NamedTuple):
    """What the mixes ask of a model: query heads per KV head, experts, and whether it is as deep as Llama 70B."""

    group: int = 1
    experts: int = 0
    deep: bool = False


class Mix(NamedTuple):
    """A file type of llama.cpp: the type of most matrices, and those kept better, by role and place."""

    base: str
    v: Callable[[Slot, Traits], str | None] = lambda _slot, _model: None
    down: Callable[[Slot, Traits], str | None] = lambda _slot, _model: None
    o: str | None = None
    qkv: str | None = None
    o_eight: bool = False
    """Whether a model of eight experts keeps the outputs of its attention in Q5_K."""
    output: str = "Q6_K"


def _if(test: str, kind: str) -> Callable[[Slot, Traits], str | None]:
    """`kind` where the slot's flag of that name is set."""
    return lambda slot, _model: kind if getattr(slot, test) else None


def _grouped(kind: str) -> Callable[[Slot, Traits], str | None]:
    """`kind` where four query heads or more share a KV head."""
    return lambda _slot, model: kind if model.group >= 4 else None


MIXES: Final[Mapping[str, Mix]] = {
    "Q8_0": Mix("Q8_0", output="Q8_0"),
    "Q6_K": Mix("Q6_K"),
    "Q5_K_M": Mix("Q5_K", _if("more", "Q6_K"), _if("more", "Q6_K"), qkv="Q6_K"),
    "Q5_K_S": Mix("Q5_K"),
    "Q4_K_M": Mix("Q4_K", _if("more", "Q6_K"), _if("more", "Q6_K"), qkv="Q5_K", o_eight=True),
    "Q4_K_S": Mix("Q4_K", _if("fourth", "Q5_K"), _if("eighth", "Q5_K"), o_eight=True),
    "Q4_0": Mix("Q4_0"),
    "Q4_1": Mix("Q4_1"),
    "Q5_0": Mix("Q5_0"),
    "Q5_1": Mix("Q5_1"),
    "IQ4_XS": Mix("IQ4_XS", _grouped("Q5_K"), _if("eighth", "Q5_K"), o_eight=True),
    "IQ4_NL": Mix("IQ4_NL", _grouped("Q5_K"), _if("eighth", "Q5_K"), o_eight=True),
    "Q3_K_M": Mix(
        "Q3_K",
        lambda slot, _model: "Q5_K" if slot.second else "Q4_K",
        lambda slot, _model: "Q5_K" if slot.sixteenth else "Q4_K",
        o="Q4_K",
        qkv="Q4_K",
        o_eight=True,
    ),
    "Q3_K_S": Mix("Q3_K", o_eight=True),
    "Q3_K_L": Mix("Q3_K", lambda _slot, _model: "Q5_K", lambda _slot, _model: "Q5_K", o="Q5_K", qkv="Q4_K"),
    "Q2_K": Mix(
        "Q2_K",
        lambda _slot, model: "Q4_K" if model.group >= 4 else "Q3_K",
        lambda _slot, _model: "Q3_K",
        o="Q3_K",
        o_eight=True,
    ),
    "IQ3_S": Mix("IQ3_S", _grouped("Q4_K"), o_eight=True),
    "IQ3_M": Mix(
        "IQ3_S",
        lambda _slot, _model: "Q4_K",
        lambda slot, model: "Q4_K" if slot.eighth or (model.experts == 8 and slot.more) else None,
        o="Q4_K",
        qkv="Q4_K",
        o_eight=True,
    ),
    "MXFP4_MOE": Mix("Q8_0", output="Q8_0"),
}
"""Names of llama.cpp's file types that need no importance matrix."""
SHOWN: Final = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "IQ4_XS", "Q3_K_M")
"""Those that a report lists."""


def rows(inventory: Inventory) -> Iterator[tuple[str, int, str]]:
    """(name, bytes, rule) of the main model's tensors in each GGUF precision; nothing where no layer can be packed."""
    counts = _slots(inventory)
    if not any(slot.role not in {"small", "table", "output"} for slot in counts):
        return
    numels, total = tuple(counts.values()), sum(counts.values())
    for name, kinds in _shown(tuple(counts), _traits(inventory)):
        bits, types = 0.0, dict.fromkeys(kinds, 0)
        for kind, numel in zip(kinds, numels, strict=True):
            bits += numel * BITS[kind]
            types[kind] += numel
        most = sorted(types.items(), key=_by_count)[:3]
        share = ", ".join([f"{kind} {100 * n / total:.0f} %" for kind, n in most])
        yield f"GGUF {name}", int(bits / 8), f"llama.cpp's mix without importance matrix: {share}; metadata not counted"


def _by_count(item: tuple[str, int]) -> int:
    return -item[1]


@lru_cache(maxsize=512)
def _shown(slots: tuple[Slot, ...], model: Traits) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Each mix of a report with the type it gives every slot; models of one shape share the answer."""
    return tuple((name, tuple(_type(name, slot, model) for slot in slots)) for name in SHOWN)


def sizes(inventory: Inventory, name: str) -> Iterator[tuple[Tensor, int]]:
    """Every tensor of the main model with the bytes of all its copies under one of MIXES; metadata not counted."""
    model = _traits(inventory)
    for tensor, slot, numel in _tensors(inventory):
        yield tensor, int(numel * BITS[_type(name, slot, model)] / 8)


def _type(name: str, slot: Slot, model: Traits) -> str:
    if slot.role == "small":
        return "F32"
    mix = MIXES[name]
    if slot.role == "output":
        # The head, or the embedding that serves as one, keeps six bits where most have fewer.
        chosen = mix.output if slot.whole else "Q8_0"
    elif name == "MXFP4_MOE":
        chosen = "MXFP4" if slot.role in {"expert", "expert down"} else "Q8_0"
    else:
        chosen = _chosen(mix, slot, model)
    if slot.narrow:
        return "F16"
    return chosen if slot.whole else FALLBACK.get(chosen, chosen)


def _chosen(mix: Mix, slot: Slot, model: Traits) -> str:
    eight = model.experts == 8
    match slot.role:
        case "v" | "k" if eight:
            return "Q8_0"
        case "v":
            found = mix.v(slot, model) or mix.base
            return "Q5_K" if model.deep and found in {"Q3_K", "Q4_K"} else found
        case "down" | "expert down":
            return mix.down(slot, model) or mix.base
        case "o" if eight:
            return "Q5_K" if mix.o_eight else mix.base
        case "o":
            return mix.o or mix.base
        case "qkv":
            return mix.qkv or mix.base
        case _:
            return mix.base


def _traits(inventory: Inventory) -> Traits:
    heads, experts = 1, 0
    for group in inventory.groups:
        for part in group.parts:
            queries, keys = getattr(part, "heads", 0), getattr(part, "kv_heads", 0)
            if isinstance(queries, int) and isinstance(keys, int) and keys:
                heads = max(heads, queries // keys)
            found = getattr(part, "experts", 0)
            experts = max(experts, found if isinstance(found, int) else 0)
    layers = sum(group.count for group in inventory.groups if group.layers)
    return Traits(heads, experts, layers == 80 and heads == 8)


def _slots(inventory: Inventory) -> Counter[Slot]:
    counts: Counter[Slot] = Counter()
    for _, slot, numel in _tensors(inventory):
        counts[slot] = counts.get(slot, 0) + numel
    return counts


def _tensors(inventory: Inventory) -> Iterator[tuple[Tensor, Slot, int]]:
    """(tensor, slot, numbers): every tensor of every group, once for each place that its layers stand in."""
    has_head = any(t.component == "head" and t.kind == "linear" for g in inventory.groups for t in g.tensors)
    layers = max((max(group.layers, default=-1) + 1 for group in inventory.groups), default=0)
    for group in inventory.groups:
        places = _places(group.layers, layers) if group.layers else ((_NOWHERE, group.count),)
        latent = next((part for part in group.parts if isinstance(part, LatentAttention)), None)
        for tensor in group.tensors:
            if tensor.kind == "buffer":
                continue
            if latent is not None and tensor.name == "kv_b.weight":
                yield from _latent(tensor, latent, group.count)
                continue
            role = _role(tensor, has_head=has_head)
            if inventory.model_type in FUSED and tensor.component == "attention" and role in {"k", "other", "qkv"}:
                role = "v"
            columns = tensor.shape[-1] if tensor.shape else 0
            rest = columns % 256 == 0, role != "small" and columns % 32 != 0
            for place, times in places if role in _PLACED else ((_NOWHERE, group.count),):
                yield tensor, _slot(place, role, *rest), times * tensor.numel


_PLACED: Final = frozenset({"v", *_DOWN})


@cache
def _slot(place: Slot, role: Role, whole: bool, narrow: bool) -> Slot:
    return place._replace(role=role, whole=whole, narrow=narrow)


def _latent(tensor: Tensor, part: LatentAttention, count: int) -> Iterator[tuple[Tensor, Slot, int]]:
    """What expands a latent is stored as two stacks: the keys' transposed, rows as wide as a key without rotation."""
    keys = count * tensor.numel * part.nope_dim // (part.nope_dim + part.v_dim)
    for columns, numel in ((part.nope_dim, keys), (tensor.shape[-1], count * tensor.numel - keys)):
        yield tensor, Slot("expert", whole=columns % 256 == 0, narrow=columns % 32 != 0), numel


FUSED: Final = frozenset({
    "gpt2", "gpt_neox", "bloom", "falcon", "mpt", "phi3", "qwen", "gpt_bigcode", "chatglm", "dbrx", "codeshell",
})  # fmt: skip
"""Types whose queries, keys and values are one tensor in GGUF, which llama.cpp treats as it treats values."""
_NOWHERE: Final = Slot("other")


@lru_cache(maxsize=256)
def _places(indexes: tuple[int, ...], layers: int) -> tuple[tuple[Slot, int], ...]:
    """How many of these layers fall into each place; models of one depth share the answer."""
    return tuple(Counter(_place(index, layers) for index in indexes).items())


def _place(index: int, layers: int) -> Slot:
    eighth = layers // 8
    more = index < eighth or index >= 7 * layers // 8 or (index - eighth) % 3 == 2
    return Slot("other", more, index < layers // 16, index < eighth, index < 2, index < 4)


def _role(tensor: Tensor, *, has_head: bool) -> Role:
    if len(tensor.shape) < 2 or tensor.component == "router" or tensor.kind not in {"linear", "table"}:
        return "small"
    if tensor.component == "head":
        return "output"
    if tensor.kind == "table":
        return "table" if has_head or tensor.component != "embedding" else "output"
    word = tensor.name.removesuffix(".weight").rpartition(".")[2]
    role = _ROLES.get(word, "other")
    if tensor.component != "experts" or tensor.name.startswith("shared"):
        return role
    return "expert down" if role == "down" else "expert"


_ROLES: Final[Mapping[str, Role]] = {"v": "v", "k": "k", "qkv": "qkv", "o": "o", "down": "down"}

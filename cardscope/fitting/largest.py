"""The question turned round: the most parameters that a GPU holds at each precision, and which known models fit best.

The most parameters depend on the shape: they are those of a dense decoder of Llama 3's proportions (heads of 128, a
layer for each 128 of width, feed-forward blocks of 3.5 widths, 128,256 tokens), whose feed-forward width takes up what
is left.  A model counts as fitting where the verdict of `fit` would be "fits", so that the uncertainty stays free.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from cardscope.errors import CardscopeError, UsageError
from cardscope.fitting.answer import target, validate
from cardscope.fitting.engines import Engine
from cardscope.fitting.hardware import Devices
from cardscope.fitting.precisions import BEST_FIRST, BEST_GGUF, canonical
from cardscope.fitting.search import largest
from cardscope.fitting.target import Load, Target
from cardscope.fitting.verdict import Uncertainty, judge, uncertainty
from cardscope.model import RawConfig

SCHEMA: Final = "cardscope.largest/1"
CONTEXT: Final = 8192
SHOWN: Final = 3
BEST: Final = 8
STEP: Final = 256
"""Widths go in these steps: GGUF packs rows of 256."""
WIDTHS: Final = 1024
COARSE: Final = frozenset({"q3_k_m", "q2_k"})
"""Below 4 bits a smaller model at more bits is the better one (Dettmers and Zettlemoyer 2022, arXiv:2212.09720)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model of the catalogue that fits: bytes over all devices, `share` of the fullest one's usable memory."""

    id: str
    date: str
    precision: str
    parameters: int
    active: int | None
    need_bytes: int
    share: float


@dataclass(frozen=True, slots=True)
class Room:
    """One precision: the largest dense model that fits (None: none does), and the largest known ones."""

    precision: str
    max_parameters: int | None
    num_layers: int | None
    hidden_size: int | None
    intermediate_size: int | None
    models: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Largest:
    """The answer of `cardscope fit --largest`."""

    devices: Devices
    engine: str
    load: Load
    uncertainty: Uncertainty
    rooms: tuple[Room, ...]
    best: tuple[Candidate, ...]

    @property
    def fits(self) -> bool:
        """Whether anything does."""
        return bool(self.best) or any(room.max_parameters for room in self.rooms)

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `cardscope fit --largest --json`."""
        from cardscope.fitting.show_largest import to_dict

        return to_dict(self)


def find_largest(engine: Engine, load: Load) -> Largest:
    """What the devices hold under an engine. Raises UsageError where no GPU is named or the load cannot be meant."""
    if load.devices is None:
        raise UsageError("no GPU was named", hint="--gpu 24GB --largest says what to fill")
    validate(load, engine)
    asked = (canonical(load.quant),) if load.quant else BEST_GGUF if engine.name == "llama.cpp" else BEST_FIRST
    known = known_models()
    rooms = tuple(_room(engine, load, name, known) for name in asked)
    shown = tuple(replace(room, models=room.models[:SHOWN]) for room in rooms)
    return Largest(load.devices, engine.name, load, uncertainty(engine.name), shown, tuple(_best(rooms)))


def _best(rooms: Sequence[Room]) -> list[Candidate]:
    """The largest models, each at the most bits that fit; below 4 bits only where nothing else does."""
    fine = [room for room in rooms if room.precision not in COARSE and room.models]
    found = _once(item for room in fine or rooms for item in room.models)
    return sorted(found, key=lambda item: (-item.parameters, item.id))[:BEST]


def _room(engine: Engine, load: Load, precision: str, known: Iterable[tuple[str, Target]]) -> Room:
    asked = replace(load, quant=precision)
    width = largest(lambda n: _holds(engine, shape(STEP * n), asked), WIDTHS)
    models = tuple(_candidates(engine, asked, known))
    if not width:
        return Room(precision, None, None, None, None, models)
    hidden = STEP * width
    more = largest(lambda n: _holds(engine, shape(hidden, _inner(hidden) + STEP * n), asked), hidden)
    found = shape(hidden, _inner(hidden) + STEP * more)
    facts = found.facts
    return Room(precision, found.inventory.parameters, facts.num_layers, hidden, facts.intermediate_size, models)


def _holds(engine: Engine, found: Target, load: Load) -> bool:
    return judge(engine.need(found, load), uncertainty(engine.name)) == "fits"


def _inner(hidden: int) -> int:
    return hidden * 7 // 2 // STEP * STEP


@cache
def shape(hidden: int, inner: int | None = None) -> Target:
    """A dense decoder of Llama 3's proportions; small ones share table and head, as Llama 3.2's do."""
    from cardscope.assemble import assemble

    heads = max(1, hidden // 128)
    config: dict[str, object] = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": hidden,
        "intermediate_size": inner or _inner(hidden), "num_hidden_layers": heads, "num_attention_heads": heads,
        "num_key_value_heads": next(n for n in (8, 7, 6, 5, 4, 3, 2, 1) if heads % n == 0), "head_dim": 128,
        "vocab_size": 128_256, "max_position_embeddings": 131_072, "tie_word_embeddings": hidden <= 3072,
        "torch_dtype": "bfloat16",
    }  # fmt: skip
    raw = RawConfig(data=config, id=f"dense of width {hidden:,}", source="object")
    return target(raw, assemble(raw))


@cache
def known_models() -> tuple[tuple[str, Target], ...]:
    """(date, model) of every catalogue entry that generates text from tokens alone, newest first."""
    from cardscope.assemble import assemble
    from cardscope.source.catalog import ids, lookup

    found = []
    for name in ids():
        entry = lookup(name)
        if entry is None:
            continue
        raw = entry.raw(name)
        try:
            model = target(raw, assemble(raw))
        except CardscopeError:
            continue
        if _generates(raw, model):
            found.append((entry.date, model))
    return tuple(sorted(found, key=lambda pair: pair[0], reverse=True))


def _generates(raw: RawConfig, model: Target) -> bool:
    """A decoder keeps something for each sequence, and reads no second one through cross-attention."""
    states = [state for _, state in model.inventory.states()]
    kinds = raw.data.get("architectures")
    names = [str(name) for name in kinds] if isinstance(kinds, list) else []
    writes = any(name.endswith(("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")) for name in names)
    return bool(states) and writes and not any(state.per_source_token for state in states)


def _candidates(engine: Engine, load: Load, known: Iterable[tuple[str, Target]]) -> Iterator[Candidate]:
    """Models that fit at the precision asked for, largest first; one of several with the same shape."""
    found = []
    for date, model in known:
        own = load if not model.packed else replace(load, quant=None)
        # What is published quantized is not quantized again.
        if model.packed and canonical_or(model.precision) != load.quant:
            continue
        if load.tokens > (model.facts.max_positions or load.tokens):
            continue
        need = engine.need(model, own)
        if judge(need, uncertainty(engine.name)) == "fits" and need.limits:
            share = max(size / limit for size, limit in zip(need.each, need.limits, strict=True))
            parts = model.inventory
            precision = str(load.quant)
            found.append(Candidate(model.id, date, precision, parts.parameters, parts.active, need.total, share))
    yield from _once(sorted(found, key=lambda item: -item.parameters))


def canonical_or(name: str) -> str:
    """The known name of a precision, or the name itself."""
    try:
        return canonical(name)
    except UsageError:
        return name


def _once(found: Iterable[Candidate]) -> Iterator[Candidate]:
    """The first of those with equally many parameters: base and chat models have one shape."""
    seen: set[int] = set()
    for item in found:
        if item.parameters not in seen:
            seen.add(item.parameters)
            yield item

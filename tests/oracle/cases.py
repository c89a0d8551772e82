"""The named cases of a model type: default, perturbed, keys flipped, removed, nulled, respelled, and random draws."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardscope.inert import is_inert
from tests.oracle import limits, spellings
from tests.oracle.declared import keys_of, slots_of
from tests.oracle.draw import draw
from tests.oracle.knobs import HEAD_KEYS, KV_KEYS, TOKEN_IDS, WIDTH_KEYS
from tests.oracle.meta import CAUSAL_LM_TYPES, classes_of, config_class, other_classes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.oracle.declared import Key, Slot

    Config = dict[str, object]
    Path = tuple[str, ...]

ABSENT = spellings.ABSENT
# How often a refused case is tried again from another draw before it counts as refused.
TRIES = 4
RANDOM_TRIES = 12


@dataclass(frozen=True, slots=True)
class Case:
    """One named config: `attempt(n)` is the n-th try, for when transformers refuses the one before."""

    name: str
    attempt: Callable[[int], Config]
    tries: int = TRIES


def cases(model_type: str, seeds: int = 20) -> Iterator[Case]:
    """Every legal case of a type, the cheapest to understand first."""
    illegal = limits.ILLEGAL.get(model_type, {})
    yield from (case for case in _all(model_type, seeds) if case.name not in illegal)


def _all(model_type: str, seeds: int) -> Iterator[Case]:
    yield Case("default", lambda _: default(model_type), 1)
    yield Case("perturbed", lambda n: perturbed(model_type, n))
    for tied in (True, False):
        name = "tied" if tied else "untied"
        yield _changed(model_type, name, lambda c, tied=tied: {**c, "tie_word_embeddings": tied})
    yield from _flipped(model_type)
    yield from _removed(model_type)
    yield from _nulled(model_type)
    yield from _spelled(model_type)
    for name in (*classes_of(model_type)[1:], *other_classes(model_type)):
        yield _changed(model_type, f"class:{name}", lambda c, name=name: {**c, "architectures": [name]})
    for seed in range(seeds):
        yield Case(f"random{seed}", lambda n, seed=seed: loose(model_type, seed + 1000 * n), RANDOM_TRIES)


def default(model_type: str) -> Config:
    """Nothing but the model type; for a type that does not build so, the fewest facts of a real config."""
    return {**named(model_type), **copy.deepcopy(limits.SEEDS.get(model_type, {}))}


def named(model_type: str) -> Config:
    """The model type, and the class to build where transformers has no causal-LM class for the type."""
    classes = () if model_type in CAUSAL_LM_TYPES else classes_of(model_type)
    return {"model_type": model_type, **({"architectures": [classes[0]]} if classes else {})}


def perturbed(model_type: str, attempt: int = 0) -> Config:
    """Every dimension off its default and different from the others."""
    return {**named(model_type), **draw(model_type, f"perturbed{attempt}", distinct=True)}


def loose(model_type: str, seed: int) -> Config:
    """Any legal values: booleans and words at random, some optional keys absent or null."""
    config = {**named(model_type), **draw(model_type, f"random{seed}", distinct=False)}
    rng = random.Random(f"{model_type}:loose{seed}")
    for path, key, part in slots(model_type):
        if key.name in limits.TOGETHER.get(part.model_type, ()):
            continue
        if key.default is None and get(config, path) is not None and rng.random() < 0.25:
            config = put(config, path, ABSENT if rng.random() < 0.5 else None)
        elif (words := spellings.words(key)) and key.name not in spellings.ACTIVATION_KEYS and rng.random() < 0.5:
            config = put(config, path, rng.choice(words))
    if rng.random() < 0.5:
        config["tie_word_embeddings"] = rng.random() < 0.5
    return config


def slots(model_type: str) -> Iterator[Slot]:
    """Every declared key of a type and of its nested configs, with the way to it."""
    return slots_of(config_class(model_type))


def get(config: Config, path: Path) -> object:
    """The value at a path, None where it is absent."""
    value: object = config
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def put(config: Config, path: Path, value: object) -> Config:
    """A copy with one value set, or taken away where it is ABSENT."""
    first, *rest = path
    below = config.get(first)
    if rest and not isinstance(below, dict):
        below = {}
    inner = put(below, tuple(rest), value) if rest and isinstance(below, dict) else value
    changed = {name: each for name, each in config.items() if name != first}
    return changed if inner is ABSENT else {**changed, first: inner}


def _changed(model_type: str, name: str, change: Callable[[Config], Config]) -> Case:
    return Case(name, lambda n: change(perturbed(model_type, n)))


def _flipped(model_type: str) -> Iterator[Case]:
    for path, key, _ in slots(model_type):
        if key.is_bool and key.name not in ("tie_word_embeddings", "use_cache"):
            flipped = not (limits.FIXED.get(model_type, {}).get(key.name, key.default))
            yield _changed(model_type, f"flip:{'.'.join(path)}", lambda c, p=path, v=flipped: put(c, p, v))


def _width_for(heads: int) -> int:
    """A hidden size that this many heads divide evenly."""
    return next(n for n in range(2 * heads, 10**6, 2 * heads) if n >= 200)


def _with_legal_heads(config: Config, path: Path, key: Key, keys: Mapping[str, Key]) -> Config:
    """Where a head count or width falls back to its default, the dimensions beside it that still go with it."""
    beside = get(config, path[:-1]) if path[:-1] else config
    heads = next((name for name in HEAD_KEYS if name in keys), None)
    width = next((name for name in WIDTH_KEYS if name in keys), None)
    kv = next((name for name in KV_KEYS if name in keys), None)
    if not isinstance(key.default, int) or not isinstance(beside, dict) or not heads:
        return config
    changes: dict[str, int] = {}
    if key.name == heads:
        changes = {kv or "": next(n for n in (3, 2, 5, 7, 1) if key.default % n == 0)}
        changes[width or ""] = _width_for(key.default)
    elif key.name == kv:
        changes = {heads: 3 * key.default, width or "": _width_for(3 * key.default)}
    elif key.name == width:
        fitting = next(n for n in (6, 8, 12, 10, 4, 2, 1) if key.default % n == 0)
        changes = {heads: fitting, kv or "": next(n for n in (2, 1) if fitting % n == 0)}
    for name, value in changes.items():
        if beside.get(name) is not None:
            config = put(config, (*path[:-1], name), value)
    return config


LAYER_COUNTS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")


def _without(config: Config, slot: Slot) -> Config:
    """The config less one key; less the per-layer lists too where that key is the number of layers."""
    path = slot.path
    if path[-1] in LAYER_COUNTS:
        beside = {name: each for name, each in (get(config, path[:-1]) or config).items() if isinstance(each, list)}
        for name in beside:
            config = put(config, (*path[:-1], name), ABSENT)
    return put(_with_legal_heads(config, path, slot.key, keys_of(slot.config)), path, ABSENT)


def _removed(model_type: str) -> Iterator[Case]:
    config = perturbed(model_type)
    for slot in slots(model_type):
        if get(config, slot.path) is not None and slot.key.name not in TOKEN_IDS:
            name = f"without:{'.'.join(slot.path)}"
            yield _changed(model_type, name, lambda c, s=slot: _without(c, s))


def _nulled(model_type: str) -> Iterator[Case]:
    config = perturbed(model_type)
    for path, key, _ in slots(model_type):
        varied = get(config, path) is not None or key.is_bool
        if key.nullable and varied and key.name not in TOKEN_IDS:
            yield _changed(model_type, f"null:{'.'.join(path)}", lambda c, p=path: put(c, p, None))


def _spelled(model_type: str) -> Iterator[Case]:
    for path, key, _ in slots(model_type):
        for word in spellings.words(key):
            name = f"word:{'.'.join(path)}={word}"
            yield _changed(model_type, name, lambda c, p=path, w=word: put(c, p, w))
    for alias, name in config_class(model_type).attribute_map.items():
        if name in perturbed(model_type):
            yield Case(f"alias:{alias}", lambda n, a=alias, k=name: spellings.renamed(perturbed(model_type, n), k, a))
    for key, other in spellings.other_towers(config_class(model_type)):
        yield _changed(model_type, f"tower:{other}", lambda c, k=key, o=other: {**c, k: perturbed(o)})
    for name, spell in spellings.of(model_type):
        yield Case(f"spelled:{name}", lambda n, s=spell: spellings.patched(perturbed(model_type, n), s))


def keys_never_varied(model_type: str, seeds: int = 20) -> tuple[str, ...]:
    """The declared keys that no case of a type sets, less those that the reviewed list calls inert."""
    left = {path: key for path, key, part in slots(model_type) if not is_inert(key.name, part.model_type)}
    for case in cases(model_type, seeds):
        config = case.attempt(0)
        left = {path: key for path, key in left.items() if get(config, path) in (None, key.default)}
    return tuple(".".join(path) for path in left)

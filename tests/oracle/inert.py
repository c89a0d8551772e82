"""Keys that shape no tensor: change each on transformers' own model and see that nothing changes.

`python -m tests.oracle.inert` prints, for every declared key that never changed a tensor, in how many types it was
tried, as candidates for cardscope/data/inert_keys.txt. The list itself is reviewed by hand: a key such as
sliding_window shapes no tensor but does shape the cache, and must stay out.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from typing import TYPE_CHECKING

from cardscope.inert import is_inert
from tests.oracle import spellings
from tests.oracle.cases import Case, get, perturbed, put, slots
from tests.oracle.meta import CAUSAL_LM_TYPES, Refused, build
from tests.oracle.run import settle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.oracle.cases import Config, Path
    from tests.oracle.declared import Key
    from tests.oracle.meta import Built

ROPE = {"rope_type": "linear", "rope_theta": 12345.0, "factor": 3.0}
OTHER_WORDS: dict[str, tuple[object, ...]] = {
    "rope_parameters": (ROPE,),
    "summary_type": ("mean",),
    "summary_activation": ("tanh",),
    "time_step_init_scheme": ("constant",),
    "time_step_limit": ([0.01, 3.0],),
    "mode": ("train",),
    "inference_state_dtype": ("bfloat16",),
    "autocast_kernel_dtype": ("float32",),
    "mamba_ssm_cache_dtype": ("bfloat16",),
    "init_device": ("meta",),
    "begin_suppress_tokens": ([3, 4],),
    "suppress_tokens": ([3, 4],),
    "clip_qkv": (3.0, 8),
}


ELSEWHERE = {"audio-spectrogram-transformer": {"max_length"}}
"""Keys that these types read as a size of their own, while it is one of generation's settings everywhere else."""


def other_values(key: Key, now: object) -> Iterator[object]:
    """Values of a key's own kind that differ from the one it has now."""
    value = key.default if now is None else now
    if key.name in OTHER_WORDS:
        yield from OTHER_WORDS[key.name]
    elif key.is_bool:
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, 2 * value + 2, max(value // 2, 1), 1)
    elif isinstance(value, float):
        yield from (value / 2 + 0.05, value + 1.0)
    elif isinstance(value, str):
        yield from spellings.WORDS.get(key.name, ())
    elif isinstance(value, list) and all(isinstance(each, int) for each in value):
        yield [each + 1 for each in value]
    elif value is None:
        yield from _for_null(key.annotation)


def _for_null(annotation: str) -> Iterator[object]:
    if "float" in annotation:
        yield from (0.37, 3.0)
    if "int" in annotation:
        yield from (3, 2, 8)
    if "bool" in annotation:
        yield True
    if "list" in annotation:
        yield from ([3, 4], [0.5, 0.5], [1.0, 1.0, 1.0, 1.0, 1.0])


def effect(base: Config, before: Built, path: Path, key: Key) -> str:
    """changed, same or refused: what a different value of one key does to the tensors."""
    outcome = "refused"
    for value in other_values(key, get(base, path)):
        if value == get(base, path):
            continue
        try:
            after = build(put(base, path, value))
        except Refused:
            continue
        if after.tensors != before.tensors:
            return "changed"
        outcome = "same"
    return outcome


def effects(model_type: str) -> dict[str, str]:
    """For every declared key of a type (nested ones by their own name): what changing it does."""
    outcome = settle(Case("perturbed", lambda n: perturbed(model_type, n)))
    if isinstance(outcome, Refused):
        return {}
    base, before, _ = outcome
    found: dict[str, str] = {}
    for path, key, _ in slots(model_type):
        told = effect(base, before, path, key)
        if found.get(key.name) != "changed":
            found[key.name] = told
    return found


def inert_slots(model_type: str) -> list[tuple[Path, Key]]:
    """The declared keys of a type that the reviewed list calls inert."""
    return [
        (path, key)
        for path, key, part in slots(model_type)
        if is_inert(key.name, part.model_type) and key.name not in ELSEWHERE.get(str(part.model_type), ())
    ]


def offenders(model_type: str) -> dict[str, str]:
    """The listed keys of a type that do change its tensors, and those that could not be changed at all.

    All of them change at once; only where that shows something, or is refused, they change one by one.
    """
    outcome = settle(Case("perturbed", lambda n: perturbed(model_type, n)))
    if isinstance(outcome, Refused):
        return {"the perturbed config": str(outcome)}
    base, before, _ = outcome
    found = inert_slots(model_type)
    if _unmoved(_all_changed(base, found), before):
        return {}
    told = {".".join(path): effect(base, before, path, key) for path, key in found}
    return {name: what for name, what in told.items() if what == "changed"}


def _all_changed(base: Config, found: list[tuple[Path, Key]]) -> Config:
    for path, key in found:
        now = get(base, path)
        different = next((value for value in other_values(key, now) if value != now), None)
        if different is not None:
            base = put(base, path, different)
    return base


def _unmoved(config: Config, before: Built) -> bool:
    try:
        return build(config).tensors == before.tensors
    except Refused:
        return False


def main() -> int:
    """Print the candidates, those seen in most types first."""
    warnings.simplefilter("ignore")
    seen: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for model_type in CAUSAL_LM_TYPES:
        for name, told in effects(model_type).items():
            seen[name][told].append(model_type)
    for name, told in sorted(seen.items(), key=lambda item: -len(item[1]["same"])):
        changed = ",".join(told["changed"][:8])
        print(f"{name:40} same {len(told['same']):3} refused {len(told['refused']):3} changed {changed}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Proposes a declaration for a model type, from the empty models transformers builds of it under several configs.

    python tools/propose.py MODEL_TYPE [--configs 4]

Every tensor's axes are matched against products and sums of config fields; only expressions that hold in every config
are printed.  What is proposed is a draft: it knows neither caches nor active experts, nor why layers differ.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations_with_replacement, permutations
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

LAYER = re.compile(r"(?<=\.)\d+(?=\.)")
FACTORS = (1, 2, 3, 4)
MOST = 3
"""Expressions printed for one axis."""


class Sample(NamedTuple):
    """One config's fields (ints of every level, dotted) and its tensors by name, layer numbers replaced by stars."""

    fields: Mapping[str, int]
    tensors: Mapping[str, tuple[tuple[int, ...], str, int]]


def samples(model_type: str, count: int) -> list[Sample]:
    """Perturbed configs that transformers builds. Raises SystemExit where it builds none."""
    from tests.oracle.cases import perturbed
    from tests.oracle.meta import Refused, build

    found = []
    for attempt in range(4 * count):
        config = perturbed(model_type, attempt)
        try:
            built = build(config)
        except Refused:
            continue
        found.append(Sample(_ints(config), _patterns(built.tensors)))
        if len(found) == count:
            break
    if not found:
        raise SystemExit(f"transformers builds no model of type {model_type} here")
    return found


def _ints(config: Mapping[str, object], prefix: str = "") -> dict[str, int]:
    from cardscope.inert import is_inert

    numbers: dict[str, int] = {}
    for key, value in config.items():
        if is_inert(key):
            continue
        if isinstance(value, Mapping):
            numbers |= _ints(value, f"{prefix}{key}.")
        elif isinstance(value, int) and not isinstance(value, bool) and value > 1:
            numbers[prefix + key] = value
    return numbers


def _patterns(tensors: Mapping[str, tuple[tuple[int, ...], str]]) -> dict[str, tuple[tuple[int, ...], str, int]]:
    """Tensors whose names differ in layer numbers only count as one, with how many there are."""
    groups: dict[str, list[tuple[tuple[int, ...], str]]] = defaultdict(list)
    for name, (shape, kind) in tensors.items():
        groups[LAYER.sub("*", name)].append((shape, kind))
    return {name: (found[0][0], found[0][1], len(found)) for name, found in groups.items()}


def expressions(fields: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """k·a, k·a·b, a·(b + 2·c) and a // b over the config's fields."""
    names = sorted(fields)
    for name in names:
        yield from ((f"{k}·{name}" if k > 1 else name, k * fields[name]) for k in FACTORS)
    for a, b in combinations_with_replacement(names, 2):
        product = fields[a] * fields[b]
        yield from ((f"{k}·{a}·{b}" if k > 1 else f"{a}·{b}", k * product) for k in FACTORS[:2])
        yield f"{a} + {b}", fields[a] + fields[b]
    for a, b in permutations(names, 2):
        if fields[a] % fields[b] == 0:
            yield f"{a} // {b}", fields[a] // fields[b]
    for a, b, c in permutations(names, 3):
        yield f"{a}·({b} + 2·{c})", fields[a] * (fields[b] + 2 * fields[c])


def explain(found: list[Sample]) -> Iterator[str]:
    """One line a tensor: how many, its shape in the first config, and what each axis may be."""
    meanings: list[dict[str, int]] = [dict(expressions(sample.fields)) for sample in found]
    common = set.intersection(*(set(meaning) for meaning in meanings))
    for name, (shape, kind, count) in found[0].tensors.items():
        if any(name not in sample.tensors or len(sample.tensors[name][0]) != len(shape) for sample in found):
            yield f"{name:<58} {kind}: not in every config"
            continue
        axes = [_axis(axis, name, found, meanings, common) for axis in range(len(shape))]
        copies = f" × {count}" if count > 1 else ""
        yield f"{name:<58} {list(shape)}{copies} {'' if kind == 'parameter' else kind}\n    " + "\n    ".join(axes)


def _axis(axis: int, name: str, found: list[Sample], meanings: list[dict[str, int]], common: set[str]) -> str:
    sizes = [sample.tensors[name][0][axis] for sample in found]
    if len(set(sizes)) == 1 and sizes[0] <= MOST:
        return f"axis {axis}: always {sizes[0]}"
    fits = [
        text for text in common if all(meaning[text] == size for meaning, size in zip(meanings, sizes, strict=True))
    ]
    fits.sort(key=lambda text: (text.count("·") + text.count("+") + text.count("/"), len(text)))
    shown = " | ".join(fits[:MOST]) or f"unexplained: {sizes}"
    return f"axis {axis}: {shown}" + (f" (and {len(fits) - MOST} more)" if len(fits) > MOST else "")


def as_another(config: Mapping[str, object], own: str, other: str) -> dict[str, object]:
    """The config under another type's name, its class called as the other type would call it."""
    from cardscope.harvest import declared

    prefixes = [known.cls.removesuffix("Config") if (known := declared(name)) else "" for name in (own, other)]
    named = config.get("architectures")
    if not isinstance(named, list) or not named:
        return {**config, "model_type": other}
    ending = str(named[0]).removeprefix(prefixes[0])
    return {**config, "model_type": other, "architectures": [prefixes[1] + ending]}


def nearest(model_type: str) -> tuple[list[str], int]:
    """The declared types whose declarations come nearest to the total when they read this type's config."""
    from cardscope.archs import build, declared_types
    from cardscope.errors import CardscopeError
    from cardscope.inventory import take
    from tests.oracle.cases import perturbed
    from tests.oracle.meta import build as empty

    config = perturbed(model_type)
    total = empty(config).total
    gaps: dict[int, list[str]] = defaultdict(list)
    for other in declared_types():
        if other == model_type:
            continue
        try:
            gap = abs(take(build(as_another(config, model_type, other))).parameters - total)
        except CardscopeError:
            continue
        gaps[gap].append(other)
    return (gaps[min(gaps)], min(gaps)) if gaps else ([], total)


def draft(model_type: str, near: list[str], gap: int) -> str:
    """A declaration to start from: another name for one that fits, or a skeleton."""
    around = f"near {near[0]}" if near else "no declared type reads such a config"
    if near and gap == 0:
        return f'Try the name on one of these: @arch("{near[0]}", "{model_type}"); then perturb.'
    lines = [
        f'@arch("{model_type}")',
        f"def {re.sub(r'[^a-z0-9]', '_', model_type)}(c: Fields) -> Spec:",
        f'    """The paper or class it follows; {around}."""',
        "    return stack(c, attention(c), mlp(c))",
    ]
    return "\n".join(lines)


def main() -> None:
    """Prints the tensors, what explains them, and a draft."""
    options = argparse.ArgumentParser(description="Propose a declaration for a model type.")
    options.add_argument("model_type")
    options.add_argument("--configs", type=int, default=4)
    chosen = options.parse_args()
    found = samples(chosen.model_type, chosen.configs)
    print(f"{chosen.model_type}: {len(found)} configs built\n")
    for row in explain(found):
        print(row)
    near, gap = nearest(chosen.model_type)
    told = f"{', '.join(near[:6])}; {gap:,} parameters away" if near else "none reads such a config"
    print(f"\nnearest declarations: {told} on the perturbed config\n")
    print(draft(chosen.model_type, near, gap))


if __name__ == "__main__":
    main()

"""cardscope's inventory against the oracle's tensors: where they differ, by how much, and which dimensions make it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

from cardscope.archs import interpret, open_config
from cardscope.errors import CardscopeError, NotModelled
from cardscope.inventory import take

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cardscope.inventory import Inventory
    from tests.oracle.meta import Built

    Place = str
    Pieces = dict[Place, list[tuple[str, tuple[int, ...], int]]]

STACK = re.compile(r"(?:^|\.)(\d+)\.")
OUTSIDE = "outside the layers"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What cardscope made of a config that transformers builds.

    `state`: exact, wrong (flagged when the declaration itself reports keys it did not read) or declined (it says that
    the type or the class is not modelled).
    """

    state: str
    delta: int = 0
    why: tuple[str, ...] = ()
    flagged: bool = False

    @property
    def exact(self) -> bool:
        return self.state == "exact"


def judge(config: Mapping[str, object], built: Built) -> Verdict:
    """Compare totals and buffers; on a difference say where it sits."""
    fields = open_config(config)
    try:
        inventory = take(interpret(fields))
    except NotModelled as error:
        return Verdict("declined", why=(str(error),))
    except CardscopeError as error:
        state = "declined" if "not modelled" in str(error) else "wrong"
        return Verdict(state, why=(f"cardscope refuses: {error}",), flagged=True)
    except Exception as error:  # noqa: BLE001 - a crash is a finding like any other
        return Verdict("wrong", why=(f"cardscope crashes: {type(error).__name__}: {error}",))
    flagged = bool(fields.unread())
    delta, buffers = inventory.parameters - built.total, inventory.buffers - built.buffers
    if not delta and not buffers:
        return Verdict("exact")
    why = list(_places(config, inventory, built)) if delta else []
    if buffers:
        why.append(f"buffers {inventory.buffers:,} for {built.buffers:,}")
    if flagged:
        why.append(f"unread: {', '.join(fields.unread())}")
    return Verdict("wrong", delta, tuple(why), flagged)


def _places(config: Mapping[str, object], inventory: Inventory, built: Built) -> Iterator[str]:
    """One line for each set of layers with the same difference."""
    ours, theirs = _ours(inventory), _theirs(built)
    dims = dimensions(config)
    alike: dict[tuple[int, str], list[Place]] = defaultdict(list)
    for place in [*theirs, *(name for name in ours if name not in theirs)]:
        mine, its = ours.get(place, []), theirs.get(place, [])
        gap = sum(size for *_, size in mine) - sum(size for *_, size in its)
        if gap:
            alike[gap, _unmatched(mine, its)].append(place)
    for (gap, tensors), places in alike.items():
        yield f"{_spans(places)}: {gap:+,} = {factored(gap, dims)}  {tensors}"


def _ours(inventory: Inventory) -> Pieces:
    found: Pieces = defaultdict(list)
    stacks = sum(1 for tower in {group.tower for group in inventory.groups if group.layers} if tower)
    for group in inventory.groups:
        for place in _group_places(group.tower if stacks > 1 else "", group.layers):
            found[place] += [(t.name, t.shape, t.numel) for t in group.tensors if t.kind != "buffer"]
    return found


def _group_places(tower: str, layers: tuple[int, ...]) -> list[Place]:
    return [f"{tower} layer {index}".strip() for index in layers] or [OUTSIDE]


def _theirs(built: Built) -> Pieces:
    found: Pieces = defaultdict(list)
    stacks = Counter(name[: match.start()] for name in built.tensors if (match := STACK.search(name)))
    for name, (shape, kind) in built.tensors.items():
        if kind == "buffer":
            continue
        match = STACK.search(name)
        size = 1
        for each in shape:
            size *= each
        stack = name[: match.start()].rsplit(".", 2)[-2:] if match and len(stacks) > 1 else []
        place = f"{'.'.join(stack)} layer {match[1]}".strip() if match else OUTSIDE
        found[place].append((name[match.end() :] if match else name, shape, size))
    return found


def _unmatched(mine: list, its: list) -> str:
    """The tensors of either side that the other has none of the same size for."""
    left, right = Counter(size for *_, size in mine), Counter(size for *_, size in its)
    told = []
    for sign, pieces, surplus in (("ours", mine, left - right), ("theirs", its, right - left)):
        names = []
        for name, shape, size in pieces:
            if surplus[size] > 0:
                surplus[size] -= 1
                names.append(f"{name}{list(shape)}")
        if names:
            told.append(f"{sign}: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}")
    return "; ".join(told)


def _spans(places: list[Place]) -> str:
    if len(places) < 3:
        return ", ".join(places)
    return f"{places[0]} … {places[-1].split()[-1]} ({len(places)})"


def dimensions(config: Mapping[str, object], prefix: str = "") -> dict[str, int]:
    """The integers of a config by name, and heads × head_dim where both are there."""
    found: dict[str, int] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            found |= dimensions(value, f"{prefix}{name.removesuffix('_config')}.")
        elif isinstance(value, int) and not isinstance(value, bool) and value > 1 and not name.endswith("_id"):
            found[prefix + name] = value
    heads, width, head = (found.get(name) for name in ("num_attention_heads", "hidden_size", "head_dim"))
    if heads and width and not head:
        found["head_dim"] = width // heads
    return found


def factored(gap: int, dims: Mapping[str, int]) -> str:
    """The shortest product of dimensions, times a small number, that is the gap."""
    size = abs(gap)
    sign = "-" if gap < 0 else ""
    useful = [(name, value) for name, value in dims.items() if value > 1 and size % value == 0]
    best: tuple[int, str] | None = None
    for count in (0, 1, 2, 3, 4):
        for chosen in combinations_with_replacement(useful, count):
            product = 1
            for _, value in chosen:
                product *= value
            if size % product or size // product > 12:
                continue
            rest = size // product
            words = "·".join(([str(rest)] if rest > 1 or not chosen else []) + [name for name, _ in chosen])
            cost = rest + 2 * len(chosen)
            if best is None or cost < best[0]:
                best = (cost, words)
        if best:
            return sign + best[1]
    return f"{sign}{size} (no product of dimensions)"

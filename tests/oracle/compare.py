"""cardscope's inventory against the oracle's tensors: where they differ, by how much, and which dimensions make it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import prod
from typing import TYPE_CHECKING

from cardscope.archs import interpret, open_config
from cardscope.errors import CardscopeError, NotModelled
from cardscope.inert import is_inert
from cardscope.inventory import take

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cardscope.inventory import Inventory
    from tests.oracle.meta import Built

    Place = str
    Piece = tuple[str, tuple[int, ...], int]
    Pieces = dict[Place, list[Piece]]

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
            alike[gap, _unmatched(mine, its, dims)].append(place)
    for (gap, tensors), places in alike.items():
        words = factored(gap, dims)
        yield f"{_spans(places)}: {gap:+,}{f' = {words}' if words else ''}  {tensors}"


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
        stack = name[: match.start()].rsplit(".", 2)[-2:] if match and len(stacks) > 1 else []
        place = f"{'.'.join(stack)} layer {match[1]}".strip() if match else OUTSIDE
        found[place].append((name[match.end() :] if match else name, shape, prod(shape)))
    return found


def _unmatched(mine: list[Piece], its: list[Piece], dims: Mapping[str, int]) -> str:
    """The tensors of either side that the other has none for, alone or as a fused one."""
    left, right = _cancelled(mine, its), _cancelled(its, mine)
    left, right = _unfused(left, right)
    right, left = _unfused(right, left)
    told = []
    for side, pieces in (("ours", left), ("theirs", right)):
        names = [f"{name}[{', '.join(named(axis, dims) for axis in shape)}]" for name, shape, _ in pieces]
        if names:
            told.append(f"{side}: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}")
    return "; ".join(told)


def _cancelled(pieces: list[Piece], others: list[Piece]) -> list[Piece]:
    """The pieces for which the other side has none of the same size left."""
    spare = Counter(size for *_, size in others)
    rest = []
    for piece in pieces:
        if spare[piece[2]] > 0:
            spare[piece[2]] -= 1
        else:
            rest.append(piece)
    return rest


def _unfused(parts: list[Piece], wholes: list[Piece]) -> tuple[list[Piece], list[Piece]]:
    """Take away whole tensors that are a run of two to four of the parts, and those parts."""
    parts, left = list(parts), []
    for whole in wholes:
        runs = ((i, n) for n in (2, 3, 4) for i in range(len(parts) - n + 1))
        run = next(((i, n) for i, n in runs if sum(size for *_, size in parts[i : i + n]) == whole[2]), None)
        if run is None:
            left.append(whole)
        else:
            del parts[run[0] : sum(run)]
    return parts, left


def named(size: int, dims: Mapping[str, int]) -> str:
    """A tensor's axis by the dimension it is, or the product or multiple of dimensions."""
    exact = next((name for name, value in dims.items() if value == size), None)
    if exact or size < 13:
        return exact or str(size)
    words = factored(size, dims)
    return f"{size}={words}" if words else str(size)


def _spans(places: list[Place]) -> str:
    if len(places) < 3:
        return ", ".join(places)
    return f"{places[0]} … {places[-1].split()[-1]} ({len(places)})"


NO_AXIS = (
    "sliding_window",
    "num_experts_per_tok",
    "num_hidden_layers",
    "max_window_layers",
    "moe_topk",
    "num_nextn_predict_layers",
)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 1


def dimensions(config: Mapping[str, object], prefix: str = "") -> dict[str, int]:
    """The integers of a config that an axis may be, by name; and what heads and head_dim make together."""
    found: dict[str, int] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            found |= dimensions(value, f"{prefix}{name.removesuffix('_config')}.")
        elif _is_size(value) and not is_inert(name) and name not in NO_AXIS:
            found[prefix + name] = value
    heads, kv = found.get(f"{prefix}num_attention_heads"), found.get(f"{prefix}num_key_value_heads")
    width, head = found.get(f"{prefix}hidden_size"), found.get(f"{prefix}head_dim")
    if heads and width and not head:
        head = found["head_dim"] = width // heads
    made = {"heads·head_dim": heads and head and heads * head, "kv_heads·head_dim": kv and head and kv * head}
    return {**found, **{prefix + name: value for name, value in made.items() if value}}


def factored(gap: int, dims: Mapping[str, int]) -> str:
    """The shortest product of at most three dimensions, times a small number, that is the gap; empty if none is."""
    size, best = abs(gap), None
    useful = [(name, value) for name, value in dims.items() if size % value == 0]
    for count in (1, 2, 3):
        for chosen in combinations_with_replacement(useful, count):
            product = prod(value for _, value in chosen)
            if size % product or size // product > 12:
                continue
            rest = size // product
            words = "·".join(([str(rest)] if rest > 1 else []) + [name for name, _ in chosen])
            if best is None or rest + 2 * count < best[0]:
                best = (rest + 2 * count, words)
        if best:
            return ("-" if gap < 0 else "") + best[1]
    return ""

"""Where cardscope's tensors and the oracle's differ, layer by layer, and which dimensions make the difference."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import combinations_with_replacement
from math import prod
from typing import TYPE_CHECKING

from cardscope.inert import is_inert

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cardscope.inventory import Inventory
    from tests.oracle.meta import Built

    Piece = tuple[str, tuple[int, ...], int]
    Place = tuple[str, int | None]
    Pieces = dict[Place, list[Piece]]

OUTSIDE = ("", None)
LAYER = re.compile(r"(?:^|\.)(\d+)\.")


def places(config: Mapping[str, object], inventory: Inventory, built: Built) -> Iterator[str]:
    """One line for each set of layers with the same difference."""
    ours, theirs = _ours(inventory), _theirs(built)
    ours = _aligned(ours, theirs)
    dims = dimensions(config)
    alike: dict[tuple[int, str], list[Place]] = defaultdict(list)
    for place in [*theirs, *(name for name in ours if name not in theirs)]:
        mine, its = ours.get(place, []), theirs.get(place, [])
        if gap := _size(mine) - _size(its):
            alike[gap, _unmatched(mine, its, dims)].append(place)
    for (gap, tensors), found in alike.items():
        words = factored(gap, dims)
        yield f"{_spans(found)}: {gap:+,}{f' = {words}' if words else ''}  {tensors}"


def _size(pieces: list[Piece]) -> int:
    return sum(size for *_, size in pieces)


def _ours(inventory: Inventory) -> Pieces:
    found: Pieces = defaultdict(list)
    for group in inventory.groups:
        pieces = [(t.name, t.shape, t.numel) for t in group.tensors if t.kind != "buffer"]
        for place in [(group.tower, layer) for layer in group.layers] or [OUTSIDE]:
            found[place] += pieces
    return found


def _theirs(built: Built) -> Pieces:
    """Tensors by stack (the path before a layer's number) and layer."""
    found: Pieces = defaultdict(list)
    for name, (shape, kind) in built.tensors.items():
        if kind == "parameter":
            match = LAYER.search(name)
            place = (name[: match.start()], int(match[1])) if match else OUTSIDE
            found[place].append((name[match.end() :] if match else name, shape, prod(shape)))
    return found


def _aligned(ours: Pieces, theirs: Pieces) -> Pieces:
    """Our towers under the names of the stacks they are: most layers of the same size, then the same depth."""
    free = list(dict.fromkeys(stack for stack, layer in theirs if layer is not None))
    names = {"": ""}
    towers = dict.fromkeys(tower for tower, layer in ours if layer is not None)
    for tower in sorted(towers, key=lambda tower: -_depth(ours, tower)):
        names[tower] = max(free, key=lambda stack: _likeness(ours, tower, theirs, stack), default=tower)
        free = [stack for stack in free if stack != names[tower]]
    return {(names[tower], layer): pieces for (tower, layer), pieces in ours.items()}


def _depth(pieces: Pieces, stack: str) -> int:
    return sum(1 for name, layer in pieces if name == stack and layer is not None)


def _likeness(ours: Pieces, tower: str, theirs: Pieces, stack: str) -> tuple[int, bool]:
    same = sum(
        _size(pieces) == _size(theirs.get((stack, layer), []))
        for (name, layer), pieces in ours.items()
        if name == tower and layer is not None
    )
    return same, _depth(ours, tower) == _depth(theirs, stack)


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


def _spans(found: list[Place]) -> str:
    words = ["outside the layers" if layer is None else f"{stack} {layer}".strip() for stack, layer in found]
    return ", ".join(words) if len(words) < 3 else f"{words[0]} … {words[-1].split()[-1]} ({len(words)})"


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

"""Spec → Inventory: every tensor counted once, grouped by equal layers; every figure is a fold over it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from cardscope.parts import Layer, Part, Spec, State, Tensor, Tower


@dataclass(frozen=True, slots=True)
class Group:
    """`count` equal layers (or one set of free-standing parts) with their tensors and the states they keep."""

    tower: str
    label: str
    count: int
    layers: tuple[int, ...]
    tensors: tuple[Tensor, ...]
    states: tuple[State, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def parameters(self) -> int:
        """Parameters of one of the group's layers."""
        return sum(tensor.numel for tensor in self.tensors if tensor.kind != "buffer")


@dataclass(frozen=True, slots=True)
class Inventory:
    """All tensors of a model: the main model's groups, and extra prediction layers apart."""

    groups: tuple[Group, ...]
    mtp: tuple[Group, ...] = ()
    model_type: str | None = None
    """Of the declaration it was taken from; some tools store a type's tensors in ways of their own."""

    def tensors(self) -> Iterator[tuple[int, Tensor]]:
        """(how often it occurs, tensor) over the main model, buffers included."""
        for group in self.groups:
            for tensor in group.tensors:
                yield group.count, tensor

    @property
    def parameters(self) -> int:
        """Logical parameters of the main model."""
        return _total(self.groups)

    @property
    def buffers(self) -> int:
        """Numbers that a checkpoint stores beside the parameters (masks, router corrections)."""
        return sum(count * tensor.numel for count, tensor in self.tensors() if tensor.kind == "buffer")

    @property
    def mtp_parameters(self) -> int:
        """Parameters of the extra prediction layers."""
        return _total(self.mtp)

    @property
    def mtp_stored(self) -> int:
        """Numbers that a checkpoint stores for the extra prediction layers, their buffers included."""
        return sum(group.count * tensor.numel for group in self.mtp for tensor in group.tensors)

    @property
    def active(self) -> int | None:
        """Parameters used for one token, or None where the config does not say how many experts fire."""
        total = 0
        for count, tensor in self.tensors():
            if tensor.kind == "buffer":
                continue
            used = tensor.active_numel
            if used is None:
                return None
            total += count * used
        return total

    def components(self) -> Mapping[str, int]:
        """Parameters by component, in the order of first appearance; sums to `parameters`."""
        sums: Counter[str] = Counter()
        for count, tensor in self.tensors():
            if tensor.kind != "buffer":
                sums[tensor.component] = sums.get(tensor.component, 0) + count * tensor.numel
        return sums

    def states(self) -> Iterator[tuple[int, State]]:
        """(how many layers keep it, state)."""
        for group in self.groups:
            for state in group.states:
                yield group.count, state


def _total(groups: Iterable[Group]) -> int:
    return sum(group.count * group.parameters for group in groups)


def take(spec: Spec) -> Inventory:
    """Lists every tensor of `spec`, equal layers grouped."""
    groups = tuple(group for tower in spec.towers for group in _tower(tower))
    return Inventory(groups, tuple(_tower(spec.mtp)) if spec.mtp else (), spec.model_type)


def _tower(tower: Tower) -> Iterator[Group]:
    if tower.parts:
        yield _group(tower, "", 1, (), tower.parts)
    layers = tower.layers
    keys = list(map(id, layers))
    # Most stacks repeat a few objects: their ids spare hashing all their parts again.
    one = dict(zip(keys, layers, strict=True))
    if len(one) == 1:
        yield _group(tower, layers[0].label, len(layers), tuple(range(len(layers))), layers[0].parts)
        return
    where: dict[Layer, list[int]] = {}
    known = {key: where.setdefault(layer, []) for key, layer in one.items()}
    for index, key in enumerate(keys):
        known[key].append(index)
    for layer, places in where.items():
        yield _group(tower, layer.label, len(places), tuple(places), layer.parts)


def _group(tower: Tower, label: str, count: int, places: tuple[int, ...], parts: tuple[Part, ...]) -> Group:
    tensors = tuple(chain.from_iterable([part.tensors() for part in parts]))
    if tower.component:
        tensors = tuple(tensor._replace(component=tower.component) for tensor in tensors)
    states: tuple[State, ...] = ()
    if tower.caches:
        states = tuple(state for part in parts if (state := part.state()) is not None) * tower.repeats
    return Group(tower.name, label, count, places, tensors, states, parts)

"""Which layers go on which device: what `device_map="auto"` infers of an empty model, folded from the inventory.

Modules are taken in order and go on the first device that still holds them; what is too large is split into its
children, down to blocks that stay whole.  The first GPU and the host keep room for the largest layer that is still to
come (accelerate/utils/modeling.py; transformers/integrations/accelerate.py has both functions since 5.0).  A tied head
goes where the table is.  Checked against accelerate on empty models (tests/oracle/test_device_map.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cardscope.fitting.precisions import sizes
from cardscope.fitting.target import Target
from cardscope.inventory import Group
from cardscope.measures.precision import quantizable
from cardscope.parts import Tensor

CPU: Final = "cpu"
DISK: Final = "disk"
Device = int | str


@dataclass(frozen=True, slots=True)
class Module:
    """A module that is placed whole or split into its children; `block` is the number of layers it holds whole."""

    name: str
    bytes: int
    children: tuple[Module, ...] = ()
    layers: int = 0

    @property
    def largest(self) -> int:
        """Bytes of its largest part that cannot be split."""
        return max((child.largest for child in self.children), default=self.bytes)


@dataclass(frozen=True, slots=True)
class Share:
    """What one device holds: bytes of weights and how many layers."""

    device: Device
    bytes: int
    layers: int
    modules: tuple[str, ...]


def modules(target: Target, quant: str | None) -> tuple[Module, ...]:
    """The model's children in order: its base (tables, layers, last norm) and its head."""
    before: list[Module] = []
    after: list[Module] = []
    layers: list[tuple[int, Module]] = []
    head = 0
    seen = False
    size = weight(target, quant)
    for group in target.inventory.groups:
        if group.layers:
            seen = True
            each = sum(size(tensor) for tensor in group.tensors)
            layers += [(index, Module(f"layers.{index}", int(each), layers=1)) for index in group.layers]
            continue
        for name, bytes_of in _free(group, size):
            if name == "head":
                head += bytes_of
            else:
                (after if seen or name == "norm" else before).append(Module(name, bytes_of))
    ordered = tuple(module for _, module in sorted(layers, key=lambda pair: pair[0]))
    base = (*before, Module("layers", sum(m.bytes for m in ordered), ordered, len(ordered)), *after)
    whole = Module("model", sum(module.bytes for module in base), base, len(ordered))
    # A tied head weighs nothing of its own and is placed with the table.
    return (whole, Module("head", head)) if head else (whole,)


def weight(target: Target, quant: str | None) -> Callable[[Tensor], float]:
    """Bytes of a tensor at a precision: what is packed shares what plain tensors leave of the known total."""
    plain = target.plain_bytes if quant is None else 2
    packed = rest = 0
    for count, tensor in target.inventory.tensors():
        if tensor.kind == "buffer":
            continue
        if quantizable(tensor):
            packed += count * tensor.numel
        else:
            rest += count * tensor.numel
    rate = (sizes(target, quant).total - plain * rest) / packed if packed else plain
    return lambda tensor: 0.0 if tensor.kind == "buffer" else tensor.numel * (rate if quantizable(tensor) else plain)


def _free(group: Group, size: Callable[[Tensor], float]) -> Iterator[tuple[str, int]]:
    """(component, bytes) of each part that stands outside the layers."""
    for part in group.parts:
        found = list(part.tensors())
        total = int(sum(size(tensor) for tensor in found))
        if total:
            yield "head" if all(tensor.component == "head" for tensor in found) else found[0].component, total


def infer(found: Sequence[Module], memory: Sequence[tuple[Device, int]]) -> tuple[Share, ...]:
    """Shares by device for devices in order with the bytes each may take; what fits on none goes to the disk."""
    devices = [*memory, (DISK, -1)]
    main = {next((name for name, _ in memory if isinstance(name, int)), CPU), CPU}
    queue = deque(found)
    used: dict[Device, int] = {}
    placed: dict[Device, list[Module]] = {}
    at = 0
    while queue:
        module = queue.popleft()
        name, limit = devices[at]
        kept = max((item.largest for item in queue), default=0) if name in main else 0
        if name == DISK or used.get(name, 0) + module.bytes <= limit - kept:
            used[name] = used.get(name, 0) + module.bytes
            placed.setdefault(name, []).append(module)
        elif module.children:
            queue.extendleft(reversed(module.children))
        else:
            used[name] = used.get(name, 0) + kept
            at += 1
            queue.appendleft(module)
    return tuple(
        Share(name, sum(m.bytes for m in held), sum(m.layers for m in held), tuple(m.name for m in held))
        for name, held in placed.items()
    )


def balanced(found: Sequence[Module], memory: Sequence[int]) -> tuple[int, ...]:
    """What each GPU may take so that all hold about as much: a share and 1.25 of the largest module; the last, all."""
    if len(memory) < 2:
        return tuple(memory)
    total = sum(module.bytes for module in found)
    share = total // len(memory) + int(1.25 * max(module.largest for module in found))
    return (*(min(share, size) for size in memory[:-1]), memory[-1])

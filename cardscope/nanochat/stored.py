"""Which releases have tensors of these sizes: what a model_*.pt tells without being unpickled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from cardscope.nanochat import counts
from cardscope.nanochat.epochs import EPOCHS, Epoch, Sizes
from cardscope.nanochat.meta import Fit

LAYOUTS: Final = {"bf16 tables, the rest fp32": (2, 4), "fp32": (4, 4), "bf16": (2, 2)}
"""How a run stores its numbers → bytes of a table's, of any other's: on CUDA, on other devices, cast afterwards."""


class Held(NamedTuple):
    """A weight file beside a meta, and the bytes of each of its storages."""

    file: str
    sizes: tuple[int, ...]


def numbers(epoch: Epoch, sizes: Sizes) -> Iterator[tuple[int, bool, int]]:
    """(numbers of one tensor, whether it is a table, how many there are of it) over the state dict."""
    width, depth, kv = sizes.width, sizes.depth, sizes.kv_width
    rows, valued = counts.padded(epoch, sizes.vocab), counts.value_layers(epoch, depth)
    yield rows * width, True, 1
    yield rows * width, False, 1
    yield width * width, False, 2 * depth
    yield kv * width, False, 2 * depth
    yield 4 * width * width, False, 2 * depth
    yield depth, False, 2 * epoch.lambdas + epoch.bigram
    yield rows * kv, True, valued
    yield sizes.kv_heads * epoch.gate_channels, False, valued
    yield counts.BIGRAM_ROWS * sizes.vocab * width, True, int(epoch.bigram)
    yield counts.SMEAR_CHANNELS, False, int(epoch.smear)
    yield 1, False, 2 * epoch.smear


def layout(epoch: Epoch, sizes: Sizes, held: Sequence[int]) -> str | None:
    """How the storages hold the tensors of this release, or None where they are not its."""
    wanted = Counter(held)
    for name, (table, other) in LAYOUTS.items():
        found: Counter[int] = Counter()
        for count, is_table, copies in numbers(epoch, sizes):
            found[count * (table if is_table else other)] += copies
        if +found == wanted:
            return name
    return None


def narrowed(known: Fit, sizes: Sizes, held: Held | None) -> Fit:
    """The releases whose tensors have these sizes; what the meta said where the file fits none of them."""
    if held is None:
        return known
    fitting = tuple(epoch.name for epoch in EPOCHS if layout(epoch, sizes, held.sizes))
    if not fitting:
        return known
    both = tuple(name for name in fitting if name in known.candidates) or fitting
    best = known.best if known.best in both else both[-1]
    return Fit(both, best, (*known.reasons, f"the sizes of the tensors in {held.file}"))


def said(known: Fit, sizes: Sizes, held: Held) -> str:
    """What the weight file settles, as a note."""
    what = f"{held.file} holds {len(held.sizes):,} tensors, {sum(held.sizes):,} bytes"
    words = [(epoch.name, layout(epoch, sizes, held.sizes)) for epoch in EPOCHS if epoch.name in known.candidates]
    fitting = [(name, found) for name, found in words if found]
    if not fitting:
        return f"{what}: of no release with the sizes that the meta states, so the meta alone counts"
    return f"{what}: those of {' and '.join(name for name, _ in fitting)} in {fitting[0][1]}"

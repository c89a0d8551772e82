"""A runtime nobody named: weights, the live cache, one block's activations, and a stated reserve."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cardscope.fitting.engines import transformers
from cardscope.fitting.target import Load, Need, Target

NAME: Final = "generic"
OPTIONS: Final[tuple[str, ...]] = ()
RESERVE: Final = 0.05
"""Share of weights and cache that allocators leave unused: 3 to 15 % in published logs."""


def need(target: Target, load: Load) -> Need:
    """The peak of transformers and a reserve for the allocator."""
    found = transformers.need(target, replace(load, options={}))
    slack = tuple(int(RESERVE * size) for size in found.each)
    return replace(
        found,
        overhead=found.overhead + sum(slack),
        each=tuple(size + more for size, more in zip(found.each, slack, strict=True)),
        settings={},
    )

"""Designs as values: what is rendered, and nothing that computes."""

from __future__ import annotations

from dataclasses import dataclass

from cardscope.designing.ask import Ask
from cardscope.designing.families import Config, Shape
from cardscope.training import Plan

SCHEMA = "cardscope.design/1"


@dataclass(frozen=True, slots=True)
class Flags:
    """How nanochat is told to build it, and what its newest release makes of that."""

    tokenizer: str
    training: str
    builds: int
    """Parameters of nanochat's newest release with these flags: it adds value embeddings to the same blocks."""


@dataclass(frozen=True, slots=True)
class Design:
    """One architecture, counted by its inventory."""

    shape: Shape
    parameters: int
    embedding: int
    blocks: int
    head: int
    cache_bytes: int
    """bf16 cache of one sequence of the context."""
    memory_bytes: int
    """Weights in the precision asked for, and that cache."""
    off_split: float | None
    """Percentage points by which the farthest share misses the split; None without one."""
    tied_parameters: int | None
    """With embedding and head one table; None where the family has no tied head, or it is one already."""
    merits: tuple[str, ...]
    objections: tuple[str, ...]
    plan: Plan
    config: Config
    flags: Flags | None
    """None where the design is none that nanochat's options reach."""

    @property
    def shares(self) -> tuple[float, float, float]:
        """Embedding, blocks and head as shares of the parameters."""
        whole = self.parameters
        return self.embedding / whole, self.blocks / whole, self.head / whole


@dataclass(frozen=True, slots=True)
class Designs:
    """What was asked, how much was searched, and the best designs in order."""

    ask: Ask
    candidates: int
    within: int
    preference: str
    designs: tuple[Design, ...]

    def to_dict(self) -> dict[str, object]:
        """The JSON of `cardscope design --json`."""
        from cardscope.designing.render import to_dict

        return to_dict(self)

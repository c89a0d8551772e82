"""What is asked of a design: the budget, the ranges to search, and the errors that say why nothing can meet it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cardscope.designing.families import FAMILIES, Family, family
from cardscope.errors import UsageError

VOCABS: Final = (8_192, 12_288, 16_384, 24_576, 32_768, 49_152, 65_536)
"""Powers of two and the steps halfway between, as tokenizers of small models have them."""
PRECISIONS: Final = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "int8": 1.0, "int4": 0.5}
"""Bytes a parameter by rule, without the scales of a real quantized file."""
BUDGETS: Final = ("params", "flops", "memory", "cache")
MAX_LAYERS: Final = 1024
MAX_LIST: Final = 512
MAX_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Ask:
    """A budget and what may vary; the first budget of params, flops, memory, cache is filled, the others are caps."""

    family: str = "nanochat"
    release: str = "original"
    """Of nanochat: original, E0 to E9, head or a date."""
    params: int | None = None
    """Parameters, met from both sides."""
    flops: int | None = None
    """Training FLOPs in all, at `ratio` tokens a parameter."""
    memory: int | None = None
    """Bytes of the weights in `precision` and of one sequence's cache in bf16."""
    cache: int | None = None
    """Bytes of the bf16 cache of one sequence of `context` tokens."""
    split: tuple[float, float, float] | None = None
    """Shares of embedding, blocks and head; they sum to one."""
    head_dims: tuple[int, ...] = (64,)
    depth: tuple[int, int] = (2, 64)
    width_multiple: int | None = None
    """Widths are multiples of it and of the head dimension."""
    vocabs: tuple[int, ...] = VOCABS
    tied: bool | None = None
    groups: tuple[int, ...] = (1,)
    """Query heads to one KV head."""
    mlp_ratios: tuple[float, ...] = ()
    """MLP width over width; empty: the family's own."""
    context: int = 2048
    precision: str = "bf16"
    tolerance: float = 0.1
    limit: int = 10
    ratio: float = 20.0
    """Tokens a parameter."""

    def __post_init__(self) -> None:
        found = self.kind  # raises for an unknown family or release
        if not any(getattr(self, name) for name in BUDGETS):
            raise UsageError("a design needs a budget", hint="--params 38M, or --flops, --memory, --cache")
        _numbers(self)
        _fits_family(self, found)

    @property
    def kind(self) -> Family:
        """The family, of the release asked for."""
        return family(self.family, self.release)

    @property
    def budget(self) -> tuple[str, int]:
        """The budget to fill: (name, amount)."""
        return next((name, value) for name in BUDGETS if (value := getattr(self, name)))

    @property
    def band(self) -> tuple[float, float]:
        """Least and most of the budget to fill: parameters on both sides of it, everything else below it."""
        name, value = self.budget
        return value * (1 - self.tolerance), value * (1 + self.tolerance) if name == "params" else value

    @property
    def ties(self) -> tuple[bool, ...]:
        """Whether the head may be tied: as asked, as the split implies, else as the family has it."""
        if self.tied is not None:
            return (self.tied,)
        if self.split is not None:
            return (self.split[2] == 0,)
        return self.kind.ties


def _numbers(ask: Ask) -> None:
    """Ranges make sense, and lists have an end."""
    low, high = ask.depth
    if not 1 <= low <= high <= MAX_LAYERS:
        raise UsageError(f"{low} to {high} layers is no range", hint=f"--depth 2:64, at most {MAX_LAYERS:,}")
    ranges: tuple[tuple[str, tuple[float, ...], float, float], ...] = (
        ("head-dim", ask.head_dims, 1, 4096),
        ("vocab", ask.vocabs, 1, 10_000_000),
        ("gqa", ask.groups, 1, 4096),
        ("mlp-ratio", ask.mlp_ratios, 1 / 64, 64),
        ("width-multiple", (ask.width_multiple or 1,), 1, 65_536),
        ("context", (ask.context,), 1, 1 << 30),
        ("tolerance", (ask.tolerance,), 0, 1),
        ("ratio", (ask.ratio,), 1e-3, 1e6),
        ("limit", (ask.limit,), 1, MAX_SHOWN),
    )
    for name, values, least, most in ranges:
        bad = next((value for value in values if not least <= value <= most), None)
        if bad is not None or len(values) > MAX_LIST or (not values and name != "mlp-ratio"):
            shown = f"{len(values)} values" if bad is None else f"{bad:g}"
            raise UsageError(f"--{name} {shown} is out of range", hint=f"from {least:g} to {most:,g}")
    if ask.precision not in PRECISIONS:
        raise UsageError(f"no precision is called {ask.precision[:40]}", hint=f"one of {', '.join(PRECISIONS)}")


def _fits_family(ask: Ask, found: Family) -> None:
    """What the family cannot be built with."""
    others = ", ".join(f"--family {name}" for name in FAMILIES if name != ask.family)
    if ask.groups != (1,) and not found.grouped:
        raise UsageError(f"{ask.family} has one KV head for each query head", hint=f"leave --gqa out, or {others}")
    if ask.tied is not None and ask.tied not in found.may_tie:
        word = "tied" if ask.tied else "untied"
        raise UsageError(f"{ask.family} has no {word} head", hint=others)
    if any(ratio not in found.mlp for ratio in ask.mlp_ratios) and found.fixed_mlp:
        raise UsageError(f"the MLP of {ask.family} is four times as wide", hint=f"leave --mlp-ratio out, or {others}")
    _fits_tie(ask, found, others)
    if found.padded and any(size % 64 for size in ask.vocabs):
        size = next(size for size in ask.vocabs if size % 64)
        raise UsageError(f"this release rounds a vocabulary of {size:,} up", hint=f"--vocab {-(-size // 64) * 64}")


def _fits_tie(ask: Ask, found: Family, others: str) -> None:
    if ask.split is None:
        return
    tied = ask.split[2] == 0
    if ask.tied is not None and ask.tied != tied:
        word, hint = ("no share", "1:1:0") if ask.tied else ("a share", "1:1:1")
        raise UsageError(f"a {'tied' if ask.tied else 'untied'} head has {word} of its own", hint=f"--split {hint}")
    if tied not in found.may_tie:
        word = "tied" if tied else "untied"
        raise UsageError(f"the split asks for a head that is {word}, which {ask.family} has not", hint=others)
    if not tied and abs(ask.split[0] - ask.split[2]) > 0.2:
        raise UsageError(
            f"embedding and head are of one size, so no design has shares of {ask.split[0]:.0%} and {ask.split[2]:.0%}",
            hint="give both the same, as in --split 1:2:1",
        )

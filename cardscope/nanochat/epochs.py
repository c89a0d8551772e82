"""Which architecture each release of nanochat has, and how it makes sizes of a depth.

The epochs are those of karpathy/nanochat's own master branch; each commit named here changed the set of parameters
or how its FLOPs are estimated.
"""

from __future__ import annotations

import re
from math import ceil
from typing import Final, NamedTuple

from cardscope.errors import UsageError


class Epoch(NamedTuple):
    """One architecture: when it came, what it changed, and the switches its closed form needs."""

    name: str
    commit: str
    date: str
    change: str
    vocab: int
    padded: bool = True
    lambdas: bool = False
    gate_channels: int = 0
    """Input channels of each value embedding's gate; 0: the release has no value embeddings."""
    bigram: bool = False
    smear: bool = False
    short_window: str = ""
    """The rule for S in a window pattern: half, third or quarter of the context; empty: no windows."""
    flops: str = "scalars excluded"


EPOCHS: Final = (
    Epoch("E0", "3a5e0bc", "2025-10-13", "the original release", 65_536, padded=False),
    Epoch("E1", "bc51da8", "2025-12-23", "rows of embedding and head padded to 64", 65_536),
    Epoch(
        "E2",
        "aa530cd",
        "2026-01-11",
        "two learned scalars a layer for the residual stream",
        32_768,
        lambdas=True,
        flops="scalars included",
    ),
    Epoch("E3", "fbc1484", "2026-01-11", "windows by pattern", 32_768, lambdas=True, short_window="half"),
    Epoch(
        "E4",
        "a91743c",
        "2026-01-18",
        "value embeddings with gates in every other layer",
        32_768,
        lambdas=True,
        gate_channels=32,
        short_window="half",
    ),
    Epoch(
        "E5",
        "c88bbf8",
        "2026-01-27",
        "bigram embeddings, withdrawn the next day",
        32_768,
        lambdas=True,
        gate_channels=32,
        bigram=True,
        short_window="half",
    ),
    Epoch(
        "E6",
        "aba30cb",
        "2026-03-03",
        "logits capped at 20",
        32_768,
        lambdas=True,
        gate_channels=32,
        short_window="half",
    ),
    Epoch(
        "E7",
        "6ed7d1d",
        "2026-03-09",
        "gates of 12 channels, windows of a third",
        32_768,
        lambdas=True,
        gate_channels=12,
        short_window="third",
    ),
    Epoch(
        "E8",
        "a825e63",
        "2026-03-14",
        "smear and backout, windows of a quarter",
        32_768,
        lambdas=True,
        gate_channels=12,
        smear=True,
        short_window="quarter",
    ),
    Epoch(
        "E9",
        "92d63d4",
        "2026-07-03",
        "FLOPs count the smear gate",
        32_768,
        lambdas=True,
        gate_channels=12,
        smear=True,
        short_window="quarter",
        flops="smear included",
    ),
)
"""In the order they came; of two on one day the later is that day's."""

BY_NAME: Final = {epoch.name: epoch for epoch in EPOCHS}
_REVERT: Final = "2026-01-28"
_VOCAB_SINCE: Final = "2026-01-07"
_DIVISOR_SINCE: Final = "2026-01-05"
_ROUNDED_SINCE: Final = "2026-01-18"
_DATE = re.compile(r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


class Release(NamedTuple):
    """An epoch at a point in time: its default vocabulary, and which rule makes sizes of a depth."""

    epoch: Epoch
    vocab: int
    rule: str
    """original, divisor or rounded."""


def release(word: str) -> Release:
    """`original`, `E0` … `E9`, `head` or a date. Raises UsageError for another word, or a date before the first."""
    name = {"original": "E0", "head": "E9"}.get(word.lower(), word.upper())
    if name in BY_NAME:
        epoch = BY_NAME[name]
        return Release(epoch, epoch.vocab, _rule(epoch.date))
    if not _DATE.fullmatch(word):
        raise UsageError(
            f"release={word[:40]} names no release",
            hint="release=original, E0 to E9, head, or a date such as 2026-01-18",
        )
    if word < EPOCHS[0].date:
        raise UsageError(
            f"nanochat was not there on {word}", hint=f"the original release is of {EPOCHS[0].date}: release=original"
        )
    epoch = [e for e in EPOCHS if e.date <= word][-1]
    if epoch.bigram and word >= _REVERT:
        epoch = BY_NAME["E4"]
    return Release(epoch, 32_768 if word >= _VOCAB_SINCE else 65_536, _rule(word))


def _rule(date: str) -> str:
    if date >= _ROUNDED_SINCE:
        return "rounded"
    return "divisor" if date >= _DIVISOR_SINCE else "original"


class Sizes(NamedTuple):
    """The sizes of one nanochat model; `window` is its pattern of S and L."""

    depth: int
    width: int
    heads: int
    kv_heads: int
    vocab: int
    positions: int = 2048
    window: str = ""

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.width // self.heads

    @property
    def kv_width(self) -> int:
        """Rows of the keys' (and of the values') projection."""
        return self.kv_heads * self.head_dim


def width_and_heads(depth: int, rule: str, head_dim: int = 128, aspect_ratio: int = 64) -> tuple[int, int]:
    """Depth → (width, heads) by scripts/base_train.py's rule of the time.

    original: heads = max(1, ceil(width / head_dim)), which must divide the width; divisor: the divisor of the width
    nearest width / head_dim; rounded: the width rounded up to whole heads.
    Raises UsageError where the original's heads do not divide the width, as the script itself asserts.
    """
    width = aspect_ratio * depth
    if rule == "rounded":
        heads = -(-width // head_dim)
        return heads * head_dim, heads
    if rule == "divisor":
        return width, _nearest(width, max(1, round(width / head_dim)))
    heads = max(1, -(-width // head_dim))
    if width % heads:
        near = next(d for d in range(depth + 1, depth + 2 * head_dim) if aspect_ratio * d % head_dim == 0)
        raise UsageError(
            f"nanochat:d{depth} is {width:,} wide, which {heads} heads do not divide",
            hint=f"the original release refuses this depth; nanochat:d{near} is the next that it builds",
        )
    return width, heads


def _nearest(width: int, ideal: int) -> int:
    """The divisor of `width` nearest `ideal`; of two as near, the larger, as the script tries it first."""
    for offset in range(width):
        for heads in (ideal + offset, ideal - offset):
            if heads > 0 and width % heads == 0:
                return heads
    return 1


def windows(epoch: Epoch, depth: int, positions: int, pattern: str) -> tuple[int, ...]:
    """Tokens each layer looks back on: the pattern tiled over the layers, the last layer always full.

    Raises UsageError for a pattern of other letters than S and L.
    """
    pattern = (pattern or "L").upper()
    if not set(pattern) <= {"S", "L"}:
        raise UsageError(f"window_pattern={pattern[:40]} has letters other than S and L", hint="write SSSL")
    if not epoch.short_window:
        return (positions,) * depth
    short = min(positions, _short(epoch.short_window, positions))
    tiled = [short if pattern[layer % len(pattern)] == "S" else positions for layer in range(depth - 1)]
    return (*tiled, positions)


def _short(rule: str, positions: int) -> int:
    if rule == "half":
        return positions // 2
    parts = 3 if rule == "third" else 4
    return ceil(ceil(positions / parts) / 128) * 128

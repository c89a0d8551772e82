"""How long to train, and with which batch: 20 tokens a parameter, or what each release of nanochat does by default.

Source of the 20: Hoffmann et al. 2022 (arXiv:2203.15556).  nanochat's are the defaults of scripts/base_train.py: what
counts as a parameter changed with them, and since February 2026 the batch grows with the tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log2
from typing import Final, NamedTuple

from cardscope.nanochat import counts
from cardscope.nanochat.epochs import Epoch, Sizes
from cardscope.nanochat.view import of_config
from cardscope.training.run import Run

CHINCHILLA: Final = 20.0
BATCH: Final = 524_288
DEVICE_BATCH: Final = 32
_HALVES: Final = (32, 16, 8, 4, 2, 1)
_BATCH_POWER: Final = 0.383
_REFERENCE_DEPTH: Final = 12

_OWN: Final[Mapping[str, tuple[float, bool, bool]]] = {
    "E0": (20, False, False),
    "E1": (20, False, False),
    "E2": (8, False, False),
    "E3": (8, False, False),
    "E4": (10.5, True, False),
    "E5": (10.5, True, False),
    "E6": (10.5, True, True),
    "E7": (10.5, True, True),
    "E8": (12, True, True),
    "E9": (12, True, True),
}
"""Release → (tokens a parameter, whether only block and head weights count, whether the batch grows); of releases
whose defaults changed while they lasted, those that held longest."""


class Horizon(NamedTuple):
    """Tokens to train on, tokens a step, and what each rests on."""

    tokens: int
    basis: str
    batch: int
    batch_basis: str


def horizon(data: Mapping[str, object], parameters: int, run: Run) -> Horizon:
    """Tokens and batch of a run: as given, else nanochat's own, else 20 a parameter and 524,288."""
    known = of_config(data)
    tokens, basis = _tokens(known, parameters, run)
    if run.batch_tokens is not None:
        return Horizon(tokens, basis, run.batch_tokens, "given")
    if known is not None and _OWN[known[0].name][2]:
        return Horizon(tokens, basis, _batch(tokens, *known), "nanochat's rule: the tokens to the power of 0.383")
    return Horizon(tokens, basis, BATCH, "")


def micro_batches(run: Run, batch: int, sequence: int) -> tuple[int, int]:
    """(sequences a device holds at once, tokens a step): where neither is given, a step of whole micro-batches."""
    one = run.devices * sequence
    if run.device_batch is not None:
        return run.device_batch, batch
    if run.batch_tokens is not None:
        return next((n for n in range(DEVICE_BATCH, 0, -1) if batch % (n * one) == 0), 1), batch
    held = next((n for n in _HALVES if n * one <= batch), 1)
    return held, max(1, round(batch / (held * one))) * held * one


def _tokens(known: tuple[Epoch, Sizes] | None, parameters: int, run: Run) -> tuple[int, str]:
    if run.tokens is not None:
        return run.tokens, "given"
    if run.ratio is not None:
        return round(run.ratio * parameters), f"{run.ratio:g} a parameter"
    if known is None:
        return round(CHINCHILLA * parameters), f"{CHINCHILLA:g} a parameter"
    ratio, scaling, _ = _OWN[known[0].name]
    if not scaling:
        return round(ratio * parameters), f"{ratio:g} a parameter"
    return int(ratio * counts.scaling(*known)), f"nanochat's {ratio:g} a weight of blocks and head"


def _batch(tokens: int, epoch: Epoch, sizes: Sizes) -> int:
    """2^19 times (tokens / those of depth 12) to the power of 0.383, to the nearest power of two."""
    width = 64 * _REFERENCE_DEPTH
    heads = max(1, width // sizes.head_dim)
    smaller = sizes._replace(depth=_REFERENCE_DEPTH, width=width, heads=heads, kv_heads=heads)
    reference = _OWN[epoch.name][0] * counts.scaling(epoch, smaller)
    return int(2 ** round(log2(BATCH * (tokens / reference) ** _BATCH_POWER)))

"""FLOPs of training per token, from the parts of the model; nanochat's by its own releases' estimate.

Sources: 6 FLOPs per weight and token, Kaplan et al. 2020 (arXiv:2001.08361); attention's share
12·heads·head_dim·window a layer, Chowdhery et al. 2022 (arXiv:2204.02311), appendix B.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cardscope.inventory import Inventory
from cardscope.measures.facts import distinct_layers
from cardscope.parts import Attention, LatentAttention, Spec


class Flops(NamedTuple):
    """Weights that multiply, FLOPs per token of training, and what they rest on."""

    matmul_parameters: int
    per_token: int
    basis: str


def flops_per_token(data: Mapping[str, object], spec: Spec, inventory: Inventory, active: int, sequence: int) -> Flops:
    """Forward and backward of one token of a sequence of `sequence`; `active` are the parameters it uses."""
    own = _nanochat(data, sequence)
    if own is not None:
        return own
    components = inventory.components()
    idle = components.get("position", 0)
    if spec.tied is False:
        idle += (spec.vocab_size or 0) * (spec.hidden_size or 0)
    matmul = active - idle
    attention = sum(count * _attention(layer.parts, sequence) for layer, count in distinct_layers(spec))
    per_token = 6 * matmul + attention * spec.main.repeats
    return Flops(matmul, per_token, "6 a weight but tables, and attention over its window")


def _nanochat(data: Mapping[str, object], sequence: int) -> Flops | None:
    from cardscope.nanochat import counts
    from cardscope.nanochat.view import of_config

    known = of_config(data)
    if known is None:
        return None
    epoch, sizes = known
    sizes = sizes._replace(positions=sequence)
    name = f"nanochat's own estimate ({epoch.name})"
    return Flops(counts.scaling(epoch, sizes), counts.flops_per_token(epoch, sizes), name)


def _attention(parts: tuple[object, ...], sequence: int) -> int:
    """Scores and weighted values, forward and backward: 6·heads·(head_dim + v_dim)·window a token."""
    total = 0
    for part in parts:
        if isinstance(part, Attention | LatentAttention) and not getattr(part, "cross", False):
            total += 6 * part.heads * (part.head_dim + part.v_dim) * min(sequence, part.window or sequence)
    return total

"""The common spec: the dozen numbers everybody asks for, read off the parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from cardscope.parts import (
    Attention,
    DeltaNet,
    LatentAttention,
    Layer,
    Mamba,
    Mamba2,
    Mlp,
    Moe,
    Part,
    SharedAttention,
    Spec,
)

Mixer = Attention | LatentAttention | SharedAttention


@dataclass(frozen=True, slots=True)
class Facts:
    """A model's common spec in the field's names; None where the model has no such thing."""

    num_layers: int
    hidden_size: int | None
    num_heads: int | None
    num_kv_heads: int | None
    head_dim: int | None
    intermediate_size: int | None
    vocab_size: int | None
    max_positions: int | None
    tied_embeddings: bool | None
    sliding_window: int | None = None
    num_experts: int | None = None
    experts_per_token: int | None = None
    expert_intermediate_size: int | None = None
    shared_expert_intermediate_size: int | None = None
    kv_lora_rank: int | None = None
    q_lora_rank: int | None = None
    rope_head_dim: int | None = None
    v_head_dim: int | None = None
    state_size: int | None = None
    num_mtp_layers: int = 0


def distinct_layers(spec: Spec) -> tuple[tuple[Layer, int], ...]:
    """Each layer object of the main tower with how often it occurs, in order of first appearance."""
    layers = spec.main.layers
    keys = list(map(id, layers))
    one = dict(zip(keys, layers, strict=True))
    return tuple((one[key], count) for key, count in Counter(keys).items())


def main_parts(spec: Spec) -> tuple[Part, ...]:
    """Every part object of the main tower's layers once, in order."""
    return tuple({id(part): part for layer, _ in distinct_layers(spec) for part in layer.parts}.values())


def attentions(parts: tuple[Part, ...]) -> Iterator[Mixer]:
    """Self-attention parts that cache, full attention first."""
    own = [p for p in parts if isinstance(p, Mixer) and not getattr(p, "cross", False)]
    yield from sorted(own, key=lambda part: getattr(part, "kind", "full") != "full")


def describe(spec: Spec) -> Facts:
    """The common spec, from the parts of the main tower."""
    parts = main_parts(spec)
    mixer = next(attentions(parts), None)
    dense = next((p for p in parts if isinstance(p, Mlp)), None)
    routed = next((p for p in parts if isinstance(p, Moe)), None)
    latent = mixer if isinstance(mixer, LatentAttention) else None
    recurrent = next((p for p in parts if isinstance(p, Mamba | Mamba2)), None)
    windows = [p.window for p in parts if isinstance(p, Mixer) and p.window]
    return Facts(
        num_layers=len(spec.main.layers) * spec.main.repeats,
        hidden_size=spec.hidden_size,
        num_heads=mixer.heads if mixer else None,
        num_kv_heads=mixer.kv_heads if mixer else None,
        head_dim=mixer.head_dim if mixer else None,
        intermediate_size=dense.inner if dense else recurrent.inner if recurrent else None,
        vocab_size=spec.vocab_size,
        max_positions=spec.max_positions,
        tied_embeddings=spec.tied,
        sliding_window=windows[0] if windows else None,
        num_experts=routed.experts if routed else None,
        experts_per_token=routed.per_token if routed else None,
        expert_intermediate_size=routed.inner if routed else None,
        shared_expert_intermediate_size=(routed.shared or None) if routed else None,
        kv_lora_rank=latent.kv_rank if latent else None,
        q_lora_rank=latent.q_rank if latent else None,
        rope_head_dim=latent.rope_dim if latent else None,
        v_head_dim=latent.v_dim if latent else None,
        state_size=_state_size(parts),
        num_mtp_layers=len(spec.mtp.layers) if spec.mtp else 0,
    )


def _state_size(parts: tuple[Part, ...]) -> int | None:
    for part in parts:
        if isinstance(part, Mamba | Mamba2):
            return part.state_size
        if isinstance(part, DeltaNet):
            return part.k_dim
    return None

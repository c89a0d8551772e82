"""How a model is to be trained: the numbers a plan starts from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """Tokens or tokens per parameter, batch, devices, speed, price, and what is kept in memory how."""

    tokens: int | None = None
    ratio: float | None = None
    """Tokens a parameter; None: 20, or what the release of nanochat itself trains for."""
    sequence: int | None = None
    """Tokens a sequence; by default the model's context, 2,048 at most."""
    batch_tokens: int | None = None
    """Tokens a step; None: 524,288, or the rule of the release of nanochat."""
    device_batch: int | None = None
    """Sequences a device holds at once; None: 32, or as many as a step has for each device."""
    devices: int = 8
    peak_flops: float = 989e12
    """Dense bf16 FLOPs a second of one device; H100 SXM by default."""
    mfu: float = 0.5
    price: float | None = None
    """Of all devices together, an hour."""
    chars_per_token: float = 4.8
    shard_chars: int = 250_000_000
    shard_bytes: int = 100_000_000
    precision: str | None = None
    """mixed (fp32 weights under autocast), bf16 or fp32; None: mixed, and nanochat as its script trains it."""
    optimizer: str | None = None
    """As trainers spell it: adamw, adamw-8bit, muon, adafactor, sgd …; None: adamw."""
    sharding: str | None = None
    """none, zero1, zero2, zero3 or fsdp."""
    recompute: str | None = None
    """Activations computed again in the backward pass: none, layers or selective."""
    attention: str | None = None
    """sdpa, flash_attention_2 or eager."""
    fused_loss: bool = False
    """The loss is computed in pieces, so that the logits are never whole."""

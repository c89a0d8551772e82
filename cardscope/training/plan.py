"""Config and run → tokens, FLOPs, steps, time, cost and data.

Source of 20 tokens per parameter: Hoffmann et al. 2022 (arXiv:2203.15556).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cardscope.assemble import outline
from cardscope.errors import ConfigError, NotModelled, UsageError
from cardscope.model import RawConfig
from cardscope.training.flops import flops_per_token

SCHEMA = "cardscope.train/1"


@dataclass(frozen=True, slots=True)
class Run:
    """How the model is to be trained: tokens or tokens per parameter, batch, devices, speed, price."""

    tokens: int | None = None
    ratio: float = 20.0
    sequence: int | None = None
    """Tokens a sequence; by default the model's context, 2,048 at most."""
    batch_tokens: int = 524_288
    device_batch: int = 32
    """Sequences a device holds at once."""
    devices: int = 8
    peak_flops: float = 989e12
    """Dense bf16 FLOPs a second of one device; H100 SXM by default."""
    mfu: float = 0.5
    price: float | None = None
    """Of all devices together, an hour."""
    chars_per_token: float = 4.8
    shard_chars: int = 250_000_000
    shard_bytes: int = 100_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """The run in figures; None with a reason where a figure cannot be said."""

    id: str
    run: Run
    parameters: int
    active: int
    sequence: int
    tokens: int
    matmul_parameters: int
    flops_per_token: int
    flops_basis: str
    flops_per_token_6n: int
    total_flops: int
    steps: int
    accumulation: int
    seconds: float
    cost: float | None
    characters: int
    shards: int
    disk_bytes: int
    optimizers: tuple[tuple[str, int], ...]
    """Parameters by optimizer, where the training code says which."""
    notes: tuple[str, ...]

    @property
    def device_hours(self) -> float:
        """Hours of one device."""
        return self.seconds / 3600 * self.run.devices

    def to_dict(self) -> dict[str, object]:
        """The JSON of `cardscope train --json`."""
        from cardscope.training.render import to_dict

        return to_dict(self)


def plan(raw: RawConfig, run: Run) -> Plan:
    """The plan of one run. Raises NotModelled, ConfigError, or UsageError for a run that means nothing."""
    spec, inventory = outline(raw)
    if spec is None or inventory is None:
        raise NotModelled(f"{raw.id} is not modelled as a whole, so there is no plan for it")
    active = inventory.active
    if active is None:
        raise ConfigError(
            "the config does not say how many experts fire, so there is no telling what a token costs",
            hint="--set num_experts_per_tok=2 supplies it",
        )
    sequence = run.sequence or min(spec.max_positions or 2048, 2048)
    tokens = run.tokens if run.tokens is not None else round(run.ratio * inventory.parameters)
    micro = run.devices * run.device_batch * sequence
    _check(run, tokens, micro)
    matmul, per_token, basis = flops_per_token(raw.data, spec, inventory, active, sequence)
    seconds = per_token * tokens / (run.devices * run.peak_flops * run.mfu)
    characters = round(tokens * run.chars_per_token)
    shards = -(-characters // run.shard_chars)
    return Plan(
        id=raw.id,
        run=run,
        parameters=inventory.parameters,
        active=active,
        sequence=sequence,
        tokens=tokens,
        matmul_parameters=matmul,
        flops_per_token=per_token,
        flops_basis=basis,
        flops_per_token_6n=6 * active,
        total_flops=per_token * tokens,
        steps=tokens // run.batch_tokens,
        accumulation=-(-run.batch_tokens // micro),
        seconds=seconds,
        cost=None if run.price is None else seconds / 3600 * run.price,
        characters=characters,
        shards=shards,
        disk_bytes=shards * run.shard_bytes,
        optimizers=_optimizers(raw.data),
        notes=raw.notes,
    )


def _check(run: Run, tokens: int, micro: int) -> None:
    """A batch must be whole micro-batches, and a run at least one step."""
    if run.batch_tokens % micro and run.batch_tokens > micro:
        raise UsageError(
            f"{run.batch_tokens:,} tokens a step are no whole number of micro-batches of {micro:,}",
            hint=f"--batch-tokens {-(-run.batch_tokens // micro) * micro}, or another --device-batch",
        )
    if run.batch_tokens < micro:
        raise UsageError(
            f"one micro-batch of {micro:,} tokens is more than the {run.batch_tokens:,} of a step",
            hint=f"--batch-tokens {micro}, or a smaller --device-batch",
        )
    if tokens < run.batch_tokens:
        raise UsageError(f"{tokens:,} tokens are less than one step of {run.batch_tokens:,}", hint="a smaller batch")


def _optimizers(data: Mapping[str, object]) -> tuple[tuple[str, int], ...]:
    from cardscope.nanochat import counts
    from cardscope.nanochat.view import of_config

    known = of_config(data)
    if known is None:
        return ()
    split = counts.optimizers(*known)
    return (("Muon", split.muon), ("AdamW", split.adamw))

"""Config and run → tokens, FLOPs, steps, time, cost, data and memory.

Each figure has a module: `horizon` tokens and batch, `flops` the work, `memory` what a device holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cardscope.assemble import outline
from cardscope.errors import ConfigError, NotModelled, UsageError
from cardscope.inventory import Inventory
from cardscope.model import RawConfig
from cardscope.training.flops import flops_per_token
from cardscope.training.horizon import horizon, micro_batches
from cardscope.training.memory import Memory, leaner, memory
from cardscope.training.run import Run

SCHEMA = "cardscope.train/1"


@dataclass(frozen=True, slots=True)
class Plan:
    """The run in figures; None with a reason where a figure cannot be said."""

    id: str
    run: Run
    parameters: int
    active: int
    sequence: int
    tokens: int
    tokens_basis: str
    batch_tokens: int
    batch_basis: str
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
    memory: Memory
    leaner: tuple[tuple[str, int], ...] = ()
    """Options and the bytes of one device they leave, where a device would hold more than 80 GB."""

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
    active = _active(inventory)
    sequence = run.sequence or min(spec.max_positions or 2048, 2048)
    tokens, tokens_basis, batch, batch_basis = horizon(raw.data, inventory.parameters, run)
    held, batch = micro_batches(run, batch, sequence)
    run = replace(run, device_batch=held)
    micro = run.devices * held * sequence
    _check(batch, tokens, micro)
    accumulation = -(-batch // micro)
    matmul, per_token, basis = flops_per_token(raw.data, spec, inventory, active, sequence)
    seconds = per_token * tokens / (run.devices * run.peak_flops * run.mfu)
    characters = round(tokens * run.chars_per_token)
    shards = -(-characters // run.shard_chars)
    held_bytes = memory(raw.data, spec, inventory, run, sequence, accumulation)
    return Plan(
        id=raw.id,
        run=run,
        parameters=inventory.parameters,
        active=active,
        sequence=sequence,
        tokens=tokens,
        tokens_basis=tokens_basis,
        batch_tokens=batch,
        batch_basis=batch_basis,
        matmul_parameters=matmul,
        flops_per_token=per_token,
        flops_basis=basis,
        flops_per_token_6n=6 * active,
        total_flops=per_token * tokens,
        steps=tokens // batch,
        accumulation=accumulation,
        seconds=seconds,
        cost=None if run.price is None else seconds / 3600 * run.price,
        characters=characters,
        shards=shards,
        disk_bytes=shards * run.shard_bytes,
        optimizers=_optimizers(raw.data),
        notes=raw.notes,
        memory=held_bytes,
        leaner=tuple(leaner(raw.data, spec, inventory, run, sequence, accumulation, held_bytes.peak)),
    )


def _active(inventory: Inventory) -> int:
    if inventory.active is None:
        raise ConfigError(
            "the config does not say how many experts fire, so there is no telling what a token costs",
            hint="--set num_experts_per_tok=2 supplies it",
        )
    return inventory.active


def _check(batch: int, tokens: int, micro: int) -> None:
    """A batch must be whole micro-batches, and a run at least one step."""
    if batch % micro and batch > micro:
        raise UsageError(
            f"{batch:,} tokens a step are no whole number of micro-batches of {micro:,}",
            hint=f"--batch-tokens {-(-batch // micro) * micro}, or another --device-batch",
        )
    if batch < micro:
        raise UsageError(
            f"one micro-batch of {micro:,} tokens is more than the {batch:,} of a step",
            hint=f"--batch-tokens {micro}, or a smaller --device-batch",
        )
    if tokens < batch:
        raise UsageError(f"{tokens:,} tokens are less than one step of {batch:,}", hint="a smaller batch")


def _optimizers(data: Mapping[str, object]) -> tuple[tuple[str, int], ...]:
    from cardscope.nanochat import counts
    from cardscope.nanochat.view import of_config

    known = of_config(data)
    if known is None:
        return ()
    split = counts.optimizers(*known)
    return (("Muon", split.muon), ("AdamW", split.adamw))

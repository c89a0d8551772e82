"""Memory of one device while it trains: weights, gradients, optimizer, activations, logits, each by a stated rule.

A model of transformers is counted by `fitting.finetune`, the same rules that `cardscope fit` has for a training step.
nanochat has its own here, for it is compiled: fp32 weights with a bf16 copy under autocast, tables in bf16, block
matrices in Muon (one moment) and the rest in AdamW (two), the moments sharded over the devices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from cardscope.errors import UsageError
from cardscope.fitting.finetune import METHODS, PRECISIONS, RECOMPUTE, SHARDINGS, Recipe, Training, training
from cardscope.inventory import Inventory
from cardscope.measures.facts import describe
from cardscope.nanochat import counts
from cardscope.nanochat.epochs import Epoch, Sizes
from cardscope.nanochat.view import of_config
from cardscope.parts import Spec
from cardscope.training.run import Run

HALF: Final = 2
"""Bytes of a number in bf16."""
FULL: Final = 4
CONTEXT_BYTES: Final = 2 * 10**9
"""CUDA's context and NCCL's buffers, which no allocator counts: 0.5 and 1.5 GB."""
SLACK: Final = (1.03, 1.15)
"""What an allocator reserves over what is allocated, at least and at most."""
ATTENTIONS: Final = ("sdpa", "flash_attention_2", "eager")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on one device: each kind at its most during a step, and all of them at the fullest moment."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    peak: int
    moment: str
    """The fullest moment: loss, last block, first block, step."""
    process: tuple[int, int]
    """What nvidia-smi shows: the allocator's slack at its least and most, CUDA's context and NCCL."""
    rules: Mapping[str, str]
    """Kind → the rule it follows."""


def memory(
    data: Mapping[str, object], spec: Spec, inventory: Inventory, run: Run, sequence: int, accumulation: int
) -> Memory:
    """Memory of one device. Raises UsageError for a precision, a sharding or an optimizer that is not known."""
    known = of_config(data)
    asked = (run.precision, run.optimizer, run.sharding, run.recompute, run.attention, run.fused_loss)
    if known is not None and not any(asked):
        return _nanochat(*known, (run.device_batch or 1) * sequence, run.devices, accumulation)
    recipe = _recipe(data, run, sequence, accumulation)
    return _of_step(training(inventory, describe(spec), recipe, 0), recipe)


ROOMY: Final = 80 * 10**9
"""Bytes of the device whose speed a run assumes where nobody says (H100); above it, leaner ways are told."""


def leaner(
    data: Mapping[str, object], spec: Spec, inventory: Inventory, run: Run, sequence: int, accumulation: int, held: int
) -> Iterator[tuple[str, int]]:
    """(options, bytes at most) of one device for ever leaner ways to run the same step, where `held` is over 80 GB.

    nanochat's own script has only the first.
    """
    if held <= ROOMY:
        return
    ways: list[tuple[str, Run]] = [("--device-batch 1", replace(run, device_batch=1))]
    if of_config(data) is None:
        ways.append((f"{ways[0][0]} --recompute layers", replace(ways[0][1], recompute="layers")))
        ways.append((f"{ways[1][0]} --sharding zero3", replace(ways[1][1], sharding="zero3")))
    micro = accumulation * (run.device_batch or 1)
    for options, changed in ways:
        peak = memory(data, spec, inventory, changed, sequence, micro).peak
        if changed != run and peak < held:
            held = peak
            yield options, peak


def _recipe(data: Mapping[str, object], run: Run, sequence: int, accumulation: int) -> Recipe:
    """A run of all parameters in fitting's words."""
    choices: tuple[tuple[str, str | None, tuple[str, ...]], ...] = (
        ("precision", run.precision, PRECISIONS),
        ("recomputation", run.recompute, RECOMPUTE),
        ("sharding", run.sharding, SHARDINGS),
        ("attention", run.attention, ATTENTIONS),
    )
    for name, value, listed in choices:
        if value is not None and value not in listed:
            raise UsageError(f"no {name} is called {str(value)[:40]}", hint=f"one of {', '.join(listed)}")
    act = data.get("hidden_act", data.get("activation_function"))
    return Recipe(
        method=METHODS[0],
        sequence=sequence,
        micro_batch=run.device_batch or 1,
        optimizer=run.optimizer or "adamw",
        precision=run.precision or "mixed",  # type: ignore[arg-type] # looked up in PRECISIONS above
        recompute=run.recompute or "none",  # type: ignore[arg-type] # looked up above
        sharding=run.sharding or "none",  # type: ignore[arg-type] # looked up above
        devices=run.devices,
        accumulation=accumulation,
        attention=run.attention or "sdpa",
        fused_loss=run.fused_loss,
        fused_qkv="n_embd" in data,
        activation=act if isinstance(act, str) else "gelu_new" if "n_embd" in data else "silu",
    )


_PRECISION_WORDS: Final = {
    "bf16": "bf16",
    "mixed": "fp32, with a bf16 copy of the matrices for autocast",
    "fp32": "fp32",
}


def _of_step(found: Training, recipe: Recipe) -> Memory:
    """The stages of a step as their maxima."""
    peak = found.peak
    shared = "" if recipe.sharding == "none" else f", {recipe.sharding} over {recipe.devices} devices"
    buckets = ", and the buckets they are averaged in" if recipe.devices > 1 and not shared else ""
    rules = {
        "weights": _PRECISION_WORDS[recipe.precision] + shared,
        "gradients": f"one a weight{buckets}{shared}",
        "optimizer": recipe.optimizer + shared,
        "activations": f"what autograd keeps, {recipe.attention} attention, recomputed: {recipe.recompute}",
        "logits": "never whole" if recipe.fused_loss else "in bf16, their log-softmax and two gradients in fp32",
    }
    return Memory(
        weights=max(stage.weights for stage in found.stages),
        gradients=max(stage.gradients for stage in found.stages),
        optimizer=max(stage.optimizer for stage in found.stages),
        activations=max(stage.activations for stage in found.stages),
        logits=max(stage.logits for stage in found.stages),
        peak=peak.total,
        moment=peak.name,
        process=_process(peak.total),
        rules=rules,
    )


def _nanochat(epoch: Epoch, sizes: Sizes, tokens: int, devices: int, accumulation: int) -> Memory:
    """The release's own training script, all kinds counted as if they were there together."""
    tables = counts.tables(epoch, sizes)
    matrices, others = counts.optimizers(epoch, sizes)
    rest = matrices + others - tables
    stored = HALF * tables + FULL * rest
    moments = FULL * matrices + 2 * (HALF * tables + FULL * (others - tables))
    sets = 2 if accumulation > 1 else 1
    weights, gradients, states = stored + HALF * rest, sets * stored, -(-moments // devices)
    layer, working = _layer(sizes)
    activations = tokens * (sizes.depth * layer + 2 * HALF * sizes.width)
    logits = tokens * HALF * counts.padded(epoch, sizes.vocab)
    peak = weights + gradients + states + activations + max(logits, tokens * working)
    rules = {
        "weights": "fp32 with a bf16 copy for autocast; tables in bf16",
        "gradients": "in the weights' dtype" + ("; a second set while it is added to the first" if sets > 1 else ""),
        "optimizer": f"Muon one moment, AdamW two, over {devices} devices",
        "activations": f"{layer / sizes.width:g} bytes a token, layer and unit of width",
        "logits": "one buffer in bf16, which its gradient overwrites",
    }
    return Memory(weights, gradients, states, activations, logits, peak, "loss", _process(peak), rules)


def _layer(sizes: Sizes) -> tuple[int, int]:
    """Bytes a token that a compiled layer keeps, and gradients alive inside its MLP.

    Kept in bf16: the inputs of both norms and what they hand on, queries, keys and values, queries and keys before
    their norm, attention's result, and the MLP before and after its activation (Korthikanti et al. 2022,
    arXiv:2205.05198, section 4.1, without dropout's masks).
    """
    width, kv = sizes.width, sizes.kv_width
    kept = 4 * width + (width + 2 * kv) + (width + kv) + width + 8 * width
    return HALF * kept, HALF * (8 * width + width)


def _process(peak: int) -> tuple[int, int]:
    return round(peak * SLACK[0]) + CONTEXT_BYTES, round(peak * SLACK[1]) + CONTEXT_BYTES

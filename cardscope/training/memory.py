"""Memory of one device while it trains: weights, gradients, optimizer, activations, logits, each by a stated rule.

Bytes a parameter: mixed precision with AdamW has 2 for bf16 weights, 2 for their gradients and 12 for the optimizer
(an fp32 copy and two moments), 16 in all (Rajbhandari et al. 2020, arXiv:1910.02054, section 3.1, which also names
the stages that shard them).  nanochat trains fp32 weights under autocast, keeps its tables in bf16, gives its block
matrices to Muon (one moment) and the rest to AdamW (two), and shards those moments over the devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from cardscope.errors import UsageError
from cardscope.inventory import Inventory
from cardscope.parts import Spec
from cardscope.training.activations import FULL, HALF, Layers, Style, over_layers
from cardscope.training.run import Run


class Recipe(NamedTuple):
    """Bytes a parameter of weights, gradients and optimizer."""

    weights: float
    gradients: float
    optimizer: float
    words: str


RECIPES: Final = {
    "mixed": Recipe(2, 2, 12, "bf16 weights and gradients; fp32 copy and two moments"),
    "amp": Recipe(6, 4, 8, "fp32 weights with a bf16 copy, fp32 gradients, two moments"),
    "bf16": Recipe(2, 2, 4, "weights, gradients and two moments in bf16"),
    "fp32": Recipe(4, 4, 8, "weights, gradients and two moments in fp32"),
    "mixed-8bit": Recipe(2, 2, 6, "bf16 weights and gradients; fp32 copy and two 8-bit moments"),
}
LOSSES: Final = {"eager": 10, "compiled": 2, "chunked": 0}
"""Bytes a logit: bf16, an fp32 copy and its gradient; one bf16 buffer that its gradient overwrites; none at once."""
CONTEXT_BYTES: Final = 2 * 10**9
"""CUDA's context and NCCL's buffers, which no allocator counts: 0.5 and 1.5 GB."""
SLACK: Final = (1.03, 1.15)
"""What an allocator reserves over what is allocated, at least and at most."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on one device by stage; None with a reason where a layer has no rule."""

    weights: int
    gradients: int
    optimizer: int
    activations: int | None
    logits: int
    """Of the loss; alive when all activations are."""
    working: int
    """What the backward pass of one layer adds, alive after the logits are gone."""
    peak: int | None
    """Allocated at most: weights, gradients, optimizer, activations, and the larger of logits and working set."""
    process: tuple[int, int] | None
    """What nvidia-smi shows: the allocator's slack at its least and most, CUDA's context and NCCL."""
    rules: Mapping[str, str]
    """Stage → the rule it follows."""
    reason: str | None = None


def memory(
    data: Mapping[str, object], spec: Spec, inventory: Inventory, run: Run, sequence: int, accumulation: int
) -> Memory:
    """Memory of one device. Raises UsageError for a recipe, a loss or a stage that is not known."""
    _check(run)
    own = _nanochat(data, run, accumulation)
    static = own if own is not None and run.recipe is None else _by_recipe(inventory, run)
    loss = run.loss or ("compiled" if own is not None else "eager")
    tokens = run.device_batch * sequence
    style = Style(eager_attention=run.attention == "eager")
    if own is not None:
        style = Style(fused=True, bare_norms=_bare_norms(data), bare_qk_norm=True, eager_attention=style[3])
    width = spec.hidden_size or 0
    logits = tokens * LOSSES[loss] * (spec.vocab_size or 0)
    rules = {**static.rules, "logits": f"{LOSSES[loss]} bytes each ({loss} loss)"}
    known = over_layers(spec, width, sequence, style) if len(spec.towers) == 1 else "a second tower"
    if isinstance(known, str):
        reason = f"there is no rule for the activations of {known}"
        return Memory(*static.sizes, None, logits, 0, None, None, rules, reason)
    kept, working, words = _activations(known, width, tokens, recompute=run.recompute)
    peak = sum(static.sizes) + kept + max(logits, working)
    process = (round(peak * SLACK[0]) + CONTEXT_BYTES, round(peak * SLACK[1]) + CONTEXT_BYTES)
    return Memory(*static.sizes, kept, logits, working, peak, process, rules | {"activations": words})


class _Static(NamedTuple):
    """Weights, gradients, optimizer in bytes, and their rules."""

    sizes: tuple[int, int, int]
    rules: dict[str, str]


def _check(run: Run) -> None:
    choices = (
        ("recipe", run.recipe, RECIPES),
        ("loss", run.loss, LOSSES),
        ("attention", run.attention, ("flash", "eager")),
    )
    for name, value, known in choices:
        if value is not None and value not in known:
            raise UsageError(f"no {name} is called {str(value)[:40]}", hint=f"one of {', '.join(known)}")
    if run.zero not in {0, 1, 2, 3}:
        raise UsageError(f"there is no ZeRO stage {run.zero}", hint="--zero 0 to 3")


def _by_recipe(inventory: Inventory, run: Run) -> _Static:
    """Bytes a parameter; each ZeRO stage shards one more: optimizer, gradients, weights."""
    recipe = RECIPES[run.recipe or "mixed"]
    total, devices = inventory.parameters, run.devices
    shares = (devices if run.zero >= 3 else 1, devices if run.zero >= 2 else 1, devices if run.zero >= 1 else 1)
    per = (recipe.weights, recipe.gradients, recipe.optimizer)
    weights, gradients, states = (-(-round(total * size) // share) for size, share in zip(per, shares, strict=True))
    if run.zero >= 3:
        weights += round(recipe.weights * max((group.parameters for group in inventory.groups), default=0))
    names = ("weights", "gradients", "optimizer")
    rules = {
        name: f"{size:g} bytes a parameter" + (f" over {share} devices" if share > 1 else "")
        for name, size, share in zip(names, per, shares, strict=True)
    }
    rules["weights"] += ", and the layer at work" if run.zero >= 3 else ""
    return _Static((weights, gradients, states), rules)


def _nanochat(data: Mapping[str, object], run: Run, accumulation: int) -> _Static | None:
    """The release's own: tables in bf16, the rest fp32 with a bf16 copy under autocast, moments sharded."""
    from cardscope.nanochat import counts
    from cardscope.nanochat.view import of_config

    known = of_config(data)
    if known is None:
        return None
    tables = counts.tables(*known)
    matrices, others = counts.optimizers(*known)
    rest = matrices + others - tables
    stored = HALF * tables + FULL * rest
    moments = FULL * matrices + 2 * (HALF * tables + FULL * (others - tables))
    sets = 2 if accumulation > 1 else 1
    rules = {
        "weights": "fp32 with a bf16 copy for autocast; tables in bf16",
        "gradients": "in the weights' dtype" + ("; a second set while it is added to the first" if sets > 1 else ""),
        "optimizer": f"Muon one moment, AdamW two, over {run.devices} devices",
    }
    return _Static((stored + HALF * rest, sets * stored, -(-moments // run.devices)), rules)


def _bare_norms(data: Mapping[str, object]) -> int:
    """Nanochat's two norms a layer have no parameters; its own keys declare none, transformers' class does."""
    return 2 if data.get("model_type") == "nanochat-native" else 0


def _activations(known: Layers, width: int, tokens: int, *, recompute: bool) -> tuple[int, int, str]:
    """(bytes kept, working set, rule); around the layers the last norm and the head keep their inputs."""
    around = 2 * HALF * width * tokens
    working = known.working * tokens
    if not recompute:
        per = known.bytes / (known.layers * width) if known.layers and width else 0.0
        return known.bytes * tokens + around, working, f"{per:.1f} bytes a token, layer and unit of width"
    kept = known.layers * HALF * width * tokens + around
    return kept, known.largest * tokens + working, "each layer's input; one layer is computed again at a time"

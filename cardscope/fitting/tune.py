"""Will a fine-tuning run fit: a recipe and devices → the verdict, stage by stage, and what to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from cardscope.errors import UsageError
from cardscope.fitting.adapters import check_targets
from cardscope.fitting.engines.options import check, flag, whole, word
from cardscope.fitting.engines.transformers import CONTEXT
from cardscope.fitting.finetune import (
    METHODS,
    OFFLOADS,
    PRECISIONS,
    RECOMPUTE,
    SHARDINGS,
    Recipe,
    Training,
    dequantized,
    training,
)
from cardscope.fitting.hardware import Devices, Gpu, table
from cardscope.fitting.optimizers import optimizer
from cardscope.fitting.precisions import canonical, sizes
from cardscope.fitting.search import largest
from cardscope.fitting.target import GIB, Target
from cardscope.fitting.verdict import Uncertainty, Verdict, uncertainty

SCHEMA: Final = "cardscope.finetune/1"
SEQUENCE: Final = 2048
NCCL: Final = int(1.45 * GIB)
"""What NCCL takes on each device once several talk to each other (stas00/ml-engineering, training/performance)."""
OPTIONS: Final = (
    "optimizer", "precision", "recompute", "sharding", "accumulation", "rank", "targets", "adapter_precision",
    "dropout", "attention", "fused_loss", "offload", "upcast",
)  # fmt: skip
ATTENTIONS: Final = ("sdpa", "flash_attention_2", "eager")
MANY: Final = (8, 16, 32, 64, 128, 256, 512, 1024)
MOST_SEQUENCE: Final = 1 << 24
MOST_BATCH: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class Change:
    """One change that would make it fit, in words."""

    text: str
    per_device_bytes: int


@dataclass(frozen=True, slots=True)
class Tuning:
    """The answer of `cardscope fit --train`: bytes of the fullest device, which all hold alike."""

    model: str
    verdict: Verdict
    reason: str | None
    recipe: Recipe
    precision: str
    devices: Devices | None
    training: Training
    overhead: int
    parameters: int
    max_sequence: int | None
    max_micro_batch: int | None
    uncertainty: Uncertainty
    alternatives: tuple[Change, ...]
    notes: tuple[str, ...] = ()

    @property
    def per_device_bytes(self) -> int:
        """The peak of the step, and the driver's share."""
        return self.training.peak.total + self.overhead

    @property
    def headroom_bytes(self) -> int | None:
        """Bytes left on the smallest device; negative where they are missing."""
        return None if self.devices is None else self.devices.smallest.usable - self.per_device_bytes

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `cardscope fit --train --json`."""
        from cardscope.fitting.show_tune import to_dict

        return to_dict(self)


@dataclass(frozen=True, slots=True)
class Plan:
    """A recipe over a base in some precision (None: the repository's own, bf16 where it learns)."""

    recipe: Recipe
    quant: str | None = None
    upcast: bool = False
    """peft's prepare_model_for_kbit_training: what is not packed is cast to fp32."""


def recipe(method: str, sequence: int, micro_batch: int, devices: int, options: Mapping[str, object]) -> Recipe:
    """The recipe of the words given. Raises UsageError."""
    if method not in METHODS:
        raise UsageError(f"{method[:40]!r} is no way to train", hint=f"--train takes {', '.join(METHODS)}")
    check(options, OPTIONS, "training")
    chosen = {
        "precision": _one(options, "precision", "bf16", PRECISIONS),
        "recompute": _one(options, "recompute", "none", RECOMPUTE),
        "sharding": _one(options, "sharding", "none", SHARDINGS),
        "offload": _one(options, "offload", "none", OFFLOADS),
        "attention": _one(options, "attention", "sdpa", ATTENTIONS),
    }
    if chosen["offload"] != "none" and not chosen["sharding"].startswith("zero"):
        raise UsageError("only DeepSpeed's ZeRO offloads here", hint="sharding=zero2 or sharding=zero3")
    if chosen["offload"] == "all" and chosen["sharding"] != "zero3":
        raise UsageError("weights are offloaded by stage 3 alone", hint="sharding=zero3, or offload=optimizer")
    adapter = _one(options, "adapter_precision", "fp32", ("fp32", "bf16"))
    return Recipe(
        method,  # type: ignore[arg-type]  # one of METHODS, as was just asked
        sequence,
        micro_batch,
        optimizer(word(options, "optimizer", "adamw")).name,
        devices=devices,
        accumulation=max(1, whole(options, "accumulation", 1)),
        rank=_rank(options),
        targets=check_targets(word(options, "targets", "all-linear")),
        adapter_bytes=4 if adapter == "fp32" else 2,
        dropout=flag(options, "dropout", default=False),
        fused_loss=flag(options, "fused_loss", default=False),
        **chosen,  # type: ignore[arg-type]  # each is one of its literals
    )


def plan_of(
    found: Target,
    config: Mapping[str, object],
    method: str,
    sequence: int | None,
    micro_batch: int,
    devices: int,
    quant: str | None,
    options: Mapping[str, object],
) -> Plan:
    """The plan of the words given, with what the config says of the activation. Raises UsageError."""
    length = min(SEQUENCE, found.facts.max_positions or SEQUENCE) if sequence is None else sequence
    asked = recipe(method, length, micro_batch, devices, options)
    inner = config.get("text_config")
    places = (config, inner) if isinstance(inner, Mapping) else (config,)
    names = [str(place[key]) for place in places for key in ("hidden_act", "activation_function") if key in place]
    upcast = flag(options, "upcast", default=False)
    if upcast and method != "qlora":
        raise UsageError("only what surrounds packed weights is cast up", hint="--train qlora")
    return Plan(replace(asked, activation=names[-1] if names else "silu"), quant, upcast)


def _rank(options: Mapping[str, object]) -> int:
    rank = whole(options, "rank", 16)
    if not 1 <= rank <= 65_536:
        raise UsageError(f"rank {rank:,} is none an adapter has", hint="rank=16")
    return rank


def _one(options: Mapping[str, object], key: str, default: str, known: tuple[str, ...]) -> str:
    found = word(options, key, default).replace("flash_attention", "flash_attention_2").replace("_2_2", "_2")
    found = {"on": "layers", "full": "layers", "true": "layers", "off": "none"}.get(found, found)
    if found not in known:
        raise UsageError(f"{key} is {found[:40]!r}", hint=f"{key} takes {', '.join(known)}")
    return found


def need(found: Target, plan: Plan) -> Training:
    """Stages of the step. Raises UsageError for a base that cannot learn."""
    recipe = plan.recipe
    quant = plan.quant or ("nf4" if recipe.method == "qlora" else None)
    if recipe.method == "full" and plan.quant is not None and canonical(plan.quant) not in {"bf16", "fp32"}:
        raise UsageError(f"weights in {plan.quant[:20]} do not learn", hint="--train qlora trains adapters over them")
    base = sizes(found, quant).total
    if plan.upcast:
        base += 2 * _unpacked(found)
    result = training(found.inventory, found.facts, recipe, base)
    extra = dequantized(found.inventory) if quant not in {None, "bf16", "fp32"} else 0
    stages = tuple(
        replace(stage, activations=stage.activations + extra) if stage.activations else stage for stage in result.stages
    )
    return replace(result, stages=stages)


def _unpacked(found: Target) -> int:
    parts = found.inventory.components()
    return sum(parts.get(name, 0) for name in ("embedding", "head", "norm", "position"))


def overhead(plan: Plan, devices: Devices | None) -> int:
    """The driver's context, and NCCL's buffers where several devices talk."""
    if devices is not None and all(gpu.is_host for gpu in devices.gpus):
        return 0
    return CONTEXT + (NCCL if plan.recipe.devices > 1 else 0)


def total(found: Target, plan: Plan, devices: Devices | None) -> int:
    """Bytes of one device at the step's peak."""
    return need(found, plan).peak.total + overhead(plan, devices)


def tune(found: Target, plan: Plan, devices: Devices | None) -> Tuning:
    """The verdict on one run. Raises UsageError for a recipe that cannot be meant."""
    recipe = plan.recipe
    if not 1 <= recipe.sequence <= MOST_SEQUENCE or not 1 <= recipe.micro_batch <= MOST_BATCH:
        raise UsageError(
            f"{recipe.micro_batch:,} sequences of {recipe.sequence:,} tokens are no micro-batch",
            hint=f"--context up to {MOST_SEQUENCE:,}, --batch up to {MOST_BATCH:,}",
        )
    sure, result = uncertainty("training"), need(found, plan)
    size = result.peak.total + overhead(plan, devices)
    verdict = _verdict(size, devices, sure)
    return Tuning(
        found.id,
        verdict,
        _reason(verdict, result, sure),
        recipe,
        canonical(plan.quant or ("nf4" if recipe.method == "qlora" else _own(found, recipe))),
        devices,
        result,
        overhead(plan, devices),
        found.inventory.parameters,
        _longest(found, plan, devices),
        _widest(found, plan, devices),
        sure,
        tuple(changes(found, plan, devices)),
        (*_notes(found, plan), *result.notes),
    )


def _own(found: Target, recipe: Recipe) -> str:
    if recipe.method == "full":
        return "bf16" if recipe.precision == "bf16" else "fp32"
    return found.precision if not found.packed else "bf16"


def _verdict(size: int, devices: Devices | None, sure: Uncertainty) -> Verdict:
    if devices is None:
        return "unknown"
    limit, margin = devices.smallest.usable, sure.percent / 100
    if size * (1 - margin) > limit:
        return "does_not_fit"
    return "marginal" if size * (1 + margin) > limit else "fits"


def _reason(verdict: Verdict, result: Training, sure: Uncertainty) -> str | None:
    if verdict == "unknown":
        return "no GPU was named; --gpu says what it should run on"
    if verdict == "marginal":
        return f"the need is within {sure.percent:g} % of the limit, which is how far off the estimate may be"
    if verdict == "does_not_fit":
        stage = result.peak
        parts = {"weights": stage.weights, "gradients": stage.gradients, "optimizer states": stage.optimizer}
        parts |= {"activations": stage.activations, "logits": stage.logits}
        return f"most of the need is {max(parts, key=lambda name: parts[name])}"
    return None


def _holds(found: Target, plan: Plan, devices: Devices) -> bool:
    return total(found, plan, devices) <= devices.smallest.usable


def _longest(found: Target, plan: Plan, devices: Devices | None) -> int | None:
    if devices is None:
        return None
    most = min(MOST_SEQUENCE, found.facts.max_positions or MOST_SEQUENCE)
    return largest(lambda n: _holds(found, _with(plan, sequence=n), devices), most)


def _widest(found: Target, plan: Plan, devices: Devices | None) -> int | None:
    if devices is None:
        return None
    return largest(lambda n: _holds(found, _with(plan, micro_batch=n), devices), MOST_BATCH)


def _with(plan: Plan, **changes: Any) -> Plan:
    return replace(plan, recipe=replace(plan.recipe, **changes))


def changes(found: Target, plan: Plan, devices: Devices | None) -> Iterator[Change]:
    """Where it does not fit: single changes that would do, then the usual ones together, then larger devices."""
    if devices is None or _holds(found, plan, devices):
        return
    known = list(_single(plan))
    hit = False
    for text, other in known:
        size = total(found, other, devices)
        if size <= devices.smallest.usable:
            hit = True
            yield Change(text, size)
    if not hit:
        yield from _together(found, plan, devices)
    yield from _cards(found, plan, devices)


def _single(plan: Plan) -> Iterator[tuple[str, Plan]]:
    recipe = plan.recipe
    if recipe.recompute != "layers":
        yield "--train-option recompute=layers", _with(plan, recompute="layers")
    if not recipe.fused_loss:
        yield "--train-option fused_loss=on", _with(plan, fused_loss=True)
    if recipe.micro_batch > 1:
        yield "--batch 1", _with(plan, micro_batch=1)
    if recipe.optimizer == "adamw" and recipe.sharding == "none":
        yield "--train-option optimizer=adamw-8bit", _with(plan, optimizer="adamw-8bit")
    if recipe.devices > 1 and recipe.sharding in {"none", "zero1", "zero2"}:
        yield "--train-option sharding=fsdp", _with(plan, sharding="fsdp", offload="none")
    if recipe.method == "full":
        yield "--train lora", replace(_with(plan, method="lora"), quant=None)
    if recipe.method != "qlora":
        yield "--train qlora", replace(_with(plan, method="qlora"), quant=None)


def _together(found: Target, plan: Plan, devices: Devices) -> Iterator[Change]:
    save = {"recompute": "layers", "micro_batch": 1, "fused_loss": True}
    words = "--batch 1 --train-option recompute=layers --train-option fused_loss=on"
    for method in METHODS[METHODS.index(plan.recipe.method) :]:
        sharded = plan.recipe.devices > 1 and method != "qlora"
        more = {"sharding": "fsdp", "offload": "none"} if sharded else {"optimizer": "adamw-8bit"}
        text = " --train-option sharding=fsdp" if sharded else " --train-option optimizer=adamw-8bit"
        other = replace(_with(plan, method=method, **save, **more), quant=None)
        size = total(found, other, devices)
        if size <= devices.smallest.usable:
            yield Change(f"--train {method} {words}{text}", size)
            return


def _cards(found: Target, plan: Plan, devices: Devices) -> Iterator[Change]:
    """The smallest card on which the same run fits with as many devices, else the fewest that share it."""
    cards = sorted((g for g in table()[0] if g.kind in {"data centre", "consumer", "workstation"}), key=_usable)
    count = plan.recipe.devices
    size = total(found, plan, devices)
    gpu = next((gpu for gpu in cards if gpu.usable >= size), None)
    if gpu is not None:
        yield Change(f'--gpu "{count}x{gpu.name}"' if count > 1 else f'--gpu "{gpu.name}"', size)
        return
    for many in MANY:
        wide = _with(plan, devices=many, sharding="fsdp", offload="none", recompute="layers")
        size = total(found, wide, devices)
        gpu = next((gpu for gpu in cards if gpu.usable >= size), None)
        if many > count and gpu is not None:
            options = "--train-option sharding=fsdp --train-option recompute=layers"
            yield Change(f'--gpu "{many}x{gpu.name}" {options}', size)
            return


def _usable(gpu: Gpu) -> int:
    return gpu.usable


def _notes(found: Target, plan: Plan) -> Iterator[str]:
    recipe = plan.recipe
    if recipe.method == "full" and found.packed:
        yield "the repository's weights are quantized; what learns is counted in bf16"
    most = found.facts.max_positions
    if most and recipe.sequence > most:
        yield f"{recipe.sequence:,} tokens are more than the {most:,} positions the model was made for"
    if recipe.devices > 1 and recipe.sharding == "none":
        yield "every device holds all of it (DistributedDataParallel); --train-option sharding=fsdp splits it"

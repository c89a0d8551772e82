"""Memory of a training step, stage by stage: pure folds over an inventory, bytes on one device.

Weights, gradients and optimizer states follow from what is trained and how it is sharded; activations from what
autograd keeps (cardscope/fitting/saved.py); logits from the loss: at the start of its backward transformers holds them
in bf16, their log-softmax and two gradients in fp32, 14 bytes each (ForCausalLMLoss; 16 where all is fp32).
Sharding: DeepSpeed's own estimates for ZeRO (deepspeed/runtime/zero/stage_1_and_2.py and stage3.py, estimate_*), and
FSDP2 as torch documents it: shards of fp32 weights, gathered one block ahead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from cardscope.fitting.adapters import adapters
from cardscope.fitting.optimizers import Optimizer, optimizer, states
from cardscope.fitting.saved import Keeping, layer, norm, width
from cardscope.inventory import Group, Inventory
from cardscope.measures.facts import Facts
from cardscope.parts import Mlp, Moe, Norm, Tensor

Method = Literal["full", "lora", "qlora"]
Precision = Literal["bf16", "mixed", "fp32"]
Recompute = Literal["none", "layers", "selective"]
Sharding = Literal["none", "zero1", "zero2", "zero3", "fsdp"]
METHODS: Final = ("full", "lora", "qlora")
PRECISIONS: Final = ("bf16", "mixed", "fp32")
RECOMPUTE: Final = ("none", "layers", "selective")
SHARDINGS: Final = ("none", "zero1", "zero2", "zero3", "fsdp")
OFFLOADS: Final = ("none", "optimizer", "all")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How it is trained. `precision`: all in bf16, fp32 weights under autocast ("mixed"), or fp32."""

    method: Method = "full"
    sequence: int = 2048
    micro_batch: int = 1
    optimizer: str = "adamw"
    precision: Precision = "bf16"
    recompute: Recompute = "none"
    sharding: Sharding = "none"
    devices: int = 1
    accumulation: int = 1
    rank: int = 16
    targets: str = "all-linear"
    adapter_bytes: int = 4
    """Bytes of an adapter's number: peft keeps them in fp32 over a bf16 model."""
    dropout: bool = False
    attention: str = "sdpa"
    logit_bytes: int | None = None
    """Bytes of a logit at the start of the loss's backward, where they are not transformers' own."""
    fused_loss: bool = False
    """The loss is computed in pieces (Liger, cut cross-entropy): the logits are never whole."""
    fused_qkv: bool = False
    kept_inputs: bool = False
    """Packed projections keep their inputs, as bitsandbytes' did until July 2024 (its pull request 1270)."""
    activation: str = "silu"
    """The feed-forward's activation by its name in the config."""
    offload: str = "none"

    @property
    def tokens(self) -> int:
        """Tokens a device works on at once."""
        return self.sequence * self.micro_batch


@dataclass(frozen=True, slots=True)
class Stage:
    """Bytes on one device at one moment of a step."""

    name: str
    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.logits


@dataclass(frozen=True, slots=True)
class Training:
    """What a step needs on one device: its stages in order, the parameters that learn, bytes on the host."""

    trainable: int
    stages: tuple[Stage, ...]
    host: int = 0
    notes: tuple[str, ...] = field(default=())

    @property
    def peak(self) -> Stage:
        """The stage that needs most."""
        return max(self.stages, key=lambda stage: stage.total)


@dataclass(frozen=True, slots=True)
class Static:
    """Bytes on one device that do not depend on the batch, and bytes on the host."""

    weights: int
    gradients: int
    optimizer: int
    host: int = 0


def training(inventory: Inventory, facts: Facts, recipe: Recipe, base_bytes: int) -> Training:
    """Stages of a training step. `base_bytes`: the model's weights as they are loaded, where they do not learn.

    Raises UsageError for an optimizer or targets that are not known.
    """
    learning = tuple(_learning(inventory, recipe))
    trainable = sum(count * tensor.numel for count, tensor in learning)
    chosen = optimizer(recipe.optimizer)
    kept = states(learning, chosen, _state_bytes(recipe))
    fixed = static(inventory, trainable, kept, base_bytes, recipe)
    paged = _paged(fixed, chosen)
    return Training(trainable, tuple(_stages(inventory, facts, recipe, paged)), paged.host, _notes(inventory, chosen))


def _learning(inventory: Inventory, recipe: Recipe) -> Iterator[tuple[int, Tensor]]:
    if recipe.method == "full":
        yield from ((count, tensor) for count, tensor in inventory.tensors() if tensor.kind != "buffer")
    else:
        yield from adapters(inventory, recipe.targets, recipe.rank)


def _state_bytes(recipe: Recipe) -> int:
    if recipe.method != "full":
        return recipe.adapter_bytes
    sharded = recipe.sharding in {"zero1", "zero2", "zero3"}
    return 2 if recipe.precision == "bf16" and not sharded else 4


def _paged(found: Static, chosen: Optimizer) -> Static:
    """Paged states live in memory that the driver moves to the host when the device is full."""
    return replace(found, optimizer=0, host=found.host + found.optimizer) if chosen.paged else found


def static(inventory: Inventory, trainable: int, kept: int, base_bytes: int, recipe: Recipe) -> Static:
    """Weights, gradients and optimizer states on one device. `kept`: bytes of all states."""
    if recipe.sharding in {"zero1", "zero2", "zero3"}:
        return zero(trainable, kept, 0 if recipe.method == "full" else base_bytes, largest_layer(inventory), recipe)
    full = recipe.method == "full"
    size = 2 if recipe.precision == "bf16" else 4
    learned = size if full else recipe.adapter_bytes
    weights = trainable * size if full else base_bytes + trainable * learned
    gradients = trainable * learned
    if recipe.sharding == "fsdp":
        return _fsdp(inventory, weights, gradients, kept, recipe)
    if full and recipe.precision == "mixed":
        weights += 2 * _matrices(inventory)  # autocast keeps a bf16 copy of every matrix until the forward's end
    if recipe.devices > 1:
        gradients *= 2  # DistributedDataParallel keeps buckets beside the gradients unless told to share them
    return Static(weights, gradients, kept)


def _matrices(inventory: Inventory) -> int:
    return sum(count * t.numel for count, t in inventory.tensors() if t.kind == "linear")


def zero(trainable: int, kept: int, frozen: int, block: int, recipe: Recipe) -> Static:
    """ZeRO: bf16 weights and gradients; fp32 master weights, gradients and states are split.

    `frozen`: bytes of weights that do not learn; `block`: parameters that stage 3 gathers at once.
    """
    ranks = recipe.devices
    split = (4 * trainable + kept) // ranks
    pieces = 4 * trainable // ranks
    biggest = 2 * block
    away = recipe.offload != "none"
    host = 8 * trainable + kept if away else 0
    if recipe.sharding in {"zero1", "zero2"}:
        if away:
            return Static(frozen + 2 * trainable, 0, 0, host)
        return Static(frozen + 2 * trainable, 2 * trainable + pieces, split)
    shard = (frozen + 2 * trainable) // ranks
    if away:
        # DeepSpeed's own figure counts one block's weights and gradients only.
        weights = biggest if recipe.offload == "all" else biggest + shard
        return Static(weights, biggest, 0, host + (frozen + 2 * trainable if recipe.offload == "all" else 0))
    return Static(shard + biggest, pieces + biggest, split)


def _fsdp(inventory: Inventory, weights: int, gradients: int, kept: int, recipe: Recipe) -> Static:
    """Shards, and in bf16 the block at work, the one fetched ahead, and the tables at the ends."""
    ranks = recipe.devices
    gathered = 2 * (2 * largest_layer(inventory) + _ends(inventory))
    reduced = 4 * largest_layer(inventory) if recipe.method == "full" else 0
    return Static(weights // ranks + gathered, gradients // ranks + reduced, kept // ranks)


def dequantized(inventory: Inventory) -> int:
    """Bytes of the largest projection in bf16: packed weights are unpacked one at a time."""
    found = (math.prod(t.shape) for _, t in inventory.tensors() if t.kind == "linear" and t.component != "head")
    return 2 * max(found, default=0)


def largest_layer(inventory: Inventory) -> int:
    """Parameters of the largest block."""
    return max((group.parameters for group in inventory.groups if group.layers), default=0)


def _ends(inventory: Inventory) -> int:
    return sum(group.parameters for group in inventory.groups if not group.layers)


def _stages(inventory: Inventory, facts: Facts, recipe: Recipe, fixed: Static) -> Iterator[Stage]:
    """Loaded; the loss's backward; the blocks' backward; the optimizer's step."""
    how = keeping(recipe)
    tokens = recipe.tokens
    whole, first, most, work = blocks(inventory, how, recipe)
    ends = ends_kept(inventory, how)
    head = (facts.vocab_size or 0) * (facts.hidden_size or 0) * (2 if recipe.precision == "bf16" else 4)
    early = fixed.gradients if recipe.accumulation > 1 else 0
    sizes = (fixed.weights, fixed.optimizer)
    yield Stage("loaded", fixed.weights, 0, 0, 0, 0)
    yield Stage("loss", sizes[0], early, sizes[1], tokens * (whole + ends), logits(facts, recipe))
    one = most if recipe.recompute != "none" else 0
    last = max(early, min(fixed.gradients, head) if recipe.method == "full" else 0)
    yield Stage("last block", sizes[0], last, sizes[1], tokens * (whole + one + work), 0)
    yield Stage("first block", sizes[0], fixed.gradients, sizes[1], tokens * (max(first, one) + work), 0)
    yield Stage("step", sizes[0], fixed.gradients, sizes[1], 0, 0)


def keeping(recipe: Recipe) -> Keeping:
    """How a recipe keeps its tensors."""
    stream = 2 if recipe.precision == "bf16" else 4
    return Keeping(
        size=4 if recipe.precision == "fp32" else 2,
        stream=stream,
        learns=recipe.method == "full",
        inputs=recipe.method == "full" or recipe.kept_inputs,
        targets=None if recipe.method == "full" else recipe.targets,
        adapter=4 if recipe.precision == "fp32" else 2,
        rank=recipe.rank,
        dropout=recipe.dropout,
        attention=recipe.attention,
        fused_qkv=recipe.fused_qkv,
        sequence=recipe.sequence,
        activation=recipe.activation,
    )


def blocks(inventory: Inventory, how: Keeping, recipe: Recipe) -> tuple[int, int, int, int]:
    """Bytes a token: kept by all blocks; by the first; by the largest run again; at work in one's backward."""
    groups = [group for group in inventory.groups if _reads_text(group)]
    each = [(group.count, layer(group.parts, how), _stream(group, how)) for group in groups]
    most = max((size for _, size, _ in each), default=0)
    work = max((_work(group, how) for group in groups), default=0)
    first = each[0][1] if each else 0
    if recipe.recompute == "layers":
        return sum(count * stream for count, _, stream in each), first, most, work
    if recipe.recompute == "selective":
        kept = sum(group.count * _selected(group, how) for group in groups)
        return kept, first, most, work
    return sum(count * size for count, size, _ in each), first, most, work


def _reads_text(group: Group) -> bool:
    """A block of the text model: images and sounds come in other numbers of tokens."""
    return bool(group.layers) and not any(tensor.component in {"vision", "audio"} for tensor in group.tensors)


def _stream(group: Group, how: Keeping) -> int:
    """A block's input."""
    return max((width(part) for part in group.parts), default=0) * how.stream


def _selected(group: Group, how: Keeping) -> int:
    """The per-op policy of torchtitan: the block's input, attention's output, every other projection's output."""
    outputs = [t.shape[0] for t in _projections(group)]
    heads = sum(getattr(p, "heads", 0) * getattr(p, "v_dim", 0) for p in group.parts)
    return _stream(group, how) + (sum(outputs[::2]) + heads) * how.size


def _projections(group: Group) -> Iterator[Tensor]:
    for part in group.parts:
        for tensor in part.tensors():
            if tensor.kind == "linear" and len(tensor.shape) == 2 and tensor.component != "router":
                yield tensor


def _work(group: Group, how: Keeping) -> int:
    """In a block's backward the gradients of the feed-forward's two inner products and of the stream are alive."""
    inner = max((_inner(part) for part in group.parts), default=0)
    stream = max((width(part) for part in group.parts), default=0)
    return (2 * inner + 3 * stream) * how.size


def _inner(part: object) -> int:
    if isinstance(part, Mlp):
        return part.inner
    if isinstance(part, Moe):
        return part.inner * (part.per_token or part.experts) + part.shared
    return 0


def ends_kept(inventory: Inventory, how: Keeping) -> int:
    """Bytes a token of the last norm, and of what the head reads where it learns."""
    found = [part for group in inventory.groups if not group.layers for part in group.parts if isinstance(part, Norm)]
    total = sum(norm(part, how) for part in found[-1:])
    return total + (found[-1].width * how.size if found and how.learns else 0)


def logits(facts: Facts, recipe: Recipe) -> int:
    """At the start of the loss's backward; nothing where the loss is computed in pieces."""
    if recipe.fused_loss:
        return 0
    size = recipe.logit_bytes or (16 if recipe.precision == "fp32" else 14)
    return (facts.vocab_size or 0) * recipe.tokens * size


def _notes(inventory: Inventory, chosen: Optimizer) -> tuple[str, ...]:
    notes = []
    if chosen.paged:
        notes.append("the optimizer's states are paged: the driver keeps on the device what there is room for")
    if {"vision", "audio"} & set(inventory.components()):
        notes.append("activations are those of the text model")
    return tuple(notes)

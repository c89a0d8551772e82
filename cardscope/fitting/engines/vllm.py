"""vLLM: a budget of the memory, out of which weights and a profiled peak come first and cache gets the rest.

available cache = utilization · memory − weights − activation peak − non-torch memory (vllm/v1/worker/gpu_worker.py);
pages as in vllm/v1/kv_cache_interface.py, groups of hybrids as in vllm/v1/core/kv_cache_utils.py.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cardscope.errors import UsageError
from cardscope.fitting.engines.options import share, whole
from cardscope.fitting.precisions import sizes
from cardscope.fitting.target import GIB, Load, Need, Target
from cardscope.units import dtype_bytes, dtype_name

NAME: Final = "vllm"
OPTIONS: Final = (
    "gpu_memory_utilization", "max_num_seqs", "max_num_batched_tokens", "max_model_len", "block_size",
    "pipeline_parallel_size",
)  # fmt: skip
UTILIZATION: Final = 0.92
BLOCK: Final = 16
SAMPLER: Final = 38.5
"""Bytes of one logit while sampling: fp32 logits, their sort and probabilities (19 published profiles, see docs)."""
NON_TORCH: Final = int(0.14 * GIB)
NON_TORCH_PARALLEL: Final = int(0.55 * GIB)
LARGE: Final = 70 * GIB
PADDING: Final = 64
"""Vocabulary rows are padded to a multiple of this (vocab_parallel_embedding.py)."""


class Settings(NamedTuple):
    """vLLM's own settings, given or by default."""

    gpu_memory_utilization: float
    max_num_seqs: int
    max_num_batched_tokens: int
    max_model_len: int
    block_size: int


class Kind(NamedTuple):
    """Layers that cache alike: how many, bytes a token on one rank, their window, constant bytes a sequence."""

    layers: int
    per_token: int
    window: int | None
    constant: int


def need(target: Target, load: Load) -> Need:
    """Bytes for the batch's sequences at full length, against the budget of each GPU."""
    pp, tp = ranks(target, load)
    found = settings(load)
    stages = stage_layers(target.layers, pp)
    weights = [stage_weights(target, load, tp, stages, index) for index in range(pp)]
    whole_cache = rank_cache(target, load, found, tp)
    cache = [whole_cache * count // target.layers for count in stages]
    peak = activation_peak(target, found, tp)
    other = NON_TORCH if tp * pp == 1 else NON_TORCH_PARALLEL
    limits, tokens = None, None
    if load.devices is not None:
        budget = int(found.gpu_memory_utilization * load.devices.smallest.usable)
        limits = (budget,) * (tp * pp)
        # The rank with the least room for its layers decides how many blocks all have.
        left = [int((budget - w - peak - other) * target.layers / n) for w, n in zip(weights, stages, strict=True) if n]
        tokens = pool_tokens(target, load, found, min(left, default=0), tp)
    each = tuple(w + c + peak + other for w, c in zip(weights, cache, strict=True) for _ in range(tp))
    notes = ("CUDA graphs and the CUDA context live in the memory outside the budget",)
    totals = (sum(weights) * tp, sum(cache) * tp, peak * tp * pp, other * tp * pp)
    values = {**found._asdict(), "tensor_parallel_size": tp, "pipeline_parallel_size": pp}
    return Need(*totals, each, limits, tokens, settings=values, notes=notes)


def ranks(target: Target, load: Load) -> tuple[int, int]:
    """(pipeline stages, ranks that split each). Raises UsageError where the GPUs are no multiple of the stages."""
    count = max(load.tp, load.count)
    pp = max(1, whole(load.options, "pipeline_parallel_size", 1))
    if count % pp or pp > target.layers:
        raise UsageError(
            f"{count:,} GPUs do not make {pp:,} pipeline stages of {target.layers:,} layers",
            hint="pipeline_parallel_size divides the number of GPUs",
        )
    return pp, count // pp


def stage_layers(layers: int, stages: int) -> tuple[int, ...]:
    """Layers of each pipeline stage: what is left over goes to the stages before the last (vllm get_pp_indices)."""
    counts = [layers // stages] * stages
    left = layers % stages
    for index in range(2, left + 2):
        counts[-index] += 1
    return tuple(counts)


def stage_weights(target: Target, load: Load, tp: int, stages: tuple[int, ...], index: int) -> int:
    """Weights of one rank of a stage: its layers; the first has the table, the last the head (or a tied table)."""
    if len(stages) == 1:
        return rank_weights(target, load, tp)
    found = sizes(target, load.quant)
    layers = -(-found.split // tp) + found.whole
    total = layers * stages[index] // target.layers + rotary_bytes(target)
    ends = found.table if index == 0 else 0
    if index == len(stages) - 1:
        ends += found.table if target.facts.tied_embeddings else found.head
    return total + -(-int(ends * _padding(target)) // tp)


def settings(load: Load) -> Settings:
    """get_batch_defaults of vllm/engine/arg_utils.py for the API server; the length is what is asked for."""
    gpu = load.devices.smallest if load.devices else None
    large = gpu is not None and gpu.memory >= LARGE and "a100" not in gpu.name.lower()
    length = whole(load.options, "max_model_len", load.tokens)
    if length < load.tokens:
        raise UsageError(
            f"max_model_len {length:,} is below the {load.tokens:,} tokens asked for",
            hint=f"--context {length} asks for no more",
        )
    return Settings(
        share(load.options, "gpu_memory_utilization", UTILIZATION),
        max(load.batch, whole(load.options, "max_num_seqs", 1024 if large else 256)),
        max(1, whole(load.options, "max_num_batched_tokens", 8192 if large else 2048)),
        length,
        max(1, whole(load.options, "block_size", BLOCK)),
    )


def rank_weights(target: Target, load: Load, tp: int) -> int:
    """Weights of one rank, and the table of rotary positions that each model keeps once."""
    found = sizes(target, load.quant)
    vocabulary = int((found.table + found.head) * _padding(target))
    return -(-(vocabulary + found.split) // tp) + found.whole + rotary_bytes(target)


def _padding(target: Target) -> float:
    """How much larger the vocabulary is after padding."""
    rows = target.facts.vocab_size or 0
    return -(-rows // PADDING) * PADDING / rows if rows else 1.0


def rotary_bytes(target: Target) -> int:
    """Cosines and sines of every position, once for each model."""
    if not _rotates(target):
        return 0
    facts = target.facts
    return (facts.max_positions or 0) * (facts.rope_head_dim or facts.head_dim or 0) * target.plain_bytes


def _rotates(target: Target) -> bool:
    """Whether positions are rotary: a table of learned ones is a weight of its own."""
    return "position" not in target.inventory.components()


def activation_peak(target: Target, found: Settings, tp: int) -> int:
    """The larger of one forward and of sampling for every sequence; no rank samples less than all of the vocabulary."""
    hidden, vocab = target.facts.hidden_size or 0, target.facts.vocab_size or 0
    tokens = max(found.max_num_batched_tokens, 1)
    forward = tokens * target.plain_bytes * (target.inner // tp + 3 * hidden)
    sampler = int(SAMPLER * found.max_num_seqs * vocab) + 2 * tokens * hidden
    return max(forward, sampler)


def kinds(target: Target, load: Load, tp: int) -> tuple[Kind, ...]:
    """The caching layers of one rank by how they cache. Heads are replicated where there are fewer than ranks."""
    dtype = (dtype_name(load.kv_dtype) if load.kv_dtype else None) or "bfloat16"
    size, heads = dtype_bytes(dtype), target.facts.num_kv_heads or 1
    found: dict[tuple[int, int | None, int], int] = {}
    for count, state in target.inventory.states():
        kept = 1.0 if state.kind == "latent" else max(1, heads // tp) / heads
        constant = sum(int(n * dtype_bytes(own or dtype)) for n, own in state.constant) // tp
        per_token = int(state.per_token * size * kept)
        if per_token or constant:
            key = (per_token, state.window, constant)
            found[key] = found.get(key, 0) + count
    return tuple(Kind(count, *key) for key, count in found.items())


def rank_cache(target: Target, load: Load, found: Settings, tp: int) -> int:
    """Pages that the batch's sequences hold at full length, on one rank."""
    return load.batch * request_bytes(kinds(target, load, tp), found)


def request_bytes(layers: tuple[Kind, ...], found: Settings) -> int:
    """Pages of one sequence at full length, in groups of equal size as the block pool hands them out."""
    if not layers:
        return 0
    block, page = _page(layers, found.block_size)
    size = _group_size(layers)
    blocks = sum(-(-kind.layers // size) * _blocks(kind, found, block) for kind in layers)
    return size * page * blocks


def _page(layers: tuple[Kind, ...], block: int) -> tuple[int, int]:
    """Tokens of a block and bytes of its page: enlarged until the largest constant state fits in one."""
    per_token = max((kind.per_token for kind in layers), default=0)
    constant = max((kind.constant for kind in layers if not kind.per_token), default=0)
    if not per_token:
        return block, constant
    if constant:
        block = max(block, 16 * -(-constant // (16 * per_token)))
    return block, block * per_token


def _group_size(layers: tuple[Kind, ...]) -> int:
    counts = [kind.layers for kind in layers]
    return max(counts) if max(counts) < 1.5 * min(counts) else min(counts)


def _blocks(kind: Kind, found: Settings, block: int) -> int:
    if not kind.per_token:
        return 1
    length = found.max_model_len
    if kind.window:
        reach = min(kind.window - 1 + found.max_num_batched_tokens, length)
        return min(-(-reach // block) + 1, -(-length // block))
    return -(-length // block)


def pool_tokens(target: Target, load: Load, found: Settings, available: int, tp: int) -> int:
    """The log's "GPU KV cache size": exact for uniform models, concurrency · length for hybrids."""
    layers = kinds(target, load, tp)
    if available <= 0 or not layers:
        return 0
    block, page = _page(layers, found.block_size)
    if len(layers) == 1 and not layers[0].window:
        return available // (page * layers[0].layers) * block
    request = request_bytes(layers, found)
    return int(available / request * found.max_model_len) if request else 0

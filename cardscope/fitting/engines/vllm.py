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
OPTIONS: Final = ("gpu_memory_utilization", "max_num_seqs", "max_num_batched_tokens", "max_model_len", "block_size")
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
    tp = max(load.tp, load.count)
    found = settings(load)
    weights, cache = rank_weights(target, load, tp), rank_cache(target, load, found, tp)
    peak, other = activation_peak(target, found, tp), NON_TORCH if tp == 1 else NON_TORCH_PARALLEL
    limits, tokens = None, None
    if load.devices is not None:
        budget = int(found.gpu_memory_utilization * load.devices.smallest.usable)
        limits = (budget,) * tp
        tokens = pool_tokens(target, load, found, budget - weights - peak - other, tp)
    each = (weights + cache + peak + other,) * tp
    notes = ("CUDA graphs and the CUDA context live in the memory outside the budget",)
    totals = (weights * tp, cache * tp, peak * tp, other * tp)
    return Need(*totals, each, limits, tokens, settings=found._asdict(), notes=notes)


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
    facts = target.facts
    rows = facts.vocab_size or 0
    padded = -(-rows // PADDING) * PADDING / rows if rows else 1.0
    vocabulary = int((found.table + found.head) * padded)
    rotary = (facts.max_positions or 0) * (facts.rope_head_dim or facts.head_dim or 0) * target.plain_bytes
    return -(-(vocabulary + found.split) // tp) + found.whole + (rotary if _rotates(target) else 0)


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

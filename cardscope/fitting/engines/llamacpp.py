"""llama.cpp: GGUF weights by tensor, caches in padded cells, and compute buffers that are set aside once.

Cells and windows as in src/llama-kv-cache.cpp and llama-kv-cache-iswa.cpp; the compute buffer with flash attention
is (vocabulary + 2·hidden) · n_ubatch in fp32 and the mask's 2 bytes · n_ubatch a cell.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from cardscope.errors import UsageError
from cardscope.fitting.engines.options import flag, whole
from cardscope.fitting.precisions import Sizes, sizes
from cardscope.fitting.target import MIB, Load, Need, Target, shares

NAME: Final = "llama.cpp"
OPTIONS: Final = ("n_ubatch", "n_gpu_layers", "flash_attn", "n_parallel", "kv_unified", "mask_on_device")
CONTEXT: Final = 450 * MIB
"""CUDA context and pools that llama.cpp's own breakdown calls unaccounted (ggml-org/llama.cpp#15860)."""
UBATCH: Final = 512
CELLS: Final = 256
KV_TYPES: Final = {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32, "q5_1": 24 / 32, "q5_0": 22 / 32,
                   "q4_1": 20 / 32, "q4_0": 18 / 32, "iq4_nl": 18 / 32}  # fmt: skip
SPELLED: Final = {"fp32": "f32", "float32": "f32", "fp16": "f16", "float16": "f16", "bfloat16": "bf16",
                  "fp8": "q8_0", "int8": "q8_0"}  # fmt: skip


def need(target: Target, load: Load) -> Need:
    """Bytes on the GPUs (or on the CPU, without any), and what stays on the host."""
    found = sizes(target, load.quant)
    device, resident, layers = offload(target, load, found)
    cells = load.tokens
    share = layers / target.layers
    cache = int(cache_bytes(target, load) * min(1.0, share))
    count = load.count
    compute = compute_bytes(target, load, cells) if layers else 0
    context = 0 if load.on_host else CONTEXT
    host = resident + cache_bytes(target, load) - cache + output_bytes(target)
    if load.on_host:
        device, host = device + host, 0
    held = dealt(target, load, found, device, cache, layers)
    each = tuple(size + compute + context for size in held)
    return Need(
        device,
        cache,
        compute * count,
        context * count,
        each,
        tuple(gpu.usable for gpu in load.devices.gpus) if load.devices else None,
        host=host,
        settings={
            "n_ctx": padded(load.tokens) * load.batch,
            "n_ubatch": whole(load.options, "n_ubatch", UBATCH),
            "n_gpu_layers": layers if layers < target.layers else target.layers + 1,
            "flash_attn": flag(load.options, "flash_attn", default=True),
        },
        parts=tuple(size / max(1, sum(held)) for size in held),
        notes=() if load.on_host else ("the token embeddings stay in the host's memory",),
    )


def dealt(target: Target, load: Load, found: Sizes, device: int, cache: int, layers: int) -> tuple[int, ...]:
    """Weights and cache of each device: whole layers by its share of the memory, the output on the last.

    A layer goes to the first device whose cumulated share is above its place (llama_model_base::load_tensors).
    """
    parts = shares(load.devices, load.count)
    if len(parts) == 1:
        return (device + cache,)
    head = (found.table if target.facts.tied_embeddings else found.head) if layers >= target.layers else 0
    places = layers + 1 if head else max(1, layers)
    counts = [0] * len(parts)
    ends = list(accumulate(parts))
    for index in range(layers):
        counts[next((i for i, end in enumerate(ends) if end > index / places), len(parts) - 1)] += 1
    block = (device - min(head, device) + cache) / max(1, layers)
    last = len(parts) - 1
    return tuple(int(block * count) + (min(head, device) if i == last else 0) for i, count in enumerate(counts))


def offload(target: Target, load: Load, found: Sizes) -> tuple[int, int, int]:
    """(bytes on devices, bytes on the host, repeating layers on devices) at -ngl; one more than all takes the head."""
    tied = bool(target.facts.tied_embeddings)
    head = found.table if tied else found.head
    repeating = found.split + found.whole
    asked = whole(load.options, "n_gpu_layers", target.layers + 1)
    if asked > target.layers:
        return repeating + head, found.table, target.layers
    on = repeating * asked // target.layers
    return on, found.table + repeating - on + (0 if tied else head), asked


def kv_type(name: str | None) -> str:
    """A cache type under llama.cpp's name. Raises UsageError."""
    low = (name or "f16").lower()
    low = SPELLED.get(low, low)
    if low not in KV_TYPES:
        raise UsageError(f"{low[:40]} is no cache type of llama.cpp", hint=f"--kv-dtype takes {', '.join(KV_TYPES)}")
    return low


def padded(cells: int) -> int:
    """Cells in whole blocks of 256."""
    return -(-cells // CELLS) * CELLS


def cache_bytes(target: Target, load: Load) -> int:
    """Cells of every sequence; windows keep the window and one micro-batch; recurrent states are fp32."""
    size = KV_TYPES[kv_type(load.kv_dtype)]
    micro = whole(load.options, "n_ubatch", UBATCH)
    unified = flag(load.options, "kv_unified", default=False)
    full = padded(load.tokens)
    total = 0.0
    for count, state in target.inventory.states():
        cells, width = full * load.batch, size
        if state.window:
            if unified:
                cells = padded(min(full * load.batch, state.window * load.batch + micro))
            else:
                cells = padded(min(full, state.window + micro)) * load.batch
            width = 2.0
        total += count * (state.per_token * cells + state.per_source_token * full * load.batch) * width
        total += count * load.batch * sum(elements for elements, _ in state.constant) * 4
    return int(total)


def compute_bytes(target: Target, load: Load, cells: int) -> int:
    """The device's compute buffer."""
    micro = whole(load.options, "n_ubatch", UBATCH)
    hidden, vocab, heads = (target.facts.hidden_size or 0), (target.facts.vocab_size or 0), target.facts.num_heads or 0
    size = (vocab + 2 * hidden) * micro * 4
    total = padded(cells) * load.batch
    if not flag(load.options, "flash_attn", default=True):
        # Scores, mask and the block's own rows in fp32; the head's rows reuse the same memory.
        return max(size, (heads * total + total + 6 * hidden) * micro * 4)
    if flag(load.options, "mask_on_device", default=True):
        # Several devices work on four micro-batches at once, each with a mask of its own.
        size += total * micro * (2 if load.count == 1 else 8)
    return size


def output_bytes(target: Target) -> int:
    """The host's buffer for one row of logits."""
    return 4 * (target.facts.vocab_size or 0)

"""transformers: weights, a cache that grows by concatenation, and what a prefill holds for a moment.

Peak of `generate`: weights + max(cache of the prompt + the prefill's transient, cache at the end).  The transient of
the widest block is (3·I + 4·H) numbers a token; since 4.45 the logits are of the last token only.  Compared with the
tables that Qwen publishes (docs/accuracy.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cardscope.fitting.device_map import modules
from cardscope.fitting.engines.options import flag, whole, word
from cardscope.fitting.engines.placing import Placed, place, wanted
from cardscope.fitting.hardware import Devices
from cardscope.fitting.precisions import canonical, sizes
from cardscope.fitting.target import GIB, Load, Need, Target, shares
from cardscope.measures.facts import Facts
from cardscope.measures.kvcache import constant_bytes, live_elements
from cardscope.measures.precision import quantizable
from cardscope.units import dtype_bytes, dtype_name

NAME: Final = "transformers"
OPTIONS: Final = (
    "attn_implementation", "prefill_chunk_size", "logits_to_keep", "device_map", "max_memory", "cpu_memory", "disk",
    "rotary_caches",
)  # fmt: skip
CONTEXT: Final = GIB // 2
"""CUDA context with lazily loaded kernels: 0.47 GiB with torch 2.1 on an A100 (stas00/ml-engineering, performance)."""
EAGER: Final = {2: 10, 4: 8}
"""Bytes of one head's score under eager attention, by the bytes of a number: at the softmax the masked scores, their
fp32 copy and the result are alive (eager_attention_forward; tests/oracle/test_eager.py)."""
WORKSPACE: Final = 4096 * 1024 * 2 + 16 * 1024 * 8
WORKSPACE_HOPPER: Final = 4096 * 8 * 1024
"""What torch sets aside for cuBLAS (CUBLAS_WORKSPACE_CONFIG's default; aten/src/ATen/cuda/CublasHandlePool.cpp)."""
HOPPER: Final = ("h100", "h200", "h20", "gh200", "b100", "b200", "gb200", "b300")
EXLLAMA_ROWS: Final = 2048
"""Rows of the buffer that ExLlama's kernels for 4-bit GPTQ reorder inputs in (max_input_length)."""


def need(target: Target, load: Load) -> Need:
    """Bytes at the peak of one prefill and one generation."""
    if load.devices is not None and wanted(load):
        return _mapped(target, load, load.devices)
    count = load.count
    weights = sizes(target, load.quant).total + _second_head(target, load)
    prompt, end = cache_bytes(target, load, load.context), cache_bytes(target, load, load.tokens)
    moment = transient(target, load)
    each_moment = max(moment - (end - prompt), 0)
    parts, context = shares(load.devices, count), 0 if load.on_host else CONTEXT
    each = tuple(int((weights + end) * share) + each_moment + context for share in parts)
    return Need(
        weights,
        end,
        each_moment * count,
        context * count,
        each,
        tuple(gpu.usable for gpu in load.devices.gpus) if load.devices else None,
        settings={"attn_implementation": word(load.options, "attn_implementation", "sdpa")},
    )


def _mapped(target: Target, load: Load, devices: Devices) -> Need:
    """The same where a device map deals the layers out; what fits nowhere counts against the last device."""
    found = place(target, load, devices)
    prompt, end = cache_bytes(target, load, load.context), cache_bytes(target, load, load.tokens)
    moment = max(transient(target, load) - (end - prompt), 0)
    context = 0 if load.on_host else CONTEXT
    fetched = max((m.largest for m in modules(target, load.quant)), default=0) if found.away else 0
    extra = [0] * devices.count
    extra[0] += fetched
    extra[-1] += found.homeless + _second_head(target, load)
    used = [bool(size or more or share) for size, more, share in zip(found.weights, extra, found.layers, strict=True)]
    each = tuple(
        weights + more + int(end * share) + (moment + context if busy else 0)
        for weights, more, share, busy in zip(found.weights, extra, found.layers, used, strict=True)
    )
    busy = sum(used)
    weights = sum(found.weights) + sum(extra)
    return Need(
        weights,
        sum(each) - weights - busy * (moment + context),
        moment * busy,
        context * busy,
        each,
        tuple(gpu.usable for gpu in devices.gpus),
        host=found.host,
        settings={
            "attn_implementation": word(load.options, "attn_implementation", "sdpa"),
            "device_map": word(load.options, "device_map", "auto"),
            "layers": [round(share * target.layers) for share in found.layers],
        },
        notes=tuple(_said(found)),
        parts=found.layers,
    )


def _said(found: Placed) -> Iterator[str]:
    if found.away:
        where = " and ".join(
            f"{size / GIB:.1f} GiB on the {name}" for name, size in (("host", found.host), ("disk", found.disk)) if size
        )
        yield f"{where}: fetched over the bus for every forward, which decides the speed"
    if found.homeless:
        yield f"{found.homeless / GIB:.1f} GiB of weights find no place; cpu_memory=64GB lets the host hold some"


def cache_bytes(target: Target, load: Load, tokens: int) -> int:
    """Live cache of the batch: windows keep a window, recurrent layers their state."""
    states = tuple(target.inventory.states())
    dtype = (dtype_name(load.kv_dtype) if load.kv_dtype else None) or (
        "float32" if target.plain_bytes == 4 else "bfloat16"
    )
    source = sum(n * s.per_source_token for n, s in states) * tokens
    live = live_elements(states, tokens) + source
    return load.batch * (int(live * dtype_bytes(dtype)) + constant_bytes(states, dtype))


def transient(target: Target, load: Load) -> int:
    """What one prefill holds at once beside weights and cache."""
    tokens = min(load.context, whole(load.options, "prefill_chunk_size", load.context))
    size = target.plain_bytes
    hidden, vocab = target.facts.hidden_size or 0, target.facts.vocab_size or 0
    total = tokens * size * (target.inner + 4 * hidden)
    # A latent cache is expanded to full keys and values over the whole context in every forward.
    total += load.context * size * target.expanded
    if word(load.options, "attn_implementation", "sdpa") == "eager":
        # The mask itself is kept once for all heads.
        score = 3 * target.plain_bytes if _sinks(target) else EAGER[target.plain_bytes]
        heads = score * (target.facts.num_heads or 0) + target.plain_bytes
        total += tokens * load.context * heads
    logits = 6 * vocab * (tokens if whole(load.options, "logits_to_keep", 1) == 0 else 1)
    return load.batch * max(total, logits) + scratch(target, load)


def _sinks(target: Target) -> bool:
    """Whether attention has sinks: scores, scores beside the sinks and their softmax, none of it in fp32 (GptOss)."""
    return any(tensor.name == "sinks" for _, tensor in target.inventory.tensors())


def scratch(target: Target, load: Load) -> int:
    """Buffers set aside once: cuBLAS' workspace, ExLlama's unpacked matrix and inputs, rotary tables of each layer.

    The last are those of versions before 4.45: cosines and sines of every position in every layer (`rotary_caches`).
    """
    facts, total = target.facts, 0
    if load.devices is None or not load.on_host:
        name = load.devices.smallest.name.lower() if load.devices else ""
        total += WORKSPACE_HOPPER if any(word in name.split() for word in HOPPER) else WORKSPACE
    if (canonical(load.quant) if load.quant else target.precision) == "gptq":
        matrices = [t.shape for _, t in target.inventory.tensors() if quantizable(t) and len(t.shape) == 2]
        widest = max((max(shape) for shape in matrices), default=0)
        total += 2 * max((rows * columns for rows, columns in matrices), default=0) + 2 * EXLLAMA_ROWS * widest
    if flag(load.options, "rotary_caches", default=False):
        total += rotary_caches(facts, target.plain_bytes)
    return total


def rotary_caches(facts: Facts, size: int) -> int:
    """Cosines and sines of every position, once for each layer (starcoder2-3b: 251,658,240 bytes)."""
    return 2 * facts.num_layers * (facts.max_positions or 0) * (facts.rope_head_dim or facts.head_dim or 0) * size


def _second_head(target: Target, load: Load) -> int:
    """FP8 checkpoints of tied models hold the head a second time, and transformers keeps both."""
    quant = canonical(load.quant) if load.quant else target.precision
    if not quant.startswith("fp8") or not target.facts.tied_embeddings:
        return 0
    return (target.facts.vocab_size or 0) * (target.facts.hidden_size or 0) * 2

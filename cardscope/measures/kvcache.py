"""What attention keeps: head grouping, bytes per token, live and reserved, against multi-head attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from cardscope.inventory import Inventory
from cardscope.measures.facts import Mixer, attentions, distinct_layers, main_parts
from cardscope.parts import Attention, LatentAttention, Spec, State
from cardscope.units import dtype_bytes

Grouping = Literal["mha", "gqa", "mqa", "mla", "none"]
KINDS: Final = ("full", "sliding", "chunked", "linear", "recurrent", "none")
RESERVED_RULE: Final = "every caching layer at full length"
MAX_ROWS: Final = 24


@dataclass(frozen=True, slots=True)
class AttentionFacts:
    """Head grouping (of the full-attention layers) and how many layers attend how."""

    kind: Grouping
    heads: int | None
    kv_heads: int | None
    group: int | None
    parameters_saved: int
    layers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CacheRow:
    """Cache of the batch's sequences of `tokens` tokens each, in bytes, constant state included."""

    tokens: int
    live_bytes: int
    reserved_bytes: int
    mha_bytes: int


@dataclass(frozen=True, slots=True)
class KvCache:
    """Bytes of cache in `dtype`: growth per token before and after windows fill, constant state, a table."""

    dtype: str
    per_token_bytes: int
    per_token_bytes_long: int
    state_bytes: int
    mha_per_token_bytes: int
    saving: float | None
    rows: tuple[CacheRow, ...]
    batch: int = 1
    """Sequences that the rows hold; the other figures are for one."""
    source_per_token_bytes: int = 0
    """Cross-attention's cache per token of the encoder's output, kept for the whole generation."""


def attention_facts(spec: Spec) -> AttentionFacts:
    """Grouping, saving in parameters against one KV head per query head, and the layer map."""
    layers = dict.fromkeys(KINDS, 0)
    saved = 0
    # Most stacks repeat a few layer objects: each is looked at once.
    for layer, count in distinct_layers(spec):
        own = [part for part in layer.parts if not getattr(part, "cross", False)]
        for kind in {kind for part in own if (kind := _kind(part)) is not None} or {"none"}:
            layers[kind] += count * spec.main.repeats
        saved += count * sum(_saved(part) for part in own if isinstance(part, Attention))
    mixer = next(attentions(main_parts(spec)), None)
    if mixer is None:
        return AttentionFacts("none", None, None, None, 0, layers)
    group = mixer.heads // mixer.kv_heads
    return AttentionFacts(_grouping(mixer), mixer.heads, mixer.kv_heads, group, saved, layers)


def _kind(part: object) -> str | None:
    if isinstance(part, Attention):
        return part.kind if part.kind in KINDS else "full"
    if isinstance(part, LatentAttention):
        return "sliding" if part.window else "full"
    state = part.state() if hasattr(part, "state") else None
    return state.kind if isinstance(state, State) and state.kind in KINDS else None


def _grouping(mixer: Mixer) -> Grouping:
    if isinstance(mixer, LatentAttention):
        return "mla"
    if mixer.kv_heads == mixer.heads:
        return "mha"
    return "mqa" if mixer.kv_heads == 1 else "gqa"


def _saved(part: Attention) -> int:
    if part.shares_kv:
        return 0
    missing = part.span(part.heads, part.head_dim) - part.span(part.kv_heads, part.head_dim)
    missing_v = part.span(part.heads, part.v_dim) - part.span(part.kv_heads, part.v_dim)
    return (missing + missing_v) * (part.kv_width or part.width)


def row_lengths(max_positions: int | None, context: int | None = None) -> tuple[int, ...]:
    """1K, 2K, 4K … up to the context the model was trained for, that context itself, and the one asked for."""
    top = max_positions or 32_768
    lengths = {1024 << n for n in range(MAX_ROWS) if 1024 << n <= top} | {top}
    if context:
        lengths.add(context)
    return tuple(sorted(lengths))


def kv_cache(inventory: Inventory, dtype: str, lengths: tuple[int, ...], batch: int = 1) -> KvCache:
    """Folds the layers' states; `saving` is the share that grouping or latents save of multi-head's bytes."""
    states = tuple(inventory.states())
    size = dtype_bytes(dtype)
    grow = _bytes(sum(n * s.per_token for n, s in states), size)
    multi_head = _bytes(sum(n * s.mha_per_token for n, s in states), size)
    return KvCache(
        dtype,
        grow,
        _bytes(sum(n * s.per_token for n, s in states if not s.window), size),
        constant_bytes(states, dtype),
        multi_head,
        round(1 - grow / multi_head, 4) if multi_head else None,
        tuple(_row(states, dtype, tokens, batch) for tokens in lengths),
        batch,
        _bytes(sum(n * s.per_source_token for n, s in states), size),
    )


def _bytes(elements: int, size: float) -> int:
    return int(elements * size)


def constant_bytes(states: tuple[tuple[int, State], ...], dtype: str) -> int:
    """Recurrent and convolution states of one sequence, each in the dtype transformers keeps it in."""
    return sum(_bytes(n * count, dtype_bytes(own or dtype)) for n, s in states for count, own in s.constant)


def live_elements(states: tuple[tuple[int, State], ...], tokens: int) -> int:
    """Cached elements that attention still needs after `tokens` tokens."""
    return sum(n * s.per_token * min(tokens, s.window or tokens) for n, s in states)


def _row(states: tuple[tuple[int, State], ...], dtype: str, tokens: int, batch: int) -> CacheRow:
    size, fixed = dtype_bytes(dtype), constant_bytes(states, dtype)
    reserved = sum(n * s.per_token for n, s in states) * tokens
    multi_head = sum(n * s.mha_per_token * min(tokens, s.window or tokens) for n, s in states)
    return CacheRow(
        tokens,
        batch * (_bytes(live_elements(states, tokens), size) + fixed),
        batch * (_bytes(reserved, size) + fixed),
        batch * (_bytes(multi_head, size) + fixed),
    )

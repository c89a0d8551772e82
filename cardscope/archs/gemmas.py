"""Gemma 3n and Gemma 4: inputs for each layer, layers that share keys and values, per-kind head widths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from cardscope.archs._read import (
    act,
    attention,
    block,
    decoder,
    every,
    layer_types,
    made_once,
    mlp,
    moe,
    per_layer,
    pick,
    width,
    windowed,
)
from cardscope.archs._registry import arch
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import Attention, Bag, Layer, Moe, Part, Spec, Table, Tensor, linear, norm


def sharing(c: Fields, kinds: tuple[str, ...]) -> list[bool]:
    """Which layers have no keys and values of their own: the last `num_kv_shared_layers`. Raises BadField."""
    total, shared = len(kinds), c.int("num_kv_shared_layers", 0, low=0)
    first = total - shared
    if shared and (first < 1 or set(kinds[:first]) != set(kinds)):
        wanted = "few enough that each kind of layer has one with its own keys and values"
        raise BadField(c.prefix + "num_kv_shared_layers", shared, wanted)
    return [index >= first for index in range(total)]


def layer_inputs(c: Fields, size: int) -> tuple[Bag, ...]:
    """Per-layer embeddings: one table for all layers, a projection of the ordinary embedding, a norm."""
    rows = c.layers() * size
    table = Table(c.int("vocab_size_per_layer_input"), rows, name="embed_per_layer")
    projection = (*linear("per_layer_projection", rows, width(c), "embedding"), *norm("per_layer_norm", size))
    return (Bag((*table.tensors(), *projection)),)


def layer_gate(c: Fields, size: int) -> Bag:
    """What adds a layer's own input to the stream: gate, projection and norm."""
    gate = linear("per_layer_gate", size, width(c), "other")
    out = linear("per_layer_out", width(c), size, "other")
    return Bag((*gate, *out, *norm("per_layer_norm", width(c)), *act(c, "other")))


def altup(c: Fields) -> Bag:
    """AltUp (arXiv:2301.13310) as Gemma 3n has it: predict and correct several streams around one block."""
    size, streams = width(c), c.int("altup_num_inputs")
    return Bag(
        (
            Tensor("altup.scale", (size,), "other", "other"),
            *linear("altup.correct", streams, streams, "other"),
            *linear("altup.predict", streams**2, streams, "other"),
            *linear("altup.router", streams, size, "other"),
            *norm("altup.norm", size),
        )
    )


def laurel(c: Fields) -> Bag:
    """A learned low-rank residual beside attention (arXiv:2411.07501)."""
    size, rank = width(c), c.int("laurel_rank")
    down, up = linear("laurel.down", rank, size, "other"), linear("laurel.up", size, rank, "other")
    return Bag((*down, *up, *norm("laurel.norm", size)))


@arch("gemma3n_text")
def gemma3n(c: Fields) -> Spec:
    """Gemma 3n (Gemma3nForCausalLM): AltUp, LAuReL, per-layer inputs; the last layers reuse earlier keys and values."""
    kinds = layer_types(c, every(5))
    full, window = attention(c, qk_norm="head"), c.opt_int("sliding_window")
    own = c.int("hidden_size_per_layer_input")
    extra = (altup(c), laurel(c), layer_gate(c, own))
    c.touch("altup_active_idx", "altup_correct_scale")
    mixers = {"full_attention": full, "sliding_attention": windowed(full, window)}
    pick(kinds, dict(mixers))
    keys = tuple(zip(kinds, sharing(c, kinds), per_layer(c, "intermediate_size"), strict=True))

    def layer(key: tuple[str, bool, int]) -> Layer:
        kind, shared, inner = key
        return block(replace(mixers[kind], shares_kv=shared), mlp(c, inner), 4, width=width(c), extra=extra)

    others = 2 * (c.int("altup_num_inputs") - 1)
    size = width(c)
    squares = (each._replace(copies=others, active=others) for each in linear("altup.ways", size, size, "other"))
    around = Bag(tuple(squares) if others else ())
    return decoder(c, made_once(keys, layer), extra=(*layer_inputs(c, own), around))


def overrides(c: Fields, kinds: tuple[str, ...]) -> list[Mapping[str, object]]:
    """Gemma 4's head width and KV heads by layer: `per_layer_config`, else other values for the full layers."""
    listed = c.raw("per_layer_config", None)
    if listed is None:
        shared_kv = c.opt_int("num_global_key_value_heads", low=1) if c.flag("attention_k_eq_v", False) else None
        every_full = {"head_dim": c.int("global_head_dim", 512), "num_key_value_heads": shared_kv}
        return [every_full if kind == "full_attention" else {} for kind in kinds]
    if not isinstance(listed, Mapping):
        raise BadField(c.prefix + "per_layer_config", listed, "an object")
    numbered = {int(key): layer for key, layer in listed.items() if str(key).isdecimal() and len(str(key)) < 9}
    if len(numbered) != len(listed):
        raise BadField(c.prefix + "per_layer_config", listed, "layer numbers as its keys")
    found = [numbered.get(index, {}) for index in range(len(kinds))]
    known = {"head_dim", "num_key_value_heads"}
    if not all(isinstance(layer, Mapping) and set(layer) <= known for layer in found):
        raise BadField(c.prefix + "per_layer_config", listed, "head_dim and num_key_value_heads for some layers")
    return [layer for layer in found if isinstance(layer, Mapping)]


def _own(c: Fields, layer: Mapping[str, object], name: str, usual: int) -> int:
    value = layer.get(name)
    if value is None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1 << 20:
        raise BadField(f"{c.prefix}per_layer_config.{name}", value, "an integer of at least 1")
    return value


class Kind(NamedTuple):
    """What tells one of Gemma 4's layers from another."""

    full: bool
    shared: bool
    kv_heads: int
    head_dim: int


def gemma4_kinds(c: Fields, usual: Attention) -> list[Kind]:
    """Each layer's kind; the last layer is always full. Raises BadField."""
    kinds = layer_types(c, every(6))
    kinds = (*kinds[:-1], "full_attention") if kinds else kinds
    found = []
    for kind, shared, layer in zip(kinds, sharing(c, kinds), overrides(c, kinds), strict=True):
        kv, dim = _own(c, layer, "num_key_value_heads", usual.kv_heads), _own(c, layer, "head_dim", usual.head_dim)
        if usual.heads % kv:
            raise BadField(c.prefix + "num_key_value_heads", kv, f"a divisor of the {usual.heads} attention heads")
        found.append(Kind(kind != "sliding_attention", shared, kv, dim))
    return found


def gemma4_experts(c: Fields) -> tuple[Part, ...]:
    """Experts beside the dense block: a scaled router, and three more norms (Gemma4TextDecoderLayer)."""
    routed: Moe = moe(c, per_token="top_k_experts")  # noqa: S106 - a key, no password
    scales = (
        Tensor("router.scale", (width(c),), "router", "other"),
        Tensor("router.expert_scale", (routed.experts,), "router", "other"),
    )
    norms = (tensor for name in ("dense_out", "experts_in", "experts_out") for tensor in norm(name, width(c)))
    return (replace(routed, extra=(*routed.extra, *scales)), Bag(tuple(norms)))


@arch("gemma4_text")
def gemma4(c: Fields) -> Spec:
    """Gemma 4 (Gemma4ForCausalLM): five sliding layers to one full with wider heads, optional experts and inputs."""
    size = c.opt_int("hidden_size_per_layer_input")
    extra: tuple[Part, ...] = (layer_gate(c, size),) if size else ()
    extra += gemma4_experts(c) if c.flag("enable_moe_block") else ()
    c.touch("num_experts", "top_k_experts", "moe_intermediate_size", "vocab_size_per_layer_input")
    return gemma4_stack(c, extra, layer_inputs(c, size) if size else ())


@arch("gemma4_unified_text")
def gemma4_unified(c: Fields) -> Spec:
    """The language model of Gemma 4 without encoders (Gemma4UnifiedForCausalLM): no experts, no per-layer inputs."""
    return gemma4_stack(c, (), ())


def gemma4_stack(c: Fields, extra: tuple[Part, ...], inputs: tuple[Part, ...]) -> Spec:
    """Gemma 4's layers: windows, wider heads in full layers, where keys may serve as values, a tail that shares both.

    Four norms and a stored scale each; MLPs may be twice as wide where keys and values are shared.
    """
    window, same, usual = c.opt_int("sliding_window"), c.flag("attention_k_eq_v"), attention(c, qk_norm="head")
    if window and c.raw("use_bidirectional_attention") == "all":
        window = c.derive("sliding_window", window // 2 + 1)
    extra = (Bag((Tensor("layer_scalar", (1,), "other", "buffer"),)), *extra)
    dense = mlp(c)
    wide = mlp(c, 2 * dense.inner) if c.flag("use_double_wide_mlp") else dense

    def layer(kind: Kind) -> Layer:
        part = replace(usual, head_dim=kind.head_dim, kv_heads=kind.kv_heads)
        part = replace(part, shares_kv=kind.shared, k_is_v=same and kind.full)
        mixer = part if kind.full else windowed(part, window)
        return block(mixer, wide if kind.shared else dense, 4, width=width(c), extra=extra)

    return decoder(c, made_once(gemma4_kinds(c, usual), layer), extra=inputs)

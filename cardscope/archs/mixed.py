"""Routed decoders that mix full attention with windows or with sparse attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cardscope.archs._read import (
    attention,
    decoder,
    every,
    layer_types,
    mlp,
    moe,
    one_each,
    pick,
    unmodelled_mtp,
    width,
    words,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.archs.experts import sparse_words
from cardscope.archs.gated import by_window
from cardscope.archs.routed import choose
from cardscope.errors import BadField
from cardscope.fields import Fields, in_range
from cardscope.parts import Attention, Spec, linear, norm


@arch("afmoe")
def afmoe(c: Fields) -> Spec:
    """Trinity (AfmoeForCausalLM): gated attention, four norms a layer, three sliding layers to one full."""
    kinds = layer_types(c, every(c.opt_int("global_attn_every_n_layers") or 0))
    mixers = pick(kinds, by_window(attention(c, qk_norm="head", gate="apart"), c.opt_int("sliding_window")))
    shared = c.int("num_shared_experts", low=0) * c.int("moe_intermediate_size")
    routed = moe(c, shared=shared, correction=True, correction_is_parameter=True)
    first = c.int("num_dense_layers", low=0)
    places = [index >= first for index in range(len(mixers))]
    return decoder(c, zipped(c, mixers, choose(places, routed, mlp(c)), norms=4))


@arch("flint")
def flint(c: Fields) -> Spec:
    """Flint (FlintForCausalLM): a sink a head, two dense layers first, a shared expert in the others."""
    total, step = c.layers(), c.int("decoder_sparse_step")
    kinds = layer_types(c, lambda i: "full_attention" if i < 2 or i % 4 == 1 or i == total - 1 else "sliding_attention")
    mixers = pick(kinds, by_window(attention(c, qk_norm="head", sinks=True), c.opt_int("sliding_window")))
    listed = c.ints("mlp_only_layers")
    dense = (0, 1) if listed is None else listed
    if listed is not None and not in_range(listed, total):
        raise BadField("mlp_only_layers", list(listed), f"a list of layers below {total}")
    places = [i not in dense and (i + 1) % step == 0 for i in range(total)]
    routed = moe(c, shared=c.int("shared_expert_intermediate_size"))
    return decoder(c, zipped(c, mixers, choose(places, routed, mlp(c))))


@arch("kolibri1")
def kolibri1(c: Fields) -> Spec:
    """Kolibri 1 (Kolibri1ForCausalLM): every layer routed, four norms a layer, four sliding layers to one full."""
    part = attention(c, bias=False, qk_norm="head")
    mixers = pick(layer_types(c, every(5)), by_window(part, c.opt_int("sliding_window")))
    routed = moe(c, shared=c.int("shared_expert_intermediate_size"), correction=True)
    return decoder(c, zipped(c, mixers, [routed] * len(mixers), norms=4))


@arch("mellum")
def mellum(c: Fields) -> Spec:
    """Mellum 2 (MellumForCausalLM): Qwen3's mixture with windows by layer."""
    kinds = layer_types(c, lambda _: "full_attention")
    mixers = pick(kinds, by_window(attention(c, qk_norm="head"), c.opt_int("sliding_window")))
    unmodelled_mtp(c)
    c.touch("mtp_layer_types", "mtp_mlp_layer_types")
    return decoder(c, zipped(c, mixers, choose(sparse_words(c, 0), moe(c), mlp(c))))


@arch("granitemoe_swa")
def granitemoe_swa(c: Fields) -> Spec:
    """Granite mixtures with windows (GraniteMoeSWAForCausalLM): one full layer before three sliding, a sink a head."""
    kinds = layer_types(c, lambda i: "sliding_attention" if i % 4 else "full_attention")
    mixers = pick(kinds, by_window(attention(c, sinks=True), c.opt_int("sliding_window")))
    shared = c.int("shared_intermediate_size", low=0)
    routed = moe(c, "num_local_experts", "intermediate_size", shared=shared)
    c.touch("layer_rope_theta")
    return decoder(c, zipped(c, mixers, [routed] * len(mixers)))


M3_KEYS = {"index_n_heads": "sparse_num_index_heads", "index_head_dim": "sparse_index_dim"}
"""MiniMax-M3's sizes of the indexer, and what its older `sparse_attention_config` calls them."""


def m3_sizes(c: Fields) -> tuple[int, int, tuple[str, ...]]:
    """The indexer's heads and width, and each layer's kind; `sparse_attention_config` beats the flat keys."""
    old = c.raw("sparse_attention_config", None) or {}
    if not isinstance(old, Mapping):
        raise BadField(c.prefix + "sparse_attention_config", old, "an object")
    section = Fields(old, prefix=f"{c.prefix}sparse_attention_config.", log=c.log)
    count, dim = (section.int(was) if was in old else c.int(name) for name, was in M3_KEYS.items())
    sparse = section.ints("sparse_attention_freq") or ()
    kinds = layer_types(c, lambda i: "minimax_m3_sparse" if i < len(sparse) and sparse[i] else "full_attention")
    if sparse and len(sparse) != len(kinds):
        raise BadField(section.prefix + "sparse_attention_freq", f"{len(sparse)} entries", f"{len(kinds)} entries")
    return count, dim, kinds


def block_sparse(c: Fields, part: Attention, count: int, dim: int) -> Attention:
    """The same attention over the blocks that a small indexer picks; it caches one key a token."""
    index = (
        *linear("index.q", count * dim, width(c), "attention"),
        *linear("index.k", dim, width(c), "attention"),
        *norm("index.q_norm", dim),
        *norm("index.k_norm", dim),
    )
    return replace(part, extra=index, index_dim=dim)


@arch("minimax_m3_vl_text")
def minimax_m3(c: Fields) -> Spec:
    """MiniMax-M3's language model (MiniMaxM3VLForCausalLM): block-sparse layers, dense and routed blocks."""
    count, dim, kinds = m3_sizes(c)
    part = attention(c, bias=False, qk_norm="head")
    sparse = block_sparse(c, part, count, dim)
    mixers = pick(kinds, {"full_attention": part, "minimax_m3_sparse": sparse})
    marks = one_each(c, "moe_layer_freq", c.ints("moe_layer_freq") or (1,) * len(mixers), len(mixers))
    blocks = words(c, "mlp_layer_types", lambda i: "sparse" if marks[i] else "dense")
    shared = c.int("shared_intermediate_size")
    routed = moe(c, inner="intermediate_size", shared=shared, correction=True)
    dense = mlp(c, c.int("dense_intermediate_size"))
    c.touch("index_block_size", "index_topk_blocks", "index_local_blocks", "rotary_dim")
    return decoder(c, zipped(c, mixers, choose([word == "sparse" for word in blocks], routed, dense)))

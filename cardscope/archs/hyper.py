"""Models of several residual streams (hyper-connections, arXiv:2409.19606): DeepSeek-V4 and Hy4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cardscope.archs._read import (
    act,
    block,
    decoder,
    heads,
    latent,
    layer_types,
    mlp,
    moe,
    neutral,
    one_each,
    pick,
    unmodelled_mtp,
    width,
    words,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.archs.compressed import indexer
from cardscope.archs.experts import sparse_words
from cardscope.archs.latent import shared_width
from cardscope.archs.routed import choose
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import Bag, Compressor, Moe, Part, SharedAttention, Spec, Tensor, linear


def hyper_connections(c: Fields, rows: int, scales: int) -> Bag:
    """Two blocks' mixing of streams in one layer: `rows` mixing weights from all streams, biases and scales."""
    size = c.int("hc_mult") * width(c)
    parts = (("fn", (rows, size)), ("base", (rows,)), ("scale", (scales,)))
    return Bag(tuple(Tensor(f"hc.{n}.{name}", shape, "other", "other") for n in (1, 2) for name, shape in parts))


def stream_head(c: Fields) -> Bag:
    """What joins the streams after the last layer."""
    count = c.int("hc_mult")
    shapes = (("fn", (count, count * width(c))), ("base", (count,)), ("scale", (1,)))
    return Bag(tuple(Tensor(f"hc_head.{name}", shape, "other", "other") for name, shape in shapes))


CSA, HCA = "compressed_sparse_attention", "heavily_compressed_attention"
RATIOS = {0: "sliding_attention", 4: CSA, 128: HCA}
"""DeepSeek-V4's `compress_ratios` in words."""


def v4_kinds(c: Fields) -> tuple[str, ...]:
    """Each layer's kind: `layer_types`, else `compress_ratios` (which may list prediction layers too), else a rule."""
    total, ratios = c.layers(), c.ints("compress_ratios")
    if ratios is None or c.raw("layer_types") is not None:
        return layer_types(c, lambda i: CSA if i > 1 and i % 2 else HCA)
    unknown = next((ratio for ratio in ratios if ratio not in RATIOS), None)
    if unknown is not None:
        raise BadField("compress_ratios", unknown, f"one of {', '.join(map(str, RATIOS))}")
    return c.derive("layer_types", one_each(c, "compress_ratios", tuple(RATIOS[r] for r in ratios[:total]), total))


def v4_rates(c: Fields) -> dict[str, int]:
    """How many tokens become one entry, by kind of layer."""
    given = c.raw("compress_rates")
    if given is not None and not isinstance(given, Mapping):
        raise BadField("compress_rates", given, "an object")
    section = Fields({CSA: 4, HCA: 128} if given is None else given, prefix="compress_rates.", log=c.log)
    old = {CSA: "compress_rate_csa", HCA: "compress_rate_hca"}
    return {kind: section.int(kind) if c.raw(key, None) is None else c.int(key) for kind, key in old.items()}


def v4_attention(c: Fields) -> dict[str, tuple[SharedAttention, tuple[Part, ...]]]:
    """DeepSeek-V4's attention and compressor for each kind of layer."""
    groups, dim, rates = c.int("o_groups"), c.int("head_dim"), v4_rates(c)
    rank = c.int("q_lora_rank")
    near = SharedAttention(width(c), heads(c), dim, rank, groups, c.int("o_lora_rank"), c.int("sliding_window"))
    far = Compressor(width(c), dim, rates[HCA], heads=heads(c))
    index_dim, index_heads = c.int("index_head_dim"), c.int("index_n_heads")
    picked = replace(far, rate=rates[CSA], series=2, index_dim=index_dim, index_heads=index_heads, q_rank=rank)
    return {
        "sliding_attention": (near, ()),
        HCA: (replace(near, rate=far.rate), (far,)),
        CSA: (replace(near, rate=picked.rate, sparse=True), (picked,)),
    }


def v4_experts(c: Fields) -> dict[str, Moe]:
    """Routed by a corrected score, or in the first layers by a table of the token's id (a buffer)."""
    inner, bias = c.int("moe_intermediate_size"), c.flag("mlp_bias")
    routed = moe(c, "n_routed_experts", shared=inner, shared_bias=bias, correction=True)
    table = Tensor("router.by_token", (c.int("vocab_size"), routed.per_token or 0), "router", "buffer")
    return {"moe": routed, "hash_moe": replace(routed, correction=False, extra=(*routed.extra, table))}


@arch("deepseek_v4")
def deepseek_v4(c: Fields) -> Spec:
    """DeepSeek-V4 (DeepseekV4ForCausalLM): one KV head over a window, compressed entries beyond it, four streams."""
    kinds, mixers, ffns = v4_kinds(c), v4_attention(c), v4_experts(c)
    hashed = c.int("num_hash_layers", 3, low=0)
    blocks = words(c, "mlp_layer_types", lambda i: "hash_moe" if i < hashed else "moe")
    count = c.int("hc_mult")
    streams = hyper_connections(c, (2 + count) * count, 3)
    made = {}
    for kind, ffn in dict.fromkeys(zip(kinds, blocks, strict=True)):
        pick([kind], {name: part for name, (part, _) in mixers.items()})
        mixer, far = mixers[kind]
        (chosen,) = pick([ffn], dict(ffns))
        made[kind, ffn] = block(mixer, chosen, width=width(c), extra=(*far, streams))
    neutral(c, n_shared_experts=1, topk_method="noaux_tc")
    c.touch("num_key_value_heads", "qk_nope_head_dim", "qk_rope_head_dim", "index_topk", "attention_bias")
    unmodelled_mtp(c)
    return decoder(c, [made[pair] for pair in zip(kinds, blocks, strict=True)], extra=(stream_head(c),))


@arch("hy_v4")
def hy_v4(c: Fields) -> Spec:
    """Hy4 (HYV4ForCausalLM): gated sparse latent attention with sinks, indexers shared by four layers, four streams."""
    dim, weights = indexer(c)
    own = latent(c)
    gate = (
        *linear("gate", own.heads * own.v_dim, own.width, "attention"),
        Tensor("sinks", (own.heads,), "attention", "other"),
    )
    kinds = words(c, "indexer_types", lambda i: "full" if i == 0 or (i - 1) % 4 == 0 else "shared")
    picker = replace(own, index_dim=dim, extra=(*gate, *weights))
    choices: dict[str, Part] = {"full": picker, "shared": replace(own, extra=gate)}
    routed = moe(c, "n_routed_experts", shared=shared_width(c), correction=True)
    routed = replace(routed, extra=act(c, "experts"))
    streams, ffns = hyper_connections(c, 2 * c.int("hc_mult"), 2), choose(sparse_words(c, 1), routed, mlp(c))
    layers = zipped(c, pick(kinds, choices), ffns, extra=(streams,))
    c.touch("layer_types", "qk_head_dim", "index_topk")
    unmodelled_mtp(c)
    return decoder(c, layers, extra=(stream_head(c),))

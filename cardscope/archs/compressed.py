"""Latent attention after DeepSeek-V3: sparse indexers, shortcut experts, other sizes."""

from __future__ import annotations

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
    per_layer,
    pick,
    split_heads,
    stack,
    unmodelled_mtp,
    width,
    words,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.archs.experts import sparse_words
from cardscope.archs.latent import next_token_layers, shared_width
from cardscope.archs.routed import choose
from cardscope.errors import BadField
from cardscope.fields import ABSENT, Fields
from cardscope.parts import Bag, LatentAttention, Moe, Part, Spec, Tensor, linear, norm


def indexer(c: Fields) -> tuple[int, tuple[Tensor, ...]]:
    """DeepSeek Sparse Attention's indexer (DeepSeek-V3.2 report): the key it caches, and its weights."""
    dim, count = c.int("index_head_dim"), c.int("index_n_heads")
    return dim, (
        *linear("index.q", count * dim, c.int("q_lora_rank"), "attention"),
        *linear("index.k", dim, width(c), "attention"),
        *norm("index.k_norm", dim, bias=True),
        *linear("index.weights", count, width(c), "attention"),
    )


def sparse_latent(c: Fields) -> LatentAttention:
    """Latent attention that looks at the tokens its indexer picks."""
    dim, weights = indexer(c)
    c.touch("layer_types", "index_topk", "qk_head_dim")
    return latent(c, index_dim=dim, extra=weights)


def dsa_experts(c: Fields) -> Moe:
    """DeepSeek-V3's routed layer; `num_experts`, where a file has it, beats `n_routed_experts`."""
    count = "num_experts" if c.raw("num_experts", None) is not None else "n_routed_experts"
    c.touch("n_routed_experts", "mlp_bias")
    neutral(c, moe_layer_freq=1, topk_method="noaux_tc")
    return moe(c, count, shared=shared_width(c), correction=True)


@arch("deepseek_v32")
def deepseek_v32(c: Fields) -> Spec:
    """DeepSeek-V3.2 (DeepseekV32ForCausalLM): V3 with a sparse-attention indexer in every layer."""
    mixer, routed = sparse_latent(c), dsa_experts(c)
    ffns = choose(sparse_words(c, c.int("first_k_dense_replace", low=0)), routed, mlp(c))
    return decoder(c, zipped(c, [mixer] * len(ffns), ffns), mtp=next_token_layers(c, mixer, routed))


def indexed(c: Fields) -> list[bool]:
    """Which layers have an indexer of their own; the others take the choice of the one before (GLM-5)."""
    total, listed = c.layers(), c.raw("indexer_types")
    c.touch("index_topk_pattern", "index_topk_freq", "index_skip_topk_offset", "index_share_for_mtp_iteration")
    if listed is not None:
        return [word != "shared" for word in one_each(c, "indexer_types", c.texts("indexer_types") or (), total)]
    pattern = c.raw("index_topk_pattern", None)
    if pattern is not None:
        letters = tuple(pattern) if isinstance(pattern, str) else c.texts("index_topk_pattern") or ()
        one_each(c, "index_topk_pattern", letters[:total], total)
        return [word in {"F", "full"} for word in letters[:total]]
    step, offset = max(c.int("index_topk_freq", 1, low=0), 1), c.int("index_skip_topk_offset", 2, low=0)
    return [max(i - offset + 1, 0) % step == 0 for i in range(total)]


@arch("glm_moe_dsa")
def glm_moe_dsa(c: Fields) -> Spec:
    """GLM-5 (GlmMoeDsaForCausalLM): DeepSeek-V3.2's attention, some layers sharing an indexer's choice."""
    own, shared, routed = sparse_latent(c), latent(c), dsa_experts(c)
    mixers = [own if here else shared for here in indexed(c)]
    ffns = choose(sparse_words(c, c.int("first_k_dense_replace", low=0)), routed, mlp(c))
    return decoder(c, zipped(c, mixers, ffns), mtp=next_token_layers(c, own, routed))


@arch("minicpm3")
def minicpm3(c: Fields) -> Spec:
    """MiniCPM3-4B (MiniCPM3ForCausalLM): latent attention over a dense MLP."""
    c.touch("scale_emb", "scale_depth", "dim_model_base")
    part = latent(c, v_dim=c.opt_int("v_head_dim", low=1) or split_heads(c, heads(c)))
    return stack(c, part, mlp(c, bias=c.flag("mlp_bias")))


@arch("youtu")
def youtu(c: Fields) -> Spec:
    """Youtu-LLM (arXiv:2512.24618): latent attention over a dense MLP, a tied head."""
    return stack(c, latent(c), mlp(c))


@arch("glm4_moe_lite")
def glm4_moe_lite(c: Fields) -> Spec:
    """GLM-4.7-Flash (Glm4MoeLiteForCausalLM): DeepSeek-V3 in small, one dense layer."""
    mixer = latent(c)
    routed = moe(c, "n_routed_experts", shared=shared_width(c), correction=True)
    neutral(c, first_k_dense_replace=1, moe_layer_freq=1, topk_method="noaux_tc", qk_head_dim=mixer.head_dim)
    ffns = choose(sparse_words(c, 1), routed, mlp(c))
    return decoder(c, zipped(c, [mixer] * len(ffns), ffns), mtp=next_token_layers(c, mixer, routed))


def by_frequency(c: Fields) -> list[bool]:
    """Which layers are routed: `mlp_layer_types`, else by `moe_layer_freq` (a step or marks) after the dense."""
    first, marks = c.int("first_k_dense_replace", 1, low=0), per_layer(c, "moe_layer_freq", 1, low=0)
    once = isinstance(c.peek("moe_layer_freq"), list)
    here = [bool(mark) if once else mark > 0 and i % mark == 0 for i, mark in enumerate(marks)]
    kinds = words(c, "mlp_layer_types", lambda i: "sparse" if i >= first and here[i] else "dense")
    return [kind == "sparse" for kind in kinds]


@arch("axk1")
def axk1(c: Fields) -> Spec:
    """A.X K1 (AXK1ForCausalLM): DeepSeek-V3 with one more norm after each routed block."""
    mixer = latent(c)
    routed = moe(c, "n_routed_experts", shared=shared_width(c), correction=True, extra=tuple(norm("out", width(c))))
    neutral(c, topk_method="noaux_tc")
    unmodelled_mtp(c)
    ffns = choose(by_frequency(c), routed, mlp(c))
    return decoder(c, zipped(c, [mixer] * len(ffns), ffns))


@arch("axk2")
def axk2(c: Fields) -> Spec:
    """A.X K2 (AXK2ForCausalLM): gated sparse latent attention, norms with a low-rank gate of their own."""
    mixer, routed = replace(sparse_latent(c), gated=True), dsa_experts(c)
    rank, size = c.int("gated_norm_rank"), width(c)
    gate = (*linear("norm_gate.down", rank, size, "norm"), *linear("norm_gate.up", size, rank, "norm"))
    one, two = (Bag(gate),), (Bag(gate), Bag(gate))
    sparse = block(mixer, routed, width=size, extra=two)
    dense = block(mixer, mlp(c), width=size, extra=one)
    return decoder(c, [sparse if here else dense for here in by_frequency(c)])


@arch("longcat_flash")
def longcat_flash(c: Fields) -> Spec:
    """LongCat-Flash (arXiv:2509.01322): two attentions and two dense blocks a layer around one routed block.

    Experts that do nothing have no weights in a checkpoint; transformers allocates gate and up for them.
    """
    total = c.layers("num_layers") if c.peek("num_hidden_layers") is ABSENT else c.layers() // 2
    idle = c.opt_int("zero_expert_num") or 0
    bias = c.flag("router_bias", fallback=False)
    count, fire = c.int("n_routed_experts"), c.int("num_experts_per_tok")
    if fire > count + idle:
        raise BadField("moe_topk", fire, f"at most the {count + idle} experts there are")
    inner = c.int("moe_intermediate_size")
    routed = Moe(width(c), count, fire, inner, idle=idle, router_bias=bias, correction=True, extra=act(c, "experts"))
    if idle:
        unused = 2 * idle * inner * width(c) * total
        c.log.notice("CS117", f"{unused:,} of the parameters are gates of experts that do nothing", "zero_expert_num")
    c.touch("num_layers", "qk_head_dim")
    layer = block(latent(c), mlp(c), 4, width=width(c), extra=(routed, latent(c), mlp(c)))
    return decoder(c, [layer] * total)


DOTS3_SLIDING = {
    "num_attention_heads": 64,
    "q_lora_rank": 1024,
    "kv_lora_rank": 1024,
    "qk_nope_head_dim": 192,
    "v_head_dim": 128,
}
"""Sizes of dots 3's sliding layers, under keys with the prefix `swa_`."""


def dots3_latent(c: Fields, sizes: dict[str, int], window: int | None) -> LatentAttention:
    """Latent attention with a norm on the rotary key and one gate a head."""
    part = LatentAttention(
        width(c),
        sizes["num_attention_heads"],
        sizes["kv_lora_rank"],
        sizes["qk_nope_head_dim"],
        sizes["qk_rope_head_dim"],
        sizes["v_head_dim"],
        sizes["q_lora_rank"],
        bias=c.flag("attention_bias"),
        window=window,
    )
    gate = linear("gate", part.heads, part.width, "attention")
    return replace(part, extra=(*norm("k_rope_norm", part.rope_dim), *gate))


def dots3_mixers(c: Fields) -> dict[str, Part]:
    """Dots 3's attention by kind of layer: sparse (or full) and sliding, each with sizes of its own."""
    if c.raw("per_layer_config", None) is not None:
        raise BadField("per_layer_config", c.raw("per_layer_config"), "left out; swa_ keys say it")
    usual = {name: c.int(name) for name in (*DOTS3_SLIDING, "qk_rope_head_dim")}
    near = {name: c.int(f"swa_{name}", usual_size) for name, usual_size in DOTS3_SLIDING.items()}
    rope = c.int("swa_head_dim", 256) - near["qk_nope_head_dim"]
    near["qk_rope_head_dim"] = c.int("swa_qk_rope_head_dim", rope)
    window = c.opt_int("sliding_window")
    window = c.int("sliding_window_size", 512) if window is None else window
    full, (dim, weights) = dots3_latent(c, usual, None), indexer(c)
    sparse = replace(full, index_dim=dim, extra=(*full.extra, *weights))
    c.touch("head_dim", "num_key_value_heads", "swa_num_key_value_heads", "index_topk", "sliding_window_size")
    near_part = dots3_latent(c, near, window)
    return {"full_attention": full, "indexed_attention": sparse, "sliding_attention": near_part}


def dots3_kinds(c: Fields) -> list[str]:
    """Dots 3's kinds of layers; `use_dsa` says whether those that are not sliding are sparse."""
    sparse, windows = c.flag("use_dsa", fallback=True), c.flag("use_sliding_window", fallback=True)
    far = "indexed_attention" if sparse else "full_attention"
    kinds = layer_types(c, lambda i: far if not windows or i < 2 or i % 4 == 1 else "sliding_attention")
    return [kind if kind == "sliding_attention" else far for kind in kinds]


@arch("dots3_note_text")
def dots3_note(c: Fields) -> Spec:
    """Language model of dots 3 Note (Dots3NoteForCausalLM): gated latent attention, mostly sliding, some sparse."""
    mixers = pick(dots3_kinds(c), dots3_mixers(c))
    inner = c.opt_int("moe_shared_expert_intermediate_size", low=1) or c.int("shared_experts_intermediate_size")
    shared = inner * c.int("n_shared_experts")
    c.touch("shared_experts_intermediate_size", "mlp_bias")
    routed = moe(c, "n_routed_experts", shared=shared, correction=True)
    return decoder(c, zipped(c, mixers, choose(by_frequency(c), routed, mlp(c))))

"""Latent attention after DeepSeek-V3: sparse indexers, shortcut experts, other sizes."""

from __future__ import annotations

from cardscope.archs._read import (
    decoder,
    heads,
    latent,
    mlp,
    moe,
    neutral,
    one_each,
    split_heads,
    stack,
    width,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.archs.experts import sparse_words
from cardscope.archs.latent import next_token_layers, shared_width
from cardscope.archs.routed import choose
from cardscope.fields import Fields
from cardscope.parts import LatentAttention, Moe, Spec, Tensor, linear, norm


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
        return [word == "full" for word in one_each(c, "indexer_types", c.texts("indexer_types") or (), total)]
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

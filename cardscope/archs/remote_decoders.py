"""More decoders that only repositories' own code builds: sizes layer by layer, RWKV-5, Step 3.5."""

from __future__ import annotations

from dataclasses import replace
from math import floor

from cardscope.archs._read import (
    attention,
    block,
    decoder,
    heads,
    made_once,
    mlp,
    one_each,
    per_layer,
    split_heads,
    stack,
    width,
)
from cardscope.archs._registry import arch
from cardscope.archs.remote import named
from cardscope.errors import BadField, NotModelled
from cardscope.fields import Fields
from cardscope.parts import LAYER, Attention, Layer, Mlp, Rwkv5, Spec, rwkv_channel


@arch("aquila", "skywork")
def unbiased_llama(c: Fields) -> Spec:
    """Aquila 1 and 2 (arXiv:2408.07410) and Skywork-13B (arXiv:2310.19341): Llama without any bias, never tied."""
    part = attention(c, bias=False, qkv_bias=False, head_dim=split_heads(c, heads(c)))
    return stack(c, part, mlp(c), tied=c.flag("tie_word_embeddings", fallback=False))


@arch("deci")
def deci(c: Fields) -> Spec:
    """DeciLM-6B and 7B: Llama whose layers have KV heads of their own number."""
    total, dim = heads(c), split_heads(c, heads(c))
    c.touch("num_key_value_heads", "naive_attention_prefill", "naive_attention_decode_batched")
    counts = one_each(c, "num_key_value_heads_per_layer", c.ints("num_key_value_heads_per_layer") or (), c.layers())
    wide = mlp(c)

    def layer(kv: int) -> Layer:
        if not kv or total % kv:
            raise BadField("num_key_value_heads_per_layer", kv, f"a divisor of the {total} attention heads")
        part = attention(c, kv_heads=kv, head_dim=dim, bias=False, qkv_bias=False)
        return block(part, wide, width=width(c))

    return decoder(c, made_once(counts, layer), tied=c.flag("tie_word_embeddings", fallback=False))


def near_multiple(value: float, step: int) -> int:
    """The nearest multiple of `step`, one more where that would lose a tenth (OpenELM's `make_divisible`)."""
    near = max(step, floor(value + step / 2) // step * step)
    return near + step if near < 0.9 * value else near


@arch("openelm")
def openelm(c: Fields) -> Spec:
    """OpenELM (arXiv:2404.14619): heads and MLP widths that grow from layer to layer, the head tied."""
    named(c, hidden_size="model_dim", num_hidden_layers="num_transformer_layers")
    named(c, max_position_embeddings="max_context_length")
    total, size, dim, step = c.layers(), width(c), c.int("head_dim"), c.int("ffn_dim_divisor", 256)
    factors = c.raw("ffn_multipliers")
    if not isinstance(factors, list) or len(factors) != total or not all(_is_factor(each) for each in factors):
        raise BadField("ffn_multipliers", factors, f"{total} numbers between 0 and 64")
    inner = [near_multiple(each * size, step) for each in factors]
    gated, norms = c.flag("ffn_with_glu", fallback=True), c.flag("normalize_qk_projections", fallback=False)
    c.touch("qkv_multipliers", "num_gqa_groups", "rope_max_length", "activation_fn_name", "normalization_layer_name")

    def layer(key: tuple[int, int, int]) -> Layer:
        query, kv, wide = key
        if query % kv:
            raise BadField("num_kv_heads", kv, f"a divisor of the layer's {query} query heads")
        part = Attention(size, query, kv, dim, qk_norm="head" if norms else None)
        return block(part, Mlp(size, wide, gated), width=size)

    keys = zip(per_layer(c, "num_query_heads"), per_layer(c, "num_kv_heads"), inner, strict=True)
    return decoder(c, made_once(list(keys), layer), tied=c.flag("share_input_output_layers", fallback=True))


def _is_factor(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 64


@arch("rwkv5")
def rwkv5(c: Fields) -> Spec:
    """RWKV-5 Eagle (arXiv:2404.05892): a matrix for each head as state, a gate, a wide channel mixing."""
    version = c.text("model_version", "5_2")
    if version != "5_2":
        raise NotModelled(f"RWKV {version} is not modelled", hint="5_2 is")
    size = width(c)
    inner = c.opt_int("intermediate_size", low=1) or int(size * 3.5) // 32 * 32
    total, dim = c.opt_int("attention_hidden_size", low=1) or size, c.int("head_size", 64)
    if total % dim:
        raise BadField("head_size", dim, f"a divisor of {total}")
    layer = block(Rwkv5(size, total, dim), rwkv_channel(size, inner), norm=LAYER, width=size)
    first = Layer((*layer.parts, LAYER.sized(size).named("norm_before")))
    c.touch("num_attention_heads", "tie_word_embeddings", "rescale_every")
    layers = [first, *[layer] * c.layers()][: c.layers()]
    # The paper counts 2·D·V, and the published weights hold a head of their own, whatever the file says of tying.
    return decoder(c, layers, norm=LAYER, max_positions="context_length", tied=False)


# -- diffusion: every token is written at once, so nothing is cached ----------------------------------------


@arch("llada")
def llada(c: Fields) -> Spec:
    """LLaDA (arXiv:2502.09992): Llama's layers under OLMo's names, attention in both directions."""
    named(c, hidden_size="d_model", num_hidden_layers="n_layers", num_attention_heads="n_heads")
    named(c, num_key_value_heads="n_kv_heads", intermediate_size="mlp_hidden_size", vocab_size="embedding_size")
    for key, known in (("block_type", "llama"), ("layer_norm_type", "rms")):
        if c.text(key, known) != known:
            raise NotModelled(f"{key} {c.text(key)!r} is not modelled for llada", hint=f"{known} is")
    for key in ("attention_layer_norm", "include_bias", "input_emb_norm", "bias_for_layer_norm", "alibi"):
        if c.flag(key, fallback=False):
            raise NotModelled(f"{key} is not modelled for llada", hint=f"--set {key}=false")
    c.touch("attention_layer_norm_with_affine", "layer_norm_with_affine", "activation_type", "block_group_size")
    c.touch("mlp_ratio", "rope", "rope_full_precision", "init_fn", "precision", "multi_query_attention", "init_device")
    bias = c.flag("include_qkv_bias", fallback=False)
    part = attention(c, qkv_bias=bias, o_bias=False, head_dim=split_heads(c, heads(c)))
    tied = c.flag("weight_tying", fallback=True)
    return stack(
        c, replace(part, caches=False), mlp(c), tied=tied, head="causal_lm", max_positions="max_sequence_length"
    )


@arch("Dream")
def dream(c: Fields) -> Spec:
    """Dream 7B (arXiv:2508.15487): Qwen2.5's layers, attention in both directions; the class's name ends in Model."""
    part = attention(c, qkv_bias=True, o_bias=False, head_dim=split_heads(c, heads(c)))
    c.touch("sliding_window", "max_window_layers", "use_sliding_window", "architectures")
    tied = c.flag("tie_word_embeddings", fallback=False)
    return stack(c, replace(part, caches=False), mlp(c), tied=tied, head="causal_lm")

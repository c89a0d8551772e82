"""Decoders from before Llama, and kin: learned or sinusoidal positions, biases, LayerNorm."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._read import (
    act,
    attention,
    block,
    decoder,
    head_class,
    heads,
    labels,
    layer_types,
    made_once,
    mlp,
    pick,
    split_heads,
    stack,
    width,
    windowed,
)
from cardscope.archs._registry import arch
from cardscope.fields import Fields
from cardscope.parts import LAYER, Attention, Bag, Layer, Mlp, Norm, Part, Spec, Table, Tensor, linear


def square(c: Fields, *, bias: bool) -> Attention:
    """Multi-head attention of the model's width."""
    dim = split_heads(c, heads(c))
    return attention(c, bias=bias, kv_heads=heads(c), head_dim=dim, square=True)


@arch("openai-gpt")
def openai_gpt(c: Fields) -> Spec:
    """GPT (Radford et al. 2018): GPT-2 without the norm at the end; transformers keeps no cache for it."""
    wide = Mlp(width(c), 4 * width(c), gated=False, up_bias=True, down_bias=True)
    c.touch("afn")
    layer = block(replace(square(c, bias=True), caches=False), wide, norm=LAYER, width=width(c))
    positions = c.int("max_position_embeddings")
    return decoder(c, [layer] * c.layers(), norm=LAYER, final_norm=False, positions=positions)


@arch("ctrl")
def ctrl(c: Fields) -> Spec:
    """CTRL (arXiv:1909.05858): sinusoidal positions, biases throughout, head included."""
    wide = Mlp(width(c), c.int("dff"), gated=False, up_bias=True, down_bias=True)
    return stack(c, square(c, bias=True), wide, norm=LAYER, head_bias=True)


@arch("biogpt")
def biogpt(c: Fields) -> Spec:
    """BioGPT (arXiv:2210.10341): OPT's positions with an offset of 2, biases, a tied head."""
    part, wide = square(c, bias=True), mlp(c, bias=True, gated=False)
    return stack(c, part, wide, norm=LAYER, positions=c.int("max_position_embeddings") + 2)


@arch("xglm")
def xglm(c: Fields) -> Spec:
    """XGLM (arXiv:2112.10668): sinusoidal positions, biases throughout, optional cross-attention."""
    part, cross = square(c, bias=True), tuple[Part, ...]()
    if c.flag("add_cross_attention"):
        cross = (replace(part, cross=True), LAYER.sized(width(c)).named("norm_cross"))
    wide = mlp(c, c.int("ffn_dim"), bias=True, gated=False)
    layer = block(part, wide, norm=LAYER, width=width(c), extra=cross)
    return decoder(c, [layer] * c.layers(), norm=LAYER)


@arch("persimmon")
def persimmon(c: Fields) -> Spec:
    """Persimmon-8B (PersimmonForCausalLM): LayerNorm on query and key heads, ReLU², biases throughout."""
    part = square(c, bias=True)
    if c.flag("qk_layernorm"):
        part = replace(part, qk_norm="head", qk_norm_bias=True)
    return stack(c, part, mlp(c, bias=True, gated=False), norm=LAYER)


@arch("gpt_neox_japanese")
def gpt_neox_japanese(c: Fields) -> Spec:
    """GPT-NeoX-Japanese-2.7B: no biases but one, on the last layer's attention output."""
    inner = int(width(c) * c.number("intermediate_multiple_size"))
    part, wide = square(c, bias=False), mlp(c, inner, gated=False)
    usual, last = (block(mixer, wide, norm=LAYER, width=width(c)) for mixer in (part, replace(part, o_bias=True)))
    total = c.layers()
    return decoder(c, [usual] * (total - 1) + [last] * min(total, 1), norm=LAYER)


@arch("cpmant")
def cpmant(c: Fields) -> Spec:
    """CPM-Ant-10B (CpmAntForCausalLM): prompts in the vocabulary and the cache, segments, shared position buckets."""
    gain, size, segments = Norm(0), width(c), c.int("segment_types")
    part = attention(c, bias=False, kv_heads=heads(c), head_dim=c.int("dim_head"))
    prompt = c.int("prompt_length", low=0)
    prompts = c.int("prompt_types", low=0) * prompt
    part = replace(part, constant=((2 * prompt * heads(c) * part.head_dim, None),))
    layer = block(part, Mlp(size, c.int("dim_ff")), norm=gain, width=size)
    buckets = segments**2 + c.int("position_bias_num_buckets")
    tables = (
        Table(prompts, size, name="prompts"),
        Table(segments, size, name="segments"),
        Table(buckets, heads(c), "position", "position_bias"),
    )
    c.touch("position_bias_max_distance", "tie_word_embeddings")
    return decoder(c, [layer] * c.layers(), norm=gain, extra=tables, tied=False)


@arch("modernbert-decoder")
def modernbert_decoder(c: Fields) -> Spec:
    """Ettin's decoders (arXiv:2507.11412): ModernBERT made causal, a transform before the head."""
    norm = Norm(0, bias=c.flag("norm_bias"))
    part = attention(c, kv_heads=heads(c), head_dim=split_heads(c, heads(c)))
    local = c.opt_int("local_attention")
    step = c.int("global_attn_every_n_layers", 3)
    kinds = layer_types(c, lambda i: "sliding_attention" if i % step else "full_attention")
    choices: dict[str, Part] = {
        "full_attention": part,
        "sliding_attention": windowed(part, local // 2 if local else None),
    }
    wide = mlp(c, bias=c.flag("mlp_bias"))
    pick(kinds, choices)

    def layer(key: tuple[str, bool]) -> Layer:
        kind, first = key
        return block(choices[kind], wide, 1 if first else 2, norm, width=width(c))

    layers = made_once([(kind, index == 0) for index, kind in enumerate(kinds)], layer)
    head = head_transform(c, norm)
    return decoder(c, layers, norm=norm, embed_norm=True, head_bias=c.flag("decoder_bias"), extra=head)


def head_transform(c: Fields, norm: Norm) -> tuple[Part, ...]:
    """ModernBERT's dense layer, activation and norm before a head; a classifier's bias where it has one."""
    kind, bias = head_class(c), c.flag("classifier_bias")
    if kind not in {"causal_lm", "sequence_classification"}:
        return ()
    dense = (*linear("head_dense", width(c), width(c), "head", bias=bias), *act(c, "head", "classifier_activation"))
    classifier = (Tensor("score.bias", (labels(c),), "head", "bias"),) if bias and kind != "causal_lm" else ()
    return (Bag((*dense, *classifier)), norm.sized(width(c)).named("head_norm"))

"""Llama and everyone who is Llama with a twist: RMSNorm, rotary positions, gated MLP."""

from __future__ import annotations

from cardscope.archs._read import (
    attention,
    decoder,
    every,
    heads,
    layer_types,
    mlp,
    pick,
    split_heads,
    stack,
    windowed,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import BARE, Attention, Part, Spec


def by_window(part: Attention, window: int | None) -> dict[str, Part]:
    """The two attentions of a model that mixes full and sliding layers."""
    return {"full_attention": part, "sliding_attention": windowed(part, window)}


@arch("llama", "granite", "Yi")
def llama(c: Fields) -> Spec:
    """Llama (arXiv:2302.13971, arXiv:2407.21783)."""
    return stack(c, attention(c), mlp(c, bias=c.flag("mlp_bias", fallback=False)))


@arch("mistral", "ministral3")
def mistral(c: Fields) -> Spec:
    """Mistral 7B (arXiv:2310.06825) and Ministral 3: every layer over a sliding window where one is set."""
    part = attention(c, bias=False, qkv_bias=False)
    return stack(c, windowed(part, c.opt_int("sliding_window")), mlp(c))


@arch("ministral")
def ministral(c: Fields) -> Spec:
    """Ministral (MinistralForCausalLM): Mistral with a window by layer."""
    window = c.opt_int("sliding_window")
    kinds = layer_types(c, lambda _: "sliding_attention" if window else "full_attention")
    mixers = pick(kinds, by_window(attention(c, bias=False, qkv_bias=False), window))
    return decoder(c, zipped(c, mixers, [mlp(c)] * len(mixers)))


def qwen_window(c: Fields) -> tuple[tuple[str, ...], int | None]:
    """Qwen's layer kinds: a window only with `use_sliding_window`, from layer `max_window_layers` on."""
    window = c.opt_int("sliding_window") if c.flag("use_sliding_window", fallback=False) else None
    c.touch("sliding_window")
    first = c.opt_int("max_window_layers") or 0
    kinds = layer_types(c, lambda i: "sliding_attention" if window and i >= first else "full_attention")
    return kinds, window


@arch("qwen2")
def qwen2(c: Fields) -> Spec:
    """Qwen2 (arXiv:2407.10671): biases on queries, keys and values only."""
    kinds, window = qwen_window(c)
    part = attention(c, qkv_bias=True, o_bias=False)
    mixers = pick(kinds, by_window(part, window))
    return decoder(c, zipped(c, mixers, [mlp(c)] * len(mixers)))


@arch("qwen3")
def qwen3(c: Fields) -> Spec:
    """Qwen3 (arXiv:2505.09388): a norm over each query and key head instead of biases."""
    kinds, window = qwen_window(c)
    part = attention(c, qk_norm="head")
    mixers = pick(kinds, by_window(part, window))
    return decoder(c, zipped(c, mixers, [mlp(c)] * len(mixers)))


@arch("phi3")
def phi3(c: Fields) -> Spec:
    """Phi-3 (arXiv:2404.14219): Llama with fused projections, head_dim always hidden_size // heads."""
    dim = split_heads(c, heads(c)) if not c.has("head_dim") else None
    part = attention(c, bias=False, qkv_bias=False, **({"head_dim": dim} if dim else {}))
    return stack(c, windowed(part, c.opt_int("sliding_window")), mlp(c))


@arch("gemma")
def gemma(c: Fields) -> Spec:
    """Gemma (arXiv:2403.08295): head_dim free of hidden_size, tied head."""
    return stack(c, attention(c), mlp(c))


@arch("gemma2")
def gemma2(c: Fields) -> Spec:
    """Gemma 2 (arXiv:2408.00118): four norms a layer, every second layer over a window."""
    kinds = layer_types(c, lambda i: "sliding_attention" if (i + 1) % 2 else "full_attention")
    mixers = pick(kinds, by_window(attention(c), c.opt_int("sliding_window")))
    return decoder(c, zipped(c, mixers, [mlp(c)] * len(mixers), norms=4))


@arch("gemma3_text")
def gemma3(c: Fields) -> Spec:
    """Gemma 3 (arXiv:2503.19786): five sliding layers to one full, a norm over each query and key head."""
    kinds = layer_types(c, every(c.int("sliding_window_pattern", 6, low=0)))
    window = c.opt_int("sliding_window")
    if window and c.flag("use_bidirectional_attention", fallback=False):
        window = c.derive("sliding_window", window // 2 + 1)
    mixers = pick(kinds, by_window(attention(c, qk_norm="head"), window))
    return decoder(c, zipped(c, mixers, [mlp(c)] * len(mixers), norms=4))


@arch("olmo")
def olmo(c: Fields) -> Spec:
    """OLMo (arXiv:2402.00838): LayerNorm without parameters."""
    return stack(c, attention(c), mlp(c), norm=BARE)


@arch("olmo2")
def olmo2(c: Fields) -> Spec:
    """OLMo 2 (arXiv:2501.00656): norms after each block and over whole queries and keys."""
    part = attention(c, qk_norm="full")
    return stack(c, part, mlp(c))


@arch("cohere")
def cohere(c: Fields) -> Spec:
    """Command R: one norm with a gain a layer, optional norms of shape (heads, head_dim), tied head."""
    qk = "all-heads" if c.flag("use_qk_norm") else None
    part = attention(c, qk_norm=qk)
    return stack(c, part, mlp(c), norms=1)


@arch("cohere2")
def cohere2(c: Fields) -> Spec:
    """Command R7B and A: three sliding layers to one full, one norm a layer."""
    kinds = layer_types(c, every(c.int("sliding_window_pattern", 4, low=0)))
    part = attention(c)
    mixers = pick(kinds, by_window(part, c.opt_int("sliding_window")))
    return decoder(c, zipped(c, mixers, [mlp(c)] * len(mixers), norms=1))


@arch("smollm3")
def smollm3(c: Fields) -> Spec:
    """SmolLM3: Llama with rotary positions left out on some layers and optional windows."""
    window, use = c.opt_int("sliding_window"), c.flag("use_sliding_window")
    interval, rope = c.int("no_rope_layer_interval"), c.ints("no_rope_layers")
    if rope is not None and len(rope) != c.layers():
        raise BadField("no_rope_layers", f"{len(rope)} entries", f"one for each of the {c.layers()} layers")

    def kind(index: int) -> str:
        rotary = (index + 1) % interval if rope is None else rope[index]
        return "sliding_attention" if window and use and not rotary else "full_attention"

    kinds = layer_types(c, kind)
    part = attention(c)
    mixers = pick(kinds, by_window(part, window))
    bias = c.flag("mlp_bias")
    return decoder(c, zipped(c, mixers, [mlp(c, bias=bias)] * len(mixers)))


@arch("glm")
def glm(c: Fields) -> Spec:
    """GLM-4 9B in transformers' own class: biases on queries, keys and values, a fused gated MLP."""
    return stack(c, attention(c, qkv_bias=c.flag("attention_bias"), o_bias=False), mlp(c))


@arch("glm4")
def glm4(c: Fields) -> Spec:
    """GLM-4-0414: GLM with four norms a layer."""
    return stack(c, attention(c, qkv_bias=c.flag("attention_bias"), o_bias=False), mlp(c), norms=4)


LATER_NANOCHAT_VOCAB = 32_768
"""The default since 2026-01-07; the release that this class is has 65,536."""


@arch("nanochat")
def nanochat(c: Fields) -> Spec:
    """Nanochat's export to transformers: norms without parameters, ReLU² MLP of two matrices.

    The class is the original release; the script that converts later ones drops what it cannot hold.
    """
    if c.peek("vocab_size") == LATER_NANOCHAT_VOCAB:
        message = "the vocabulary is that of releases since 2026-01-07: value embeddings, scalars and windows, which "
        c.log.notice("CS131", f"{message}most of them have, are lost in this class", "vocab_size")
    return stack(c, attention(c), mlp(c, gated=False), norm=BARE)

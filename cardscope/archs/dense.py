"""Dense decoders since 2024: Llama with other norms, windows, biases and activations."""

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
    width,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.archs.gated import by_window
from cardscope.fields import Fields
from cardscope.parts import LAYER, Attention, Spec


def alternating(c: Fields, part: Attention, kinds: tuple[str, ...], norms: int = 2) -> Spec:
    """A dense decoder of full and sliding layers."""
    mixers = pick(kinds, by_window(part, c.opt_int("sliding_window")))
    return decoder(c, zipped(c, mixers, [mlp(c)] * len(mixers), norms=norms))


@arch("olmo3")
def olmo3(c: Fields) -> Spec:
    """OLMo 3 (arXiv:2512.13961): OLMo 2 with three sliding layers to one full."""
    part = attention(c, qk_norm="full", head_dim=split_heads(c, heads(c)))
    return alternating(c, part, layer_types(c, every(4)))


@arch("apertus")
def apertus(c: Fields) -> Spec:
    """Apertus (arXiv:2509.14233): two-matrix MLP with the learned xIELU, a norm over each query and key head."""
    return stack(c, attention(c, qk_norm="head"), mlp(c, gated=False))


@arch("arcee")
def arcee(c: Fields) -> Spec:
    """AFM-4.5B (ArceeForCausalLM): Llama with a two-matrix ReLU² MLP."""
    return stack(c, attention(c), mlp(c, bias=c.flag("mlp_bias"), gated=False))


@arch("ernie4_5")
def ernie4_5(c: Fields) -> Spec:
    """ERNIE 4.5 0.3B (Ernie4_5ForCausalLM): Llama with one switch for all biases."""
    bias = c.flag("use_bias")
    return stack(c, attention(c, bias=bias), mlp(c, bias=bias))


@arch("helium")
def helium(c: Fields) -> Spec:
    """Helium-1 (HeliumForCausalLM): Llama whose output projection is as wide as the model on both sides."""
    part = attention(c, o_bias=False, o_width=width(c))
    return stack(c, part, mlp(c, bias=c.flag("mlp_bias")))


@arch("hunyuan_v1_dense")
def hunyuan_v1_dense(c: Fields) -> Spec:
    """Hunyuan dense (HunYuanDenseV1ForCausalLM): a norm over each query and key head."""
    return stack(c, attention(c, qk_norm="head"), mlp(c))


@arch("nemotron")
def nemotron(c: Fields) -> Spec:
    """Nemotron-4 and Minitron (arXiv:2402.16819): LayerNorm, a two-matrix ReLU² MLP, grouped queries."""
    return stack(c, attention(c), mlp(c, bias=c.flag("mlp_bias"), gated=False), norm=LAYER)


@arch("seed_oss")
def seed_oss(c: Fields) -> Spec:
    """Seed-OSS (SeedOssForCausalLM): biases on queries, keys and values; the output's is a switch of its own."""
    bias = c.flag("attention_bias")
    part = attention(c, qkv_bias=bias, o_bias=c.flag("attention_out_bias"))
    return stack(c, part, mlp(c, bias=c.flag("mlp_bias")))


def exaone_kinds(c: Fields) -> tuple[str, ...]:
    """EXAONE's layer kinds: by number (every n-th full) or by letters ("LLLG"); no window, no sliding layers."""
    pattern, windowed = c.raw("sliding_window_pattern"), c.opt_int("sliding_window")
    if isinstance(pattern, str) and pattern:
        letters = {"L": "sliding_attention"}
        return layer_types(c, lambda i: letters.get(pattern[i % len(pattern)], "full_attention"))
    step = c.opt_int("sliding_window_pattern") if windowed else None
    return layer_types(c, every(step or 0))


@arch("exaone4")
def exaone4(c: Fields) -> Spec:
    """EXAONE 4.0 (arXiv:2507.11407): norms after each block, a norm over each query and key head, mixed windows."""
    return alternating(c, attention(c, bias=False, qk_norm="head"), exaone_kinds(c))

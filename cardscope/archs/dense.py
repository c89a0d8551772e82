"""Dense decoders since 2024: Llama with other norms, windows, biases and activations."""

from __future__ import annotations

from dataclasses import replace
from math import isqrt

from cardscope.archs._read import (
    attention,
    block,
    decoder,
    every,
    heads,
    layer_types,
    mlp,
    neutral,
    pick,
    stack,
    width,
    windowed,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.archs.gated import by_window
from cardscope.fields import Fields
from cardscope.parts import BARE, LAYER, Attention, Bag, Moe, Part, Spec, Tensor, Tower, linear, norm


def alternating(c: Fields, part: Attention, kinds: tuple[str, ...], norms: int = 2) -> Spec:
    """A dense decoder of full and sliding layers."""
    mixers = pick(kinds, by_window(part, c.opt_int("sliding_window")))
    return decoder(c, zipped(c, mixers, [mlp(c)] * len(mixers), norms=norms))


@arch("olmo3")
def olmo3(c: Fields) -> Spec:
    """OLMo 3 (arXiv:2512.13961): OLMo 2 with three sliding layers to one full."""
    part = attention(c, qk_norm="full")
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


@arch("cwm")
def cwm(c: Fields) -> Spec:
    """Code World Model (arXiv:2510.02387): Llama with one full layer before each three sliding ones, no biases."""
    kinds = layer_types(c, lambda i: "sliding_attention" if i % 4 else "full_attention")
    mixers = pick(kinds, by_window(attention(c, bias=False), c.opt_int("sliding_window")))
    return decoder(c, zipped(c, mixers, [mlp(c, bias=c.flag("mlp_bias"))] * len(mixers)))


@arch("granite_swa")
def granite_swa(c: Fields) -> Spec:
    """Granite with windows (GraniteSWAForCausalLM): one full layer before three sliding ones, a sink a head."""
    kinds = layer_types(c, lambda i: "sliding_attention" if i % 4 else "full_attention")
    mixers = pick(kinds, by_window(attention(c, sinks=True), c.opt_int("sliding_window")))
    c.touch("layer_rope_theta")
    return decoder(c, zipped(c, mixers, [mlp(c, bias=c.flag("mlp_bias"))] * len(mixers)))


@arch("cohere_compass_text")
def cohere_compass(c: Fields) -> Spec:
    """Command's embedding model (CohereCompassForCausalLM): Cohere 2 with windows only where layer_types says so."""
    c.touch("sliding_window_pattern", "pooling")
    return alternating(c, attention(c), layer_types(c, lambda _: "full_attention"), norms=1)


@arch("vaultgemma")
def vaultgemma(c: Fields) -> Spec:
    """VaultGemma (arXiv:2510.15001): Gemma 2 with two norms a layer instead of four."""
    return alternating(c, attention(c), layer_types(c, every(2)))


@arch("internlm3", "iquestcoder")
def biased_llama(c: Fields) -> Spec:
    """InternLM3 and IQuest-Coder (LlamaForCausalLM): Llama under other keys."""
    neutral(c, use_sliding_window=False, clip_qkv=None)
    return stack(c, attention(c), mlp(c, bias=c.flag("mlp_bias")))


@arch("jais2")
def jais2(c: Fields) -> Spec:
    """Jais 2 (Jais2ForCausalLM): LayerNorm, a two-matrix ReLU² MLP, biases throughout."""
    return stack(c, attention(c), mlp(c, bias=c.flag("mlp_bias"), gated=False), norm=LAYER)


@arch("hyperclovax")
def hyperclovax(c: Fields) -> Spec:
    """HyperCLOVA X (HyperCLOVAXForCausalLM): Granite with two more norms after the blocks."""
    norms = 4 if c.flag("use_post_norm") else 2
    return stack(c, attention(c), mlp(c, bias=c.flag("mlp_bias")), norms=norms)


@arch("bitnet")
def bitnet(c: Fields) -> Spec:
    """BitNet b1.58 2B4T (arXiv:2504.12285): Llama with a norm before each block's last projection."""
    dense = mlp(c)
    inner = (*norm("attn_sub_norm", width(c)), *norm("ffn_sub_norm", dense.inner))
    layer = block(attention(c), dense, width=width(c), extra=(Bag(inner),))
    return decoder(c, [layer] * c.layers())


@arch("diffllama")
def diffllama(c: Fields) -> Spec:
    """DiffLlama (arXiv:2410.05258): the difference of two attentions, weighed by four learned vectors."""
    part = attention(c)
    weighing = (Tensor(f"lambda_{name}", (part.head_dim,), "attention", "other") for name in ("q1", "k1", "q2", "k2"))
    return stack(c, replace(part, extra=tuple(weighing)), mlp(c))


@arch("doge")
def doge(c: Fields) -> Spec:
    """Doge (DogeForCausalLM): attention with a learned mask, weighed residuals, optional product-key experts."""
    part, size = attention(c, qk_norm="head"), width(c)
    mask = (
        Tensor("mask.A", (part.kv_heads,), "attention", "other"),
        *linear("mask.dt", part.kv_heads, part.kv_heads * part.head_dim, "attention", bias=part.o_bias),
    )
    residuals = Bag(tuple(Tensor(f"residual_{name}", (size,), "other", "other") for name in ("attn", "mlp")))
    extra: tuple[Part, ...] = (residuals,)
    if c.flag("is_moe"):
        count, fire = c.int("num_experts"), c.opt_int("num_experts_per_tok")
        extra += (Moe(size, count, fire, 1, gated=False, scores=2 * isqrt(count)),)
    c.touch("num_experts", "num_experts_per_tok", "keep_window_size")
    mixer = windowed(replace(part, extra=mask), c.opt_int("sliding_window"))
    layer = block(mixer, mlp(c, bias=c.flag("mlp_bias")), width=size, extra=extra)
    return decoder(c, [layer] * c.layers())


@arch("hrm_text")
def hrm_text(c: Fields) -> Spec:
    """HRM-Text (arXiv:2506.21734): a low and a high stack run in nested cycles, each run with a cache of its own."""
    high, low = c.int("H_cycles", high=64), c.int("L_cycles", high=64)
    count = c.opt_int("num_layers_per_stack", low=1)
    count = c.layers() if count is None else c.layers("num_layers_per_stack")
    c.touch("num_hidden_layers", "num_key_value_heads", "L_bp_cycles")
    part = attention(c, kv_heads=heads(c))
    gate = tuple(linear("gate", heads(c) * part.head_dim, width(c), "attention", bias=part.o_bias))
    layer = block(replace(part, extra=gate), mlp(c, bias=c.flag("mlp_bias")), norm=BARE, width=width(c))
    start = Bag((Tensor("low_start", (width(c),), "other", "other"),))
    spec = decoder(c, [layer] * count, norm=BARE, extra=(start,))
    stacks = (Tower("low", (layer,) * count, repeats=high * low), replace(spec.towers[0], repeats=high))
    return replace(spec, towers=stacks)

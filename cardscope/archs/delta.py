"""Linear attention by the delta rule, with full attention every few layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cardscope.archs._read import (
    attention,
    block,
    decoder,
    heads,
    latent,
    layer_types,
    mlp,
    moe,
    neutral,
    pick,
    width,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.archs.experts import sparse_words
from cardscope.archs.latent import next_token_layers, shared_width
from cardscope.archs.routed import choose
from cardscope.errors import BadField
from cardscope.fields import Fields, in_range
from cardscope.parts import Bag, DeltaNet, KimiDelta, Layer, Part, Spec, Tensor, Tower, linear, norm, project

FAST = "linear_attention"


def delta_net(c: Fields) -> DeltaNet:
    """The gated delta net under Qwen's keys."""
    return DeltaNet(
        width(c),
        c.int("linear_num_key_heads"),
        c.int("linear_num_value_heads"),
        c.int("linear_key_head_dim"),
        c.int("linear_value_head_dim"),
        c.int("linear_conv_kernel_dim"),
    )


def qwen_mtp(c: Fields, mixer: Part, ffn: Part) -> Tower | None:
    """Qwen3.5's extra prediction layers: a projection of two normed inputs, full-attention blocks, a norm."""
    count = c.int("mtp_num_hidden_layers", 0, low=0, high=64)
    if not count:
        return None
    size = width(c)
    norms = Bag(tuple(t for name in ("hidden_norm", "embedding_norm", "norm") for t in norm(name, size)))
    outside = (project("fc", size, 2 * size, "mtp"), norms)
    return Tower("mtp", (block(mixer, ffn, width=size),) * count, outside, component="mtp", caches=False)


@arch("qwen3_5_text", "qwen3_5_moe_text")
def qwen3_5(c: Fields) -> Spec:
    """Qwen3.5: three gated delta-net layers to one of gated full attention, dense or with routed and shared experts."""
    interval = c.int("full_attention_interval", 4)
    kinds = layer_types(c, lambda i: "linear_attention" if (i + 1) % interval else "full_attention")
    full = attention(c, qk_norm="head", gate="element")
    mixers = pick(kinds, {"full_attention": full, "linear_attention": delta_net(c)})
    routed = c.declares("num_experts")
    ffn: Part = moe(c, shared=c.int("shared_expert_intermediate_size"), shared_gate=True) if routed else mlp(c)
    c.touch("attn_output_gate")
    return decoder(c, zipped(c, mixers, [ffn] * len(mixers)), mtp=qwen_mtp(c, full, ffn))


@arch("olmo_hybrid")
def olmo_hybrid(c: Fields) -> Spec:
    """OLMo Hybrid: three gated delta-net layers to one of full attention, normed as OLMo 2's."""
    total = c.layers()
    kinds = layer_types(c, lambda i: "full_attention" if i % 4 == 3 or (total < 4 and i == total - 1) else FAST)
    k_heads = c.opt_int("linear_num_key_heads", low=1) or heads(c)
    k_dim = c.opt_int("linear_key_head_dim", low=1) or c.derive("linear_key_head_dim", int(0.75 * width(c) / k_heads))
    net = DeltaNet(
        width(c),
        k_heads,
        c.opt_int("linear_num_value_heads", low=1) or heads(c),
        k_dim,
        c.opt_int("linear_value_head_dim", low=1) or c.derive("linear_value_head_dim", 2 * k_dim),
        c.int("linear_conv_kernel_dim"),
    )
    mixers = pick(kinds, {"full_attention": attention(c, qk_norm="full"), FAST: net})
    return decoder(c, zipped(c, mixers, [mlp(c)] * len(mixers)))


def dense_or_routed(c: Fields, first: int, **changes: Any) -> list[Part | None]:
    """`mlp_layer_types`, or the first `first` layers dense and the others routed, with shared experts."""
    routed = moe(c, "num_local_experts", shared=shared_width(c), correction=True, **changes)
    return choose(sparse_words(c, first), routed, mlp(c))


@arch("kimi_linear")
def kimi_linear(c: Fields) -> Spec:
    """Kimi Linear (arXiv:2510.26692): Kimi delta attention with latent attention every fourth layer."""
    nested = c.sub("linear_attn_config")

    def size(key: str, name: str) -> int:
        c.touch(name)
        return nested.int(key) if nested.has(key) else c.int(name)

    net = KimiDelta(
        width(c),
        size("num_heads", "linear_num_heads"),
        size("head_dim", "linear_head_dim"),
        size("short_conv_kernel_size", "linear_conv_kernel_dim"),
    )
    if nested.flag("use_full_rank_gate", fallback=False):
        net = replace(net, full_gate=True, decays=_padded(net.heads))
    kinds = layer_types(c, _numbered(c, nested))
    mixers = pick(kinds, {"full_attention": latent(c, extra=_output_gate(c)), FAST: net})
    ffns = dense_or_routed(c, c.int("first_k_dense_replace", 1, low=0), **_latent_experts(c))
    neutral(c, moe_layer_freq=1, num_nextn_predict_layers=0)
    c.touch("tie_word_embeddings", "mla_use_nope", "use_grouped_topk")
    return _with_residuals(c, zipped(c, mixers, ffns))


# Kimi K3's text model (arXiv:2607.24653) is a Kimi Linear with the four additions below; shapes as in its checkpoint.


def _padded(count: int) -> int:
    """K3 stores 128 decays for its 96 heads."""
    return 1 << (count - 1).bit_length()


def _output_gate(c: Fields) -> tuple[Tensor, ...]:
    """A gate on each number that latent attention hands on."""
    if not c.flag("mla_use_output_gate", fallback=False):
        return ()
    return tuple(linear("gate", heads(c) * c.int("v_head_dim"), width(c), "attention"))


def _latent_experts(c: Fields) -> dict[str, Any]:
    """Experts that work in a narrower width, between two projections and a norm."""
    inner = c.opt_int("routed_expert_hidden_size")
    normed = c.flag("latent_moe_use_norm", fallback=False)
    if not inner:
        return {}
    into, out = (linear("latent_in", inner, width(c), "experts"), linear("latent_out", width(c), inner, "experts"))
    return {"expert_width": inner, "extra": (*into, *out, *(norm("latent_norm", inner) if normed else ()))}


def _with_residuals(c: Fields, layers: list[Layer]) -> Spec:
    """The decoder; with attention residuals, two of them in each layer and one at the end."""
    if not c.opt_int("attn_res_block_size"):
        return decoder(c, layers, tied=False)
    both = (_residual(c, "mixer_residual"), _residual(c, "mlp_residual"))
    wider = {id(layer): Layer((*layer.parts, *both)) for layer in layers}
    return decoder(c, [wider[id(layer)] for layer in layers], tied=False, extra=(_residual(c, "residual"),))


def _residual(c: Fields, name: str) -> Bag:
    """Attention over the blocks before: a norm and one score."""
    score = linear(f"{name}.score", 1, width(c), "other")
    return Bag((*norm(f"{name}.norm", width(c)), *score))


def _numbered(c: Fields, nested: Fields) -> Callable[[int], str]:
    """Which layer is full where `layer_types` is silent: two lists that count from 1, or each fourth."""
    full, fast = nested.ints("full_attn_layers"), nested.ints("kda_layers")
    if full is None or fast is None:
        return lambda i: "full_attention" if i and i % 4 == 0 else FAST
    if not in_range((number - 1 for number in (*full, *fast)), c.layers()):
        raise BadField("linear_attn_config", [*full, *fast], f"layer numbers from 1 to {c.layers()}")
    only = set(full) - set(fast)
    return lambda i: "full_attention" if i + 1 in only else FAST


@arch("bailing_hybrid")
def bailing_hybrid(c: Fields) -> Spec:
    """Ling and Ring 2.5: Kimi delta attention with full-rank gates, latent attention with a gate a head."""
    group = c.int("layer_group_size")
    kinds = layer_types(c, lambda i: FAST if (i + 1) % group else "full_attention")
    # A file saved by transformers holds the rotary width under head_dim, and the linear one under a key of its own.
    count, dim, conv = (c.int(key if c.has(key) else usual) for key, usual in BAILING_KEYS.items())
    gate = tuple(linear("gate", heads(c), width(c), "attention"))
    full = latent(c, q_rank=None, extra=gate)
    mixers = pick(
        kinds, {"full_attention": full, FAST: KimiDelta(width(c), count, dim, conv, full_forget=True, full_gate=True)}
    )
    ffns = dense_or_routed(c, c.int("first_k_dense_replace", low=0))
    c.touch("tie_word_embeddings", "head_dim")
    mtp = next_token_layers(c, full, ffns[-1]) if ffns and ffns[-1] else None
    return decoder(c, zipped(c, mixers, ffns), tied=False, mtp=mtp)


BAILING_KEYS = {
    "linear_num_heads": "num_attention_heads",
    "linear_head_dim": "head_dim",
    "linear_conv_kernel_dim": "short_conv_kernel_size",
}

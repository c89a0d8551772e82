"""Mixtures of experts over grouped-query attention."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._read import (
    attention,
    decoder,
    heads,
    layer_types,
    mlp,
    moe,
    pick,
    split_heads,
    stack,
    windowed,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.archs.gated import by_window
from cardscope.errors import BadField
from cardscope.fields import Fields, in_range
from cardscope.parts import Part, Spec


def sparse(c: Fields, total: int) -> list[bool]:
    """Which layers are routed: every `decoder_sparse_step`-th, less `mlp_only_layers`."""
    step = c.int("decoder_sparse_step", 1, low=0)
    dense = c.ints("mlp_only_layers") or ()
    if not in_range(dense, total):
        raise BadField("mlp_only_layers", list(dense), f"a list of layers below {total}")
    skipped = frozenset(dense)
    return [step > 0 and i not in skipped and (i + 1) % step == 0 for i in range(total)]


def choose(routed: list[bool], expert: Part, dense: Part) -> list[Part | None]:
    """The feed-forward of each layer."""
    return [expert if here else dense for here in routed]


@arch("mixtral")
def mixtral(c: Fields) -> Spec:
    """Mixtral (arXiv:2401.04088): Mistral with eight experts, two firing."""
    part = attention(c, bias=False, qkv_bias=False)
    return stack(c, windowed(part, c.opt_int("sliding_window")), moe(c, "num_local_experts", "intermediate_size"))


@arch("qwen2_moe")
def qwen2_moe(c: Fields) -> Spec:
    """Qwen1.5-MoE and Qwen2-57B-A14B: a gated shared expert beside the routed ones."""
    window = c.opt_int("sliding_window") if c.flag("use_sliding_window") else None
    c.touch("sliding_window")
    first = c.int("max_window_layers", low=0)
    kinds = layer_types(c, lambda i: "sliding_attention" if (i + 1) % 2 and window and i < first else "full_attention")
    mixers = pick(kinds, by_window(attention(c, qkv_bias=c.flag("qkv_bias"), o_bias=False), window))
    routed = moe(c, shared=c.int("shared_expert_intermediate_size"), shared_gate=True)
    return decoder(c, zipped(c, mixers, choose(sparse(c, len(mixers)), routed, mlp(c))))


@arch("qwen3_moe")
def qwen3_moe(c: Fields) -> Spec:
    """Qwen3 mixtures (arXiv:2505.09388): no shared expert, a norm over each query and key head."""
    window = c.opt_int("sliding_window") if c.flag("use_sliding_window") else None
    c.touch("sliding_window", "max_window_layers")
    part = windowed(attention(c, qk_norm="head"), window)
    kinds = sparse(c, c.layers())
    return decoder(c, zipped(c, [part] * len(kinds), choose(kinds, moe(c), mlp(c))))


@arch("olmoe")
def olmoe(c: Fields) -> Spec:
    """OLMoE (arXiv:2409.02060): norms over whole queries and keys."""
    # Its norms span hidden_size whatever head_dim says, so a head_dim of its own cannot run and stays unread.
    part = attention(c, qk_norm="full", head_dim=split_heads(c, heads(c)))
    return stack(c, part, moe(c, inner="intermediate_size"))


@arch("granitemoe")
def granitemoe(c: Fields) -> Spec:
    """Granite 3 mixtures: Granite's attention, experts of `intermediate_size`."""
    part = attention(c)
    return stack(c, part, moe(c, "num_local_experts", "intermediate_size"))


@arch("gpt_oss")
def gpt_oss(c: Fields) -> Spec:
    """gpt-oss (arXiv:2508.10925): biased experts and router, one attention sink a head, every second layer windowed."""
    kinds = layer_types(c, lambda i: "sliding_attention" if (i + 1) % 2 else "full_attention")
    part = attention(c, sinks=True)
    routed = moe(c, "num_local_experts", "intermediate_size", up_bias=True, down_bias=True, router_bias=True)
    mixers = pick(kinds, by_window(part, c.opt_int("sliding_window")))
    # GptOssExperts clamps and gates by a rule of its own, whatever hidden_act says.
    return decoder(c, zipped(c, mixers, [replace(routed, extra=())] * len(mixers)))

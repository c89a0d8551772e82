"""State-space models and their hybrids with attention."""

from __future__ import annotations

from math import ceil

from cardscope.archs._read import (
    act,
    attention,
    block,
    decoder,
    layer_types,
    mlp,
    moe,
    pick,
    width,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.archs.routed import choose, sparse
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import DeltaNet, Mamba, Mamba2, Part, Spec


def dt_rank(c: Fields, key: str) -> int:
    """Rank of the time step: a number, or "auto" for a sixteenth of the width."""
    return c.derive(key, ceil(width(c) / 16)) if c.raw(key, "auto") == "auto" else c.int(key)


def inner_width(c: Fields) -> int:
    """Expand · hidden_size, unless the file itself says intermediate_size (falcon-mamba-7b does)."""
    ratio = c.number("expand")
    return c.opt_int("intermediate_size", low=1) or c.derive("intermediate_size", int(ratio * width(c)))


@arch("mamba", "falcon_mamba")
def mamba(c: Fields) -> Spec:
    """Mamba (arXiv:2312.00752): one mixer and one norm a layer, no attention, no cache that grows."""
    inner = inner_width(c)
    mixer = Mamba(
        width(c),
        inner,
        c.int("state_size"),
        c.int("conv_kernel"),
        dt_rank(c, "time_step_rank"),
        bias=c.flag("use_bias"),
        conv_bias=c.flag("use_conv_bias"),
        extra=act(c, "mixer"),
    )
    return decoder(c, [block(mixer, None, 1, width=width(c))] * c.layers())


@arch("mamba2")
def mamba2(c: Fields) -> Spec:
    """Mamba-2 (arXiv:2405.21060); unlike Mamba's, its mixer never asks for `intermediate_size`."""
    inner = c.derive("intermediate_size", int(c.number("expand") * width(c)))
    c.touch("intermediate_size", "time_step_rank")
    mixer = Mamba2(
        width(c),
        inner,
        c.int("num_heads"),
        c.int("head_dim"),
        c.int("n_groups"),
        c.int("state_size"),
        c.int("conv_kernel"),
        bias=c.flag("use_bias"),
        conv_bias=c.flag("use_conv_bias"),
        extra=act(c, "mixer"),
    )
    return decoder(c, [block(mixer, None, 1, width=width(c))] * c.layers())


def periodic(c: Fields, name: str, total: int) -> list[bool]:
    """Every `<name>_period`-th layer from `<name>_offset` on."""
    period, offset = c.int(f"{name}_period"), c.int(f"{name}_offset", low=0)
    if offset >= period:
        raise BadField(f"{name}_offset", offset, f"below {name}_period {period}")
    return [index % period == offset for index in range(total)]


@arch("jamba")
def jamba(c: Fields) -> Spec:
    """Jamba (arXiv:2403.19887): one attention layer in eight, the others Mamba; every second layer routed."""
    total = c.layers()
    mixer = Mamba(
        width(c),
        c.int("mamba_expand") * width(c),
        c.int("mamba_d_state"),
        c.int("mamba_d_conv"),
        dt_rank(c, "mamba_dt_rank"),
        bias=c.flag("mamba_proj_bias"),
        conv_bias=c.flag("mamba_conv_bias"),
        inner_norms=True,
        extra=act(c, "mixer"),
    )
    part = attention(c, bias=False, qkv_bias=False)
    mixers: list[Part] = [part if here else mixer for here in periodic(c, "attn_layer", total)]
    places = periodic(c, "expert_layer", total)
    several = c.int("num_experts") > 1
    routed = moe(c, inner="intermediate_size") if several else mlp(c)
    return decoder(c, zipped(c, mixers, choose(places, routed, mlp(c))))


@arch("qwen3_next")
def qwen3_next(c: Fields) -> Spec:
    """Qwen3-Next: three gated delta-net layers to one gated full attention, routed experts with a shared one."""
    net = DeltaNet(
        width(c),
        c.int("linear_num_key_heads"),
        c.int("linear_num_value_heads"),
        c.int("linear_key_head_dim"),
        c.int("linear_value_head_dim"),
        c.int("linear_conv_kernel_dim"),
    )
    full = attention(c, qk_norm="head", gate="element")
    interval = c.int("full_attention_interval", 4)
    kinds = layer_types(c, lambda i: "linear_attention" if (i + 1) % interval else "full_attention")
    mixers = pick(kinds, {"full_attention": full, "linear_attention": net})
    routed = moe(c, shared=c.int("shared_expert_intermediate_size"), shared_gate=True)
    places = sparse(c, len(mixers))
    c.touch("intermediate_size")
    return decoder(c, zipped(c, mixers, choose(places, routed, mlp(c))))

"""Latent attention: DeepSeek and its kin."""

from __future__ import annotations

from cardscope.archs._read import block, decoder, latent, mlp, moe, width, zipped
from cardscope.archs._registry import arch
from cardscope.fields import Fields
from cardscope.parts import Part, Spec, Tower, norm, project
from cardscope.parts.plain import Bag


def dense_first(c: Fields, routed: Part, dense: Part) -> list[Part | None]:
    """The first `first_k_dense_replace` layers dense, the others routed."""
    first = c.int("first_k_dense_replace", 0, low=0)
    for key, harmless in (("moe_layer_freq", {1}), ("topk_method", {"greedy", "group_limited_greedy", "noaux_tc"})):
        value = c.peek(key)
        if isinstance(value, int | str) and value in harmless:
            c.touch(key)
    return [dense if index < first else routed for index in range(c.layers())]


def shared_width(c: Fields) -> int:
    """Total width of the shared experts; null means none."""
    return (c.opt_int("n_shared_experts") or 0) * c.int("moe_intermediate_size")


def next_token_layers(c: Fields, mixer: Part, ffn: Part) -> Tower | None:
    """DeepSeek-V3's extra prediction layers (arXiv:2412.19437 §2.2): one more block each, two norms, a projection."""
    count = c.int("num_nextn_predict_layers", 0, low=0, high=64)
    if not count:
        return None
    size = width(c)
    norms = Bag(tuple(t for name in ("enorm", "hnorm", "final_norm") for t in norm(name, size)))
    extra = (norms, project("eh_proj", size, 2 * size, "mtp"))
    return Tower("mtp", (block(mixer, ffn, width=size, extra=extra),) * count, component="mtp", caches=False)


@arch("deepseek_v2")
def deepseek_v2(c: Fields) -> Spec:
    """DeepSeek-V2 (arXiv:2405.04434): compressed keys and values, shared and routed experts."""
    mixer, bias = latent(c), c.flag("mlp_bias")
    routed = moe(c, "n_routed_experts", shared=shared_width(c), shared_bias=bias)
    ffns = dense_first(c, routed, mlp(c, bias=bias))
    return decoder(c, zipped(c, [mixer] * len(ffns), ffns))


@arch("deepseek_v3")
def deepseek_v3(c: Fields) -> Spec:
    """DeepSeek-V3 (arXiv:2412.19437): V2 with a correction bias in the router and an extra prediction layer."""
    mixer = latent(c)
    routed = moe(c, "n_routed_experts", shared=shared_width(c), correction=True)
    ffns = dense_first(c, routed, mlp(c))
    return decoder(c, zipped(c, [mixer] * len(ffns), ffns), mtp=next_token_layers(c, mixer, routed))


@arch("mistral4")
def mistral4(c: Fields) -> Spec:
    """Mistral Small 4 (Mistral4ForCausalLM): compressed keys and values, one shared and many routed experts."""
    mixer, routed = latent(c), moe(c, "n_routed_experts", shared=shared_width(c))
    c.touch("qk_head_dim")
    ffns = dense_first(c, routed, mlp(c))
    return decoder(c, zipped(c, [mixer] * len(ffns), ffns))

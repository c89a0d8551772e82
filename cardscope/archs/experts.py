"""Routed decoders since 2024 over ordinary attention: GLM-4.5, MiniMax-M2, Llama 4, ERNIE 4.5, Laguna and kin."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._read import (
    act,
    attention,
    block,
    decoder,
    every,
    heads,
    layer_types,
    made_once,
    mlp,
    moe,
    neutral,
    per_layer,
    pick,
    split_heads,
    stack,
    unmodelled_mtp,
    width,
    windowed,
    words,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.archs.dense import exaone_kinds
from cardscope.archs.gated import by_window
from cardscope.archs.latent import dense_first, next_token_layers, shared_width
from cardscope.archs.routed import choose
from cardscope.errors import BadField
from cardscope.fields import Fields, in_range
from cardscope.parts import LAYER, Layer, Moe, Norm, Spec, Tensor


def sparse_words(c: Fields, dense: int) -> list[bool]:
    """Which layers are routed: `mlp_layer_types` ("sparse", "dense"), else all but the first `dense`."""
    kinds = words(c, "mlp_layer_types", lambda i: "dense" if i < dense else "sparse")
    return [kind == "sparse" for kind in kinds]


@arch("glm4_moe")
def glm4_moe(c: Fields) -> Spec:
    """GLM-4.5 (arXiv:2508.06471): DeepSeek-V3's routing over grouped queries, an extra prediction layer."""
    qk = "head" if c.flag("use_qk_norm") else None
    part = attention(c, qkv_bias=c.flag("attention_bias"), o_bias=False, qk_norm=qk)
    routed = moe(c, "n_routed_experts", shared=shared_width(c), correction=True)
    ffns = dense_first(c, routed, mlp(c))
    return decoder(c, zipped(c, [part] * len(ffns), ffns), mtp=next_token_layers(c, part, routed))


@arch("dots1")
def dots1(c: Fields) -> Spec:
    """dots.llm1 (arXiv:2506.05767): DeepSeek-V3's routing over multi-head attention with query-key norms."""
    window, first = c.opt_int("sliding_window"), c.opt_int("max_window_layers") or 0
    kinds = layer_types(c, lambda i: "sliding_attention" if window is not None and i >= first else "full_attention")
    mixers = pick(kinds, by_window(attention(c, qk_norm="head"), window))
    places = [i >= c.int("first_k_dense_replace", low=0) for i in range(c.layers())]
    c.touch("moe_intermediate_size", "n_routed_experts", "n_shared_experts", "num_experts_per_tok")
    routed = moe(c, "n_routed_experts", shared=shared_width(c), correction=True) if any(places) else mlp(c)
    return decoder(c, zipped(c, mixers, choose(places, routed, mlp(c))))


@arch("minimax_m2")
def minimax_m2(c: Fields) -> Spec:
    """MiniMax-M2 (MiniMaxM2ForCausalLM): norms over whole queries and keys, experts of `intermediate_size`."""
    part = attention(c, bias=False, qk_norm="full")
    neutral(c, use_qk_norm=True, qk_norm_type="per_layer", use_routing_bias=True, shared_intermediate_size=0)
    neutral(c, attn_type_list=[1] * c.layers())
    return stack(c, part, moe(c, "num_local_experts", "intermediate_size", correction=True))


@arch("flex_olmo")
def flex_olmo(c: Fields) -> Spec:
    """FlexOlmo (arXiv:2507.07024): OLMo 2 with experts that were trained apart."""
    part = attention(c, qk_norm="full")
    return stack(c, part, moe(c, inner="intermediate_size"))


@arch("phimoe")
def phimoe(c: Fields) -> Spec:
    """Phi-3.5-MoE (arXiv:2404.14219): Mixtral with LayerNorm and optional biases, head included."""
    part = windowed(attention(c), c.opt_int("sliding_window"))
    routed = moe(c, "num_local_experts", "intermediate_size")
    return stack(c, part, routed, norm=LAYER, head_bias=c.flag("lm_head_bias"))


@arch("dbrx")
def dbrx(c: Fields) -> Spec:
    """DBRX (DbrxForCausalLM): sixteen fine-grained experts, norms with a gain only, sizes in two sub-configs."""
    kv, inner = c.sub("attn_config").int("kv_n_heads", 1), c.sub("ffn_config")
    if heads(c) % kv:
        raise BadField("attn_config.kv_n_heads", kv, f"a divisor of the {heads(c)} attention heads")
    part = attention(c, bias=False, kv_heads=kv, head_dim=split_heads(c, heads(c)), square=True)
    count, fire = inner.int("moe_num_experts", 4), inner.int("moe_top_k", 1)
    if fire > count:
        raise BadField("ffn_config.moe_top_k", fire, f"at most the {count} experts there are")
    routed = Moe(width(c), count, fire, inner.int("ffn_hidden_size", 3584))
    inner.touch("hidden_size")
    return stack(c, part, routed, norm=Norm(0))


def ernie_experts(c: Fields, *, bias: bool) -> Moe:
    """ERNIE 4.5's experts: biases in the shared ones only, the router's correction a parameter that is not trained."""
    shared = c.int("moe_num_shared_experts", low=0) * c.int("moe_intermediate_size")
    return moe(c, shared=shared, shared_bias=bias, correction=True, correction_is_parameter=True)


@arch("ernie4_5_moe")
def ernie4_5_moe(c: Fields) -> Spec:
    """ERNIE 4.5 mixtures (Ernie4_5_MoeForCausalLM): routed layers by interval between a first and a last one."""
    bias, total = c.flag("use_bias"), c.layers()
    first, last = c.int("moe_layer_start_index", low=0), c.int("moe_layer_end_index", low=-1)
    step, end = c.int("moe_layer_interval"), total - 1 if last == -1 else last
    places = [(i + 1) % step == 0 and first <= i <= end for i in range(total)]
    dense = mlp(c, bias=bias)
    c.touch("moe_intermediate_size", "moe_k", "moe_num_experts", "moe_num_shared_experts")
    routed = ernie_experts(c, bias=bias) if any(places) else dense
    mixers = [attention(c, bias=bias)] * total
    unmodelled_mtp(c)
    return decoder(c, zipped(c, mixers, choose(places, routed, dense)), head_bias=bias)


@arch("exaone_moe")
def exaone_moe(c: Fields) -> Spec:
    """K-EXAONE (ExaoneMoeForCausalLM): EXAONE 4's mixed windows over DeepSeek-V3's routing."""
    mixers = pick(exaone_kinds(c), by_window(attention(c, bias=False, qk_norm="head"), c.opt_int("sliding_window")))
    shared = c.int("num_shared_experts", low=0) * c.int("moe_intermediate_size")
    places = sparse_words(c, c.int("first_k_dense_replace", low=0))
    unmodelled_mtp(c)
    return decoder(c, zipped(c, mixers, choose(places, moe(c, shared=shared, correction=True), mlp(c))))


@arch("hunyuan_v1_moe")
def hunyuan_v1_moe(c: Fields) -> Spec:
    """Hunyuan-A13B (HunYuanMoEV1ForCausalLM): every layer routed, one shared expert, firing counts layer by layer."""
    part, dense = attention(c, qk_norm="head"), mlp(c)
    count = c.int("num_experts")

    def layer(fire: int) -> Layer:
        if fire > count:
            raise BadField("moe_topk", fire, f"at most the {count} experts there are")
        routed = Moe(width(c), count, fire, dense.inner, shared=dense.inner, extra=act(c, "experts") * 2)
        return block(part, routed, width=width(c))

    return decoder(c, made_once(per_layer(c, "num_experts_per_tok"), layer))


@arch("llama4_text")
def llama4(c: Fields) -> Spec:
    """Llama 4 (Llama4ForCausalLM): chunked attention with rotary positions, full without; routed layers by step."""
    total, step = c.layers(), c.int("interleave_moe_layer_step")
    interval = c.int("no_rope_layer_interval")
    rotary = c.ints("no_rope_layers") or tuple(int((i + 1) % interval != 0) for i in range(total))
    kinds = layer_types(c, lambda i: "chunked_attention" if i < len(rotary) and rotary[i] else "full_attention")
    full, chunk = attention(c), c.opt_int("attention_chunk_size")
    chunked = replace(full, kind="chunked", window=chunk) if chunk else full
    mixers = pick(kinds, {"full_attention": full, "chunked_attention": chunked})
    listed = c.ints("moe_layers")
    if listed is not None and not in_range(listed, total):
        raise BadField("moe_layers", list(listed), f"a list of layers below {total}")
    places = [i in listed if listed is not None else (i + 1) % step == 0 for i in range(total)]
    routed = moe(c, "num_local_experts", "intermediate_size", shared=c.int("intermediate_size"))
    dense = mlp(c, c.int("intermediate_size_mlp"))
    return decoder(c, zipped(c, mixers, choose(places, routed, dense)))


@arch("mimo_v2_flash")
def mimo_v2_flash(c: Fields) -> Spec:
    """MiMo-V2-Flash (MiMoV2FlashForCausalLM): sliding layers have twice the KV heads, and sinks."""
    size = c.raw("sliding_window_size", None)
    window = c.opt_int("sliding_window") if size is None else c.int("sliding_window_size") + 1
    kinds = layer_types(c, lambda i: "sliding_attention" if i and (i + 1) % 6 else "full_attention")
    full = attention(c, o_bias=False, v_head_dim=c.int("v_head_dim"))
    local = replace(windowed(full, window), kv_heads=2 * full.kv_heads, sinks=True)
    mixers = pick(kinds, {"full_attention": full, "sliding_attention": local})
    routed = moe(c, "n_routed_experts", correction=True)
    unmodelled_mtp(c)
    return decoder(c, zipped(c, mixers, choose(sparse_words(c, 1), routed, mlp(c))))


@arch("laguna")
def laguna(c: Fields) -> Spec:
    """Laguna (LagunaForCausalLM): query heads by layer, a gate on attention's output, a shared expert."""
    per_head = c.raw("gating") in (True, "per-head")
    neutral(c, decoder_sparse_step=1, mlp_only_layers=[0], gating_types=["per_head"] * c.layers() if per_head else [])
    usual = attention(c, qk_norm="head", gate="head" if per_head else "apart")
    counts = per_layer(c, "num_attention_heads_per_layer") if c.raw("num_attention_heads_per_layer") else ()
    kinds, window = layer_types(c, lambda _: "full_attention"), c.opt_int("sliding_window")
    counts = counts or (usual.heads,) * len(kinds)
    odd = next((count for count in counts if count % usual.kv_heads), None)
    if odd is not None:
        raise BadField("num_key_value_heads", usual.kv_heads, f"a divisor of a layer's {odd} attention heads")
    by_count = {count: by_window(replace(usual, heads=count), window) for count in dict.fromkeys(counts)}
    mixers = [pick([kind], by_count[count])[0] for kind, count in zip(kinds, counts, strict=True)]
    routed = moe(c, shared=c.int("shared_expert_intermediate_size"), correction=True, correction_is_parameter=True)
    ffns = choose(sparse_words(c, 1), routed, mlp(c))
    return decoder(c, zipped(c, mixers, ffns))


@arch("cohere2_moe")
def cohere2_moe(c: Fields) -> Spec:
    """Command mixtures (Cohere2MoeForCausalLM): Cohere 2's one norm and windows, a dense prefix, shared experts."""
    first, inner = c.int("first_k_dense_replace", 0, low=0), c.int("intermediate_size")
    prefix, rest = (every(c.int(f"{name}sliding_window_pattern", low=0)) for name in ("prefix_dense_", ""))
    kinds = layer_types(c, lambda i: prefix(i) if i < first else rest(i - first))
    mixers = pick(kinds, by_window(attention(c), c.opt_int("sliding_window")))
    routed = moe(c, inner="intermediate_size", shared=inner * c.int("num_shared_experts", low=0))
    dense = mlp(c, c.opt_int("prefix_dense_intermediate_size", low=1))
    return decoder(c, zipped(c, mixers, choose(sparse_words(c, first), routed, dense), norms=1))


@arch("aria_text")
def aria_text(c: Fields) -> Spec:
    """Aria's language model (arXiv:2410.05993): every layer routed, shared experts that may have biases."""
    bias, shared = c.flag("mlp_bias"), c.int("moe_num_shared_experts") * c.int("intermediate_size")
    routed = moe(
        c,
        "moe_num_experts",
        "intermediate_size",
        per_token="moe_topk",  # noqa: S106 - a key, no password
        shared=shared,
        shared_bias=bias,
    )
    return stack(c, attention(c), replace(routed, extra=act(c, "experts")))


@arch("granitemoeshared")
def granitemoeshared(c: Fields) -> Spec:
    """Granite mixtures with a shared expert (GraniteMoeSharedForCausalLM)."""
    shared = c.int("shared_intermediate_size", low=0)
    return stack(c, attention(c), moe(c, "num_local_experts", "intermediate_size", shared=shared))


@arch("hy_v3")
def hy_v3(c: Fields) -> Spec:
    """Hy3 (HYV3ForCausalLM): one dense layer, then DeepSeek-V3's routing over grouped queries."""
    bias = c.flag("mlp_bias")
    shared = c.int("num_shared_experts", low=0) * c.int("moe_intermediate_size")
    routed = moe(c, shared=shared, shared_bias=bias, correction=True)
    places = sparse_words(c, 1)
    mixers = [attention(c, qk_norm="head")] * len(places)
    neutral(c, first_k_dense_replace=1)
    unmodelled_mtp(c)
    return decoder(c, zipped(c, mixers, choose(places, routed, mlp(c, bias=bias))))


@arch("solar_open")
def solar_open(c: Fields) -> Spec:
    """Solar Open (SolarOpenForCausalLM): every layer routed, DeepSeek-V3's routing over grouped queries."""
    part = attention(c, qkv_bias=c.flag("attention_bias"), o_bias=False)
    neutral(c, first_k_dense_replace=0, use_qk_norm=False)
    unmodelled_mtp(c)
    return stack(c, part, moe(c, "n_routed_experts", shared=shared_width(c), correction=True))


@arch("jetmoe")
def jetmoe(c: Fields) -> Spec:
    """JetMoE (arXiv:2404.07413): experts for query and output projections too; keys and values are shared."""
    routed = moe(c, "num_local_experts", "intermediate_size")
    kv, fire, size = c.int("num_key_value_heads"), routed.per_token or 1, width(c)
    part = attention(c, bias=False, heads=kv * fire, kv_heads=kv, head_dim=c.int("kv_channels"))
    choice = (
        Tensor("router.weight", (routed.experts, size), "router"),
        Tensor("experts.bias", (size,), "attention", "bias"),
    )
    part = replace(part, experts=routed.experts, per_token=fire, extra=choice)
    bias = Tensor("experts.bias", (size,), "experts", "bias")
    return stack(c, part, replace(routed, extra=(*routed.extra, bias)))

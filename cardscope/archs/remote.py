"""Types that only repositories' own code builds, and that code is never run: declared from what is published.

Each was checked against a published total, an index's total_size, or transformers' later class for the same weights.
"""

from __future__ import annotations

from math import ceil

from cardscope.archs._read import (
    attention,
    block,
    decoder,
    heads,
    mlp,
    moe,
    split_heads,
    stack,
    width,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.archs.classic import square
from cardscope.archs.gated import by_window, qwen_window
from cardscope.archs.latent import dense_first, next_token_layers, shared_width
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import LAYER, RMS, Bag, Layer, Lightning, Mlp, Part, Spec, Tensor, project


def named(c: Fields, **others: str) -> None:
    """Second spellings that a repository's own config class uses for the standard keys."""
    for name, other in others.items():
        c.prefer(name, other)


@arch("internlm", "PanguEmbedded")
def internlm(c: Fields) -> Spec:
    """InternLM and openPangu Embedded: Llama with `bias` on all four projections of attention."""
    return stack(c, attention(c, bias=c.flag("bias", fallback=True), head_dim=split_heads(c, heads(c))), mlp(c))


@arch("internlm2")
def internlm2(c: Fields) -> Spec:
    """InternLM2 (arXiv:2403.17297): Llama with fused queries, keys and values; the reward model has one output."""
    part = attention(c, bias=c.flag("bias", fallback=True), head_dim=split_heads(c, heads(c)))
    layer = block(part, mlp(c), width=width(c))
    if c.texts("architectures") == ("InternLM2ForRewardModel",):
        c.touch("reward_token_id", "tie_word_embeddings")
        value = project("v_head", 1, width(c), "head")
        return decoder(c, [layer] * c.layers(), extra=(value,), tied=False, head="base")
    return decoder(c, [layer] * c.layers(), tied=c.flag("tie_word_embeddings", fallback=False))


@arch("xverse", "baichuan")
def plain_llama(c: Fields) -> Spec:
    """XVERSE and Baichuan (arXiv:2309.10305): Llama without any bias; Baichuan's 13B has linear position biases."""
    c.touch("max_tokenizer_truncation", "z_loss_weight")
    return stack(c, attention(c, bias=False, qkv_bias=False, head_dim=split_heads(c, heads(c))), mlp(c))


@arch("orion")
def orion(c: Fields) -> Spec:
    """Orion-14B (arXiv:2401.12246): Llama with LayerNorm."""
    part = attention(c, bias=c.flag("attention_bias", fallback=False), head_dim=split_heads(c, heads(c)))
    return stack(c, part, mlp(c), norm=LAYER)


@arch("exaone")
def exaone(c: Fields) -> Spec:
    """EXAONE 3.0 and 3.5 (arXiv:2408.03541, arXiv:2412.04862): Llama under GPT-2's names."""
    named(c, num_hidden_layers="num_layers")
    part = attention(c, bias=False, qkv_bias=False, head_dim=split_heads(c, heads(c)))
    return stack(c, part, mlp(c))


@arch("phi4")
def phi4(c: Fields) -> Spec:
    """Phi-4-mini as its repository names it: Phi-3's layers."""
    c.touch("full_attn_mod", "lm_head_bias", "interpolate_factor", "sliding_window")
    part = attention(c, bias=c.flag("attention_bias", fallback=False), head_dim=split_heads(c, heads(c)))
    return stack(c, part, mlp(c, bias=c.flag("mlp_bias", fallback=False)))


@arch("minicpm")
def minicpm(c: Fields) -> Spec:
    """MiniCPM (arXiv:2404.06395): Llama with scaled residuals, or with experts in every layer."""
    part = attention(c, bias=c.flag("attention_bias", fallback=False), head_dim=split_heads(c, heads(c)))
    c.touch("scale_emb", "dim_model_base", "scale_depth")
    routed = (c.opt_int("num_experts") or 0) > 0
    return stack(c, part, moe(c, inner="intermediate_size") if routed else mlp(c))


@arch("mimo")
def mimo(c: Fields) -> Spec:
    """MiMo-7B (arXiv:2505.07608): Qwen2 with an extra prediction layer."""
    kinds, window = qwen_window(c)
    part = attention(c, qkv_bias=c.flag("attention_bias", fallback=True), o_bias=False)
    mixers = [by_window(part, window)[kind] for kind in kinds]
    wide = mlp(c)
    return decoder(c, zipped(c, mixers, [wide] * len(mixers)), mtp=next_token_layers(c, part, wide))


@arch("kimi_k2")
def kimi_k2(c: Fields) -> Spec:
    """Kimi K2 (arXiv:2507.20534): DeepSeek-V3 with more experts and fewer heads."""
    from cardscope.archs.latent import deepseek_v3

    return deepseek_v3(c)


@arch("deepseek")
def deepseek(c: Fields) -> Spec:
    """DeepSeekMoE (arXiv:2401.06066): Llama's attention, shared and routed experts after the first dense layers."""
    part = attention(c, head_dim=split_heads(c, heads(c)))
    if (c.opt_int("n_routed_experts") or 0) == 0:
        return stack(c, part, mlp(c))
    ffns = dense_first(c, moe(c, "n_routed_experts", shared=shared_width(c)), mlp(c))
    return decoder(c, zipped(c, [part] * len(ffns), ffns))


@arch("bailing_moe")
def bailing(c: Fields) -> Spec:
    """Ling (arXiv:2503.05139): grouped queries, shared and routed experts, dense layers first."""
    part = attention(c, qkv_bias=c.flag("use_qkv_bias", fallback=False), o_bias=c.flag("use_bias", fallback=False))
    shared = (c.opt_int("num_shared_experts") or 0) * c.int("moe_intermediate_size")
    c.touch("norm_head", "norm_softmax")
    ffns = dense_first(c, moe(c, shared=shared), mlp(c))
    return decoder(c, zipped(c, [part] * len(ffns), ffns))


@arch("chatglm")
def chatglm(c: Fields) -> Spec:
    """ChatGLM2, ChatGLM3 and GLM-4 (arXiv:2406.12793): `multi_query_group_num` KV heads, a fused gated MLP.

    The repositories' class name ends in Model, yet they hold the output layer.
    """
    named(c, num_hidden_layers="num_layers", vocab_size="padded_vocab_size", intermediate_size="ffn_hidden_size")
    total = heads(c)
    groups = c.int("multi_query_group_num", 1) if c.flag("multi_query_attention", fallback=False) else total
    if total % groups:
        raise BadField("multi_query_group_num", groups, f"a divisor of the {total} attention heads")
    bias = c.flag("add_bias_linear", fallback=False)
    qkv = bias or c.flag("add_qkv_bias", fallback=False)
    dim = c.int("kv_channels")
    part = attention(c, kv_heads=groups, head_dim=dim, qkv_bias=qkv, o_bias=bias)
    c.touch("architectures", "rmsnorm", "original_rope", "apply_residual_connection_post_layernorm", "num_layers")
    gain = RMS if c.flag("rmsnorm", fallback=True) else LAYER
    layer = block(part, mlp(c, bias=bias), norm=gain, width=width(c))
    # Half of each head rotates, and the frequencies are stored once for all layers.
    turns = Bag((Tensor("inv_freq", (dim // 4,), "attention", "buffer"),))
    return decoder(
        c,
        [layer] * c.layers(),
        norm=gain,
        final_norm=c.flag("post_layer_norm", fallback=True),
        extra=(turns,),
        tied=False,
        head="causal_lm",
        max_positions="seq_length",
    )


@arch("phi3small")
def phi3small(c: Fields) -> Spec:
    """Phi-3-small (arXiv:2404.14219): biases everywhere, GEGELU, LayerNorm; block-sparse attention on most layers."""
    part = attention(c, bias=True, qkv_bias=True, head_dim=split_heads(c, heads(c)))
    inner = c.opt_int("ff_intermediate_size", low=1) or int(c.number("ff_dim_multiplier") * width(c))
    c.touch("ff_dim_multiplier", "gegelu_pad_to_256", "dense_attention_every_n_layers", "mup_use_scaling")
    c.touch(*(f"blocksparse_{key}" for key in ("block_size", "num_local_blocks", "vert_stride")))
    c.touch("blocksparse_triton_kernel_block_size", "pad_sequence_to_multiple_of_64", "rope_embedding_base")
    return stack(c, part, mlp(c, inner, bias=True), norm=LAYER)


@arch("phi-msft", "mixformer-sequential")
def phi_msft(c: Fields) -> Spec:
    """Phi-1 to Phi-2 as first published: Phi's layers under GPT-2's names."""
    named(c, hidden_size="n_embd", num_hidden_layers="n_layer", num_attention_heads="n_head")
    named(c, num_key_value_heads="n_head_kv", max_position_embeddings="n_positions")
    part = attention(c, bias=True, qkv_bias=True, head_dim=split_heads(c, heads(c)))
    inner = c.opt_int("n_inner", low=1) or 4 * width(c)
    c.touch("rotary_dim", "fused_dense", "flash_attn", "flash_rotary")
    return stack(c, part, mlp(c, inner, bias=True, gated=False), norms=1, norm=LAYER, head_bias=True, tied=False)


@arch("RefinedWeb", "RefinedWebModel")
def refined_web(c: Fields) -> Spec:
    """Falcon as first published: grouped KV heads and two norms where n_head_kv is given, else one KV head or all."""
    named(c, num_attention_heads="n_head", num_hidden_layers="n_layer")
    total, grouped = heads(c), c.opt_int("n_head_kv", low=1)
    kv = grouped or (1 if c.flag("multi_query", fallback=False) else total)
    if total % kv:
        raise BadField("n_head_kv", kv, f"a divisor of the {total} attention heads")
    bias, parallel = c.flag("bias", fallback=False), c.flag("parallel_attn", fallback=False)
    c.touch("apply_residual_connection_post_layernorm", "alibi")
    wide = mlp(c, 4 * width(c), bias=bias, gated=False)
    norms = 1 if parallel and not grouped else 2
    return stack(c, square(c, bias=bias, kv=kv), wide, norms=norms, norm=LAYER)


@arch("gpt_neox_reward_model")
def gpt_neox_reward(c: Fields) -> Spec:
    """Open Assistant's reward model: GPT-NeoX with one output instead of a vocabulary."""
    bias = c.flag("attention_bias", fallback=True)
    part = attention(c, bias=bias, head_dim=split_heads(c, heads(c)))
    layer = block(part, mlp(c, bias=True, gated=False), norm=LAYER, width=width(c))
    c.touch("use_parallel_residual", "architectures", "tie_word_embeddings", "pooling")
    value = project("out_proj", 1, width(c), "head", bias=True)
    return decoder(c, [layer] * c.layers(), norm=LAYER, extra=(value,), tied=False, head="base")


@arch("minimax_m1", "minimax_text_01")
def minimax_m1(c: Fields) -> Spec:
    """MiniMax-Text-01 and M1 (arXiv:2501.08313, arXiv:2506.13585): seven lightning layers to one full."""
    kinds = c.ints("attn_type_list")
    if kinds is None or len(kinds) != c.layers() or not set(kinds) <= {0, 1}:
        raise BadField("attn_type_list", kinds, f"a list of {c.layers()} zeros (lightning) and ones (full)")
    full = attention(c, bias=False, qkv_bias=False)
    fast = Lightning(width(c), heads(c), full.head_dim, c.int("block_size", 256), tables=False)
    shared = c.int("shared_intermediate_size", 0, low=0)
    c.touch("shared_moe_mode", "postnorm", "num_local_experts")
    c.touch(*(f"layernorm_{place}_attention_{end}" for place in ("full", "linear") for end in ("alpha", "beta")))
    c.touch("layernorm_mlp_alpha", "layernorm_mlp_beta")
    routed = moe(c, "num_local_experts", "intermediate_size", shared=shared)
    mixers: list[Part] = [full if kind else fast for kind in kinds]
    return decoder(c, zipped(c, mixers, [routed] * len(mixers)))


@arch("nemotron-nas")
def nemotron_nas(c: Fields) -> Spec:
    """Llama-Nemotron (arXiv:2411.19146): each layer with its own group size and MLP width, or without either."""
    configs = c.raw("block_configs")
    if not isinstance(configs, list) or len(configs) != c.layers():
        raise BadField("block_configs", type(configs).__name__, f"a list of {c.layers()} blocks")
    c.touch("intermediate_size", "num_key_value_heads", "hidden_act")
    made: dict[str, Layer] = {}
    layers = []
    for index, entry in enumerate(configs):
        key = repr(entry)
        if key not in made:
            made[key] = _nas_layer(c, Fields(entry if isinstance(entry, dict) else {}, log=c.log), index)
        layers.append(made[key])
    return decoder(c, layers)


def _nas_layer(c: Fields, entry: Fields, index: int) -> Layer:
    """One block: attention and MLP as its entry says; a replaced or absent one keeps no norm of its own."""
    entry.prefix = f"block_configs[{index}]."
    size, parts = width(c), list[Part]()
    mixer, feed = entry.sub("attention"), entry.sub("ffn")
    for place, nested in (("mixer", mixer), ("ffn", feed)):
        if nested.flag("no_op", fallback=False):
            continue
        parts.append(RMS.sized(size).named(f"norm_{place}"))
        if nested.flag("replace_with_linear", fallback=False):
            parts.append(project("linear", size, size, "other", label="linear"))
        elif place == "mixer":
            group = nested.int("n_heads_in_group")
            if heads(c) % group:
                raise BadField("n_heads_in_group", group, f"a divisor of the {heads(c)} attention heads")
            part = attention(c, kv_heads=heads(c) // group, head_dim=split_heads(c, heads(c)))
            parts.append(part)
        else:
            inner = 256 * ceil(int(2 * nested.number("ffn_mult") * size / 3) / 256)
            parts.append(Mlp(size, inner, up_bias=False))
    return Layer(tuple(parts))

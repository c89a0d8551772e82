"""GPT-2 and its generation: LayerNorm, biases, learned or rotary or linear-bias positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cardscope.archs._read import (
    attention,
    block,
    decoder,
    heads,
    mlp,
    pick,
    rows,
    split_heads,
    stack,
    width,
    windowed,
)
from cardscope.archs._registry import arch
from cardscope.errors import BadField
from cardscope.fields import MAX_LAYERS, Fields
from cardscope.parts import LAYER, Attention, Norm, Part, Spec


def square(c: Fields, *, bias: bool, out_bias: bool | None = None, kv: int | None = None) -> Attention:
    """Projections of the full width, whatever the heads divide it into."""
    total = heads(c)
    out = bias if out_bias is None else out_bias
    size = {"heads": total, "kv_heads": kv or total, "head_dim": split_heads(c, total)}
    return attention(c, qkv_bias=bias, o_bias=out, square=True, **size)


@arch("gpt2", "gpt-sw3")
def gpt2(c: Fields) -> Spec:
    """Radford et al. 2019; GPT2Model."""
    inner = c.opt_int("n_inner", low=1) or 4 * width(c)
    cross: tuple[Part, ...] = ()
    if c.flag("add_cross_attention", fallback=False):
        cross = (replace(square(c, bias=True), cross=True), LAYER.sized(width(c)).named("norm_cross"))
    layer = block(square(c, bias=True), mlp(c, inner, bias=True, gated=False), norm=LAYER, width=width(c), extra=cross)
    positions = c.int("max_position_embeddings")
    return decoder(c, [layer] * c.layers(), norm=LAYER, positions=positions)


@arch("gpt_bigcode")
def gpt_bigcode(c: Fields) -> Spec:
    """SantaCoder and StarCoder (arXiv:2301.03988): GPT-2 with one KV head."""
    kv = 1 if c.flag("multi_query") else heads(c)
    inner = c.opt_int("n_inner", low=1) or 4 * width(c)
    cross: tuple[Part, ...] = ()
    if c.flag("add_cross_attention", fallback=False):
        full = square(c, bias=True)
        cross = (replace(full, cross=True), LAYER.sized(width(c)).named("norm_cross"))
    layer = block(
        square(c, bias=True, kv=kv),
        mlp(c, inner, bias=True, gated=False),
        norm=LAYER,
        width=width(c),
        extra=cross,
    )
    return decoder(c, [layer] * c.layers(), norm=LAYER, positions=c.int("max_position_embeddings"))


@arch("gpt_neo")
def gpt_neo(c: Fields) -> Spec:
    """GPT-Neo: alternating global and local attention, biases on the output only."""
    full = square(c, bias=False, out_bias=True)
    kinds = _expand(c, c.raw("attention_types"))
    inner = c.opt_int("intermediate_size", low=1) or 4 * width(c)
    choices: dict[str, Part] = {"global": full, "local": windowed(full, c.int("window_size"))}
    wide = mlp(c, inner, bias=True, gated=False)
    layers = [block(mixer, wide, norm=LAYER, width=width(c)) for mixer in pick(kinds, choices)]
    c.touch("attention_layers")
    return decoder(c, layers, norm=LAYER, positions=c.int("max_position_embeddings"))


def _expand(c: Fields, groups: object) -> list[str]:
    """`[[["global", "local"], 12]]` written out; must give one word a layer."""
    words: list[str] = []
    total = 0
    for group in groups if isinstance(groups, Sequence) else [[["global", "local"], 12]]:
        match group:
            case [list(kinds), int(times)] if times >= 0:
                total += len(kinds) * times
                # Counted before it is written out: a few bytes may ask for a billion words.
                words += [str(kind) for kind in kinds] * times if total <= MAX_LAYERS else []
            case _:
                raise BadField("attention_types", group, "a list of [words, times]")
    if total != c.layers():
        raise BadField("attention_types", f"{total:,} entries", f"one for each of the {c.layers()} layers")
    return words


@arch("gpt_neox")
def gpt_neox(c: Fields) -> Spec:
    """GPT-NeoX-20B (arXiv:2204.06745) and Pythia: parallel residual, rotary, untied head."""
    c.touch("num_key_value_heads", "head_dim")
    bias = c.flag("attention_bias")
    return stack(c, square(c, bias=bias), mlp(c, bias=True, gated=False), norm=LAYER)


@arch("gptj", "codegen")
def gptj(c: Fields) -> Spec:
    """GPT-J and CodeGen (arXiv:2203.13474): one norm a layer, no attention biases, a head with bias."""
    inner = c.opt_int("n_inner", low=1) or 4 * width(c)
    return stack(c, square(c, bias=False), mlp(c, inner, bias=True, gated=False), norms=1, norm=LAYER, head_bias=True)


@arch("opt")
def opt(c: Fields) -> Spec:
    """OPT (arXiv:2205.01068): position table with an offset of 2, optional projection of the embedding."""
    bias = c.flag("enable_bias")
    norm = Norm(0, weight=c.flag("layer_norm_elementwise_affine"), bias=c.flag("layer_norm_elementwise_affine"))
    layer = block(square(c, bias=bias), mlp(c, c.int("ffn_dim"), bias=bias, gated=False), norm=norm, width=width(c))
    embed = c.opt_int("word_embed_proj_dim", low=1) or width(c)
    around: tuple[Part, ...] = ()
    if embed != width(c):
        around = (
            rows("project_in", width(c), embed, "embedding"),
            rows("project_out", embed, width(c), "embedding"),
        )
    before = c.flag("do_layer_norm_before") and not c.flag("_remove_final_layer_norm", fallback=False)
    return decoder(
        c,
        [layer] * c.layers(),
        norm=norm,
        final_norm=before,
        positions=c.int("max_position_embeddings") + 2,
        embed_width=embed,
        extra=around,
    )


@arch("bloom")
def bloom(c: Fields) -> Spec:
    """BLOOM (arXiv:2211.05100): linear biases for positions, a norm after the embedding."""
    c.prefer("hidden_size", "n_embed")
    return stack(
        c,
        square(c, bias=True),
        mlp(c, 4 * width(c), bias=True, gated=False),
        norm=LAYER,
        embed_norm=True,
        max_positions="seq_length",
    )


@arch("mpt")
def mpt(c: Fields) -> Spec:
    """MPT-7B: linear biases for positions, no biases anywhere; transformers fixes the MLP at four times the width."""
    c.touch("expansion_ratio", "no_bias", "learned_pos_emb", "attn_config", "norm_type")
    gain = Norm(0)
    return stack(c, square(c, bias=False), mlp(c, 4 * width(c), gated=False), norm=gain, max_positions="max_seq_len")


@arch("falcon")
def falcon(c: Fields) -> Spec:
    """Falcon (arXiv:2311.16867): one KV head (7B), grouped KV heads in the new layout (40B), or multi-head."""
    c.prefer("hidden_size", "n_embed")
    new, parallel, single = c.flag("new_decoder_architecture"), c.flag("parallel_attn"), c.flag("multi_query")
    total = heads(c)
    grouped = c.opt_int("num_kv_heads", low=1) or total
    kv = grouped if new else 1 if single else total
    if total % kv:
        raise BadField("num_kv_heads", kv, f"a divisor of the {total} attention heads")
    bias = c.flag("bias")
    inner = c.opt_int("ffn_hidden_size", low=1) or 4 * width(c)
    count = c.opt_int("num_ln_in_parallel_attn")
    norms = 2 if not parallel or (count == 2 or (new and count is None)) else 1
    layer = block(square(c, bias=bias, kv=kv), mlp(c, inner, bias=bias, gated=False), norms, LAYER, width=width(c))
    return decoder(c, [layer] * c.layers(), norm=LAYER)


@arch("phi")
def phi(c: Fields) -> Spec:
    """Phi-1, 1.5 and 2: one norm a layer, biases everywhere, head included."""
    part = attention(c, bias=True, qkv_bias=True)
    if c.flag("qk_layernorm"):
        part = replace(part, qk_norm="head", qk_norm_bias=True)
    return stack(c, part, mlp(c, bias=True, gated=False), norms=1, norm=LAYER, head_bias=True)


@arch("starcoder2")
def starcoder2(c: Fields) -> Spec:
    """StarCoder2 (arXiv:2402.19173): grouped queries, biases by `use_bias`, a two-matrix MLP."""
    bias = c.flag("use_bias")
    part = windowed(attention(c, bias=bias), c.opt_int("sliding_window"))
    return stack(c, part, mlp(c, bias=bias, gated=False), norm=LAYER)


@arch("stablelm")
def stablelm(c: Fields) -> Spec:
    """StableLM 2: gated MLP, LayerNorm, optional norms per head, one norm less with a parallel residual."""
    bias = c.flag("use_qkv_bias")
    qk = "heads" if c.flag("qk_layernorm") else None
    part = attention(c, qkv_bias=bias, o_bias=False, head_dim=split_heads(c, heads(c)), qk_norm=qk)
    norms = 1 if c.flag("use_parallel_residual") else 2
    return stack(c, part, mlp(c), norms=norms, norm=LAYER)

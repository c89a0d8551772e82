"""Text encoders that leave BERT's block: disentangled, convolutional, bottlenecked, gated, with adapters, for pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cardscope.archs._heads import ROBERTA
from cardscope.archs._heads_own import CONVBERT, DEBERTA, DEBERTA_V2, LAYOUTLM_V3, MOBILEBERT, MODERNBERT, NOMIC
from cardscope.archs._read import (
    act,
    attention,
    block,
    heads,
    layer_types,
    mlp,
    pick,
    split_heads,
    width,
    windowed,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.archs.encoder import embeddings, encoder, full, layer, narrow
from cardscope.errors import NotModelled
from cardscope.fields import MAX_INT, Fields
from cardscope.parts import (
    LAYER,
    Attention,
    Bag,
    Layer,
    Mlp,
    Moe,
    Norm,
    Part,
    Spec,
    Table,
    Tensor,
    linear,
    norm,
    project,
)

# -- DeBERTa -----------------------------------------------------------------------------------------------


def relative_kinds(c: Fields) -> Sequence[object]:
    """`pos_att_type`, "c2p|p2c" or a list of those words; none without relative attention."""
    value = c.raw("pos_att_type", None)
    if not c.flag("relative_attention", fallback=False):
        return ()
    if isinstance(value, str):
        return [word.strip() for word in value.lower().split("|")]
    return c.texts("pos_att_type") or ()


def relative_span(c: Fields) -> int:
    """How far relative positions reach: `max_relative_positions`, or all positions where it is below 1."""
    reach = c.int("max_relative_positions", -1, low=-MAX_INT)
    return reach if reach >= 1 else c.int("max_position_embeddings")


def deberta_embeddings(c: Fields) -> list[Part]:
    """Words, optional positions and token types, projected to the width where they are narrower."""
    size = c.opt_int("embedding_size", low=1) or width(c)
    types = c.int("type_vocab_size", low=0)
    parts: list[Part] = [Table(c.int("vocab_size"), size)]
    if c.flag("position_biased_input", fallback=True):
        parts.append(Table(c.int("max_position_embeddings"), size, "position", "positions"))
    if types:
        parts.append(Table(types, size, "embedding", "token_types"))
    if size != width(c):
        parts.append(project("embed_project", width(c), size, "embedding"))
    c.touch("legacy", "max_relative_positions", "position_buckets", "share_att_key", "max_position_embeddings")
    return [*parts, LAYER.sized(width(c)).named("embed_norm")]


@arch("deberta")
def deberta(c: Fields) -> Spec:
    """DeBERTa (arXiv:2006.03654): content and position attend to each other through projections of their own."""
    size, kinds = width(c), relative_kinds(c)
    extra: list[Tensor] = []
    if c.flag("talking_head", fallback=False):
        extra += [t for name in ("logits", "weights") for t in linear(name, heads(c), heads(c), "attention")]
    if "c2p" in kinds:
        extra += linear("pos_k", size, size, "attention")
    if "p2c" in kinds:
        extra += linear("pos_q", size, size, "attention", bias=True)
    part = replace(full(c), k_bias=False, extra=tuple(extra))
    before = deberta_embeddings(c)
    if c.flag("relative_attention"):
        before.append(Table(2 * relative_span(c), size, "position", "relative_positions"))
    return encoder(c, [layer(c, part)] * c.layers(), DEBERTA, before)


@arch("deberta-v2")
def deberta_v2(c: Fields) -> Spec:
    """DeBERTa v2 and v3 (arXiv:2111.09543): position keys may share the content's, buckets, an optional convolution."""
    size, kinds = width(c), relative_kinds(c)
    dim = c.opt_int("attention_head_size", low=1) or split_heads(c, heads(c))
    own = () if c.flag("share_att_key", fallback=False) else kinds
    names = [name for name, kind in (("pos_k", "c2p"), ("pos_q", "p2c")) if kind in own]
    extra = tuple(t for name in names for t in linear(name, heads(c) * dim, size, "attention", bias=True))
    before = deberta_embeddings(c)
    buckets = c.int("position_buckets", -1, low=-MAX_INT)
    if c.flag("relative_attention"):
        reach = buckets if buckets > 0 else relative_span(c)
        before.append(Table(2 * reach, size, "position", "relative_positions"))
    if "layer_norm" in [word.strip() for word in c.text("norm_rel_ebd", "none").lower().split("|")]:
        before.append(LAYER.sized(size).named("relative_norm"))
    part = replace(full(c), head_dim=dim, extra=extra)
    return encoder(c, [layer(c, part)] * c.layers(), DEBERTA_V2, [*before, *_convolution(c)])


def _convolution(c: Fields) -> list[Part]:
    """Beside the first layer, where `conv_kernel_size` is above 0: (d, d / groups, kernel)."""
    kernel = c.int("conv_kernel_size", 0, low=-MAX_INT)
    groups = c.int("conv_groups", 1)
    c.touch("conv_act")
    if kernel <= 0:
        return []
    shape = (width(c), width(c) // groups, kernel)
    own = (Tensor("conv.weight", shape, "mixer", "other"), Tensor("conv.bias", (width(c),), "mixer", "bias"))
    return [Bag(own), LAYER.sized(width(c)).named("conv_norm")]


# -- newer encoders ----------------------------------------------------------------------------------------


@arch("modernbert")
def modernbert(c: Fields) -> Spec:
    """ModernBERT (arXiv:2412.13663): rotary, gated, no biases, every third layer global, the first without a norm."""
    every_nth = c.int("global_attn_every_n_layers", 3)
    kinds = layer_types(c, lambda i: "sliding_attention" if i % every_nth else "full_attention")
    part = attention(c, head_dim=split_heads(c, heads(c)), kv_heads=heads(c))
    local = windowed(part, c.int("local_attention"))
    gain = Norm(0, bias=c.flag("norm_bias"))
    wide = mlp(c, bias=c.flag("mlp_bias"))
    mixers = pick(kinds, {"full_attention": part, "sliding_attention": local})
    first = [block(mixer, wide, 1, gain, width=width(c)) for mixer in mixers[:1]]
    made = [*first, *zipped(c, mixers[1:], [wide] * len(mixers[1:]), norm=gain)]
    before: list[Part] = [Table(c.int("vocab_size"), width(c)), gain.sized(width(c)).named("embed_norm")]
    return encoder(c, made, MODERNBERT, before, final_norm=gain)


@arch("nomic_bert")
def nomic_bert(c: Fields) -> Spec:
    """Nomic Embed (arXiv:2402.01613): BERT with rotary positions, a gated MLP and no biases."""
    if c.has("n_embd"):
        return nomic_remote(c)
    part = attention(c, bias=False, qkv_bias=False, kv_heads=heads(c))
    return encoder(
        c, [block(part, mlp(c), 2, LAYER, width=width(c))] * c.layers(), NOMIC, embeddings(c, positions=False)
    )


def nomic_remote(c: Fields) -> Spec:
    """The files of the authors' own code, under GPT-2's keys; v2 routes every second layer (arXiv:2502.07972)."""
    for name, key in (("hidden_size", "n_embd"), ("num_hidden_layers", "n_layer"), ("num_attention_heads", "n_head")):
        c.prefer(name, key)
    c.prefer("max_position_embeddings", "n_positions")
    inner, vocab, padded = c.int("n_inner"), c.int("vocab_size"), c.int("pad_vocab_size_multiple", 1)
    bias, up, down = (c.flag(f"{key}_bias", fallback=True) for key in ("qkv_proj", "mlp_fc1", "mlp_fc2"))
    gated = c.text("activation_function", "gelu") in {"swiglu", "geglu", "glu"}
    if c.number("rotary_emb_fraction", 0.0) <= 0 or c.flag("use_rms_norm", fallback=False):
        raise NotModelled(
            "nomic_bert of remote code without rotary positions is not modelled", hint="try the exact count"
        )
    dense = Mlp(width(c), inner, gated, up, down)
    every_nth = c.int("moe_every_n_layers", 0, low=0)
    feeds: list[Part] = [dense] * c.layers()
    if every_nth and c.int("num_experts", 0, low=0):
        shift = (Tensor("experts.bias", (width(c),), "experts", "bias"),)
        routed = Moe(width(c), c.int("num_experts"), c.opt_int("moe_top_k"), inner, gated, extra=shift)
        feeds = [routed if index % every_nth == 1 else dense for index in range(c.layers())]
    part = attention(c, bias=bias, kv_heads=heads(c), head_dim=split_heads(c, heads(c)))
    types = c.int("type_vocab_size", low=0)
    before: list[Part] = [Table(-(-vocab // padded) * padded, width(c)), LAYER.sized(width(c)).named("embed_norm")]
    before += [Table(types, width(c), "embedding", "token_types")] if types else []
    return encoder(c, zipped(c, [part] * len(feeds), feeds, norm=LAYER), {"Model": NOMIC["Model"]}, before)


@arch("xmod")
def xmod(c: Fields) -> Spec:
    """X-MOD (arXiv:2205.06266): XLM-R with one adapter a language in every layer, one of which runs."""
    size, languages = width(c), len(set(c.texts("languages") or ()))
    inner = size // c.int("adapter_reduction_factor")
    down = linear("adapter.down", inner, size, "other", bias=True)
    up = linear("adapter.up", size, inner, "other", bias=True)
    every = tuple(t._replace(copies=languages) for t in (*down, *up, *act(c, "other")))
    extra: tuple[Part, ...] = (Bag(every, "language adapters"),)
    if c.flag("adapter_layer_norm"):
        extra += (LAYER.sized(size).named("norm_adapter"),)
    final = LAYER if c.flag("pre_norm") else None
    c.touch("default_language", "adapter_reuse_layer_norm", "ln_before_adapter")
    return encoder(c, [layer(c, extra=extra)] * c.layers(), ROBERTA, embeddings(c), final_norm=final)


# -- small encoders ----------------------------------------------------------------------------------------


@arch("convbert")
def convbert(c: Fields) -> Spec:
    """ConvBERT (arXiv:2008.02496): half of each head's width is a convolution whose kernel the token makes."""
    size, kernel = width(c), c.int("conv_kernel_size")
    total = max(1, heads(c) // c.int("head_ratio"))
    dim = size // total // 2
    span = total * dim
    extra = (
        Tensor("key_conv.depthwise", (size, 1, kernel), "attention", "other"),
        Tensor("key_conv.pointwise", (span, size, 1), "attention", "other"),
        Tensor("key_conv.bias", (span, 1), "attention", "bias"),
        *linear("conv_kernel", total * kernel, span, "attention", bias=True),
        *linear("conv_out", span, size, "attention", bias=True),
    )
    part = replace(full(c), heads=total, kv_heads=total, head_dim=dim, extra=extra)
    return encoder(c, [_convbert_layer(c, part)] * c.layers(), CONVBERT, narrow(c, "embedding_size"), caches=False)


def _convbert_layer(c: Fields, part: Attention) -> Layer:
    groups, inner = c.int("num_groups"), c.int("intermediate_size")
    made = layer(c, part)
    if groups == 1:
        return made
    pairs = (("up", width(c), inner), ("down", inner, width(c)))
    own = [Tensor(f"{n}.weight", (groups, i // groups, o // groups), "mlp", "other") for n, i, o in pairs]
    own += [Tensor(f"{n}.bias", (o,), "mlp", "bias") for n, _, o in pairs]
    grouped = Bag((*own, *act(c)), "dense")
    return Layer(tuple(grouped if isinstance(p, Mlp) else p for p in made.parts))


@arch("mobilebert")
def mobilebert(c: Fields) -> Spec:
    """MobileBERT (arXiv:2004.02984): deep and thin, each block narrowed by a bottleneck, several MLPs in a row."""
    size, narrowed = width(c), c.flag("use_bottleneck")
    neck = c.int("intra_bottleneck_size")
    thin = c.opt_int("true_hidden_size", low=1) or c.derive("true_hidden_size", neck if narrowed else size)
    value = thin if c.flag("use_bottleneck_attention") else size
    dim = thin // heads(c)
    part = replace(full(c), width=thin, head_dim=dim, kv_width=thin, v_width=value, o_width=thin)
    ffn = Mlp(thin, c.int("intermediate_size"), gated=False, up_bias=True, down_bias=True, extra=act(c))
    more = c.layers("num_feedforward_networks") - 1
    extra: list[Part] = [
        p for i in range(max(0, more)) for p in (replace(ffn, name=f"{i}."), _norm(f"norm_ffn_{i}", thin))
    ]
    if narrowed:
        ways = [("in", neck, size), ("out", size, thin)]
        ways += [("qk", neck, size)] if c.flag("key_query_shared_bottleneck") else []
        extra += [p for n, o, i in ways for p in (_neck(n, o, i), _norm(f"norm_neck_{n}", o))]
    c.touch("key_query_shared_bottleneck", "normalization_type")
    made = Layer((part, ffn, _norm("norm_0", thin), _norm("norm_1", thin), *extra))
    return encoder(c, [made] * c.layers(), MOBILEBERT, _mobilebert_embeddings(c))


def _norm(name: str, size: int) -> Part:
    return LAYER.sized(size).named(name)


def _neck(name: str, rows: int, columns: int) -> Part:
    return project(f"bottleneck_{name}", rows, columns, "mlp", bias=True)


def _mobilebert_embeddings(c: Fields) -> list[Part]:
    """Words narrower than the layers; three neighbours at once are projected to their width."""
    narrow_size = c.int("embedding_size")
    seen = narrow_size * (3 if c.flag("trigram_input") else 1)
    _, *others = embeddings(c)
    return [
        Table(c.int("vocab_size"), narrow_size),
        project("embed_project", width(c), seen, "embedding", bias=True),
        *others,
    ]


# -- pages -------------------------------------------------------------------------------------------------


@arch("layoutlmv3")
def layoutlmv3(c: Fields) -> Spec:
    """LayoutLMv3 (arXiv:2204.08387): words with their boxes, image patches, relative biases shared by all layers."""
    before = [*_page_words(c), *_page_image(c)]
    biases = [("relative", "rel_pos_bins")] if c.flag("has_relative_attention_bias") else []
    if c.flag("has_spatial_attention_bias"):
        biases += [("relative_x", "rel_2d_pos_bins"), ("relative_y", "rel_2d_pos_bins")]
    before += [Table(heads(c), c.int(key), "position", f"{name}_bias") for name, key in biases]
    c.touch("rel_pos_bins", "rel_2d_pos_bins", "max_rel_pos", "max_rel_2d_pos")
    return encoder(c, [layer(c)] * c.layers(), LAYOUTLM_V3, before)


def _page_words(c: Fields) -> list[Part]:
    rows = c.int("max_2d_position_embeddings")
    places = [Table(rows, c.int("coordinate_size"), "position", f"{name}_positions") for name in "xy"]
    places += [Table(rows, c.int("shape_size"), "position", f"{name}_positions") for name in "hw"]
    return [*embeddings(c), *places] if c.flag("text_embed") else []


def _page_image(c: Fields) -> list[Part]:
    size, patch, channels = width(c), c.int("patch_size"), c.int("num_channels")
    side = int(c.int("input_size") / patch)
    if not c.flag("visual_embed"):
        return []
    own = (
        Tensor("patch.weight", (size, channels, patch, patch), "vision", "other"),
        Tensor("patch.bias", (size,), "vision", "bias"),
        Tensor("cls_token", (1, 1, size), "vision", "other"),
        Tensor("patch_positions", (1, side * side + 1, size), "position", "table"),
        *norm("norm_both", size, bias=True),
        *norm("norm_image", size, bias=True),
    )
    return [Bag(own)]

"""One of a kind: recurrences, memories, hashed attention, byte patches."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._heads import LANGUAGE_MODELS, Heads, chosen, top
from cardscope.archs._heads_own import REFORMER, XLM, XLNET
from cardscope.archs._read import (
    act,
    attention,
    block,
    decoder,
    heads,
    layer_types,
    mlp,
    moe,
    pick,
    split_heads,
    tied_head,
    width,
    windowed,
    zipped,
)
from cardscope.archs._registry import arch
from cardscope.archs.experts import sparse_words
from cardscope.archs.gated import by_window
from cardscope.archs.routed import choose
from cardscope.errors import BadField, ConfigError, NotModelled
from cardscope.fields import MAX_LAYERS, Fields
from cardscope.parts import (
    LAYER,
    Attention,
    Bag,
    Layer,
    Memory,
    Mlp,
    MLstm,
    Norm,
    Part,
    RgLru,
    Rwkv,
    Spec,
    Table,
    Tensor,
    Tower,
    linear,
    rwkv_channel,
)


def only(c: Fields, *endings: str) -> None:
    """Refuses a class in `architectures` whose head is none of these. Raises NotModelled."""
    named = c.texts("architectures") or ()
    if named and not named[0].endswith(endings):
        raise NotModelled(
            f"the class {named[0]} has a head that is not modelled",
            hint="--set architectures=[] counts the causal-LM model",
        )


@arch("recurrent_gemma")
def recurrent_gemma(c: Fields) -> Spec:
    """RecurrentGemma (Griffin, arXiv:2402.19427): two gated recurrences to one attention over a window."""
    pattern, total = c.texts("block_types") or (), c.layers()
    if not total <= 100 * len(pattern):
        raise BadField("block_types", list(pattern), f"a pattern of at least {-(-total // 100)} words")
    lru = RgLru(width(c), c.opt_int("lru_width") or width(c), heads(c), c.int("conv1d_width"), act(c, "mixer"))
    dim = c.int("head_dim") if c.has("head_dim") else split_heads(c, heads(c))
    part = windowed(attention(c, head_dim=dim, qkv_bias=c.flag("attention_bias"), o_bias=True), _window(c))
    mixers: list[Part] = [lru if pattern[i % len(pattern)] == "recurrent" else part for i in range(total)]
    ffn = mlp(c, c.int("intermediate_size") // 2, bias=True)
    return decoder(c, zipped(c, mixers, [ffn] * total))


def _window(c: Fields) -> int:
    return c.int("attention_window_size")


@arch("rwkv")
def rwkv(c: Fields) -> Spec:
    """RWKV-4 (arXiv:2305.13048): time and channel mixing instead of attention and MLP; one norm more at the start."""
    size = width(c)
    inner = c.opt_int("intermediate_size", low=1) or 4 * size
    mixer = Rwkv(size, c.opt_int("attention_hidden_size", low=1) or size)
    layer = block(mixer, rwkv_channel(size, inner), norm=LAYER, width=size)
    first = Layer((*layer.parts, LAYER.sized(size).named("norm_before")))
    return decoder(c, [first, *[layer] * c.layers()][: c.layers()], norm=LAYER, max_positions="context_length")


def round_up(value: float, multiple: int) -> int:
    """The next multiple, as xLSTM rounds (`round_up_to_next_multiple_of`)."""
    return int((value + multiple - 1) // multiple * multiple)


@arch("xlstm")
def xlstm(c: Fields) -> Spec:
    """xLSTM-7B (arXiv:2503.13427): matrix LSTMs with a gated feed-forward, no attention."""
    if c.peek("hidden_size") is None:
        c.prefer("hidden_size", "embedding_dim")
    bias, size = c.flag("use_bias"), width(c)
    inner = round_up(size * c.number("ffn_proj_factor"), c.int("ffn_round_up_to_multiple_of"))
    mixer = MLstm(
        size,
        c.int("num_heads"),
        int(size * c.number("qk_dim_factor")),
        int(size * c.number("v_dim_factor")),
        bias,
    )
    blocks = c.opt_int("num_blocks", high=MAX_LAYERS)
    total = c.layers() if blocks is None else blocks
    layer = block(mixer, Mlp(size, inner, up_bias=bias, down_bias=bias), norm=Norm(0, bias=bias), width=size)
    c.touch("num_hidden_layers", "tie_word_embeddings", "weight_mode", "return_last_states", "add_out_norm")
    return decoder(c, [layer] * total, embed_width=c.opt_int("embedding_dim"), tied=False)


@arch("beam")
def beam(c: Fields) -> Spec:
    """Beam: windows with full attention every sixth layer and last, a gated output, experts after three layers."""
    last = c.layers() - 1
    kinds = layer_types(c, lambda i: "sliding_attention" if (i + 1) % 6 and i != last else "full_attention")
    bias = Tensor("gate.bias", (heads(c),), "attention", "bias")
    part = attention(c, qk_norm="head", gate="apart", extra=(bias,))
    mixers = pick(kinds, by_window(part, c.opt_int("sliding_window")))
    ffns = choose(sparse_words(c, 3), moe(c, correction=True), mlp(c))
    return decoder(c, zipped(c, mixers, ffns, norms=4))


def _tower(c: Fields, layers: list[Layer], table: Heads, before: tuple[Part, ...]) -> Spec:
    """Embeddings, layers, and the head that `architectures` names."""
    ending = chosen(c, table)
    return Spec(
        c.model_type,
        (Tower("text", tuple(layers), (*before, *top(c, table, ending))),),
        hidden_size=width(c),
        vocab_size=c.int("vocab_size"),
        max_positions=c.opt_int("max_position_embeddings"),
        tied=tied_head(c) if ending in LANGUAGE_MODELS else None,
        head_class=ending,
    )


@arch("reformer")
def reformer(c: Fields) -> Spec:
    """Reformer (arXiv:2001.04451): local and hashed attention in turns, axial positions, a reversible stack."""
    size = width(c)
    local = Attention(size, heads(c), heads(c), c.int("attention_head_size"), caches=False)
    wide = mlp(c, c.int("feed_forward_size"), bias=True, gated=False)
    mixers = pick(_hashed(c), {"local": local, "lsh": replace(local, k_is_v=True)})
    layers = [block(mixer, wide, norm=LAYER, width=size, extra=(Memory(size),)) for mixer in mixers]
    c.touch("is_decoder", "max_position_embeddings")
    before = (Table(c.int("vocab_size"), size), _axial(c), LAYER.sized(2 * size).named("final_norm"))
    return _tower(c, layers, REFORMER, before)


def _hashed(c: Fields) -> tuple[str, ...]:
    """`attn_layers`; a number of layers in the file takes so many of them, or repeats the only word there is."""
    kinds = c.texts("attn_layers") or ()
    total = c.layers() if c.has("num_hidden_layers") else len(kinds)
    kinds = kinds if len(set(kinds)) > 1 else kinds[:1] * total
    if total > len(kinds):
        raise BadField("num_hidden_layers", total, f"at most the {len(kinds)} entries of attn_layers")
    return kinds[:total]


def _axial(c: Fields) -> Part:
    """Positions as a grid: one table for each axis, or a plain table."""
    if not c.flag("axial_pos_embds"):
        c.touch("axial_pos_shape", "axial_pos_embds_dim")
        return Table(c.int("max_position_embeddings"), width(c), "position", "positions")
    shape, dims = c.ints("axial_pos_shape") or (), c.ints("axial_pos_embds_dim") or ()
    if len(shape) != len(dims) or sum(dims) != width(c):
        raise BadField("axial_pos_embds_dim", list(dims), f"widths that sum to hidden_size {width(c):,}")
    return Bag(
        tuple(Tensor(f"axis_{i}", pair, "position", "table") for i, pair in enumerate(zip(shape, dims, strict=True)))
    )


@arch("xlnet")
def xlnet(c: Fields) -> Spec:
    """XLNet (arXiv:1906.08237): attention relative to position and segment, over a memory of hidden states."""
    size, count = width(c), heads(c)
    dim = c.opt_int("d_head") or split_heads(c, count)
    relative = tuple(linear("r", count * dim, size, "attention"))
    biases = tuple(Tensor(f"r_{name}_bias", (count, dim), "attention", "bias") for name in ("r", "s", "w"))
    segment = Tensor("segment", (2, count, dim), "attention", "other")
    part = Attention(size, count, count, dim, caches=False, extra=(*relative, *biases, segment))
    ffn = Mlp(size, c.int("d_inner"), gated=False, up_bias=True, down_bias=True, extra=act(c, key="ff_activation"))
    memory = (Memory(size, c.opt_int("mem_len")),) if c.flag("use_mems_eval") else ()
    layer = block(part, ffn, norm=LAYER, width=size, extra=memory)
    c.touch("use_mems_train", "bi_data", "same_length", "attn_type", "start_n_top", "end_n_top")
    before = (Table(c.int("vocab_size"), size), Bag((Tensor("mask", (1, 1, size), "embedding", "table"),)))
    return _tower(c, [layer] * c.layers(), XLNET, before)


@arch("xlm", "flaubert")
def xlm(c: Fields) -> Spec:
    """XLM (arXiv:1901.07291): a post-norm transformer with learned positions and a table of languages."""
    if c.flag("asm"):
        raise ConfigError("an adaptive softmax (asm) is not modelled", hint="--set asm=false counts a plain head")
    size = width(c)
    # XLMModel hands no cache back: each step reads the whole text again.
    part = attention(c, bias=True, kv_heads=heads(c), head_dim=split_heads(c, heads(c)), caches=False)
    ffn = Mlp(size, 4 * size, gated=False, up_bias=True, down_bias=True)
    c.touch("sinusoidal_embeddings", "causal", "gelu_activation", "is_encoder", "n_langs", "start_n_top", "end_n_top")
    before: list[Part] = [Table(c.int("vocab_size"), size), LAYER.sized(size).named("embed_norm")]
    before.append(Table(c.int("max_position_embeddings"), size, "position", "positions"))
    if c.flag("use_lang_emb") and c.int("n_langs", low=0) > 1:
        before.append(Table(c.int("n_langs"), size, "embedding", "languages"))
    return _tower(c, [block(part, ffn, norm=LAYER, width=size)] * c.layers(), XLM, tuple(before))

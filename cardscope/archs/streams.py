"""Decoders of several streams: audio codebooks, n-grams to come, byte patches."""

from __future__ import annotations

from cardscope.archs._read import act, attention, block, head_class, heads, kv_heads, mlp, split_heads, tied_head, width
from cardscope.archs._registry import arch
from cardscope.archs.exotic import only
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import (
    LAYER,
    RMS,
    Attention,
    Bag,
    Head,
    Layer,
    Mlp,
    Part,
    Spec,
    Table,
    Tensor,
    Tower,
    linear,
    norm,
    project,
)
from cardscope.parts.tensor import Kind


def _spec(c: Fields, towers: tuple[Tower, ...], *, size: int, tied: bool = False) -> Spec:
    """The common facts of a model whose towers are complete."""
    return Spec(
        c.model_type,
        towers,
        hidden_size=size,
        vocab_size=c.int("vocab_size"),
        max_positions=c.opt_int("max_position_embeddings"),
        tied=tied,
        head_class=head_class(c),
    )


@arch("moshi")
def moshi(c: Fields) -> Spec:
    """Moshi's text decoder (arXiv:2410.00037; MoshiForCausalLM): one token more than the head predicts."""
    only(c, "ForCausalLM", "MoshiModel")
    size, vocab, inner = width(c), c.int("vocab_size"), c.int("ffn_dim")
    if inner % 2:
        raise BadField("ffn_dim", inner, "an even number")
    dim = c.opt_int("head_dim") or split_heads(c, heads(c))
    part = Attention(size, heads(c), kv_heads(c), dim, window=c.int("sliding_window"), kind="sliding")
    layer = block(part, mlp(c, inner // 2), width=size)
    c.touch("audio_encoder_config", "depth_decoder_config", "audio_vocab_size", "num_codebooks", "tie_word_embeddings")
    head = () if head_class(c) == "base" else (Head(vocab, size),)
    parts = (Table(vocab + 1, size), RMS.sized(size).named("final_norm"), *head)
    return _spec(c, (Tower("text", (layer,) * c.layers(), parts),), size=size)


def _codebooks(name: str, count: int, rows: int, columns: int, component: str) -> Bag:
    """`count` tables or heads of one size."""
    kind: Kind = "table" if component == "embedding" else "linear"
    return Bag((Tensor(f"{name}.weight", (rows, columns), component, kind, count, count),))


def _musicgen(c: Fields, named: Fields, *, cross: bool) -> Spec:
    """One table and one head for each codebook, positions without weights, optional cross-attention in every layer."""
    only(named, "ForCausalLM", "MusicgenModel", "MusicgenMelodyModel")
    size, books, vocab = width(c), c.int("num_codebooks"), c.int("vocab_size")
    part = Attention(size, heads(c), heads(c), split_heads(c, heads(c)))
    extra: tuple[Part, ...] = ()
    if cross:
        extra = (Attention(size, part.heads, part.heads, part.head_dim, cross=True), LAYER.sized(size).named("norm_x"))
    layer = block(part, mlp(c, c.int("ffn_dim"), gated=False), norm=LAYER, width=size, extra=extra)
    c.touch("audio_channels", "is_decoder", "add_cross_attention", "cross_attention_hidden_size", "tie_word_embeddings")
    head = () if head_class(named) == "base" else (_codebooks("heads", books, vocab, size, "head"),)
    tables = _codebooks("embed", books, vocab + 1, size, "embedding")
    parts = (tables, LAYER.sized(size).named("final_norm"), *head)
    return _spec(c, (Tower("text", (layer,) * c.layers(), parts),), size=size)


ENCODERS = ("text_encoder", "audio_encoder", "tie_word_embeddings")
"""Parts of the whole that its causal-LM class does not build."""


@arch("musicgen_decoder")
def musicgen_decoder(c: Fields) -> Spec:
    """MusicGen's decoder (arXiv:2306.05284; MusicgenForCausalLM)."""
    return _musicgen(c, c, cross=True)


@arch("musicgen")
def musicgen(c: Fields) -> Spec:
    """MusicGen's decoder, out of the config of the whole."""
    c.touch(*ENCODERS)
    return _musicgen(c.sub("decoder"), c, cross=True)


@arch("musicgen_melody_decoder")
def musicgen_melody_decoder(c: Fields) -> Spec:
    """MusicGen Melody's decoder: the text comes before the audio tokens, without cross-attention."""
    return _musicgen(c, c, cross=False)


@arch("musicgen_melody")
def musicgen_melody(c: Fields) -> Spec:
    """MusicGen Melody's decoder, out of the config of the whole."""
    c.touch(*ENCODERS, "num_chroma", "chroma_length")
    return _musicgen(c.sub("decoder"), c, cross=False)


def _prophet_layer(c: Fields, side: str) -> Layer:
    """One post-norm layer of the encoder or decoder, biases everywhere."""
    size, count = width(c), c.int(f"num_{side}_attention_heads")
    plain = attention(c, heads=count, kv_heads=count, head_dim=split_heads(c, count), bias=True)
    wide = Mlp(size, c.int(f"{side}_ffn_dim"), False, True, True, extra=act(c))
    if side == "encoder":
        return block(plain, wide, norm=LAYER, width=size)
    buckets = tuple(linear("relative", c.int("num_buckets") * count, size, "attention", bias=True))
    extra: tuple[Part, ...] = ()
    if c.flag("add_cross_attention"):
        other = attention(c, heads=count, kv_heads=count, head_dim=plain.head_dim, bias=True, cross=True)
        extra = (other, LAYER.sized(size).named("norm_x"))
    mixer = attention(c, heads=count, kv_heads=count, head_dim=plain.head_dim, bias=True, extra=buckets)
    return block(mixer, wide, norm=LAYER, width=size, extra=extra)


@arch("prophetnet")
def prophetnet(c: Fields) -> Spec:
    """ProphetNet (arXiv:2001.04063): a decoder that predicts n-grams, with an encoder where the class has one.

    Tied, embeddings and head are one table; untied, each place has its own.
    """
    only(c, "ForCausalLM", "ForConditionalGeneration", "ProphetNetModel")
    named = c.texts("architectures") or ("ForCausalLM",)
    both = not named[0].endswith("ForCausalLM")
    size, vocab, tied = width(c), c.int("vocab_size"), tied_head(c)
    positions = Table(c.int("max_position_embeddings"), size, "position", "positions")
    tables = () if tied else (Table(vocab, size, name="embed_again"),)
    around = (positions, LAYER.sized(size).named("embed_norm"), *tables)
    head = () if head_class(c) == "base" else (Head(vocab, size, tied=tied),)
    grams = Table(c.int("ngram"), size, "position", "ngrams")
    layers = (_prophet_layer(c, "decoder"),) * c.layers("num_decoder_layers")
    towers = [Tower("decoder", layers, (Table(vocab, size), *around, grams, *head))]
    if both:
        first = (_prophet_layer(c, "encoder"),) * c.layers("num_encoder_layers")
        towers.insert(0, Tower("encoder", first, around, caches=False))
    c.touch(
        "relative_max_distance", "is_decoder", "num_encoder_layers", "encoder_ffn_dim", "num_encoder_attention_heads"
    )
    return _spec(c, tuple(towers), size=size, tied=tied)


def _blt_layers(c: Fields) -> tuple[Layer, ...]:
    """Llama's layer, its inner width eight thirds of the width unless given."""
    inner = c.opt_int("intermediate_size") or c.derive("intermediate_size", int(8 * width(c) / 3))
    return (block(_blt_attention(c), mlp(c, inner), width=width(c)),) * c.layers()


def _blt_attention(c: Fields) -> Attention:
    return Attention(width(c), heads(c), c.opt_int("num_key_value_heads") or heads(c), split_heads(c, heads(c)))


def _blt_cross(c: Fields) -> tuple[Part, ...]:
    """Cross-attention between bytes and patches, after one layer or each; nothing of it is cached."""
    size, part = width(c), _blt_attention(c)
    norms = (*norm("q_norm", size), *norm("k_norm", size))
    tensors = (*part.tensors(), *norms)
    count = c.layers() if c.flag("cross_attn_all_layers") else 1
    return (Bag(tensors, ""),) * count


@arch("blt")
def blt(c: Fields) -> Spec:
    """Byte latent transformer (arXiv:2412.09871): byte encoder, global transformer over patches, byte decoder."""
    only(c, "ForCausalLM", "BltModel")
    first, middle, last = c.sub("encoder_config"), c.sub("global_config"), c.sub("decoder_config")
    for inner in (first, middle, last):
        inner.touch("max_position_embeddings", "sliding_window", "vocab_size", "tie_word_embeddings")
    c.touch("patch_size", "patching_mode", "max_patch_length", "local_attention_window_len")
    outer, vocab = width(first), c.int("vocab_size")
    groups = len(c.ints("encoder_hash_byte_group_size") or range(6))
    hashes = c.int("encoder_hash_byte_group_vocab") * c.int("encoder_hash_byte_group_nb_functions") * groups
    wide = outer * c.int("cross_attn_k")
    bridge = (project("bridge", width(middle), wide, "other"),) if wide != width(middle) else ()
    tied = tied_head(c) and head_class(c) != "base"
    embed = () if tied else (Table(first.int("vocab_size"), outer),)
    inward = project("patches", outer * first.int("cross_attn_k"), outer, "other")
    outward = project("patches", width(last) * last.int("cross_attn_k"), last.int("hidden_size_global"), "other")
    head = () if head_class(c) == "base" else (Head(vocab, width(last)),)
    ending = (outward, RMS.sized(width(last)).named("final_norm"), *_blt_cross(last), *head)
    towers = (
        Tower("encoder", _blt_layers(first), (*embed, Table(hashes, outer, name="hashes"), inward, *_blt_cross(first))),
        Tower("global", _blt_layers(middle), bridge, caches=False),
        Tower("decoder", _blt_layers(last), ending),
    )
    return _spec(c, (*_patcher(c), *towers), size=width(last), tied=tied)


def _patcher(c: Fields) -> tuple[Tower, ...]:
    """The small byte model whose entropy draws the patches."""
    if not c.flag("patch_in_forward"):
        c.touch("patcher_config")
        return ()
    inner = c.sub("patcher_config")
    inner.touch("max_position_embeddings", "sliding_window", "tie_word_embeddings")
    size, vocab = width(inner), inner.int("vocab_size")
    parts = (Table(vocab, size), RMS.sized(size).named("final_norm"), Head(vocab, size))
    return (Tower("patcher", _blt_layers(inner), parts, caches=False),)

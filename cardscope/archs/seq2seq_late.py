"""More encoder–decoders: Switch Transformers, Speech2Text, Pix2Struct, PEGASUS-X, FSMT and T5Gemma."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from cardscope.archs._heads import Heads, chosen, nothing
from cardscope.archs._read import attention, block, every, layer_types, mlp, pick, tied_head, width, windowed
from cardscope.archs._registry import arch
from cardscope.archs.bart import around, side_attention, side_half, side_layer
from cardscope.archs.seq2seq import (
    Half,
    buckets,
    first_only,
    generation,
    halves,
    shared_words,
    t5_attention,
    t5_depths,
    t5_halves,
)
from cardscope.archs.speech import convolution
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
    Moe,
    Part,
    Spec,
    Table,
    Tensor,
    Tower,
    activation,
    project,
)

PLAIN: Heads = {"Model": (nothing,), "ForConditionalGeneration": (generation,)}

# -- Switch Transformers -----------------------------------------------------------------------------------


def sparse_step(c: Fields, side: str, depth: int) -> int:
    """How often a layer is routed; no routed layers means a step as long as the stack."""
    count = c.int(f"num_sparse_{side}_layers", low=0)
    return depth // count if count else depth


def switch_layers(c: Fields, side: str, depth: int) -> list[Layer]:
    """T5's layers; of every `step` of them one has experts, of which one fires."""
    own, step, learned = t5_attention(c), sparse_step(c, side, depth), activation(c.raw("dense_act_fn"), "experts")
    count, crossed = c.int("num_experts"), (replace(own, cross=True),) if side == "decoder" else ()
    norms = tuple(RMS.sized(width(c)).named(f"norm_{index}") for index in range(2 + len(crossed)))
    each = tuple(tensor._replace(copies=count) for tensor in learned)
    routed = Moe(width(c), count, 1, c.int("d_ff"), gated=False, router_bias=c.flag("router_bias"), extra=each)
    dense = Mlp(width(c), c.int("d_ff"), gated=False, extra=activation(c.raw("dense_act_fn")))
    found: list[Layer] = []
    for index, biases in enumerate(first_only(depth, buckets(c))):
        sparse = step > 0 and (step == 1 or index % step == 1)
        found.append(Layer((own, *crossed, routed if sparse else dense, *norms, *biases)))
    return found


@arch("switch_transformers")
def switch_transformers(c: Fields) -> Spec:
    """Switch Transformers (arXiv:2101.03961): T5 whose routed layers send each token to one expert."""
    table: Heads = {**PLAIN, "EncoderModel": (nothing,)}
    source, target = t5_depths(c)
    c.touch("expert_capacity", "router_dtype", "router_ignore_padding_tokens", "add_router_probs", "is_gated_act")
    c.touch("add_cross_attention", "feed_forward_proj", "encoder_sparse_step", "decoder_sparse_step")
    return t5_halves(c, table, partial(switch_layers, c, "encoder", source), switch_layers(c, "decoder", target))


# -- Speech2Text, PEGASUS-X --------------------------------------------------------------------------------


@arch("speech_to_text")
def speech_to_text(c: Fields) -> Spec:
    """Speech2Text (arXiv:2010.05171): gated convolutions over the spectrum, pre-norm halves, computed positions."""
    kernels, wide = c.ints("conv_kernel_sizes") or (), c.int("conv_channels")
    count = c.int("num_conv_layers", high=64)
    if len(kernels) != count:
        raise BadField("conv_kernel_sizes", list(kernels), f"one size for each of the {count} convolutions")
    into, own = c.int("input_feat_per_channel") * c.int("input_channels"), list[Tensor]()
    for index, kernel in enumerate(kernels):
        out = wide if index < count - 1 else 2 * width(c)
        own += convolution(f"conv_{index}", out, wide // 2 if index else into, kernel)
    final = (LAYER.sized(width(c)).named("final_norm"),)
    c.touch("max_source_positions")
    encoder = partial(side_half, c, "encoder", (Bag(tuple(own)), *final))
    return halves(c, PLAIN, decoder_words, encoder, partial(side_half, c, "decoder", final), "max_target_positions")


def decoder_words(c: Fields, only: str | None) -> tuple[list[Part], list[Part]]:
    """Only the decoder reads words."""
    del only
    return [], [Table(c.int("vocab_size"), width(c))]


@arch("pegasus_x")
def pegasus_x(c: Fields) -> Spec:
    """PEGASUS-X (arXiv:2208.04347): PEGASUS without biases in attention, blocks and global tokens in the encoder."""
    final, size = (LAYER.sized(width(c)).named("final_norm"),), width(c)

    def half(side: str, *before: Part) -> Half:
        part = side_attention(c, side, bias=False)
        extra = (LAYER.sized(size).named("norm_global"),) if side == "encoder" else ()
        return Half([side_layer(c, side, part, None, *extra)] * c.layers(f"{side}_layers"), (*before, *final))

    seen = Table(c.int("num_global_tokens"), size, name="global_tokens")
    c.touch("block_size", "stagger_local_blocks")
    return halves(c, PLAIN, shared_words, partial(half, "encoder", seen), partial(half, "decoder"))


@arch("fsmt")
def fsmt(c: Fields) -> Spec:
    """FSMT (arXiv:1907.06616): fairseq's translators, post-norm, with words of two languages and stored positions."""
    # Positions are counted from the padding's number on.
    outside = around(c, offset=c.int("pad_token_id", 1, low=0) + 1)
    table: Heads = {"Model": (generation,), "ForConditionalGeneration": (generation,)}
    c.touch("langs", "max_length", "num_beams", "length_penalty", "early_stopping", "src_vocab_size")
    encoder, decoder = (partial(side_half, c, side, outside) for side in ("encoder", "decoder"))
    return halves(c, table, two_languages, encoder, decoder)


def two_languages(c: Fields, only: str | None) -> tuple[list[Part], list[Part]]:
    """A table for each language; tied, the target's serves both."""
    del only
    source = [] if tied_head(c) else [Table(c.int("src_vocab_size"), width(c))]
    return [*source], [Table(c.int("vocab_size"), width(c))]


# -- Pix2Struct --------------------------------------------------------------------------------------------


def gated(c: Fields, size: int) -> Mlp:
    """T5 1.1's gated MLP."""
    return Mlp(size, c.int("d_ff"), extra=activation(c.raw("dense_act_fn")))


def pix2struct_eyes(c: Fields) -> Tower:
    """Pix2StructVisionModel: flat patches with a place in rows and columns, T5's layers without relative biases."""
    size, total, rows = width(c), c.int("num_attention_heads"), c.int("seq_len")
    layer = block(Attention(size, total, total, c.int("d_kv")), gated(c, size), width=size)
    parts: tuple[Part, ...] = (
        project("patch", size, c.int("patch_embed_hidden_size"), "vision", bias=True),
        *(Table(rows, size, "position", name) for name in ("rows", "columns")),
        RMS.sized(size).named("final_norm"),
    )
    c.touch("relative_attention_num_buckets", "relative_attention_max_distance")
    return Tower("vision", (layer,) * c.layers(), parts, "vision", caches=False)


@arch("pix2struct")
def pix2struct(c: Fields) -> Spec:
    """Pix2Struct (arXiv:2210.03347), DePlot and MatCha: an image encoder for any aspect ratio and a T5 decoder."""
    ending = chosen(c, ("ForConditionalGeneration", "TextModel", "VisionModel"))
    seen, text = c.sub("vision_config"), c.sub("text_config")
    c.touch("is_vqa", "num_labels", "id2label", "label2id", "tie_word_embeddings", "text_config", "vision_config")
    if ending == "VisionModel":
        return Spec(c.model_type, (replace(pix2struct_eyes(seen), component=None),), width(seen), head_class=ending)
    size, total, vocab = width(text), text.int("num_heads"), text.int("vocab_size")
    own = Attention(size, total, total, size // total, square=True)
    tied = c.flag("tie_word_embeddings", fallback=False)
    biases = first_only(text.layers("num_layers"), buckets(text))
    layers = tuple(
        block(own, gated(text, size), 3, width=size, extra=(replace(own, cross=True), *each)) for each in biases
    )
    parts = (Table(vocab, size), RMS.sized(size).named("final_norm"), Head(vocab, size, tied=tied))
    text.touch(
        "relative_attention_max_distance", "is_decoder", "add_cross_attention", "num_labels", "id2label", "label2id"
    )
    eyes = (pix2struct_eyes(seen),) if ending == "ForConditionalGeneration" else ()
    towers = (*eyes, Tower("decoder", layers, parts))
    return Spec(c.model_type, towers, size, vocab, tied=tied, head_class=ending)


# -- T5Gemma -----------------------------------------------------------------------------------------------


def gemma_half(c: Fields, *, reads: int | None = None) -> list[Layer]:
    """Gemma 2's layers, every second one full; a decoder also reads the encoder's output, `reads` wide."""
    own = attention(c)
    kinds = layer_types(c, every(2))
    looks = (replace(own, cross=True, kv_width=reads),) if reads else ()
    choices: dict[str, Part] = {"full_attention": own, "sliding_attention": windowed(own, c.opt_int("sliding_window"))}
    ffn, count = mlp(c), 4 + 2 * len(looks)
    made = {kind: block(part, ffn, count, width=width(c), extra=looks) for kind, part in choices.items()}
    pick(kinds, choices)
    c.touch("vocab_size", "is_decoder", "cross_attention_hidden_size", "num_labels", "id2label", "label2id")
    c.touch("tie_word_embeddings", "query_pre_attn_scalar", "max_position_embeddings")
    return [made[kind] for kind in kinds]


@arch("t5gemma")
def t5gemma(c: Fields) -> Spec:
    """T5Gemma (arXiv:2504.06225): an encoder and a decoder of Gemma 2's layers, of any two sizes."""
    ending = chosen(c, ("Model", "ForConditionalGeneration"))
    first, second = c.sub("encoder"), c.sub("decoder")
    tied, towers = tied_head(c), list[Tower]()
    rows = {inner.prefix: inner.int("vocab_size") for inner in (first, second)}
    for name, inner, reads in (("encoder", first, None), ("decoder", second, width(first))):
        size, vocab = width(inner), rows[inner.prefix]
        parts: list[Part] = [Table(vocab, size), RMS.sized(size).named("final_norm")]
        if name == "decoder" and ending == "ForConditionalGeneration":
            parts.append(Head(vocab, size, tied=tied))
        towers.append(Tower(name, tuple(gemma_half(inner, reads=reads)), tuple(parts), caches=name == "decoder"))
    c.touch("is_encoder_decoder", "vocab_size", "num_labels", "id2label", "label2id", "tie_word_embeddings")
    longest = second.opt_int("max_position_embeddings", low=1)
    return Spec(c.model_type, tuple(towers), width(second), rows[second.prefix], longest, tied, head_class=ending)

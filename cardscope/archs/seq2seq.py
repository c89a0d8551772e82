"""Encoder–decoders: T5 and BART with their kin.  The class says which halves there are: BartForCausalLM has one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from cardscope.archs._heads import (
    LANGUAGE_MODELS,
    Heads,
    chosen,
    classifier,
    deep_classifier,
    nothing,
    span,
    top,
)
from cardscope.archs._read import tied_head, width
from cardscope.archs._registry import arch
from cardscope.errors import BadField
from cardscope.fields import MAX_LAYERS, Fields
from cardscope.parts import (
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
    activation,
)

HALVES = {
    "ForCausalLM": "decoder",
    "EncoderModel": "encoder",
    "ForTokenClassification": "encoder",
    "ForAudioClassification": "encoder",
}
"""Class endings that have only one half."""


class Half(NamedTuple):
    """The layers of one half, and what stands around them beside the words."""

    layers: Sequence[Layer]
    around: Sequence[Part]


Words = Callable[[Fields, str | None], tuple[list[Part], list[Part]]]
"""Word tables of the encoder and of the decoder; the argument is the only half there is, or None."""


def halves(
    c: Fields,
    table: Heads,
    words: Words,
    encoder: Callable[[], Half],
    decoder: Callable[[], Half],
    max_positions: str = "max_position_embeddings",
) -> Spec:
    """The halves that the class has, and its head on the last of them; the other half is never even read."""
    ending = chosen(c, table)
    only = HALVES.get(ending)
    source, target = words(c, only)
    head = top(c, table, ending)
    ends = {"encoder": head if only == "encoder" else [], "decoder": head}
    towers = tuple(
        Tower(name, tuple(half.layers), (*tables, *half.around, *ends[name]), caches=name == "decoder")
        for name, make, tables in (("encoder", encoder, source), ("decoder", decoder, target))
        if only in {None, name}
        for half in (make(),)
    )
    unbuilt = [f"{side}_{key}" for side in ("encoder", "decoder") for key in ("layers", "ffn_dim", "attention_heads")]
    c.touch(
        "is_decoder", "add_cross_attention", "is_encoder_decoder", "num_hidden_layers", "num_attention_heads", *unbuilt
    )
    return Spec(
        c.model_type,
        towers,
        hidden_size=width(c),
        vocab_size=c.int("vocab_size"),
        max_positions=c.opt_int(max_positions, low=1),
        tied=tied_head(c) if ending in LANGUAGE_MODELS else None,
        head_class=ending,
    )


def shared_words(c: Fields, only: str | None) -> tuple[list[Part], list[Part]]:
    """One table for both halves; untied, transformers keeps the shared one and one for each half."""
    table = Table(c.int("vocab_size"), width(c))
    if only == "encoder":
        return [table], []
    if only or tied_head(c):
        return [], [table]
    return [table], [table, replace(table, name="shared")]


def generation(c: Fields) -> tuple[Part, ...]:
    """The vocabulary's rows."""
    return (Head(c.int("vocab_size"), width(c), tied=tied_head(c)),)


def biased_generation(c: Fields) -> tuple[Part, ...]:
    """The vocabulary's rows, and a bias of (1, vocabulary) that is a buffer."""
    return (*generation(c), logits_bias(c.int("vocab_size")))


def logits_bias(vocab: int) -> Part:
    """`final_logits_bias`: stored, never trained."""
    return Bag((Tensor("final_logits_bias", (1, vocab), "head", "buffer"),))


# -- T5 ----------------------------------------------------------------------------------------------------

T5: Heads = {
    "Model": (nothing,),
    "ForConditionalGeneration": (generation,),
    "EncoderModel": (nothing,),
    "ForSequenceClassification": (deep_classifier,),
    "ForTokenClassification": (classifier,),
    "ForQuestionAnswering": (span,),
}
LONG_T5: Heads = {key: T5[key] for key in ("Model", "ForConditionalGeneration", "EncoderModel")}


def t5_attention(c: Fields) -> Attention:
    """Heads of `d_kv` each, whatever the width; no biases."""
    total = c.int("num_heads")
    return Attention(width(c), total, total, c.int("d_kv"))


def t5_mlp(c: Fields) -> Mlp:
    """`feed_forward_proj`: an activation, or "gated-" and an activation."""
    words = c.text("feed_forward_proj").split("-")
    if len(words) > 2 or (len(words) == 2 and words[0] != "gated"):
        raise BadField("feed_forward_proj", "-".join(words), 'an activation, or "gated-" and one')
    gated = c.flag("is_gated_act", fallback=words[0] == "gated")
    name = c.text("dense_act_fn", words[-1])
    return Mlp(width(c), c.int("d_ff"), gated, extra=activation(name))


def buckets(c: Fields, name: str = "relative_bias") -> Table:
    """Relative positions in buckets, one bias a head: (buckets, heads)."""
    return Table(c.int("relative_attention_num_buckets"), c.int("num_heads"), "position", name)


def t5_halves(c: Fields, table: Heads, source: Callable[[], list[Layer]], target: Sequence[Layer]) -> Spec:
    """Both stacks end in a norm; transformers 5 ties the head whatever the file says."""
    if c.peek("tie_word_embeddings") is False:
        message = (
            "tie_word_embeddings is false, yet transformers 5 ties this type's head; checkpoints may keep their own"
        )
        c.log.notice("CS118", message, "tie_word_embeddings")
    final = RMS.sized(width(c)).named("final_norm")
    c.touch("relative_attention_max_distance", "scale_decoder_outputs")
    encoder, decoder = (lambda: Half(source(), (final,))), (lambda: Half(target, (final,)))
    return halves(c, table, shared_words, encoder, decoder, "n_positions")


def t5_layers(c: Fields, biases: Sequence[Sequence[Part]], *extra: Part, cross: bool) -> list[Layer]:
    """One layer for each entry of `biases`: what it holds of relative positions."""
    own, ffn = t5_attention(c), t5_mlp(c)
    other = (replace(own, cross=True),) if cross else ()
    norms = tuple(RMS.sized(width(c)).named(f"norm_{index}") for index in range(3 if cross else 2))
    made = {bool(each): Layer((own, *other, ffn, *norms, *extra, *each)) for each in biases}
    return [made[bool(each)] for each in biases]


def t5_decodes(c: Fields, table: Heads) -> bool:
    """Whether an encoder that stands alone is built as a decoder: transformers leaves its `is_decoder` as it is."""
    return HALVES.get(chosen(c, table)) == "encoder" and c.flag("is_decoder")


def t5_depths(c: Fields) -> tuple[int, int]:
    """Encoder and decoder layers; no `num_decoder_layers` means as many."""
    source = c.layers("num_layers")
    target = c.opt_int("num_decoder_layers", high=MAX_LAYERS)
    return source, c.derive("num_decoder_layers", source) if target is None else target


def first_only(depth: int, *parts: Part) -> list[tuple[Part, ...]]:
    """The parts in the first layer, nothing in the others."""
    return [parts if index == 0 else () for index in range(depth)]


@arch("t5", "mt5")
def t5(c: Fields) -> Spec:
    """T5 (arXiv:1910.10683) and mT5 (arXiv:2010.11934): relative biases in the first layer, RMSNorm, no biases."""
    source, target = t5_depths(c)
    encoder = partial(t5_layers, c, first_only(source, buckets(c)), cross=t5_decodes(c, T5))
    return t5_halves(c, T5, encoder, t5_layers(c, first_only(target, buckets(c)), cross=True))


@arch("umt5")
def umt5(c: Fields) -> Spec:
    """UMT5 (arXiv:2304.09151): T5 with relative biases of its own in every layer."""
    source, target = t5_depths(c)
    encoder = partial(t5_layers, c, [(buckets(c),)] * source, cross=t5_decodes(c, T5))
    return t5_halves(c, T5, encoder, t5_layers(c, [(buckets(c),)] * target, cross=True))


@arch("longt5")
def longt5(c: Fields) -> Spec:
    """LongT5 (arXiv:2112.07916): a local encoder, with or without summaries of blocks that all words see."""
    source, target = t5_depths(c)
    kind, decodes = c.text("encoder_attention_type"), t5_decodes(c, LONG_T5)
    if kind not in {"local", "transient-global"}:
        raise BadField("encoder_attention_type", kind, "local or transient-global")
    summed = kind == "transient-global" and not decodes
    first = (buckets(c), buckets(c, "global_bias")) if summed else (buckets(c),)
    extra = (RMS.sized(width(c)).named("norm_global"),) if summed else ()
    encoder = partial(t5_layers, c, first_only(source, *first), *extra, cross=decodes)
    c.touch("local_radius", "global_block_size")
    return t5_halves(c, LONG_T5, encoder, t5_layers(c, first_only(target, buckets(c)), cross=True))

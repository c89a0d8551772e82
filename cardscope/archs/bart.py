"""BART and its kin: encoder–decoders with biases and LayerNorm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from cardscope.archs._heads import Builder, Heads, begin_end, chosen, deep_classifier, nothing
from cardscope.archs._read import act, rows, tied_head, width
from cardscope.archs._registry import arch
from cardscope.archs.encoder import layer_windows
from cardscope.archs.seq2seq import Half, Words, biased_generation, generation, halves, logits_bias, shared_words
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import LAYER, Attention, Bag, Head, Layer, Mlp, Moe, Part, Spec, Table, linear

BART: Heads = {
    "Model": (nothing,),
    "ForConditionalGeneration": (biased_generation,),
    "ForCausalLM": (generation,),
    "ForSequenceClassification": (deep_classifier,),
    "ForQuestionAnswering": (begin_end,),
}


def some(table: Heads, *endings: str) -> Heads:
    """The part of a table that a type has classes for."""
    return {key: table[key] for key in endings}


TRANSLATE = some(BART, "Model", "ForConditionalGeneration", "ForCausalLM")


def side_attention(c: Fields, side: str, *, bias: bool = True) -> Attention:
    """Multi-head attention of one side over d_model. Raises BadField where its heads do not divide it."""
    key = f"{side}_attention_heads"
    total = c.int(key)
    if width(c) % total:
        raise BadField(key, total, f"a divisor of d_model {width(c):,}")
    return Attention(width(c), total, total, width(c) // total, q_bias=bias, k_bias=bias, v_bias=bias, o_bias=bias)


def side_mlp(c: Fields, side: str) -> Mlp:
    """Two matrices with biases."""
    return Mlp(width(c), c.int(f"{side}_ffn_dim"), gated=False, up_bias=True, down_bias=True, extra=act(c))


def side_layer(
    c: Fields,
    side: str,
    part: Attention | None = None,
    ffn: Part | None = None,
    *extra: Part,
    cross: bool | None = None,
) -> Layer:
    """Attention, in a decoder cross-attention, MLP; a norm for each."""
    own = part or side_attention(c, side)
    crossed = side == "decoder" if cross is None else cross
    other = (replace(own, cross=True),) if crossed else ()
    norms = tuple(LAYER.sized(width(c)).named(f"norm_{index}") for index in range(3 if crossed else 2))
    return Layer((own, *other, ffn or side_mlp(c, side), *norms, *extra))


def around(
    c: Fields, *, offset: int | None = 0, embed_norm: bool = False, final_norm: bool = False
) -> tuple[Part, ...]:
    """Positions (none with `offset` None), and the norms after the embeddings and at the end."""
    size = width(c)
    positions = c.int("max_position_embeddings")
    parts: list[Part] = [] if offset is None else [Table(positions + offset, size, "position", "positions")]
    parts += [LAYER.sized(size).named("embed_norm")] if embed_norm else []
    return (*parts, *([LAYER.sized(size).named("final_norm")] if final_norm else []))


def bart_like(c: Fields, table: Heads, outside: Sequence[Part], words: Words = shared_words) -> Spec:
    """The same surroundings on both sides."""
    encoder, decoder = (partial(side_half, c, side, outside) for side in ("encoder", "decoder"))
    return halves(c, table, words, encoder, decoder)


def side_half(c: Fields, side: str, outside: Sequence[Part]) -> Half:
    """Equal layers, and what stands around them."""
    return Half([side_layer(c, side)] * c.layers(f"{side}_layers"), outside)


@arch("bart")
def bart(c: Fields) -> Spec:
    """BART (arXiv:1910.13461): post-norm, learned positions with an offset of 2; three labels where none are named."""
    three: Builder = partial(deep_classifier, default=3)
    table: Heads = {**BART, "ForSequenceClassification": (three,)}
    return bart_like(c, table, around(c, offset=2, embed_norm=True))


@arch("plbart")
def plbart(c: Fields) -> Spec:
    """PLBART (arXiv:2103.06333): BART for code."""
    return bart_like(
        c, some(BART, *[key for key in BART if key != "ForQuestionAnswering"]), around(c, offset=2, embed_norm=True)
    )


@arch("mbart")
def mbart(c: Fields) -> Spec:
    """MBART (arXiv:2001.08210): norms before each block and one at the end of each half."""
    return bart_like(c, BART, around(c, offset=2, embed_norm=True, final_norm=True))


@arch("pegasus", "blenderbot")
def pegasus(c: Fields) -> Spec:
    """PEGASUS (arXiv:1912.08777) with sinusoidal, Blenderbot (arXiv:2004.13637) with learned positions; pre-norm."""
    return bart_like(c, TRANSLATE, around(c, offset=0, final_norm=True))


@arch("blenderbot-small")
def blenderbot_small(c: Fields) -> Spec:
    """Blenderbot of 90M: post-norm, as BART."""
    return bart_like(c, TRANSLATE, around(c, offset=0, embed_norm=True))


@arch("m2m_100")
def m2m_100(c: Fields) -> Spec:
    """M2M-100 (arXiv:2010.11125) and NLLB-200 (arXiv:2207.04672): pre-norm, positions computed, not stored."""
    table: Heads = {"Model": (nothing,), "ForConditionalGeneration": (generation,)}
    return bart_like(c, table, around(c, offset=None, final_norm=True))


@arch("bigbird_pegasus")
def bigbird_pegasus(c: Fields) -> Spec:
    """BigBird-PEGASUS: sparse attention in the encoder, biases by `use_bias`; its causal head is never tied."""
    bias = c.flag("use_bias")
    untied: Heads = {"ForCausalLM": (lambda c: (Head(c.int("vocab_size"), width(c)),),)}
    outside = around(c, final_norm=True)
    c.touch("attention_type", "block_size", "num_random_blocks")

    def half(side: str) -> Half:
        part = side_attention(c, side, bias=bias)
        return Half([side_layer(c, side, part)] * c.layers(f"{side}_layers"), outside)

    return halves(c, {**BART, **untied}, shared_words, partial(half, "encoder"), partial(half, "decoder"))


@arch("marian")
def marian(c: Fields) -> Spec:
    """Marian (arXiv:1804.00344, OPUS-MT): post-norm, sinusoidal positions, words shared by both halves or not."""
    table: Heads = {"Model": (nothing,), "MTModel": (marian_generation,), "ForCausalLM": (marian_causal,)}
    return bart_like(c, table, around(c), marian_words)


def _marian_vocab(c: Fields) -> int:
    return c.opt_int("decoder_vocab_size") or c.derive("decoder_vocab_size", c.int("vocab_size"))


def marian_words(c: Fields, only: str | None) -> tuple[list[Part], list[Part]]:
    """One shared table, or one each; the decoder's may have other words."""
    c.touch("share_encoder_decoder_embeddings", "decoder_vocab_size")
    if only or not c.flag("share_encoder_decoder_embeddings"):
        return [Table(c.int("vocab_size"), width(c))], [Table(_marian_vocab(c), width(c))]
    both = Table(c.int("vocab_size"), width(c), name="shared")
    if tied_head(c):
        return [], [both]
    return [Table(c.int("vocab_size"), width(c))], [Table(_marian_vocab(c), width(c)), both]


def marian_generation(c: Fields) -> tuple[Part, ...]:
    """The target's rows: the shared vocabulary's, or the decoder's own."""
    vocab = c.int("vocab_size") if c.flag("share_encoder_decoder_embeddings") else _marian_vocab(c)
    return (Head(vocab, width(c), tied=tied_head(c)), logits_bias(vocab))


def marian_causal(c: Fields) -> tuple[Part, ...]:
    """The decoder alone: as many rows as the source has words."""
    return (Head(c.int("vocab_size"), width(c), tied=tied_head(c)),)


@arch("mvp")
def mvp(c: Fields) -> Spec:
    """MVP (arXiv:2206.12131): BART, optionally with prompts for the decoder's layers; the encoder gets none in 5.23."""
    outside = around(c, offset=2, embed_norm=True)
    alone = chosen(c, BART) == "ForCausalLM"
    c.touch("prompt_length", "prompt_mid_dim")
    prompted = c.flag("use_prompt") and not alone
    prompts = (_prompt(c, c.layers("decoder_layers")),) * 2 if prompted else ()
    decoder = partial(side_half, c, "decoder", (*outside, *prompts))
    return halves(c, BART, shared_words, partial(side_half, c, "encoder", outside), decoder)


def _prompt(c: Fields, depth: int) -> Part:
    """MvpPrompt: an embedding of the prompt, turned into keys and values of every layer."""
    size, middle = width(c), c.int("prompt_mid_dim")
    table = Table(c.int("prompt_length"), size, name="prompt")
    inner = rows("prompt.up", middle, size, bias=True), rows("prompt.out", depth * 2 * size, middle, bias=True)
    return Bag(tuple(tensor for part in (table, *inner) for tensor in part.tensors()))


@arch("nllb-moe")
def nllb_moe(c: Fields) -> Spec:
    """NLLB-200 with experts (arXiv:2207.04672): every n-th layer routes each token to two experts."""
    table: Heads = {"Model": (nothing,), "ForConditionalGeneration": (generation,)}
    outside = around(c, offset=None, final_norm=True)
    c.touch("expert_capacity", "second_expert_policy", "router_dtype", "batch_prioritized_routing")

    def half(side: str) -> Half:
        step, depth = c.int(f"{side}_sparse_step", low=0), c.layers(f"{side}_layers")
        # The decoder's layers also hold an activation of their own that nothing calls.
        extra = (Bag(act(c)),) if side == "decoder" and act(c) else ()
        dense = side_layer(c, side, None, None, *extra)
        routed = side_layer(c, side, None, _nllb_experts(c, side), *extra)
        return Half([routed if step and (i + 1) % step == 0 else dense for i in range(depth)], outside)

    return halves(c, table, shared_words, partial(half, "encoder"), partial(half, "decoder"))


def _nllb_experts(c: Fields, side: str) -> Moe:
    experts = c.int("num_experts")
    learned = tuple(tensor._replace(copies=experts, active=2) for tensor in act(c, "experts"))
    return Moe(
        width(c),
        experts,
        min(2, experts),
        c.int(f"{side}_ffn_dim"),
        gated=False,
        up_bias=True,
        down_bias=True,
        router_bias=c.flag("router_bias"),
        extra=learned,
    )


@arch("trocr")
def trocr(c: Fields) -> Spec:
    """TrOCR's text decoder (arXiv:2109.10282), which reads an image encoder's output of its own width."""
    seen = c.opt_int("cross_attention_hidden_size", low=1)
    own = side_attention(c, "decoder")
    plain = side_layer(c, "decoder", own)
    crossed = replace(own, cross=True, kv_width=seen)
    layer = Layer(tuple(crossed if isinstance(part, Attention) and part.cross else part for part in plain.parts))
    offset = 2 if c.flag("use_learned_position_embeddings") else None
    outside = around(c, offset=offset, embed_norm=c.flag("layernorm_embedding"))
    decoder = Half([layer] * c.layers("decoder_layers"), outside)
    return halves(c, some(BART, "ForCausalLM"), shared_words, lambda: Half((), ()), lambda: decoder)


@arch("led")
def led(c: Fields) -> Spec:
    """LED (arXiv:2004.05150): BART with Longformer's windows and second projections in the encoder."""
    size = width(c)
    norm = LAYER.sized(size).named("embed_norm")
    seen = tuple(t for name in "qkv" for t in linear(f"{name}_global", size, size, "attention", bias=True))
    windows = layer_windows(c, c.layers("encoder_layers"))

    def encoder() -> Half:
        plain = side_attention(c, "encoder")
        kinds = {
            n: side_layer(c, "encoder", replace(plain, extra=seen, window=n, kind="sliding")) for n in set(windows)
        }
        places = Table(c.int("max_encoder_position_embeddings"), size, "position", "positions")
        return Half([kinds[n] for n in windows], (places, norm))

    def decoder() -> Half:
        places = Table(c.int("max_decoder_position_embeddings"), size, "position", "positions")
        return side_half(c, "decoder", (places, norm))

    table = some(BART, "Model", "ForConditionalGeneration", "ForQuestionAnswering")
    return halves(c, table, shared_words, encoder, decoder, "max_encoder_position_embeddings")

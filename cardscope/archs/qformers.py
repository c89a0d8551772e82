"""Images or sound through a Q-Former: BLIP-2, InstructBLIP and Granite Speech."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs import interpret
from cardscope.archs._compose import FULL, class_of, part, sight, ties, width_of, wrap
from cardscope.archs._heads import chosen, dense
from cardscope.archs._read import mlp, width
from cardscope.archs._registry import arch
from cardscope.archs.clip_kin import blip_eyes
from cardscope.archs.convnets import batch_norm
from cardscope.archs.encoder import full
from cardscope.archs.speech import convolution
from cardscope.archs.vision import image_layer
from cardscope.errors import BadField, NotModelled
from cardscope.fields import Fields
from cardscope.harvest import declared
from cardscope.parts import LAYER, Bag, Layer, Part, Spec, Table, Tensor, Tower, linear, norm, project

# -- the Q-Former ------------------------------------------------------------------------------------------


def querying(c: Fields, seen: int | None = None, *, texts: bool = False, beside: tuple[Part, ...] = ()) -> Tower:
    """BLIP-2's Q-Former (arXiv:2301.12597): a BERT of learned queries, every n-th layer attends to the image.

    `texts`: a second MLP for words.
    """
    own, every = full(c), c.int("cross_attention_frequency")
    looks = replace(own, cross=True, kv_width=seen or c.int("encoder_hidden_size"))
    ffn = mlp(c, bias=True, gated=False)
    count = 3 if texts else 2

    def layer(parts: tuple[Part, ...], norms: int) -> Layer:
        return Layer((own, *parts, *(LAYER.sized(width(c)).named(f"norm_{index}") for index in range(norms))))

    mlps = (ffn, replace(ffn, name="words_")) if texts else (ffn,)
    usual, crossing = layer(mlps, count), layer((looks, *mlps), count + 1)
    layers = tuple(usual if index % every else crossing for index in range(c.layers()))
    c.touch("vocab_size", "max_position_embeddings", "encoder_hidden_size", "use_qformer_text_input")
    c.touch("num_labels", "id2label", "label2id")
    return Tower("qformer", layers, (LAYER.sized(width(c)).named("layernorm"), *beside), "projector", caches=False)


def queries(c: Fields, count: int) -> Part:
    """The learned queries."""
    return Bag((Tensor("query_tokens", (1, count, width(c)), "projector", "other"),))


def words(c: Fields) -> tuple[Part, ...]:
    """Words and positions for the Q-Former's own text."""
    places = Table(c.int("max_position_embeddings"), width(c), "position", "positions")
    return (Table(c.int("vocab_size"), width(c)), places)


def speaks(c: Fields, *, head: bool = True) -> Spec:
    """The language model, built by its own class for generation: its own head, tied as its own config says."""
    inner = c.sub("text_config")
    known = declared(inner.model_type)
    models = known.models if known else {}
    name = models.get("causal_lm") or models.get("seq2seq") if head else models.get("base")
    if name is None:
        raise NotModelled(f"text_config.model_type {inner.model_type!r} is not modelled here", hint="--exact counts it")
    inner.impose(architectures=[name])
    return interpret(inner)


def spoken(c: Fields, ending: str, *beside: Tower, head: bool = True) -> Spec:
    """The towers and, last, the language model."""
    spec = speaks(c, head=head)
    c.touch("num_labels", "id2label", "label2id", "tie_word_embeddings", "image_text_hidden_size")
    return replace(spec, model_type=c.model_type, towers=(*beside, *spec.towers), head_class=ending)


# -- BLIP-2 ------------------------------------------------------------------------------------------------


def eyes(c: Fields) -> Tower:
    """EVA's ViT: BLIP's with a switch for the biases of queries, keys and values."""
    bias = c.flag("qkv_bias")
    layer = image_layer(c, replace(full(c), q_bias=bias, k_bias=bias, v_bias=bias))
    return replace(blip_eyes(c), layers=(layer,) * c.layers())


@arch("blip-2")
def blip2(c: Fields) -> Spec:
    """BLIP-2 (arXiv:2301.12597): a ViT, a Q-Former, one projection, OPT or Flan-T5."""
    ending = chosen(c, ("Model", FULL, "ForImageTextRetrieval"))
    seen, former = sight(c), c.sub("qformer_config")
    size, asked = width(former), queries(former, c.int("num_query_tokens"))
    texts = former.flag("use_qformer_text_input")
    if ending == "ForImageTextRetrieval":
        common = c.int("image_text_hidden_size")
        ends = (dense("vision_proj", common, size), dense("text_proj", common, size), dense("itm_head", 2, size))
        c.touch("text_config", "num_labels", "id2label", "label2id")
        between = querying(former, width(seen), texts=texts, beside=(asked, *words(former), *ends))
        return Spec(c.model_type, (eyes(seen), between), size, head_class=ending)
    text = c.sub("text_config")
    out = project("language_projection", width_of(text), size, "projector", bias=True)
    between = querying(former, width(seen), texts=texts, beside=(asked, out))
    return spoken(c, ending, eyes(seen), between)


@arch("instructblip", "instructblipvideo")
def instructblip(c: Fields) -> Spec:
    """InstructBLIP (arXiv:2305.06500): BLIP-2 whose Q-Former reads the instruction too."""
    ending = chosen(c, ("Model", FULL))
    seen, former, text = sight(c), c.sub("qformer_config"), c.sub("text_config")
    out = project("language_projection", width_of(text), width(former), "projector", bias=True)
    asked = queries(former, c.int("num_query_tokens"))
    between = querying(former, width(seen), texts=True, beside=(asked, *words(former), out))
    return spoken(c, ending, eyes(seen), between, head=ending == FULL)


# -- Granite Speech ----------------------------------------------------------------------------------------


def granite_layer(c: Fields) -> Layer:
    """GraniteSpeechConformerBlock: half MLPs around attention with relative positions and a gated convolution."""
    size, total = c.int("hidden_dim"), c.int("num_heads")
    dim = c.opt_int("dim_head", low=1) or c.derive("dim_head", size // total)
    inner, wide = size * c.int("conv_expansion_factor"), size * c.int("feedforward_mult")
    own: list[Tensor] = []
    for side in ("before", "after"):
        own += linear(f"{side}.up", wide, size, "audio", bias=True)
        own += [*linear(f"{side}.down", size, wide, "audio", bias=True), *norm(f"{side}.norm", size, bias=True)]
    own += [*linear("q", total * dim, size, "audio"), *linear("kv", 2 * total * dim, size, "audio")]
    own += [*linear("out", size, total * dim, "audio", bias=True)]
    own.append(Tensor("relative", (2 * c.int("max_pos_emb") + 1, dim), "audio", "table"))
    own += [*convolution("conv.up", 2 * inner, size, 1), *convolution("conv.down", size, inner, 1)]
    own.append(Tensor("conv.depthwise", (inner, 1, c.int("conv_kernel_size")), "audio", "other"))
    own += batch_norm("conv.batch_norm", inner, "audio")
    for name in ("attention_norm", "conv_norm", "post_norm"):
        own += norm(name, size, bias=True)
    return Layer((Bag(tuple(own), "Conformer"),))


def granite_ears(c: Fields) -> Tower:
    """GraniteSpeechCTCEncoder: Conformer layers; half-way, what they hear as letters is added back."""
    size, letters = c.int("hidden_dim"), c.int("output_dim")
    ends = (("input", size, c.int("input_dim")), ("out", letters, size), ("out_mid", size, letters))
    own = [tensor for name, rows, columns in ends for tensor in linear(name, rows, columns, "audio", bias=True)]
    context = c.int("context_size")
    if context > c.int("max_pos_emb"):
        raise BadField(c.prefix + "context_size", context, "at most max_pos_emb")
    return Tower("audio", (granite_layer(c),) * c.layers("num_layers"), (Bag(tuple(own)),), "audio", caches=False)


@arch("granite_speech")
def granite_speech(c: Fields) -> Spec:
    """Granite Speech (arXiv:2505.08699): a Conformer, a Q-Former over its windows, Granite; no LoRA counted."""
    text, heard, former = part(c, "text_config"), c.sub("encoder_config"), c.sub("projector_config")
    count = c.int("window_size") // c.int("downsample_rate")
    out = project("projector", width_of(text), width(former), "projector", bias=True)
    texts = former.flag("use_qformer_text_input")
    between = querying(former, texts=texts, beside=(queries(former, count), out))
    c.touch("has_lora_adapter", "audio_token_index")
    return wrap(c, text, granite_ears(heard), between, tied=ties(c, text), ending=class_of(c))

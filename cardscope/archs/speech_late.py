"""Speech with Conformers (wav2vec 2.0 BERT, Parakeet), and small speech (Moonshine)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from cardscope.archs._heads import Heads, chosen, nothing, top
from cardscope.archs._read import act, attention, heads, mlp, width
from cardscope.archs._registry import arch
from cardscope.archs.convnets import batch_norm, conv
from cardscope.archs.encoder import full
from cardscope.archs.seq2seq import Half, generation, halves
from cardscope.archs.speech import HEAD_KEYS as SPEECH_KEYS
from cardscope.archs.speech import (
    WAV2VEC2,
    WAVLM,
    convolution,
    length_adapter,
    wave_encoder,
    wave_layer,
    wave_projection,
    wave_reader,
)
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
    activation,
    linear,
    norm,
)

# -- Conformers --------------------------------------------------------------------------------------------


def relative(c: Fields, dim: int) -> Iterator[Tensor]:
    """What `position_embeddings_type` learns: projected sinusoids with two biases a head, or a table of distances."""
    kind, total = c.raw("position_embeddings_type"), heads(c)
    if kind == "relative":
        yield from linear("position", width(c), width(c), "attention")
        yield from (Tensor(f"position_{name}", (total, dim), "attention", "other") for name in "uv")
    if kind == "relative_key":
        rows = c.int("left_max_position_embeddings", low=0) + c.int("right_max_position_embeddings", low=0) + 1
        yield Tensor("distances", (rows, dim), "attention", "table")
    c.touch("left_max_position_embeddings", "right_max_position_embeddings", "rotary_embedding_base")


def conformer(c: Fields, *, batched: bool) -> Layer:
    """A Conformer layer (arXiv:2005.08100): two half MLPs around attention and a gated depthwise convolution."""
    size, own = width(c), full(c)
    kernel = c.int("conv_depthwise_kernel_size")
    convs = [
        Tensor("conv.up", (2 * size, size, 1), "mixer", "other"),
        Tensor("conv.depthwise", (size, 1, kernel), "mixer", "other"),
        Tensor("conv.down", (size, size, 1), "mixer", "other"),
        *(batch_norm("conv.norm", size) if batched else norm("conv.norm", size, bias=True)),
        *act(c, "mixer"),
    ]
    ffn = mlp(c, bias=True, gated=False)
    names = ("before", "attention", "conv_in", "after", "final")
    norms = tuple(LAYER.sized(size).named(f"{name}_norm") for name in names)
    attend = replace(own, extra=tuple(relative(c, own.head_dim)))
    return Layer((attend, Bag(tuple(convs), "Conformer"), ffn, replace(ffn, name="after."), *norms))


def gated_adapter(c: Fields) -> list[Part]:
    """Wav2Vec2BertAdapter: strided, gated convolutions around attention and an MLP; before it perhaps one more MLP."""
    size, parts = width(c), list[Part]()
    if c.flag("use_intermediate_ffn_before_adapter"):
        parts.append(replace(mlp(c, bias=True, gated=False), extra=(), name="before_adapter."))
    c.touch("adapter_stride", "adapter_act", "adapter_kernel_size", "num_adapter_layers", "output_hidden_size")
    if not c.flag("add_adapter"):
        return parts
    out = c.opt_int("output_hidden_size") or c.derive("output_hidden_size", size)
    if out != size:
        own = (*linear("adapter.proj", out, size, "other", bias=True), *norm("adapter.norm", out, bias=True))
        parts.append(Bag(own))
    attend = Attention(out, heads(c), heads(c), out // heads(c), q_bias=True, k_bias=True, v_bias=True, o_bias=True)
    attend = replace(attend, square=True)
    learned = activation(c.raw("adapter_act"), "mlp")
    ffn = Mlp(out, c.int("intermediate_size"), gated=False, up_bias=True, down_bias=True, extra=learned)
    convs = [
        t
        for name in ("residual", "attention")
        for t in convolution(f"adapter.{name}", 2 * out, out, c.int("adapter_kernel_size"))
    ]
    each: list[Part] = [
        attend,
        ffn,
        Bag(tuple(convs)),
        *(LAYER.sized(out).named(f"adapter_norm_{n}") for n in range(3)),
    ]
    return [*parts, *each * c.layers("num_adapter_layers")]


@arch("wav2vec2-bert")
def wav2vec2_bert(c: Fields) -> Spec:
    """wav2vec 2.0 BERT (arXiv:2312.05187): Conformer layers over the spectrum, distances as relative positions."""
    table: Heads = {key: parts for key, parts in WAV2VEC2.items() if key != "ForPreTraining"}
    ending, into, size = chosen(c, table), c.int("feature_projection_input_dim"), width(c)
    before: list[Part] = [
        LAYER.sized(into).named("feature_norm"),
        Bag(tuple(linear("feature_projection", size, into, "audio", bias=True))),
    ]
    if c.number("mask_time_prob", 0.05) > 0 or c.number("mask_feature_prob", 0.0) > 0:
        before.append(Bag((Tensor("masked_spec_embed", (size,), "other", "other"),)))
    c.touch("max_source_positions", *SPEECH_KEYS)
    parts = (*before, *gated_adapter(c), *top(c, table, ending))
    tower = Tower("encoder", (conformer(c, batched=False),) * c.layers(), parts, caches=False)
    return Spec(c.model_type, (tower,), hidden_size=size, head_class=ending)


@arch("wav2vec2-conformer")
def wav2vec2_conformer(c: Fields) -> Spec:
    """wav2vec 2.0 with Conformer layers (arXiv:2010.05171's fairseq)."""
    c.touch("max_source_positions")
    turns: tuple[Part, ...] = ()
    if c.raw("position_embeddings_type") == "rotary":
        turns = (Bag((Tensor("inv_freq", ((full(c).head_dim + 1) // 2,), "position", "buffer"),)),)
    return wave_encoder(c, WAV2VEC2, [conformer(c, batched=True)] * c.layers(), *turns, *length_adapter(c))


@arch("data2vec-audio")
def data2vec_audio(c: Fields) -> Spec:
    """data2vec for speech (arXiv:2202.03555): wav2vec 2.0 with a few plain convolutions as positions."""
    table: Heads = WAVLM
    ending, size, groups = chosen(c, table), width(c), c.int("num_conv_pos_embedding_groups")
    if size % groups:
        raise BadField("num_conv_pos_embedding_groups", groups, f"a divisor of hidden_size {size:,}")
    c.assume({"feat_extract_norm": "layer"})
    places = [*convolution("position", size, size // groups, c.int("conv_pos_kernel_size"))]
    places += activation(c.raw("feat_extract_activation"), "position")
    before = [wave_reader(c), *wave_projection(c), *[Bag(tuple(places))] * c.layers("num_conv_pos_embeddings")]
    c.touch(*SPEECH_KEYS, "feat_extract_norm")
    parts = (*before, LAYER.sized(size).named("encoder_norm"), *length_adapter(c), *top(c, table, ending))
    tower = Tower("encoder", (wave_layer(c),) * c.layers(), parts, caches=False)
    return Spec(c.model_type, (tower,), hidden_size=size, head_class=ending)


# -- Parakeet ----------------------------------------------------------------------------------------------


def subsampling(c: Fields) -> Bag:
    """Strided convolutions that halve time and spectrum, the later ones depthwise; then one projection."""
    factor, step = c.int("subsampling_factor", high=1 << 12), c.int("subsampling_conv_stride", high=64)
    channels, kernel, bins = (
        c.int("subsampling_conv_channels"),
        c.int("subsampling_conv_kernel_size"),
        c.int("num_mel_bins"),
    )
    count = factor.bit_length() - 1
    own = [*conv("subsample", channels, 1, kernel, "audio", bias=True)]
    for _ in range(count - 1):
        own += conv("depthwise", channels, 1, kernel, "audio", bias=True)
        own += conv("pointwise", channels, channels, 1, "audio", bias=True)
    own += linear("subsample.out", width(c), channels * (bins // step**count), "audio", bias=True)
    return Bag(tuple(own))


def parakeet_layer(c: Fields) -> Layer:
    """Fast Conformer's layer (arXiv:2305.05084): relative positions projected, biases by two switches."""
    size, total = width(c), heads(c)
    bias, curved = c.flag("attention_bias"), c.flag("convolution_bias")
    usual = attention(c, bias=bias)
    places = (Tensor(f"position_{name}", (total, usual.head_dim), "attention", "other") for name in "uv")
    attend = replace(usual, extra=(*linear("position", total * usual.head_dim, size, "attention"), *places))
    convs = [
        *convolution("conv.up", 2 * size, size, 1, bias=curved),
        *convolution("conv.depthwise", size, 1, c.int("conv_kernel_size"), bias=curved),
        *convolution("conv.down", size, size, 1, bias=curved),
        *batch_norm("conv.norm", size),
        *act(c, "mixer"),
    ]
    ffn = mlp(c, bias=bias, gated=False)
    names = ("before", "attention", "conv_in", "after", "final")
    norms = tuple(LAYER.sized(size).named(f"{name}_norm") for name in names)
    return Layer((attend, Bag(tuple(convs), "Conformer"), ffn, replace(ffn, name="after."), *norms))


def parakeet_tower(c: Fields, *after: Part) -> Tower:
    """The encoder of all Parakeet models."""
    c.touch("max_position_embeddings", "scale_input", "vocab_size", "dropout_positions")
    return Tower("encoder", (parakeet_layer(c),) * c.layers(), (subsampling(c), *after), caches=False)


@arch("parakeet_ctc")
def parakeet_ctc(c: Fields) -> Spec:
    """Parakeet (NVIDIA NeMo) with CTC: Fast Conformer and one row for each piece of a word."""
    ending, heard = chosen(c, ("ForCTC",), {"ParakeetForCTC": "ForCTC"}), c.sub("encoder_config")
    size, vocab = width(heard), c.int("vocab_size")
    c.touch("num_labels", "id2label", "label2id")
    tower = parakeet_tower(heard, Head(vocab, size, bias=True, name="ctc_head"))
    return Spec(c.model_type, (tower,), hidden_size=size, vocab_size=vocab, head_class=ending)


@arch("parakeet_encoder")
def parakeet_encoder(c: Fields) -> Spec:
    """Parakeet's encoder alone."""
    return Spec(c.model_type, (parakeet_tower(c),), hidden_size=width(c), head_class=chosen(c, ("", "Model")))


# -- Moonshine ---------------------------------------------------------------------------------------------

MOONSHINE: Heads = {"Model": (nothing,), "ForConditionalGeneration": (generation,)}


def target_words(c: Fields, only: str | None) -> tuple[list[Part], list[Part]]:
    """Only the decoder reads words."""
    del only
    return [], [Table(c.int("vocab_size"), width(c))]


@arch("moonshine")
def moonshine(c: Fields) -> Spec:
    """Moonshine (arXiv:2410.15608): three convolutions over the wave, rotary positions, a gated MLP in the decoder."""
    size = width(c)
    ears = (
        *convolution("conv1", size, 1, 127, bias=False),
        *convolution("conv2", 2 * size, size, 7),
        *convolution("conv3", size, 2 * size, 3),
        *norm("conv_norm", size, bias=True),
    )

    def half(side: str, *before: Part) -> Half:
        # transformers' encoder is built first and writes its heads over the decoder's.
        total = c.int("encoder_num_attention_heads")
        groups = c.opt_int("encoder_num_key_value_heads", low=1) or total
        own = attention(
            c, heads=total, kv_heads=groups, head_dim=size // total, qkv_bias=c.flag("attention_bias"), o_bias=False
        )
        crossed = (replace(own, cross=True),) if side == "decoder" else ()
        learned = activation(c.raw(f"{side}_hidden_act"))
        ffn = Mlp(size, c.int("intermediate_size"), bool(crossed), True, True, extra=learned)
        norms = (RMS.sized(size).named(f"norm_{index}") for index in range(2 + len(crossed)))
        layer = Layer((own, *crossed, ffn, *norms))
        return Half([layer] * c.layers(f"{side}_num_hidden_layers"), (*before, RMS.sized(size).named("final_norm")))

    c.touch("pad_head_dim_to_multiple_of", "min_position_embeddings", "num_key_value_heads")
    c.touch(*(f"decoder_{key}" for key in ("num_attention_heads", "num_key_value_heads")))
    return halves(c, MOONSHINE, target_words, partial(half, "encoder", Bag(ears)), partial(half, "decoder"))

"""Speech: wav2vec 2.0 and its kin, which read the wave itself, and Whisper, which reads its spectrum."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from cardscope.archs._heads import Heads, chosen, dense, nothing, top
from cardscope.archs._read import heads, labels, mlp, width
from cardscope.archs._registry import arch
from cardscope.archs.bart import side_attention, side_layer
from cardscope.archs.encoder import full
from cardscope.archs.seq2seq import Half, generation, halves
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import (
    LAYER,
    Attention,
    Bag,
    Head,
    Layer,
    Part,
    Spec,
    Table,
    Tensor,
    Tower,
    activation,
    linear,
    norm,
    project,
)

MAX_CONVOLUTIONS = 64
"""Real models have seven."""


def convolution(name: str, out: int, into: int, kernel: int, *, bias: bool = True) -> list[Tensor]:
    """A convolution over time: (out, into, kernel), and its bias."""
    own = [Tensor(f"{name}.weight", (out, into, kernel), "audio", "other")]
    return [*own, Tensor(f"{name}.bias", (out,), "audio", "bias")] if bias else own


def wave_reader(c: Fields) -> Part:
    """Convolutions over the wave, `conv_dim` wide; a norm after the first ("group") or after each ("layer")."""
    widths, kernels = c.ints("conv_dim") or (), c.ints("conv_kernel") or ()
    if not widths or len(widths) != len(kernels) or len(widths) > MAX_CONVOLUTIONS:
        raise BadField("conv_kernel", list(kernels), f"one number for each of the {len(widths)} entries of conv_dim")
    kind = c.text("feat_extract_norm")
    if kind not in {"group", "layer"}:
        raise BadField("feat_extract_norm", kind, "group or layer")
    bias, learned = c.flag("conv_bias"), activation(c.raw("feat_extract_activation"), "audio")
    tensors: list[Tensor] = []
    for index, (out, kernel) in enumerate(zip(widths, kernels, strict=True)):
        tensors += convolution(f"conv_{index}", out, widths[index - 1] if index else 1, kernel, bias=bias)
        if kind == "layer" or index == 0:
            tensors += norm(f"conv_{index}.norm", out, bias=True, component="audio")
        tensors += learned
    c.touch("conv_stride", "num_feat_extract_layers")
    return Bag(tuple(tensors))


def wave_projection(c: Fields, *, masked: bool = False) -> list[Part]:
    """From the convolutions' width to the layers'; where training masks, the vector that masked stretches get."""
    last, size = (c.ints("conv_dim") or (0,))[-1], width(c)
    parts: list[Part] = [project("feature_projection", size, last, "audio", bias=True)]
    if c.flag("feat_proj_layer_norm", fallback=True):
        parts.append(LAYER.sized(last).named("norm_features"))
    if masked or c.number("mask_time_prob", 0.05) > 0 or c.number("mask_feature_prob", 0.0) > 0:
        parts.append(Bag((Tensor("masked_spec_embed", (size,), "other", "other"),)))
    return parts


def wave_positions(c: Fields) -> Part:
    """Positions by a grouped convolution, weight-normalised: a direction and one length for each step of the kernel."""
    size, kernel, groups = width(c), c.int("num_conv_pos_embeddings"), c.int("num_conv_pos_embedding_groups")
    if size % groups:
        raise BadField("num_conv_pos_embedding_groups", groups, f"a divisor of hidden_size {size:,}")
    own = [
        Tensor("pos_conv.weight", (size, size // groups, kernel), "position", "other"),
        Tensor("pos_conv.bias", (size,), "position", "bias"),
        *activation(c.raw("feat_extract_activation"), "position"),
    ]
    if not c.flag("conv_pos_batch_norm", fallback=False):
        return Bag((*own, Tensor("pos_conv.length", (1, 1, kernel), "position", "other")))
    running = [Tensor(f"pos_conv.{name}", (size,), "position", "buffer") for name in ("mean", "variance")]
    counted = Tensor("pos_conv.batches", (), "position", "buffer")
    return Bag((*own, *norm("pos_conv.norm", size, bias=True), *running, counted))


def attention_adapter(c: Fields) -> tuple[Part, ...]:
    """A bottleneck behind each layer, one set a language (MMS, arXiv:2305.13516); only with norms before the blocks."""
    inner = c.opt_int("adapter_attn_dim") if c.flag("do_stable_layer_norm") else None
    c.touch("adapter_attn_dim")
    if inner is None:
        return ()
    size = width(c)
    down, up = (
        linear("adapter.down", inner, size, "other", bias=True),
        linear("adapter.up", size, inner, "other", bias=True),
    )
    return (Bag((*norm("adapter.norm", size, bias=True), *down, *up)),)


def length_adapter(c: Fields) -> list[Part]:
    """`add_adapter`: strided convolutions behind the layers that shorten the sequence."""
    if not c.flag("add_adapter", fallback=False):
        c.touch("adapter_kernel_size", "adapter_stride", "num_adapter_layers", "output_hidden_size")
        return []
    out, size = _adapted(c), width(c)
    parts: list[Part] = []
    if out != size:
        parts += [project("adapter.proj", out, size, "other", bias=True), LAYER.sized(out).named("norm_adapter")]
    each = tuple(convolution("adapter.conv", 2 * out, out, c.int("adapter_kernel_size")))
    c.touch("adapter_stride")
    return [*parts, *[Bag(each)] * c.layers("num_adapter_layers")]


def _adapted(c: Fields) -> int:
    return c.opt_int("output_hidden_size") or c.derive("output_hidden_size", width(c))


# -- heads -------------------------------------------------------------------------------------------------


def ctc(c: Fields) -> tuple[Part, ...]:
    """One row for each character, over the adapter's width where there is one."""
    size = _adapted(c) if c.flag("add_adapter", fallback=False) else width(c)
    return (Head(c.int("vocab_size"), size, bias=True, name="lm_head"),)


def layer_weights(c: Fields) -> tuple[Part, ...]:
    """One weight for each layer's output and the input, where they are mixed."""
    if not c.flag("use_weighted_layer_sum"):
        return ()
    return (Bag((Tensor("layer_weights", (c.layers() + 1,), "head", "other"),)),)


def narrow_classifier(c: Fields) -> tuple[Part, ...]:
    """A projection, then one row for each label."""
    inner = c.int("classifier_proj_size")
    out = Head(labels(c), inner, bias=True, name="classifier")
    return (*layer_weights(c), dense("projector", inner, width(c)), out)


def frames(c: Fields) -> tuple[Part, ...]:
    """One row for each label, at each step."""
    return (*layer_weights(c), Head(labels(c), width(c), bias=True, name="classifier"))


def code_book(c: Fields, reads: int) -> Part:
    """Groups of code vectors, and the projection that picks among them from an input of width `reads`."""
    groups, each, size = c.int("num_codevector_groups"), c.int("num_codevectors_per_group"), c.int("codevector_dim")
    if size % groups:
        raise BadField("codevector_dim", size, f"a multiple of the {groups} code-vector groups")
    vectors = Tensor("codevectors", (1, groups * each, size // groups), "head", "other")
    return Bag((vectors, *linear("weight_proj", groups * each, reads, "head", bias=True)))


def quantizer(c: Fields, reads: int | None = None) -> tuple[Part, ...]:
    """The code book of pre-training, over the convolutions' output or `reads`, and the projections onto it."""
    proj, last = c.int("proj_codevector_dim"), (c.ints("conv_dim") or (0,))[-1]
    there, back = dense("project_hid", proj, width(c)), dense("project_q", proj, c.int("codevector_dim"))
    return (code_book(c, reads or last), there, back)


def speaker_quantizer(c: Fields) -> tuple[Part, ...]:
    """UniSpeech-SAT's pre-training: the code book over the layers, speakers' clusters, a norm of its own."""
    size, clusters = c.int("codevector_dim"), c.int("num_clusters")
    labelled = Bag((Tensor("label_embeddings", (clusters, size), "head", "table"),))
    parts = (dense("speaker_proj", size, width(c)), labelled, LAYER.sized(width(c)).named("extract_norm"))
    return (*quantizer(c, width(c)), *parts)


def speaker(c: Fields) -> tuple[Part, ...]:
    """X-vectors (Snyder et al. 2018): dilated layers over time, statistics, two projections, one column a speaker."""
    widths, kernels, out = c.ints("tdnn_dim") or (), c.ints("tdnn_kernel") or (), c.int("xvector_output_dim")
    if not widths or len(kernels) < len(widths) or len(widths) > MAX_CONVOLUTIONS:
        raise BadField("tdnn_kernel", list(kernels), f"one number for each of the {len(widths)} entries of tdnn_dim")
    parts: list[Part] = [*layer_weights(c), dense("projector", widths[0], width(c))]
    for index, (size, kernel) in enumerate(zip(widths, kernels, strict=False)):
        parts.append(dense(f"tdnn_{index}", size, widths[max(0, index - 1)] * kernel))
    objective = Bag((Tensor("objective", (out, labels(c)), "head"),))
    return (*parts, dense("xvector", out, 2 * widths[-1]), dense("classifier", out), objective)


WAV2VEC2: Heads = {
    "Model": (nothing,),
    "ForPreTraining": (quantizer,),
    "ForCTC": (ctc,),
    "ForSequenceClassification": (narrow_classifier,),
    "ForAudioFrameClassification": (frames,),
    "ForXVector": (speaker,),
}
HUBERT: Heads = {key: WAV2VEC2[key] for key in ("Model", "ForCTC", "ForSequenceClassification")}
WAVLM: Heads = {key: parts for key, parts in WAV2VEC2.items() if key != "ForPreTraining"}

HEAD_KEYS = (
    "vocab_size",
    "classifier_proj_size",
    "use_weighted_layer_sum",
    "codevector_dim",
    "proj_codevector_dim",
    "num_codevector_groups",
    "num_codevectors_per_group",
    "tdnn_dim",
    "tdnn_kernel",
    "tdnn_dilation",
    "xvector_output_dim",
    "num_ctc_classes",
)


# -- types -------------------------------------------------------------------------------------------------


def wave_layer(c: Fields, part: Attention | None = None, *extra: Part) -> Layer:
    """Attention and MLP with biases, a norm for each."""
    norms = tuple(LAYER.sized(width(c)).named(f"norm_{index}") for index in range(2))
    return Layer((part or full(c), mlp(c, bias=True, gated=False), *norms, *extra))


def wave_encoder(c: Fields, table: Heads, layers: list[Layer], *after: Part, masked: bool = False) -> Spec:
    """Convolutions, projection, positions by convolution, layers, a norm, and the class's head."""
    ending = chosen(c, table)
    before = (wave_reader(c), *wave_projection(c, masked=masked), wave_positions(c))
    before = (*before, LAYER.sized(width(c)).named("encoder_norm"))
    c.touch(*HEAD_KEYS)
    tower = Tower("encoder", tuple(layers), (*before, *after, *top(c, table, ending)), caches=False)
    vocab = c.opt_int("vocab_size") if ending == "ForCTC" else None
    return Spec(c.model_type, (tower,), hidden_size=width(c), vocab_size=vocab, head_class=ending)


@arch("wav2vec2")
def wav2vec2(c: Fields) -> Spec:
    """wav2vec 2.0 (arXiv:2006.11477), XLS-R and MMS."""
    layers = [wave_layer(c, None, *attention_adapter(c))] * c.layers()
    return wave_encoder(c, WAV2VEC2, layers, *length_adapter(c))


@arch("hubert")
def hubert(c: Fields) -> Spec:
    """HuBERT (arXiv:2106.07447): the shape of wav2vec 2.0 without its code book."""
    return wave_encoder(c, HUBERT, [wave_layer(c, None, *attention_adapter(c))] * c.layers())


@arch("wavlm")
def wavlm(c: Fields) -> Spec:
    """WavLM (arXiv:2110.13900): relative biases, kept by the first layer and gated by the content in every one."""
    plain = full(c)
    gates = linear("gru_rel_pos", 8, plain.head_dim, "attention", bias=True)
    gated = (Tensor("gru_rel_pos.const", (1, plain.heads, 1, 1), "attention", "other"), *gates)
    part = replace(plain, extra=gated)
    biases = Table(c.int("num_buckets"), heads(c), "position", "relative_bias")
    layers = [wave_layer(c, part, biases), *[wave_layer(c, part)] * (c.layers() - 1)][: c.layers()]
    c.touch("max_bucket_distance")
    return wave_encoder(c, WAVLM, layers, *length_adapter(c))


def unispeech_quantizer(c: Fields) -> tuple[Part, ...]:
    """The code book, projections there and back, and the phonemes' rows."""
    size, proj = c.int("codevector_dim"), c.int("proj_codevector_dim")
    book = quantizer(c)[0]
    there, back = dense("project_q", proj, size), dense("project_hid", width(c), proj)
    return (book, there, back, dense("ctc_proj", c.int("num_ctc_classes"), width(c)))


UNISPEECH: Heads = {**HUBERT, "ForPreTraining": (unispeech_quantizer,)}
UNISPEECH_SAT: Heads = {**WAV2VEC2, "ForPreTraining": (speaker_quantizer,)}


@arch("unispeech")
def unispeech(c: Fields) -> Spec:
    """UniSpeech (arXiv:2101.07597): the shape of wav2vec 2.0, trained on phonemes too."""
    return wave_encoder(c, UNISPEECH, [wave_layer(c, None, *attention_adapter(c))] * c.layers())


@arch("unispeech-sat")
def unispeech_sat(c: Fields) -> Spec:
    """UniSpeech-SAT (arXiv:2110.05752): the shape of wav2vec 2.0, trained to tell speakers apart."""
    c.touch("num_clusters")
    return wave_encoder(c, UNISPEECH_SAT, [wave_layer(c, None, *attention_adapter(c))] * c.layers(), masked=True)


WHISPER: Heads = {
    "Model": (nothing,),
    "ForConditionalGeneration": (generation,),
    "ForCausalLM": (generation,),
    "ForAudioClassification": (narrow_classifier,),
}


@arch("whisper")
def whisper(c: Fields) -> Spec:
    """Whisper (arXiv:2212.04356): two convolutions over the spectrum, pre-norm halves, keys without bias."""
    size = width(c)
    final = LAYER.sized(size).named("final_norm")

    def half(side: str, positions: str, *before: Part) -> Half:
        part = replace(side_attention(c, side), k_bias=False)
        around = (*before, Table(c.int(positions), size, "position", "positions"), final)
        return Half([side_layer(c, side, part)] * c.layers(f"{side}_layers"), around)

    ears = Bag((*convolution("conv1", size, c.int("num_mel_bins"), 3), *convolution("conv2", size, size, 3)))
    encoder, decoder = (
        partial(half, "encoder", "max_source_positions", ears),
        partial(half, "decoder", "max_target_positions"),
    )
    c.touch("max_source_positions", "classifier_proj_size", "use_weighted_layer_sum", "num_mel_bins")
    return halves(c, WHISPER, _target_words, encoder, decoder, "max_target_positions")


def _target_words(c: Fields, only: str | None) -> tuple[list[Part], list[Part]]:
    """Only the decoder reads words."""
    return [], [] if only == "encoder" else [Table(c.int("vocab_size"), width(c))]

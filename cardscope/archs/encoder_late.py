"""Text encoders of 2024 and later, and encoders of pages and tables: Jina v3, GTE, EuroBERT, LiLT, TAPAS."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._heads import ROBERTA, Heads, chosen, classifier, deep_classifier, nothing, pooler, words
from cardscope.archs._read import act, attention, block, labels, mlp, tied_head, width
from cardscope.archs._registry import arch
from cardscope.archs.encoder import embeddings, encoder, layer
from cardscope.archs.routed import gpt_oss
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import LAYER, RMS, Bag, Head, Part, Spec, Table, Tensor, linear, norm

JINA: Heads = {key: parts for key, parts in ROBERTA.items() if key not in {"ForCausalLM", "ForMultipleChoice"}}


@arch("jina_embeddings_v3")
def jina_embeddings_v3(c: Fields) -> Spec:
    """Jina Embeddings v3 (arXiv:2409.10173): XLM-R with rotary positions; the adapters of its tasks are not counted."""
    return encoder(c, [layer(c)] * c.layers(), JINA, embeddings(c, positions=False))


GTE: Heads = {
    "Model": (nothing,),
    "ForMaskedLM": (words(learns=False, doubled=False),),
    "ForSequenceClassification": (pooler, classifier),
    "ForTokenClassification": (classifier,),
}


@arch("gte")
def gte(c: Fields) -> Spec:
    """MGTE (arXiv:2407.19669): BERT with rotary positions and a gated MLP, biased only on its way down."""
    ffn = replace(mlp(c), down_bias=True)
    return encoder(c, [layer(c, ffn=ffn)] * c.layers(), GTE, embeddings(c, positions=False))


def biased_by_mlp(c: Fields) -> tuple[Part, ...]:
    """The vocabulary's rows, with a bias where the MLPs have one."""
    return (Head(c.int("vocab_size"), width(c), bias=c.flag("mlp_bias"), tied=tied_head(c)),)


EUROBERT: Heads = {
    "Model": (nothing,),
    "ForMaskedLM": (biased_by_mlp,),
    "ForSequenceClassification": (deep_classifier,),
    "ForTokenClassification": (classifier,),
}


@arch("eurobert")
def eurobert(c: Fields) -> Spec:
    """EuroBERT (arXiv:2503.05500): Llama's layers, looking both ways."""
    one = block(replace(attention(c), caches=False), mlp(c, bias=c.flag("mlp_bias")), width=width(c))
    c.touch("classifier_pooling", "mask_token_id")
    return encoder(c, [one] * c.layers(), EUROBERT, [Table(c.int("vocab_size"), width(c))], final_norm=RMS)


@arch("openai_privacy_filter")
def openai_privacy_filter(c: Fields) -> Spec:
    """OpenAI's privacy filter: gpt-oss's layers, looking both ways, with a row for each kind of secret."""
    ending = chosen(c, ("Model", "ForTokenClassification"))
    c.impose(architectures=["GptOssModel"])
    spec = gpt_oss(c)
    # Where the file names no labels, the class has its own 33.
    head = (Head(labels(c, 33), width(c), bias=True, name="score"),) if ending == "ForTokenClassification" else ()
    tower = replace(spec.main, parts=(*spec.main.parts, *head), caches=False)
    return replace(spec, towers=(tower,), head_class=ending)


# -- pages and tables --------------------------------------------------------------------------------------

LILT: Heads = {
    key: ROBERTA[key]
    for key in ("Model", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")
}


@arch("lilt")
def lilt(c: Fields) -> Spec:
    """LiLT (arXiv:2202.13669): BERT beside a narrower BERT of places, which attend to the page together."""
    size, ratio = width(c), c.int("channel_shrink_ratio")
    narrow, rows = size // ratio, c.int("max_2d_position_embeddings")
    if not narrow:
        raise BadField("channel_shrink_ratio", ratio, f"at most hidden_size {size:,}")
    own = [
        tensor
        for name in ("q", "k", "v", "o")
        for tensor in linear(f"place.{name}", narrow, narrow, "attention", bias=True)
    ]
    inner = c.int("intermediate_size") // ratio
    own += [
        *linear("place.up", inner, narrow, "mlp", bias=True),
        *linear("place.down", narrow, inner, "mlp", bias=True),
    ]
    own += [tensor for index in range(2) for tensor in norm(f"place.norm_{index}", narrow, bias=True)]
    own += act(c)
    places = [Table(rows, size // 6, "position", f"{name}_positions") for name in "xyhw"]
    beside: list[Part] = [*places, Table(c.int("max_position_embeddings"), narrow, "position", "box_positions")]
    beside.append(Bag(tuple(linear("box", narrow, size, "position", bias=True))))
    beside.append(LAYER.sized(narrow).named("box_norm"))
    return encoder(c, [layer(c, extra=(Bag(tuple(own)),))] * c.layers(), LILT, [*embeddings(c), *beside])


def cells(c: Fields) -> tuple[Part, ...]:
    """TAPAS's choice of cells and columns, and of how to combine them."""
    own = [Tensor(name, (width(c),), "head", "other") for name in ("cells", "columns")]
    own += [Tensor(f"{name}.bias", (), "head", "bias") for name in ("cells", "columns")]
    count = c.int("num_aggregation_labels", low=0)
    return (Bag(tuple(own)), *((Head(count, width(c), bias=True, name="aggregation"),) if count else ()))


TAPAS: Heads = {
    "Model": (pooler,),
    "ForMaskedLM": (words(),),
    "ForSequenceClassification": (pooler, classifier),
    "ForQuestionAnswering": (pooler, cells),
}


@arch("tapas")
def tapas(c: Fields) -> Spec:
    """TAPAS (arXiv:2004.02349): BERT with a table of token types for each of a cell's seven marks."""
    kinds = c.ints("type_vocab_sizes") or ()
    if len(kinds) > 64:
        raise BadField("type_vocab_sizes", list(kinds), "a short list")
    marks = [Table(rows, width(c), "embedding", f"token_types_{index}") for index, rows in enumerate(kinds)]
    spec = encoder(c, [layer(c)] * c.layers(), TAPAS, [*embeddings(c, types=False), *marks])
    c.touch("num_aggregation_labels", *TABLE_KEYS)
    return spec


TABLE_KEYS = (
    "max_num_rows",
    "max_num_columns",
    "use_answer_as_supervision",
    "aggregation_labels",
    "average_approximation_function",
    "cell_selection_preference",
    "answer_loss_cutoff",
    "average_logits_per_cell",
    "select_one_column",
    "allow_empty_column_selection",
    "reset_position_index_per_cell",
    "disable_per_token_loss",
    "use_gumbel_for_cells",
    "use_gumbel_for_aggregation",
    "use_normalized_answer_loss",
    "huber_loss_delta",
    "no_aggregation_label_index",
)
"""How TAPAS is trained and its answers read; nothing of it shapes a tensor."""

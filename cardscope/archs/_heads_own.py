"""Task heads of encoders that are not BERT's: other widths, other activations, heads of one type only."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._heads import (
    BERT,
    ROBERTA,
    Builder,
    Heads,
    begin_end,
    choice,
    classifier,
    deep_choice,
    deep_classifier,
    dense,
    nothing,
    pair,
    pooler,
    span,
    transform_norm,
    words,
)
from cardscope.archs._read import act, labels, mlp, tied_head, width
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import LAYER, Bag, Head, Part, Tensor, activation, project


def scored(rows: str = "classifier") -> Builder:
    """A dense layer of the head's own activation, then one row: ELECTRA's discriminator."""

    def build(c: Fields) -> tuple[Part, ...]:
        learned = act(c, "head")
        out = Head(1, width(c), bias=True, name=rows)
        return (dense(f"{rows}.dense", width(c)), out, *((Bag(learned),) if learned else ()))

    return build


def summarized(c: Fields) -> tuple[Part, ...]:
    """A sequence summary: an optional projection to the width, or to the labels."""
    if not c.flag("summary_use_proj", fallback=False):
        rows = 0
    else:
        rows = labels(c) if c.flag("summary_proj_to_labels", fallback=False) and labels(c) else width(c)
    learned = activation(c.raw("summary_activation", None), "head")
    return (*((dense("summary", rows, width(c)),) if rows else ()), *((Bag(learned),) if learned else ()))


def summary(c: Fields) -> tuple[Part, ...]:
    """ElectraSequenceSummary and one score for each choice."""
    return (*summarized(c), *choice(c))


def scored_labels(c: Fields) -> tuple[Part, ...]:
    """XLM's multiple choice: one score out of as many numbers as there are labels."""
    return (Head(1, labels(c), bias=True, name="logits_proj"),)


def beam_span(c: Fields) -> tuple[Part, ...]:
    """XLNet's and XLM's answers by beam search: begin, end given the begin, and whether there is one."""
    size = width(c)
    end = (dense("end.dense", size, 2 * size), transform_norm(size), Head(1, size, bias=True, name="end"))
    answer = (dense("answer.dense", size, 2 * size), Head(1, size, name="answer"))
    return (Head(1, size, bias=True, name="begin"), *end, *answer)


def biased_words(c: Fields) -> tuple[Part, ...]:
    """The vocabulary's rows with one bias, whether tied or not."""
    return (Head(c.int("vocab_size"), width(c), bias=True, tied=tied_head(c)),)


def twice_words(c: Fields) -> tuple[Part, ...]:
    """Reformer's rows over both halves of its reversible stream, never tied."""
    return (Head(c.int("vocab_size"), 2 * width(c), bias=True),)


def twice_classifier(c: Fields) -> tuple[Part, ...]:
    """Reformer's dense layer over both halves, then one row for each label."""
    return (dense("classifier.dense", width(c), 2 * width(c)), *classifier(c))


def twice_span(c: Fields) -> tuple[Part, ...]:
    """Begin and end of an answer over both halves."""
    return (Head(labels(c), 2 * width(c), bias=True, name="qa_outputs"),)


def wide_words(c: Fields) -> tuple[Part, ...]:
    """RemBERT's head: output embeddings of their own width, never tied."""
    inner = c.int("output_embedding_size")
    learned = act(c, "head")
    parts = (dense("transform", inner, width(c)), transform_norm(inner), Head(c.int("vocab_size"), inner, bias=True))
    return (*parts, Bag(learned)) if learned else parts


def deep_span(c: Fields) -> tuple[Part, ...]:
    """BigBirdForQuestionAnsweringHead: an MLP with its norm, then begin and end."""
    wide = replace(mlp(c, bias=True, gated=False), component="head", name="qa_")
    return (wide, transform_norm(width(c)), *begin_end(c))


def bare_words(c: Fields) -> tuple[Part, ...]:
    """The vocabulary's rows with a bias, and nothing before them; untied, the bias is kept twice."""
    vocab, tied = c.int("vocab_size"), tied_head(c)
    head = Head(vocab, width(c), bias=True, tied=tied)
    return (head,) if tied else (head, Bag((Tensor("head.second_bias", (vocab,), "head", "bias"),)))


def context_pooler(c: Fields) -> tuple[Part, ...]:
    """DeBERTa's pooler, of its own width, and a row for each label."""
    return (dense("pooler", _pooled(c)), Head(labels(c), width(c), bias=True, name="classifier"))


def context_choice(c: Fields) -> tuple[Part, ...]:
    """DeBERTa's pooler and one score for each choice."""
    return (dense("pooler", _pooled(c)), Head(1, width(c), bias=True, name="classifier"))


def _pooled(c: Fields) -> int:
    return c.opt_int("pooler_hidden_size", low=1) or c.derive("pooler_hidden_size", width(c))


def deberta_words(c: Fields) -> tuple[Part, ...]:
    """The masked-language-model head; not `legacy`, it multiplies by the embedding itself and adds only a bias."""
    if c.flag("legacy"):
        return words("embedding_size")(c)
    bias = Tensor("head.bias", (c.int("vocab_size"),), "head", "bias")
    return (dense("transform", width(c)), transform_norm(width(c)), Bag((bias, *act(c, "head"))))


def modern_transform(c: Fields) -> tuple[Part, ...]:
    """ModernBertPredictionHead: dense and norm, each with a bias only where the config says so."""
    bias = c.flag("classifier_bias")
    shift = replace(LAYER, bias=c.flag("norm_bias")).sized(width(c)).named("transform_norm")
    learned = activation(c.raw("classifier_activation"), "head")
    parts = (project("transform", width(c), width(c), "head", bias=bias), shift)
    return (*parts, Bag(learned)) if learned else parts


def modern_words(c: Fields) -> tuple[Part, ...]:
    """The vocabulary's rows, with a bias by `decoder_bias`."""
    return (Head(c.int("vocab_size"), width(c), bias=c.flag("decoder_bias"), tied=tied_head(c)),)


def mobile_pooler(c: Fields) -> tuple[Part, ...]:
    """A dense layer over the first token, only with `classifier_activation`."""
    return pooler(c) if c.flag("classifier_activation") else ()


def mobile_words(c: Fields) -> tuple[Part, ...]:
    """Rows as narrow as the embedding, continued to the layers' width by a second table of (d - e, vocabulary)."""
    size, narrow, vocab, tied = width(c), c.int("embedding_size"), c.int("vocab_size"), tied_head(c)
    if narrow > size:
        raise BadField("embedding_size", narrow, f"at most hidden_size {size:,}")
    rest = Tensor("head.rest", (size - narrow, vocab), "head")
    second = () if tied else (Tensor("head.second_bias", (vocab,), "head", "bias"),)
    own = Bag((rest, *second, *act(c, "head")))
    return (dense("transform", size), transform_norm(size), Head(vocab, narrow, bias=True, tied=tied), own)


def page_tokens(c: Fields) -> tuple[Part, ...]:
    """LayoutLMv3ForTokenClassification: one matrix below ten labels, a dense layer before it from ten on."""
    return classifier(c) if labels(c) < 10 else deep_classifier(c)


# -- tables ------------------------------------------------------------------------------------------------

DISTILBERT: Heads = {
    "Model": (nothing,),
    "ForMaskedLM": (words(doubled=False),),
    "ForSequenceClassification": (deep_classifier,),
    "ForMultipleChoice": (deep_choice,),
    "ForTokenClassification": (classifier,),
    "ForQuestionAnswering": (span,),
}

ALBERT: Heads = {
    "Model": (pooler,),
    "ForPreTraining": (pooler, words("embedding_size"), classifier),
    "ForMaskedLM": (words("embedding_size"),),
    "ForSequenceClassification": (pooler, classifier),
    "ForMultipleChoice": (pooler, choice),
    "ForTokenClassification": (classifier,),
    "ForQuestionAnswering": (span,),
}
"""AlbertForPreTraining gives the order of sentences as many rows as there are labels."""

ELECTRA: Heads = {
    "Model": (nothing,),
    "ForPreTraining": (scored("discriminator"),),
    "ForCausalLM": (words("embedding_size", learns=False, doubled=False),),
    "ForMaskedLM": (words("embedding_size", learns=False, doubled=False),),
    "ForSequenceClassification": (deep_classifier,),
    "ForMultipleChoice": (summary,),
    "ForTokenClassification": (classifier,),
    "ForQuestionAnswering": (span,),
}

ROFORMER: Heads = {
    "Model": (nothing,),
    "ForCausalLM": (words("embedding_size"),),
    "ForMaskedLM": (words("embedding_size"),),
    "ForSequenceClassification": (deep_classifier,),
    "ForMultipleChoice": (summary,),
    "ForTokenClassification": (classifier,),
    "ForQuestionAnswering": (begin_end,),
}

REMBERT: Heads = {**BERT, "ForCausalLM": (wide_words,), "ForMaskedLM": (wide_words,)}

ROC_BERT: Heads = {**BERT, "ForPreTraining": (pooler, words())}

BIG_BIRD: Heads = {
    "Model": (pooler,),
    "ForPreTraining": (pooler, words(), pair),
    "ForCausalLM": (pooler, words()),
    "ForMaskedLM": (pooler, words()),
    "ForSequenceClassification": (pooler, deep_classifier),
    "ForMultipleChoice": (pooler, choice),
    "ForTokenClassification": (pooler, classifier),
    "ForQuestionAnswering": (deep_span,),
}

BERT_GENERATION: Heads = {"Encoder": (nothing,), "Decoder": (bare_words,)}

MPNET: Heads = {key: parts for key, parts in ROBERTA.items() if key != "ForCausalLM"}

LAYOUTLM: Heads = {
    "Model": (pooler,),
    "ForMaskedLM": (pooler, words()),
    "ForSequenceClassification": (pooler, classifier),
    "ForTokenClassification": (pooler, classifier),
    "ForQuestionAnswering": (pooler, span),
}

DEBERTA: Heads = {
    "Model": (nothing,),
    "ForMaskedLM": (deberta_words,),
    "ForSequenceClassification": (context_pooler,),
    "ForTokenClassification": (classifier,),
    "ForQuestionAnswering": (span,),
}

DEBERTA_V2: Heads = {**DEBERTA, "ForMultipleChoice": (context_choice,)}

MODERNBERT: Heads = {
    "Model": (nothing,),
    "ForMaskedLM": (modern_transform, modern_words),
    "ForSequenceClassification": (modern_transform, classifier),
    "ForTokenClassification": (modern_transform, classifier),
    "ForQuestionAnswering": (modern_transform, classifier),
    "ForMultipleChoice": (modern_transform, choice),
}

NOMIC: Heads = {
    "Model": (nothing,),
    "ForMaskedLM": (words(),),
    "ForSequenceClassification": (pooler, classifier),
    "ForTokenClassification": (classifier,),
}

CONVBERT: Heads = {
    "Model": (nothing,),
    "ForMaskedLM": (words("embedding_size", learns=False, doubled=False),),
    "ForSequenceClassification": (deep_classifier,),
    "ForMultipleChoice": (summary,),
    "ForTokenClassification": (classifier,),
    "ForQuestionAnswering": (span,),
}

MOBILEBERT: Heads = {
    "Model": (mobile_pooler,),
    "ForPreTraining": (mobile_pooler, mobile_words, pair),
    "ForMaskedLM": (mobile_words,),
    "ForNextSentencePrediction": (mobile_pooler, pair),
    "ForSequenceClassification": (mobile_pooler, classifier),
    "ForMultipleChoice": (mobile_pooler, choice),
    "ForTokenClassification": (classifier,),
    "ForQuestionAnswering": (span,),
}

LAYOUTLM_V3: Heads = {
    "Model": (nothing,),
    "ForSequenceClassification": (deep_classifier,),
    "ForTokenClassification": (page_tokens,),
    "ForQuestionAnswering": (deep_classifier,),
}

XLM: Heads = {
    "Model": (nothing,),
    "WithLMHeadModel": (biased_words,),
    "ForSequenceClassification": (summarized,),
    "ForTokenClassification": (classifier,),
    "ForMultipleChoice": (summarized, scored_labels),
    "ForQuestionAnsweringSimple": (span,),
    "ForQuestionAnswering": (beam_span,),
}

XLNET: Heads = {
    "Model": (nothing,),
    "LMHeadModel": (biased_words,),
    "ForSequenceClassification": (summarized, classifier),
    "ForTokenClassification": (classifier,),
    "ForMultipleChoice": (summary,),
    "ForQuestionAnsweringSimple": (span,),
    "ForQuestionAnswering": (beam_span,),
}

REFORMER: Heads = {
    "Model": (nothing,),
    "ModelWithLMHead": (twice_words,),
    "ForMaskedLM": (twice_words,),
    "ForSequenceClassification": (twice_classifier,),
    "ForQuestionAnswering": (twice_span,),
}

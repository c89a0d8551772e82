"""Task heads of encoders: what the end of a class name puts on top of the base model.

A family has a table, class-name ending → builders; the type's own class prefix in front of it makes the class
(`Bert` + `ForMaskedLM`).  A class that is not in the table is an error that says so, never a wrong count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from cardscope.archs._read import act, labels, tied_head, width
from cardscope.errors import NotModelled
from cardscope.fields import Fields
from cardscope.harvest import declared
from cardscope.parts import LAYER, Bag, Head, Part, Tensor, project

Builder = Callable[[Fields], tuple[Part, ...]]
Heads = Mapping[str, tuple[Builder, ...]]

LANGUAGE_MODELS = (
    "ForCausalLM",
    "LMHeadModel",
    "Decoder",
    "ForMaskedLM",
    "ForPreTraining",
    "ForConditionalGeneration",
    "MTModel",
    "WithLMHeadModel",
)
"""Endings of classes whose head may share the embedding's tensor."""


def chosen(c: Fields, heads: Iterable[str], also: Mapping[str, str] | None = None) -> str:
    """The ending of the class that `architectures` names; of the causal-LM class, else the base, where it names none.

    `also` maps whole class names that the own prefix does not explain to endings.  Raises NotModelled.
    """
    named = c.texts("architectures")
    name = named[0] if named else _unnamed(c)
    known = declared(c.model_type)
    prefix = known.cls.removesuffix("Config") if known else ""
    ending = (also or {}).get(name) or name.removeprefix(prefix)
    if ending in heads and (ending != name or not prefix or name in (also or {})):
        return ending
    raise NotModelled(
        f"the class {name} has a head that is not modelled for {c.model_type}",
        hint=f'--set architectures=["{prefix}Model"] counts the base model',
    )


def _unnamed(c: Fields) -> str:
    known = declared(c.model_type)
    models = known.models if known else {}
    if "causal_lm" in models:
        return models["causal_lm"]
    base = models.get("base", "Model")
    c.log.notice("CS116", f"no architectures, and no causal-LM class exists: {base} is counted", "architectures")
    return base


HEAD_KEYS = (
    "tie_word_embeddings",
    "num_labels",
    "id2label",
    "label2id",
    "summary_type",
    "summary_use_proj",
    "summary_proj_to_labels",
    "summary_activation",
    "classifier_activation",
    "classifier_bias",
    "classifier_pooling",
    "decoder_bias",
    "output_embedding_size",
    "pooler_hidden_size",
    "pooler_hidden_act",
)
"""Keys that shape heads only: a class without that head leaves them unread, and they change nothing."""


def top(c: Fields, heads: Heads, ending: str) -> list[Part]:
    """The parts on top of the base model."""
    c.touch(*HEAD_KEYS)
    return [part for build in heads[ending] for part in build(c)]


# -- builders ----------------------------------------------------------------------------------------------


def pooler(c: Fields) -> tuple[Part, ...]:
    """A dense layer over the first token (Devlin et al. 2018, arXiv:1810.04805): (d, d)."""
    return (dense("pooler", width(c)),)


def dense(name: str, rows: int, columns: int | None = None) -> Part:
    """One projection with bias that belongs to the head."""
    return project(name, rows, columns or rows, "head", bias=True)


def classifier(c: Fields) -> tuple[Part, ...]:
    """One row for each label."""
    return (Head(labels(c), width(c), bias=True, name="classifier"),)


def deep_classifier(c: Fields, default: int = 2) -> tuple[Part, ...]:
    """A dense layer, then one row for each label (RobertaClassificationHead); `default` labels where none are named."""
    out = Head(labels(c, default), width(c), bias=True, name="classifier")
    return (dense("classifier.dense", width(c)), out)


def span(c: Fields) -> tuple[Part, ...]:
    """Begin and end of an answer; transformers gives it as many rows as there are labels."""
    return (Head(labels(c), width(c), bias=True, name="qa_outputs"),)


def begin_end(c: Fields) -> tuple[Part, ...]:
    """Begin and end of an answer: two rows, whatever the labels say."""
    return (Head(2, width(c), bias=True, name="qa_outputs"),)


def choice(c: Fields) -> tuple[Part, ...]:
    """One score for each choice."""
    return (Head(1, width(c), bias=True, name="classifier"),)


def deep_choice(c: Fields) -> tuple[Part, ...]:
    """A dense layer, then one score for each choice."""
    return (dense("pre_classifier", width(c)), *choice(c))


def pair(c: Fields) -> tuple[Part, ...]:
    """Whether one sentence follows another: two rows."""
    return (Head(2, width(c), bias=True, name="seq_relationship"),)


def nothing(c: Fields) -> tuple[Part, ...]:
    """No head."""
    del c
    return ()


def words(size: str = "hidden_size", *, learns: bool = True, doubled: bool = True) -> Builder:
    """A masked-language-model head: dense, norm, and the vocabulary's rows with a bias, `size` wide.

    `learns`: its activation is the config's, which may have a parameter.  `doubled`: untied, transformers keeps the
    head's bias twice (`predictions.bias` and `predictions.decoder.bias`).
    """

    def build(c: Fields) -> tuple[Part, ...]:
        inner, vocab, tied = c.opt_int(size, low=1) or width(c), c.int("vocab_size"), tied_head(c)
        second = (Tensor("head.second_bias", (vocab,), "head", "bias"),) if doubled and not tied else ()
        learned = act(c, "head") if learns else ()
        return (
            dense("transform", inner, width(c)),
            transform_norm(inner),
            Head(vocab, inner, bias=True, tied=tied),
            *((Bag((*second, *learned)),) if second or learned else ()),
        )

    return build


def transform_norm(size: int) -> Part:
    """The norm before the vocabulary's rows."""
    return LAYER.sized(size).named("transform_norm")


# -- tables ------------------------------------------------------------------------------------------------

BERT: Heads = {
    "Model": (pooler,),
    "ForPreTraining": (pooler, words(), pair),
    "LMHeadModel": (words(),),
    "ForCausalLM": (words(),),
    "ForMaskedLM": (words(),),
    "ForNextSentencePrediction": (pooler, pair),
    "ForSequenceClassification": (pooler, classifier),
    "ForMultipleChoice": (pooler, choice),
    "ForTokenClassification": (classifier,),
    "ForQuestionAnswering": (span,),
}
"""BertForPreTraining and its siblings."""

ROBERTA: Heads = {
    "Model": (pooler,),
    "ForCausalLM": (words(learns=False),),
    "ForMaskedLM": (words(learns=False),),
    "ForSequenceClassification": (deep_classifier,),
    "ForMultipleChoice": (pooler, choice),
    "ForTokenClassification": (classifier,),
    "ForQuestionAnswering": (span,),
}
"""RobertaForMaskedLM and its siblings: the transform's activation is always GELU."""

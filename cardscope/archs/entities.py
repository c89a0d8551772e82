"""Text encoders that know more than words: LUKE's entities."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._heads import BERT, Builder, Heads, classifier, dense, pooler, span
from cardscope.archs._read import act, labels, tied_head, width
from cardscope.archs._registry import arch
from cardscope.archs.encoder import embeddings, encoder, layer
from cardscope.fields import Fields
from cardscope.parts import LAYER, Bag, Head, Part, Spec, Table, Tensor, linear, norm, project


def entity_words(c: Fields) -> tuple[Part, ...]:
    """Masked words, whose rows are never tied and have one bias, and masked entities, whose rows may be."""
    size, narrow, count = width(c), c.int("entity_emb_size"), c.int("entity_vocab_size")
    tied = tied_head(c)
    doubled = () if tied else (Tensor("head.second_bias", (c.int("vocab_size"),), "head", "bias"),)
    entities = () if tied else (Tensor("entity_head.weight", (count, narrow), "head"),)
    own = (
        *linear("entity_transform", narrow, size, "head", bias=True),
        *norm("entity_norm", narrow, bias=True),
        *entities,
        Tensor("entity_head.bias", (count,), "head", "bias"),
        *act(c, "head"),
    )
    return (
        dense("transform", size),
        LAYER.sized(size).named("transform_norm"),
        Head(c.int("vocab_size"), size, bias=True),
        Bag((*doubled, *own)),
    )


def of_entities(count: int, *, bias: bool = True) -> Builder:
    """One row for each label, over this many vectors side by side."""
    return lambda c: (Head(labels(c), count * width(c), bias=bias, name="classifier"),)


LUKE: Heads = {
    "Model": (pooler,),
    "ForMaskedLM": (pooler, entity_words),
    "ForSequenceClassification": (pooler, classifier),
    "ForEntityClassification": (pooler, classifier),
    "ForEntityPairClassification": (pooler, of_entities(2, bias=False)),
    "ForEntitySpanClassification": (pooler, of_entities(3)),
    "ForMultipleChoice": BERT["ForMultipleChoice"],
    "ForTokenClassification": (classifier,),
    "ForQuestionAnswering": (span,),
}


@arch("luke")
def luke(c: Fields) -> Spec:
    """LUKE (arXiv:2010.01057): RoBERTa over words and entities, with queries of their own for each pair of the two."""
    size, narrow = width(c), c.int("entity_emb_size")
    rows = c.int("max_position_embeddings"), c.int("type_vocab_size", low=0)
    before: list[Part] = [*embeddings(c), Table(c.int("entity_vocab_size"), narrow, "embedding", "entities")]
    before += [project("entity_project", size, narrow, "embedding")] if narrow != size else []
    before += [Table(rows[0], size, "position", "entity_positions"), Table(rows[1], size, "embedding", "entity_types")]
    before.append(LAYER.sized(size).named("entity_norm"))
    aware = c.flag("use_entity_aware_attention")
    pairs = [t for name in ("w2e", "e2w", "e2e") for t in linear(name, size, size, "attention", bias=True)]
    extra = (Bag(tuple(pairs)),) if aware else ()
    spec = encoder(c, [layer(c, extra=extra)] * c.layers(), LUKE, before, caches=False)
    # What the key ties are the entities' rows; the words' head has its own.
    return replace(spec, tied=None if spec.tied is None else False)

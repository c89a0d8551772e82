"""ViLT: words and image patches in one encoder."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._heads import Heads, classifier, dense, pooler, transform_norm, words
from cardscope.archs._read import labels, width
from cardscope.archs._registry import arch
from cardscope.archs.encoder import embeddings, encoder, full
from cardscope.archs.vision import image_layer, patches, places, tokens
from cardscope.fields import Fields
from cardscope.parts import LAYER, Head, Part, Spec, Table


def wide_classifier(c: Fields, into: int, inner: int) -> tuple[Part, ...]:
    """A dense layer, its norm, then one row for each label."""
    out = Head(labels(c), inner, bias=True, name="classifier")
    return (dense("classifier.dense", inner, into), transform_norm(inner), out)


def answers(c: Fields) -> tuple[Part, ...]:
    """A classifier of twice the width."""
    return wide_classifier(c, width(c), 2 * width(c))


def compared(c: Fields) -> tuple[Part, ...]:
    """A classifier over several images side by side. Raises BadField where the file says of none."""
    wide = c.int("num_images", high=1024) * width(c)
    return wide_classifier(c, wide, wide)


VILT: Heads = {
    "Model": (pooler,),
    "ForMaskedLM": (pooler, words(doubled=False)),
    "ForQuestionAnswering": (pooler, answers),
    "ForImageAndTextRetrieval": (pooler, lambda c: (Head(1, width(c), bias=True, name="rank_output"),)),
    "ForImagesAndTextClassification": (pooler, compared),
    "ForTokenClassification": (classifier,),
}


@arch("vilt")
def vilt(c: Fields) -> Spec:
    """ViLT (arXiv:2102.03334): BERT's words and ViT's patches, each marked by its kind, through a pre-norm encoder."""
    c.impose(tie_word_embeddings=True)  # the class ties whatever the file says
    size, bias = width(c), c.flag("qkv_bias")
    attend = full(c, bias=bias)
    one = image_layer(c, replace(attend, o_bias=True))
    before = [*embeddings(c), tokens(c, "cls_token"), patches(c), places(c, 1)]
    before.append(Table(c.int("modality_type_vocab_size", low=0), size, "embedding", "modalities"))
    c.touch("num_images", "max_image_length", "image_size", "patch_size")
    return encoder(c, [one] * c.layers(), VILT, before, final_norm=LAYER, caches=False)

"""Models put together from two others: an encoder with a decoder of any type, and retrievers over a whole wrapper."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs import interpret
from cardscope.archs._compose import as_base
from cardscope.archs._heads import chosen
from cardscope.archs._registry import arch
from cardscope.errors import NotModelled
from cardscope.fields import Fields
from cardscope.harvest import declared
from cardscope.parts import Spec, project


def named(c: Fields, key: str, task: str) -> Fields:
    """A part as the class for a task builds it. Raises NotModelled where its type has no such class."""
    inner = c.sub(key)
    known = declared(inner.model_type)
    name = known.models.get(task) if known else None
    if name is None:
        shown = inner.model_type or "nothing"
        raise NotModelled(f"{key}.model_type {shown} has no class that fits here", hint="--exact counts it")
    inner.impose(architectures=[name])
    inner.touch("num_labels", "id2label", "label2id", "is_decoder", "add_final_layer_norm")
    return inner


@arch("vision-encoder-decoder", "encoder-decoder", "speech-encoder-decoder")
def encoder_decoder(c: Fields) -> Spec:
    """TrOCR, Donut, Nougat and kin (VisionEncoderDecoderModel): an encoder's base model, a decoder with its own head.

    A projection between them where their widths differ and the decoder names no other width to read.
    """
    ending = chosen(c, ("Model",))
    first, second = named(c, "encoder", "base"), named(c, "decoder", "causal_lm")
    source, target = interpret(first), interpret(second)
    if source.hidden_size is None or target.hidden_size is None:
        raise NotModelled("the width of one half is not known", hint="--exact counts it")
    other = second.opt_int("cross_attention_hidden_size") if second.declares("cross_attention_hidden_size") else None
    heard = first.opt_int("output_hidden_size") if first.declares("output_hidden_size") else None
    wide = heard or source.hidden_size
    between = wide != target.hidden_size and other is None
    bridge = (project("enc_to_dec", target.hidden_size, source.hidden_size, "projector", bias=True),) if between else ()
    eyes = tuple(replace(each, name="encoder", caches=False) for each in source.towers)
    writes = tuple(
        replace(each, parts=(*each.parts, *bridge)) if each is target.main else each for each in target.towers
    )
    c.touch("tie_word_embeddings", "is_encoder_decoder", "num_labels", "id2label", "label2id")
    return replace(target, model_type=c.model_type, towers=(*eyes, *writes), head_class=ending)


@arch("colpali", "colqwen2")
def retriever(c: Fields) -> Spec:
    """ColPali and ColQwen2 (arXiv:2407.01449): a whole vision-language model, one narrow projection as head."""
    ending, inner = chosen(c, ("ForRetrieval",)), as_base(c.sub("vlm_config"))
    spec = interpret(inner)
    text = c.sub("text_config") if c.has("text_config") else None
    c.touch("tie_word_embeddings", "num_labels", "id2label", "label2id")
    if spec.hidden_size is None or text is not None:
        raise NotModelled("this file's text model is not modelled here", hint="--exact counts it")
    out = project("embedding_proj", c.int("embedding_dim"), spec.hidden_size, "head", bias=True)
    main = replace(spec.main, parts=(*spec.main.parts, out), caches=False)
    towers = tuple(main if each is spec.main else each for each in spec.towers)
    return replace(spec, model_type=c.model_type, towers=towers, tied=None, head_class=ending)

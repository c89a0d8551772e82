"""Text encoders beside the main road: proteins, retrieval, approximated attention."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._heads import ROBERTA, Heads, begin_end, classifier, deep_choice, deep_classifier, nothing, words
from cardscope.archs._read import heads, split_heads, width
from cardscope.archs._registry import arch
from cardscope.archs.encoder import embeddings, encoder, full, layer
from cardscope.fields import Fields
from cardscope.parts import LAYER, Bag, Head, Part, Spec, Table, Tensor, project

ESM: Heads = {
    "Model": ROBERTA["Model"],
    "ForMaskedLM": (words(learns=False, doubled=False),),
    "ForSequenceClassification": (deep_classifier,),
    "ForTokenClassification": (classifier,),
}


@arch("esm")
def esm(c: Fields) -> Spec:
    """ESM-1b and ESM-2 (Lin et al. 2022): pre-norm BERT over amino acids, with a regression on its attention maps."""
    kind = c.opt_text("position_embedding_type")
    first, *others = embeddings(c, positions=kind == "absolute", types=False)
    before: list[Part] = [first, *[part for part in others if isinstance(part, Table)]]
    before += [LAYER.sized(width(c)).named("embed_norm")] if c.flag("emb_layer_norm_before") else []
    if kind == "rotary":
        dim = c.opt_int("head_dim", low=1) or split_heads(c, heads(c))
        before.append(Bag((Tensor("rotary.inv_freq", (-(-dim // 2),), "position", "buffer"),)))
    before.append(project("contact_head", 1, c.layers() * heads(c), "other", bias=True))
    c.touch(
        "token_dropout", "is_folding_model", "esmfold_config", "vocab_list", "rope_theta", "max_position_embeddings"
    )
    return encoder(c, [layer(c)] * c.layers(), ESM, before, final_norm=LAYER, caches=False)


def retrieval(c: Fields) -> tuple[Part, ...]:
    """An optional projection of the first token."""
    out = c.int("projection_dim", low=0)
    return (project("encode_proj", out, width(c), "head", bias=True),) if out else ()


def reader(c: Fields) -> tuple[Part, ...]:
    """Begin and end of the answer, and whether the passage holds one."""
    size = c.int("projection_dim", low=0) or width(c)
    ends, holds = Head(2, size, bias=True, name="qa_outputs"), Head(1, size, bias=True, name="qa_classifier")
    return (*retrieval(c), ends, holds)


DPR: Heads = {"ContextEncoder": (retrieval,), "QuestionEncoder": (retrieval,), "Reader": (reader,)}


@arch("dpr")
def dpr(c: Fields) -> Spec:
    """Dense passage retrieval (arXiv:2004.04906): BERT without its pooler."""
    return encoder(c, [layer(c)] * c.layers(), DPR, embeddings(c))


APPROXIMATE: Heads = {
    "Model": (nothing,),
    "ForMaskedLM": (words(),),
    "ForSequenceClassification": (deep_classifier,),
    "ForMultipleChoice": (deep_choice,),
    "ForTokenClassification": (classifier,),
    "ForQuestionAnswering": (begin_end,),
}


@arch("nystromformer", "yoso")
def approximate(c: Fields) -> Spec:
    """Nyströmformer (arXiv:2102.03902) and YOSO (arXiv:2111.09714): BERT, optionally with a convolution over values."""
    key = "conv_kernel_size" if c.declares("conv_kernel_size") else "conv_window"
    kernel = c.opt_int(key, low=1)
    convolved = (Tensor("conv.weight", (heads(c), 1, kernel, 1), "attention", "other"),) if kernel else ()
    first, *others = embeddings(c)
    positions = Table(c.int("max_position_embeddings") + 2, width(c), "position", "positions")
    kept = [part for part in others if not (isinstance(part, Table) and part.component == "position")]
    c.touch("add_cross_attention", "segment_means_seq_len", "num_landmarks", "inv_coeff_init_option")
    c.touch("use_expectation", "hash_code_len", "num_hash", "use_fast_hash", "lsh_backward")
    part = replace(full(c), extra=convolved)
    return encoder(c, [layer(c, part)] * c.layers(), APPROXIMATE, [first, positions, *kept])

"""Text encoders: BERT and its generation, bidirectional unless the config makes them decoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cardscope.archs._heads import BERT, LANGUAGE_MODELS, ROBERTA, Heads, chosen, top
from cardscope.archs._heads_own import (
    ALBERT,
    BERT_GENERATION,
    BIG_BIRD,
    DISTILBERT,
    ELECTRA,
    LAYOUTLM,
    MPNET,
    REMBERT,
    ROC_BERT,
    ROFORMER,
)
from cardscope.archs._read import block, heads, mlp, split_heads, tied_head, width
from cardscope.archs._registry import arch
from cardscope.errors import BadField
from cardscope.fields import MAX_LAYERS, Fields
from cardscope.parts import LAYER, Attention, Layer, Mlp, Norm, Part, Spec, Table, Tower, linear, project


def full(c: Fields, size: int | None = None, total: int | None = None, *, bias: bool = True) -> Attention:
    """Multi-head attention over the whole width, with biases; the output projection is square even if heads are not."""
    size, total = size or width(c), total or heads(c)
    dim = split_heads(c, total) if size == width(c) else size // total
    return Attention(size, total, total, dim, q_bias=bias, k_bias=bias, v_bias=bias, o_bias=bias, o_width=size)


def layer(
    c: Fields, part: Part | None = None, ffn: Mlp | None = None, *, norms: int = 2, extra: tuple[Part, ...] = ()
) -> Layer:
    """BertLayer: attention, two-matrix MLP, a norm after each; in a decoder cross-attention with its norm."""
    part = part or full(c)
    cross: tuple[Part, ...] = ()
    if c.declares("is_decoder") and c.declares("add_cross_attention") and c.flag("add_cross_attention"):
        if not c.flag("is_decoder"):
            raise BadField("add_cross_attention", True, "possible without is_decoder")
        if isinstance(part, Attention):
            cross = (replace(part, cross=True), LAYER.sized(width(c)).named("norm_cross"))
    return block(part, ffn or mlp(c, bias=True, gated=False), norms, LAYER, width=width(c), extra=(*cross, *extra))


def embeddings(c: Fields, size: int | None = None, *, positions: bool = True, types: bool = True) -> list[Part]:
    """Words, learned positions, token types and, `size` wide, the norm over their sum."""
    size = size or width(c)
    parts: list[Part] = [Table(c.int("vocab_size"), size)]
    if c.peek("position_embedding_type") == "absolute":
        c.touch("position_embedding_type")  # transformers 5 knows no other: another stays unread, a finding
    if positions:
        parts.append(Table(c.int("max_position_embeddings"), size, "position", "positions"))
    if types:
        parts.append(Table(c.int("type_vocab_size", low=0), size, "embedding", "token_types"))
    return [*parts, LAYER.sized(size).named("embed_norm")]


def encoder(
    c: Fields,
    layers: Sequence[Layer],
    table: Heads,
    before: Sequence[Part],
    *,
    final_norm: Norm | None = None,
    repeats: int = 1,
    caches: bool = True,
) -> Spec:
    """Embeddings, layers, and the head that `architectures` names; keeps a cache only as a decoder, if the type can."""
    ending = chosen(c, table)
    after = (final_norm.sized(width(c)).named("final_norm"),) if final_norm else ()
    decodes = c.declares("is_decoder") and c.flag("is_decoder")
    parts = (*before, *after, *top(c, table, ending))
    return Spec(
        c.model_type,
        (Tower("encoder", tuple(layers), parts, caches=caches and decodes, repeats=repeats),),
        hidden_size=width(c),
        vocab_size=c.int("vocab_size"),
        max_positions=c.opt_int("max_position_embeddings", low=1),
        tied=tied_head(c) if ending in LANGUAGE_MODELS else None,
        head_class=ending,
    )


@arch("bert")
def bert(c: Fields) -> Spec:
    """BERT (arXiv:1810.04805): post-norm, learned positions, token types."""
    return encoder(c, [layer(c)] * c.layers(), BERT, embeddings(c))


@arch("roberta", "xlm-roberta", "camembert", "data2vec-text")
def roberta(c: Fields) -> Spec:
    """RoBERTa (arXiv:1907.11692): BERT with a deeper classification head; XLM-R and CamemBERT are the same shape."""
    return encoder(c, [layer(c)] * c.layers(), ROBERTA, embeddings(c))


@arch("xlm-roberta-xl")
def xlm_roberta_xl(c: Fields) -> Spec:
    """XLM-R XL (arXiv:2105.00572): norms before each block, none over the embeddings, one at the end."""
    return encoder(c, [layer(c)] * c.layers(), ROBERTA, embeddings(c)[:-1], final_norm=LAYER)


@arch("roberta-prelayernorm")
def roberta_prelayernorm(c: Fields) -> Spec:
    """RoBERTa with norms before each block and one at the end (arXiv:1910.01108's fairseq variant)."""
    return encoder(c, [layer(c)] * c.layers(), ROBERTA, embeddings(c), final_norm=LAYER)


@arch("megatron-bert")
def megatron_bert(c: Fields) -> Spec:
    """Megatron BERT (arXiv:1909.08053): norms before each block, none over the embeddings, one at the end."""
    return encoder(c, [layer(c)] * c.layers(), BERT, embeddings(c)[:-1], final_norm=LAYER)


@arch("ernie")
def ernie(c: Fields) -> Spec:
    """ERNIE 3 (arXiv:2107.02137): BERT with optional embeddings of the task."""
    before = embeddings(c)
    if c.flag("use_task_id"):
        before.append(Table(c.int("task_type_vocab_size", low=0), width(c), "embedding", "task_types"))
    c.touch("task_type_vocab_size")
    return encoder(c, [layer(c)] * c.layers(), BERT, before)


@arch("distilbert")
def distilbert(c: Fields) -> Spec:
    """DistilBERT (arXiv:1910.01108): BERT of half the depth without token types and pooler."""
    ffn = mlp(c, c.int("hidden_dim"), bias=True, gated=False)
    return encoder(c, [layer(c, ffn=ffn)] * c.layers(), DISTILBERT, embeddings(c, types=False))


def narrow(c: Fields, key: str, name: str = "embed_project", *, always: bool = False) -> list[Part]:
    """Embeddings of another width than the layers', projected up."""
    size = c.opt_int(key, low=1) or c.derive(key, width(c))
    up = (project(name, width(c), size, "embedding", bias=True),) if always or size != width(c) else ()
    return [*embeddings(c, size), *up]


@arch("albert")
def albert(c: Fields) -> Spec:
    """ALBERT (arXiv:1909.11942): narrow embeddings, and groups of layers whose weights every layer shares."""
    groups, inner = c.layers("num_hidden_groups"), c.layers("inner_group_num")
    stored, runs = groups * inner, max(1, c.layers() // max(1, groups))
    if stored * runs > MAX_LAYERS:
        raise BadField("inner_group_num", inner, f"at most {MAX_LAYERS:,} layers in all groups and runs")
    return encoder(c, [layer(c)] * stored, ALBERT, narrow(c, "embedding_size", always=True), repeats=runs)


@arch("electra")
def electra(c: Fields) -> Spec:
    """ELECTRA (arXiv:2003.10555): BERT with narrow embeddings, trained to spot replaced words."""
    return encoder(c, [layer(c)] * c.layers(), ELECTRA, narrow(c, "embedding_size"))


@arch("roformer")
def roformer(c: Fields) -> Spec:
    """RoFormer (arXiv:2104.09864): rotary positions, kept as one table of the head's width."""
    before = narrow(c, "embedding_size")
    positions = Table(c.int("max_position_embeddings"), full(c).head_dim, "position", "rotary")
    before = [part for part in before if not (isinstance(part, Table) and part.component == "position")]
    return encoder(c, [layer(c)] * c.layers(), ROFORMER, [*before, positions])


@arch("rembert")
def rembert(c: Fields) -> Spec:
    """RemBERT (arXiv:2010.12821): narrow input embeddings, wide output embeddings that are never tied."""
    before = narrow(c, "input_embedding_size", always=True)
    return encoder(c, [layer(c)] * c.layers(), REMBERT, before)


@arch("roc_bert")
def roc_bert(c: Fields) -> Spec:
    """RoCBert (Su et al. 2022): BERT that also reads a character's sound and shape."""
    sound = Table(c.int("pronunciation_vocab_size"), c.int("pronunciation_embed_dim"), "embedding", "pronunciation")
    shape = Table(c.int("shape_vocab_size"), c.int("shape_embed_dim"), "embedding", "shape")
    before = [*embeddings(c), sound, shape]
    read = [part.width for part, key in ((sound, "enable_pronunciation"), (shape, "enable_shape")) if c.flag(key)]
    if c.flag("concat_input"):
        before.append(project("map_inputs", width(c), width(c) + sum(read), "embedding", bias=True))
    return encoder(c, [layer(c)] * c.layers(), ROC_BERT, before)


@arch("big_bird")
def big_bird(c: Fields) -> Spec:
    """BigBird (arXiv:2007.14062): BERT with sparse attention, which changes no weight."""
    bias = c.flag("use_bias")
    part = replace(full(c), q_bias=bias, k_bias=bias, v_bias=bias)
    c.touch("attention_type", "block_size", "num_random_blocks")
    return encoder(c, [layer(c, part)] * c.layers(), BIG_BIRD, embeddings(c))


@arch("bert-generation")
def bert_generation(c: Fields) -> Spec:
    """BERT as encoder or decoder of a sequence-to-sequence model (arXiv:1907.12461): no token types, no pooler."""
    return encoder(c, [layer(c)] * c.layers(), BERT_GENERATION, embeddings(c, types=False))


@arch("mpnet")
def mpnet(c: Fields) -> Spec:
    """MPNet (arXiv:2004.09297): one table of relative biases (buckets, heads) for all layers."""
    biases = Table(c.int("relative_attention_num_buckets"), heads(c), "position", "relative_bias")
    return encoder(c, [layer(c)] * c.layers(), MPNET, [*embeddings(c, types=False), biases])


@arch("layoutlm")
def layoutlm(c: Fields) -> Spec:
    """LayoutLM (arXiv:1912.13318): BERT with tables for the place and size of each word on the page."""
    rows = c.int("max_2d_position_embeddings")
    places = [Table(rows, width(c), "position", f"{name}_positions") for name in "xyhw"]
    return encoder(c, [layer(c)] * c.layers(), LAYOUTLM, [*embeddings(c), *places])


def layer_windows(c: Fields, depth: int) -> tuple[int, ...]:
    """`attention_window`: one number for all layers, or one each. Raises BadField."""
    windows = c.raw("attention_window")
    each = c.ints("attention_window") if isinstance(windows, list) else (c.int("attention_window"),) * depth
    if each is None or len(each) != depth:
        raise BadField("attention_window", windows, f"one number, or one for each of the {depth} layers")
    return each


@arch("longformer")
def longformer(c: Fields) -> Spec:
    """Longformer (arXiv:2004.05150): a window, and a second set of projections for the tokens that see everything."""
    size = width(c)
    seen = tuple(t for name in "qkv" for t in linear(f"{name}_global", size, size, "attention", bias=True))
    each = layer_windows(c, c.layers())
    kinds = {n: layer(c, replace(full(c), extra=seen, window=n, kind="sliding")) for n in set(each)}
    return encoder(c, [kinds[n] for n in each], ROBERTA, embeddings(c))

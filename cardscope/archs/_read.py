"""From config keys to parts: the readings that many declarations share."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from cardscope.errors import BadField, ConfigError, NotModelled
from cardscope.fields import Fields
from cardscope.parts import (
    BARE,
    RMS,
    Attention,
    Bag,
    Head,
    LatentAttention,
    Layer,
    Mlp,
    Moe,
    Norm,
    Part,
    Spec,
    State,
    Table,
    Tensor,
    Tower,
    activation,
    project,
)

__all__ = [
    "BARE",
    "RMS",
    "Any",
    "Bag",
    "Head",
    "Layer",
    "Norm",
    "Part",
    "Spec",
    "State",
    "Table",
    "Tensor",
    "Tower",
]

T = TypeVar("T")


def width(c: Fields) -> int:
    """hidden_size."""
    return c.int("hidden_size")


def heads(c: Fields) -> int:
    """num_attention_heads."""
    return c.int("num_attention_heads")


def kv_heads(c: Fields, total: int | None = None) -> int:
    """num_key_value_heads; null or absent means one per query head. Raises BadField if it does not divide."""
    total = total or heads(c)
    value = c.opt_int("num_key_value_heads", low=1)
    if value is None:
        return c.derive("num_key_value_heads", total)
    if total % value:
        wanted = f"a divisor of the {total} attention heads"
        raise BadField("num_key_value_heads", value, wanted, hint=_divisor_hint(total, value))
    return value


def _divisor_hint(total: int, value: int) -> str:
    near = min((n for n in range(1, min(total, 4096) + 1) if total % n == 0), key=lambda n: abs(n - value))
    return f"--set num_key_value_heads={near} shows what a divisor would give"


def head_dim(c: Fields, total: int | None = None) -> int:
    """head_dim; null or absent means hidden_size // heads, with a notice where that is not whole."""
    value = c.opt_int("head_dim", low=1)
    return split_heads(c, total or heads(c)) if value is None else value


def split_heads(c: Fields, total: int) -> int:
    """hidden_size // heads, logged as derived; a remainder is a notice, not a crash."""
    if width(c) % total:
        c.log.notice("CS102", f"{total} attention heads do not divide hidden_size {width(c):,}", "num_attention_heads")
    return c.derive("head_dim", width(c) // total)


def attention(c: Fields, **changes: Any) -> Attention:
    """The usual attention: sizes under their usual keys, biases by `attention_bias` unless said otherwise."""
    total = changes.pop("heads", None) or heads(c)
    kv = changes.pop("kv_heads", None) or kv_heads(c, total)
    dim = changes.pop("head_dim", None) or head_dim(c, total)
    bias = changes.pop("bias", None)
    if bias is None:
        needed = not {"qkv_bias", "o_bias"} <= changes.keys()
        bias = c.flag("attention_bias", fallback=False) if needed else False
    qkv = changes.pop("qkv_bias", bias)
    biases = {"q_bias": qkv, "k_bias": qkv, "v_bias": qkv, "o_bias": bias}
    return Attention(changes.pop("width", None) or width(c), total, kv, dim, **{**biases, **changes})


def windowed(part: Attention, window: int | None) -> Attention:
    """The same attention over a sliding window; no window means full attention."""
    return replace(part, window=window, kind="sliding") if window else part


def latent(c: Fields, **changes: Any) -> LatentAttention:
    """Latent attention under DeepSeek's keys."""
    values: dict[str, Any] = {
        "width": width(c),
        "heads": heads(c),
        "kv_rank": c.int("kv_lora_rank"),
        "nope_dim": c.int("qk_nope_head_dim", low=0),
        "rope_dim": c.int("qk_rope_head_dim", low=0),
        "v_dim": changes.pop("v_dim", None) or c.int("v_head_dim"),
        "q_rank": c.opt_int("q_lora_rank"),
    }
    if "bias" not in changes:
        values["bias"] = c.flag("attention_bias", fallback=False)
    c.touch("num_key_value_heads", "head_dim")
    return LatentAttention(**{**values, **changes})


ACT_KEYS = ("hidden_act", "hidden_activation", "activation_function", "activation", "mlp_hidden_act")


def act(c: Fields, component: str = "mlp", key: str | None = None) -> tuple[Tensor, ...]:
    """What the activation function learns, if it learns anything; under `key`, or the usual key the class declares."""
    name = key or next((key for key in ACT_KEYS if c.declares(key)), None)
    return activation(c.raw(name), component) if name else ()


def mlp(c: Fields, inner: int | None = None, *, bias: bool = False, gated: bool = True) -> Mlp:
    """The usual feed-forward block, `intermediate_size` wide unless given."""
    return Mlp(width(c), inner or c.int("intermediate_size"), gated, bias, bias, extra=act(c))


def moe(c: Fields, experts: str = "num_experts", inner: str = "moe_intermediate_size", **changes: Any) -> Moe:
    """The usual mixture of experts, gated, without biases; routed and shared experts have an activation each."""
    per_token = changes.pop("per_token", "num_experts_per_tok")
    count = c.int(experts)
    fire = c.opt_int(per_token)
    if fire is not None and fire > count:
        raise BadField(per_token, fire, f"at most the {count} experts there are")
    own = act(c, "experts") * (2 if changes.get("shared") else 1)
    extra = (*changes.pop("extra", ()), *own)
    return Moe(width(c), count, fire, changes.pop("width", None) or c.int(inner), extra=extra, **changes)


OLD_WORDS = {
    "mamba": "linear_attention",
    "attention": "full_attention",
    "deepseek_sparse_attention": "indexed_attention",
    "qwen_sparse_attention": "indexed_attention",
}
"""What `layer_types` said before transformers 5 settled the words."""


def words(c: Fields, name: str, default: Callable[[int], str], count: int | None = None) -> tuple[str, ...]:
    """A list of one word a layer, or what `default(index)` says. Raises BadField on a wrong length."""
    total = c.layers() if count is None else count
    listed = c.texts(name)
    if listed is None:
        return c.derive(name, tuple(default(index) for index in range(total)))
    return one_each(c, name, listed, total)


def one_each(c: Fields, name: str, listed: tuple[T, ...], total: int) -> tuple[T, ...]:
    """The list, if it has one entry for each of `total` layers. Raises BadField."""
    if len(listed) != total:
        raise BadField(
            c.prefix + name,
            f"{len(listed)} entries",
            f"one for each of the {total} layers",
            hint=f"set a {name} of {total} entries too, or leave num_hidden_layers at {len(listed)}",
        )
    return listed


def layer_types(c: Fields, default: Callable[[int], str], count: int | None = None) -> tuple[str, ...]:
    """`layer_types` in today's words, or what `default(index)` says. Raises BadField on a wrong length."""
    return tuple(map(modern, words(c, "layer_types", default, count)))


def modern(word: str) -> str:
    """A word of `layer_types` as transformers 5 spells it."""
    return OLD_WORDS.get(word, word)


def per_layer(c: Fields, name: str, fallback: int | None = None, *, low: int = 1) -> tuple[int, ...]:
    """A size given once or once for each layer. Raises BadField."""
    total = c.layers()
    if not isinstance(c.raw(name, None), list | tuple):
        return (c.int(name, fallback, low=low),) * total
    listed = one_each(c, name, c.ints(name) or (), total)
    if any(value < low for value in listed):
        raise BadField(c.prefix + name, list(listed), f"numbers of at least {low}")
    return listed


def neutral(c: Fields, **values: object) -> None:
    """Marks keys as read where they hold the value that changes nothing; any other value stays a finding."""
    c.touch(*(name for name, value in values.items() if c.peek(name) == value))


def unmodelled_mtp(c: Fields, name: str = "num_nextn_predict_layers") -> None:
    """Reads a count of extra prediction layers whose form is not known; their absence from the count is a notice."""
    count = c.raw(name, None)
    if count is not None and c.int(name, low=0, high=64):
        c.log.notice("CS120", f"{count} extra prediction layer(s) may be stored that are not counted here", name)


def every(pattern: int, word: str = "sliding_attention") -> Callable[[int], str]:
    """Each `pattern`-th layer full, the others `word`."""
    return lambda index: word if pattern and (index + 1) % pattern else "full_attention"


def pick(kinds: Iterable[str], choices: dict[str, Part]) -> list[Part]:
    """The part for each word. Raises ConfigError for a word without one."""
    found = list(kinds)
    unknown = next((kind for kind in found if kind not in choices), None)
    if unknown is not None:
        raise ConfigError(
            f"layer_types says {unknown!r}; this type knows {', '.join(choices)}",
            hint="check the spelling in layer_types",
        )
    return [choices[kind] for kind in found]


def block(
    mixer: Part,
    ffn: Part | None,
    norms: int = 2,
    norm: Norm = RMS,
    *,
    width: int,
    extra: tuple[Part, ...] = (),
) -> Layer:
    """One layer: mixer, feed-forward, `norms` norms of the layer's width, anything else."""
    names = tuple(norm.sized(width).named(f"norm_{index}") for index in range(norms))
    return Layer((mixer, *((ffn,) if ffn is not None else ()), *names, *extra))


K = TypeVar("K", bound=Hashable)


def made_once(keys: Sequence[K], make: Callable[[K], Layer]) -> list[Layer]:
    """One layer for each key; equal keys share one, so that a deep model costs no more than its kinds of layers."""
    made = {key: make(key) for key in dict.fromkeys(keys)}
    return [made[key] for key in keys]


def stack(c: Fields, mixer: Part, ffn: Part | None, *, norms: int = 2, norm: Norm = RMS, **rest: Any) -> Spec:
    """A decoder of equal layers."""
    layer = block(mixer, ffn, norms, norm, width=width(c))
    return decoder(c, [layer] * c.layers(), norm=norm, **rest)


def zipped(
    c: Fields,
    mixers: Sequence[Part],
    ffns: Sequence[Part | None],
    norms: int = 2,
    norm: Norm = RMS,
    extra: tuple[Part, ...] = (),
) -> list[Layer]:
    """One layer for each pair of mixer and feed-forward, `extra` in every one."""
    made: dict[tuple[int, int], Layer] = {}
    layers = []
    for mixer, ffn in zip(mixers, ffns, strict=True):
        key = (id(mixer), id(ffn))
        if key not in made:
            made[key] = block(mixer, ffn, norms, norm, width=width(c), extra=extra)
        layers.append(made[key])
    return layers


def decoder(
    c: Fields,
    layers: Sequence[Layer],
    *,
    norm: Norm = RMS,
    final_norm: bool = True,
    positions: int | None = None,
    embed_norm: bool = False,
    head_bias: bool = False,
    embed_width: int | None = None,
    extra: tuple[Part, ...] = (),
    max_positions: str = "max_position_embeddings",
    mtp: Tower | None = None,
    tied: bool | None = None,
    head: str | None = None,
) -> Spec:
    """A decoder: embedding, positions, layers, final norm and the head that `architectures` names.

    `tied` is for classes that do not tie by `tie_word_embeddings`, or not at all; `head` for repositories whose class
    name says nothing of the head.
    """
    size, vocab = width(c), c.int("vocab_size")
    table = embed_width or size
    parts: list[Part] = [Table(vocab, table)]
    if positions is not None:
        parts.append(Table(positions, size, "position", "positions"))
    if embed_norm:
        parts.append(norm.sized(size).named("embed_norm"))
    if final_norm:
        parts.append(norm.sized(size).named("final_norm"))
    tied = tied_head(c) if tied is None else tied
    kind = head or head_class(c)
    parts += [*extra, *task_head(c, kind, table, vocab, tied=tied, bias=head_bias)]
    return Spec(
        c.model_type,
        (Tower("text", tuple(layers), tuple(parts)),),
        hidden_size=size,
        vocab_size=vocab,
        max_positions=c.opt_int(max_positions, low=1),
        tied=tied if kind == "causal_lm" else None,
        mtp=mtp,
        head_class=kind,
    )


def tied_head(c: Fields) -> bool:
    """tie_word_embeddings; a class that declares none does not tie, remote code of transformers 4's time does."""
    return c.flag("tie_word_embeddings", fallback=not c.known)


HEADS = {
    "ForCausalLM": "causal_lm",
    "LMHeadModel": "causal_lm",
    "LMHead": "causal_lm",
    "LM": "causal_lm",
    "ForConditionalGeneration": "causal_lm",
    "WithLMHead": "causal_lm",
    "ForSequenceClassification": "sequence_classification",
    "ForTokenClassification": "token_classification",
    "ForQuestionAnswering": "question_answering",
    "Model": "base",
}
"""What the end of a class name says about its head."""


def head_class(c: Fields) -> str:
    """The head that `architectures` names; the causal-LM head where it names none. Raises NotModelled if unknown."""
    named = c.texts("architectures")
    if not named:
        return "causal_lm"
    # A base model says no task: ForRewardModel and DoubleHeadsModel end the same way and have heads of their own.
    tasked = re.search("For[A-Z]|Heads", named[0]) is not None
    for ending, kind in HEADS.items():
        if named[0].endswith(ending) and not (kind == "base" and tasked):
            return kind
    raise NotModelled(
        f"the class {named[0]} has a head that is not modelled",
        hint="--set architectures=[] counts the causal-LM model",
    )


def labels(c: Fields, default: int = 2) -> int:
    """Number of labels of a classification head: num_labels, else the length of id2label, else `default`."""
    count = c.peek("num_labels")
    if isinstance(count, int):
        return c.int("num_labels", low=0)
    # Looked at, not logged: the report need not repeat the names.
    names = c.peek("id2label")
    c.touch("id2label")
    return c.derive("num_labels", len(names) if isinstance(names, dict) else default)


def task_head(c: Fields, kind: str, size: int, vocab: int, *, tied: bool, bias: bool = False) -> list[Part]:
    """The head of a decoder class (GenericForSequenceClassification and its like in transformers)."""
    if kind != "causal_lm":
        c.touch("tie_word_embeddings")
    if kind in {"causal_lm", "base", "question_answering"}:
        c.touch("num_labels", "id2label")
    if kind == "causal_lm":
        return [Head(vocab, size, bias, tied)]
    if kind == "sequence_classification":
        return [Head(labels(c), size, name="score")]
    if kind == "token_classification":
        return [Head(labels(c), size, bias=True, name="score")]
    if kind == "question_answering":
        return [Head(2, size, bias=True, name="qa_outputs")]
    return []


def rows(name: str, out: int, size: int, component: str = "other", *, bias: bool = False) -> Bag:
    """One free-standing projection."""
    return project(name, out, size, component, bias=bias)

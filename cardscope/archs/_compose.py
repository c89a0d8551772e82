"""Wrappers: a text model with towers beside it, each read by the declaration of its own type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from cardscope.archs import interpret
from cardscope.archs._heads import chosen
from cardscope.archs._read import labels
from cardscope.errors import NotModelled
from cardscope.fields import ABSENT, Fields, Read
from cardscope.harvest import declared
from cardscope.parts import LAYER, Bag, Head, Norm, Part, Spec, Tower, activation, project

FULL = "ForConditionalGeneration"
ENDINGS = ("Model", FULL)
IDLE = (
    "mm_tokens_per_image",
    "vision_feature_select_strategy",
    "ignore_index",
    "image_seq_length",
    "vocab_size",
    "vision_soft_tokens_per_image",
    "image_processor_config",
)
"""Keys of wrappers about tokens, not tensors; `vocab_size` is the text model's own."""
SEEN = (
    "in_chans",
    "spatial_patch_size",
    "tokens_per_second",
    "vocab_size",
    "fullatt_block_indexes",
    "vision_feature_layer",
    "vision_feature_select_strategy",
    "global_head_dim",
    "image_seq_length",
    "video_seq_length",
    "id2label",
)
"""Keys of image towers that transformers' classes do not read, or that only mask attention."""


def as_base(inner: Fields) -> Fields:
    """A part as transformers builds it in a wrapper: the base model, no head of its own."""
    known = declared(inner.model_type)
    prefix = known.cls.removesuffix("Config") if known else ""
    inner.impose(architectures=[f"{prefix}Model"], tie_word_embeddings=False)
    inner.touch("num_labels", "id2label", "label2id")
    return inner


def sight(c: Fields, usual: str | None = None) -> Fields:
    """The image tower's config, where the wrapper's class builds the tower itself."""
    inner = c.sub("vision_config", usual)
    inner.touch(*SEEN)
    return inner


def given(c: Fields, key: str) -> bool:
    """Whether a tower that may be missing is there."""
    return c.peek(key) not in (ABSENT, None)


def part(c: Fields, key: str, usual: str | None = None) -> Fields:
    """A nested config, to be read as a base model; `usual` names its type where the wrapper's class does not."""
    return as_base(c.sub(key, usual))


def width_of(inner: Fields) -> int:
    """The width of a part."""
    return inner.int("hidden_size")


def tower(inner: Fields, component: str = "vision", *, extra: Sequence[Part] = ()) -> tuple[Tower, ...]:
    """The towers of a part's own declaration, as one component that keeps no cache of the text."""
    inner.touch("vocab_size")
    spec = interpret(inner)
    first, *rest = spec.towers
    towers = (replace(first, parts=(*first.parts, *extra)), *rest)
    return tuple(replace(each, name=component, component=component, caches=False) for each in towers)


def bridge(*parts: Part, name: str = "projector") -> Tower:
    """What stands between the towers."""
    return Tower(name, (), parts, "projector", caches=False)


def two_layers(
    c: Fields, into: int, inner: int, out: int, *, bias: bool = True, norm: Norm | None = None, act: str | None = None
) -> list[Part]:
    """A projector: an optional norm over its input, two projections, and what the activation between them learns."""
    parts: list[Part] = [norm.sized(into).named("projector_norm")] if norm else []
    parts += [project("linear_1", inner, into, "projector", bias=bias)]
    parts += [project("linear_2", out, inner, "projector", bias=bias)]
    learned = activation(c.raw(act), "projector") if act else ()
    return [*parts, *((Bag(learned),) if learned else ())]


def merger(into: int, inner: int, out: int, norm: Norm = LAYER, norm_size: int | None = None) -> list[Part]:
    """Neighbouring patches as one vector, normed and projected twice."""
    parts: list[Part] = [norm.sized(norm_size or into).named("merger_norm")]
    return [
        *parts,
        project("merger_1", inner, into, "projector", bias=True),
        project("merger_2", out, inner, "projector", bias=True),
    ]


def filled(c: Fields, key: str) -> Fields:
    """A part whose missing keys start from what the wrapper's class gives a whole part that is absent."""
    inner, known = part(c, key), declared(c.model_type)
    inner.assume(known.sub_init.get(key, {}) if known else {})
    return inner


# -- the whole ---------------------------------------------------------------------------------------------


def class_of(c: Fields, endings: Sequence[str] = ENDINGS, also: Mapping[str, str] | None = None) -> str:
    """The ending of the class that `architectures` names; where it names none, the one that generates."""
    if c.texts("architectures") or (known := declared(c.model_type)) is None or "causal_lm" in known.models:
        return chosen(c, endings, also)
    return FULL if FULL in endings else chosen(c, endings)


def ties(c: Fields, inner: Fields, *, asks: bool = False) -> bool:
    """Whether the wrapper's head shares the text model's table; a class that `asks` ties where the text model does.

    A file that says nothing falls back to the class's default; transformers 4 asked the text model instead, and
    only where that makes a difference is it worth a word.
    """
    text = inner.exactly("tie_word_embeddings")
    own = declared(inner.model_type)
    inner_says = bool(own and own.defaults.get("tie_word_embeddings", False)) if text is ABSENT else bool(text)
    if c.peek("tie_word_embeddings") is not ABSENT:
        return c.flag("tie_word_embeddings") or (asks and inner_says)
    known = declared(c.model_type)
    default = bool(known.defaults.get("tie_word_embeddings", False)) if known else inner_says
    now = default or (asks and inner_says)
    before = own.was.get("tie_word_embeddings", inner_says) if own and text is ABSENT else inner_says
    if now != before:
        key = f"{c.prefix}tie_word_embeddings"
        c.log.changed_defaults.append(Read(key, now, key, "class default"))
    return c.derive("tie_word_embeddings", now)


def wrap(
    c: Fields,
    inner: Fields,
    *beside: Tower,
    tied: bool,
    ending: str = FULL,
    extra: Sequence[Part] = (),
    head: Callable[[], Part] | None = None,
) -> Spec:
    """The text model, the towers beside it and the head of the wrapper's class."""
    spec = interpret(inner)
    c.touch("num_labels", "id2label", "label2id", "tie_word_embeddings", *IDLE)
    size, vocab = spec.hidden_size or width_of(inner), spec.vocab_size or inner.int("vocab_size")
    after: list[Part] = []
    if ending.startswith(FULL):
        after = [head() if head else Head(vocab, size, tied=tied)]
    elif ending == "ForSequenceClassification":
        after = [Head(labels(c), size, name="score")]
    elif ending == "ForTokenClassification":
        after = [Head(labels(c), size, bias=c.flag("token_classification_bias", fallback=True), name="score")]
    main = replace(spec.main, parts=(*spec.main.parts, *extra, *after))
    towers = tuple(main if each is spec.main else each for each in spec.towers)
    return replace(
        spec,
        model_type=c.model_type,
        towers=(*beside, *towers),
        tied=tied if ending.startswith(FULL) else None,
        head_class="causal_lm" if ending.startswith(FULL) else ending,
    )


def text_alone(c: Fields, key: str = "text_config") -> Spec:
    """A class of the text model alone, named by the whole config: it reads that part and nothing else."""
    inner = c.sub(key)
    inner.impose(architectures=c.texts("architectures") or None)
    c.touch("tie_word_embeddings", "vision_config", "audio_config", "num_labels", "id2label", "label2id")
    return replace(interpret(inner), model_type=c.model_type)


def held_to(c: Fields, inner: Fields, *names: str) -> Fields:
    """A part of one of these types; its class asks for none, and builds any other as its own. Raises NotModelled."""
    named = inner.model_type
    if named not in names:
        raise unknown_word(c, inner.prefix.removeprefix(c.prefix) + "model_type", named)
    return inner


def unknown_word(c: Fields, key: str, value: object) -> NotModelled:
    """A value whose tensors are not modelled."""
    return NotModelled(f"{c.prefix}{key} {value!r} is not modelled for {c.model_type}", hint="--exact counts it")

"""Sentences → what they say of this model, clause by clause."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from cardscope.carding import subject
from cardscope.carding.claims import ALL
from cardscope.carding.claims.kind import Kind
from cardscope.carding.model import Claim, Said, Where, of_quantity
from cardscope.carding.numbers import Quantity, quantities
from cardscope.carding.read import Piece
from cardscope.carding.subject import Subject

QUOTED: Final = 240
_BY_SCALING = re.compile(
    r"[\w\s-]{0,30}\(?\s?(?:with|using|via|through|by|when using|thanks to) (?:\w+ ){0,2}"
    r"(?:yarn|rope|ntk|extrapolat|position interpolation|dynamic|longrope|scaling)",
    re.IGNORECASE,
)
_LABELLED = re.compile(r"\s{0,3}([A-Z][\w ()#-]{2,40}?)\s?[:：]\s{0,3}(\S.{0,70})$")
"""A sentence within a paragraph that is a label and its value."""
_OUTPUT = re.compile(r"\b(?:output|generat\w+|response|answer)s?\b", re.IGNORECASE)
_LISTED = re.compile(r"\d\s?[BM](?:\s?,|\s?/|\s(?:and|or|&))\s{0,2}(?:and |or )?\d[\d.]{0,5}\s?[BM]\b")
"""Sizes in a row: `350M, 700M and 1.2B`."""
_SENTENCE = re.compile(
    r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!vs\.)(?<!approx\.)(?<!ca\.)(?<!No\.)\s+(?=[^\s])|(?<=[。！？；])"
)
_CLAUSE = re.compile(
    r",\s+(?!\d{3}\b)|\sand\s(?=\d{1,4}(?:\.\d{1,2})?B\s(?:with|model|was))|\s(?=with a total of\b)"
    r"|;\s+|[，；、]|\s[—–-]\s|\s\||(?<=[^\s])\s(?=\()|:\s|(?:,\s)?\b(?:while|whereas|but)\b\s"
)
_OWN = re.compile(
    r"\b(?:it|its|this (?:model|repo\w*|checkpoint|release|version|llm|language model|network|card"
    r"|transformer)|the model|our model|our|we|the (?:network|architecture|checkpoint))\b"
    r"|本模型|该模型|本仓库|本仓|我们|模型规模|このモデル|本モデル|이 모델|este modelo|ce modèle"
    r"|dieses modell|questo modello|эта модель",
    re.IGNORECASE,
)
_SAMPLED = re.compile(
    r"\b(?:evaluat\w+|tested|measured|benchmark\w*|ruler|needle\w*|users?|api|playground|enterprise"
    r"|tier|samples|calibrat\w+"
    r"|iterations|epochs?|learning rate|batch|benchmark|rotation|prompts?)\b",
    re.IGNORECASE,
)
_RELATIVE = re.compile(r"^\s?\(?\s?(?:which|that|whose|with|used|using|whereas)\b", re.IGNORECASE)
_RANGE = re.compile(r"\b(?:rang(?:e|es|ing) (?:from|in)|from|between|sizes?:?|variants?|varying)\b", re.IGNORECASE)


def claims(piece: Piece, own: Subject, where: Where) -> Iterator[Claim]:
    """The claims of a block of prose, each with its sentence and line."""
    text = piece.text[:20_000]
    position = 0
    for number, sentence in enumerate(_SENTENCE.split(text.replace("\n", " "))):
        if number > 400:
            return
        at = text.replace("\n", " ").find(sentence, position) if sentence else position
        line = piece.line + text.count("\n", 0, max(at, 0))
        position = max(at, position)
        label = _LABELLED.match(sentence) if number and len(sentence) <= 120 else None
        found = _beside(label, sentence, line, where, own) if label else []
        yield from found
        if not found and 8 <= len(sentence) <= 2000:
            yield from (Claim(said, sentence.strip()[:QUOTED], line, where) for said in _sentence(sentence, own))


def _able(*, numbers: bool) -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    """Kinds that a sentence may speak of, with the words one of which it then has."""
    kinds = (kind for kind in ALL if kind.prose or (numbers and kind.around))
    return tuple((kind, re.compile("|".join(map(re.escape, kind.words)))) for kind in kinds if kind.words)


_WITH_NUMBERS: Final = _able(numbers=True)
_IN_WORDS: Final = _able(numbers=False)
_SPEAKS: Final = re.compile("|".join(words.pattern for _, words in _WITH_NUMBERS))
_DIGIT: Final = re.compile(r"\d")


def _beside(label: re.Match[str], sentence: str, line: int, where: Where, own: Subject) -> list[Claim]:
    from cardscope.carding.find import beside

    return list(beside(label[1], label[2], sentence.strip(), line, where, own))


def _sentence(sentence: str, own: Subject) -> Iterator[Said]:
    """What a sentence says of this model, clause by clause."""
    lower = sentence.lower()
    if not _SPEAKS.search(lower):
        return
    able = _WITH_NUMBERS if _DIGIT.search(lower) else _IN_WORDS
    wanted = [kind for kind, words in able if words.search(lower)]
    if not wanted:
        return
    shared = list(_for_sizes(sentence, wanted, own))
    if shared:
        yield from (said for said in shared if said is not None)
        return
    family = bool(own.sizes) and not (
        _OWN.search(sentence)
        or _names_itself(sentence, own)
        or any(subject.own_size(own, size) for size in subject.sizes(sentence))
    )
    for said in _by_clause(sentence, wanted, own):
        yield replace(said, detail="family") if family and said.kind in _OF_FAMILIES and not said.detail else said


_OF_FAMILIES = frozenset({"context_length", "architecture", "vocab_size"})


def _for_sizes(sentence: str, wanted: list[Kind], own: Subject) -> Iterator[Said | None]:
    """`128K tokens for the 4B and 12B sizes, 32K for the 1B size`: what is said of this size, None for the others."""
    if not own.sizes or not _DIGIT.search(sentence):
        return
    for found in quantities(sentence, 30):
        match = _SIZED.match(sentence, found.end)
        if not match:
            continue
        named = subject.sizes(re.sub(r"(?<![A-Za-z0-9])[EeAa](?=\d)", " ", match[1]))
        for kind in wanted:
            if (
                kind.name in {"context_length", "training_tokens", "vocab_size"}
                and kind.fits(found)
                and kind.name.split("_")[0][:7] in sentence.lower()
            ):
                yield of_quantity(kind.name, found) if any(subject.own_size(own, size) for size in named) else None
                break


def _by_clause(sentence: str, wanted: list[Kind], own: Subject) -> Iterator[Said]:
    away = just = False
    for clause in _clauses(sentence):
        if just and _RELATIVE.match(clause):
            away = True  # `..., which has 32 layers` belongs to the model named last
        mine = bool(_OWN.search(clause)) or _names_itself(clause, own)
        just = subject.foreign(own, clause)
        if just:
            away = away or not mine
            yield from (said for said in _bases(clause, wanted, own))
            continue
        if mine and not _RELATIVE.match(clause):
            away = False
        if not away:
            yield from _clause(clause, sentence, wanted, own)


def _bases(clause: str, wanted: list[Kind], own: Subject) -> Iterator[Said]:
    """The base model is the one claim whose sentence names another model."""
    for kind in wanted:
        if kind.name == "base_model" and kind.prose:
            yield from (
                said
                for said, at in kind.prose(clause)
                if not is_itself(str(said.value), own) and not subject.names_another_size(own, clause[:at])
            )


def is_itself(name: str, own: Subject) -> bool:
    """Whether a base model's name is this model's own, but for a version."""
    words = subject.tokens(name.rpartition("/")[2])
    return bool(own.words) and own.words <= words and all(word[0].isdigit() for word in words - own.words)


def _clauses(sentence: str) -> list[str]:
    found = [part for part in _CLAUSE.split(sentence) if part and part.strip()]
    return found[:80]


def _names_itself(clause: str, own: Subject) -> bool:
    return bool(own.name) and own.name.lower() in clause.lower()


def _clause(clause: str, sentence: str, wanted: list[Kind], own: Subject) -> Iterator[Said]:
    taken: set[int] = set()
    if _DIGIT.search(clause):
        for found in quantities(clause, 30):
            for kind in wanted:
                said = _around(kind, found, clause)
                if said is not None and found.start not in taken:
                    taken.add(found.start)
                    if _about_this(said, found, clause, sentence, own):
                        yield _stretched(said, found, clause, sentence)
    others = [size for size in subject.sizes(_of_models(sentence)) if own.sizes and not subject.own_size(own, size)]
    for kind in wanted:
        if kind.prose and kind.name != "base_model" and not (others and kind.name in {"attention", "architecture"}):
            yield from (said for said, _ in kind.prose(clause))
    yield from _bases(clause, wanted, own)


def _around(kind: Kind, found: Quantity, clause: str) -> Said | None:
    if not kind.around or not kind.fits(found):
        return None
    head, tail = clause[max(0, found.start - 70) : found.start], clause[found.end : found.end + 60]
    for around in kind.around:
        if (around.before is None or around.before.search(head)) and (around.after is None or around.after.match(tail)):
            return of_quantity(kind.name, found, around.detail)
    return None


_SIZED = re.compile(
    r"\s?(?:tokens?\s?)?(?:(?:for|on|in) (?:the |our |all )?"
    r"|\()((?:[EeA]?\d[\d.]{0,5}[BbMm](?![A-Za-z0-9])(?:,\s?and\s|,\s?|\s?and\s|\s?&\s|/"
    r"|\s)?){1,8})\s?(?:sizes?|models?|variants?|versions?|\))",
    re.IGNORECASE,
)


_PART: Final = re.compile(
    r"\b(?:vision|image|visual|audio|speech|text) (?:encoder|tower|backbone|transformer)s?\b"
    r"|\b(?:projector|adapters?|lora|vit|draft"
    r"|medusa|eagle|reward model|teacher|trainable|frozen|annotat\w+|reviewers?)\b",
    re.IGNORECASE,
)
"""Parts and helpers of a model, whose figures are not its own."""
_SOME_LAYERS: Final = re.compile(
    r"cache|memory|\bGB\b|fro[zs]en|freez|unfreez|prun|merg|duplicat|cop(?:y|ied)|skip|insert|added"
    r"|remov|offload|quantiz|dropped",
    re.IGNORECASE,
)
"""Words of sentences about some of the layers."""
_ATTENDS: Final = re.compile(r"attention|layer|hidden|quer|kv\b|key", re.IGNORECASE)
_ROUTES: Final = re.compile(
    r"moe\b|mixture|rout|activ|per token|/tok|per layer|param|layer|gat(?:ed|ing)", re.IGNORECASE
)
_OF_THE_SHAPE: Final = frozenset(
    {"num_layers", "hidden_size", "intermediate_size", "num_heads", "num_kv_heads", "head_dim", "parameters"}
)


def _in_place(said: Said, sentence: str) -> bool:
    """Whether the sentence is about the network as a whole: not a tower, an adapter, people who are experts."""
    if said.kind in _OF_THE_SHAPE and _PART.search(sentence):
        return False
    if said.kind == "num_heads":
        return bool(_ATTENDS.search(sentence))
    return said.kind not in {"num_experts", "experts_per_token"} or bool(_ROUTES.search(sentence))


def _about_this(said: Said, found: Quantity, clause: str, sentence: str, own: Subject) -> bool:
    """The last doubts: sizes of sisters, ranges, `for the 4B, 12B and 27B sizes`."""
    if not _in_place(said, sentence) or (said.kind == "num_layers" and _SOME_LAYERS.search(clause)):
        return False
    around = clause[: found.start] + " " + clause[found.end :]
    if said.kind in {"context_length", "vocab_size"} and _SAMPLED.search(clause):
        return False
    if said.kind == "context_length" and _OUTPUT.search(clause) and "input" not in clause.lower():
        return False
    if said.kind in {"parameters", "active_parameters", "non_embedding_parameters"}:
        return _own_parameters(said, clause, sentence, own)
    named = [size for size in subject.sizes(_without_tokens(around)) if size >= 1e7]
    if said.kind == "training_tokens":
        named = [size for size in named if abs(size - found.value) > 1]
    return not named or (bool(own.sizes) and any(subject.own_size(own, size) for size in named))


def _stretched(said: Said, found: Quantity, clause: str, sentence: str) -> Said:
    """A context that the rest of the sentence says is reached by extrapolation."""
    if said.kind != "context_length":
        return said
    at = max(0, sentence.find(clause)) + found.end
    if _BY_SCALING.match(sentence[at : at + 90]):
        return replace(said, kind="extended_context_length", detail="extended")
    return said


def _without_tokens(text: str) -> str:
    return re.sub(
        r"\d[\d.,]{0,12}\s?(?:[BMTK]|billion|million|trillion)?\s?(?:high-quality |training"
        r" )?(?:tokens|characters|bytes|images|samples|documents|examples|pairs)",
        " ",
        text,
    )


def _of_models(text: str) -> str:
    """The text without counts of tokens, and without sizes that are parts of one model: total, active."""
    return re.sub(
        r"\d[\d.,]{0,12}\s?-?(?:[BM]|billion|million)\s?(?:parameters? )?(?:are |is )?(?:in total"
        r"|total|activ\w+|non-embedding)",
        " ",
        _without_tokens(text),
        flags=re.IGNORECASE,
    )


def _own_parameters(said: Said, clause: str, sentence: str, own: Subject) -> bool:
    """A size in a sentence that lists several is this model's only where its name says so."""
    value = float(said.value) if isinstance(said.value, int | float) else 0.0
    rest = _of_models(sentence)
    others = {
        size for size in subject.sizes(rest) if abs(size - value) > 0.02 * value and not subject.own_size(own, size)
    }
    if said.kind != "parameters":
        return not (others and _RANGE.search(sentence)) or any(subject.own_size(own, size) for size in others)
    if own.sizes and not subject.own_size(own, value):
        strong = (
            _names_itself(sentence, own) and re.search(rf"\b(?:is|has|with) (?:an? )?{re.escape(said.words)}", sentence)
        ) or re.search(
            rf"^\W{{0,6}}(?:this is )?an? (?:\w+[ -]){{0,2}}{re.escape(said.words)}[- ]?param"
            r"|\b(?:this model|the model|it|we|our model)\b.{0,30}\b(?:has|have|contains?|with"
            r"|consists?|compris\w+|is an?)\b",
            sentence,
            re.IGNORECASE,
        )
        return bool(strong) and not others
    if others and not own.sizes:
        if _LISTED.search(sentence) or _RANGE.search(sentence):
            return False
        near = [size for size in subject.sizes(_without_tokens(clause)) if abs(size - value) > 0.02 * value]
        return not near or (len(near) == 1 and bool(re.search(r"activ|total|non-embedding", clause, re.IGNORECASE)))
    return True

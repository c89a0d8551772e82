"""A document → the claims it makes about its model, each with its quote and line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from cardscope.carding import markup, names, sentences, stated, subject, tables
from cardscope.carding.claims import ALL
from cardscope.carding.claims.kind import Kind, inside, normal
from cardscope.carding.model import Claim, Said, Where
from cardscope.carding.read import Document, Piece
from cardscope.carding.subject import Subject

MAX_CLAIMS: Final = 400
_NO_VALUE = re.compile(
    r"\s{0,3}(?:not (?:available|stated|specified|disclosed|applicable)|no (?:disponible|aplica)|n/?a\b|unknown|tbd"
    r"|undisclosed"
    r"|unspecified|non (?:disponible|précisé)|não (?:disponível|se aplica)|未公开|未知|keine angabe)",
    re.IGNORECASE,
)
_NO_LABEL = re.compile(r"\b(?:paper|blog|title|report|citation|link|demo|news|arxiv|https?)\b", re.IGNORECASE)
_LABEL = re.compile(r"^[\s•·▪◦*+-]{0,6}([^\s:：=|][^:：=|\n]{0,70}?)\s?(?::|：|=|\s[–—-]\s)\s{0,4}(\S[^\n]{0,600})")
_ONLY_LABEL = re.compile(r"^[\s•·*+-]{0,6}([^:：=|\n]{2,60})[:：]?\s{0,3}$")
_SPEC_LINE = re.compile(
    r"^[\s,{\"'-]{0,12}([A-Za-z][\w .()-]{1,50}?)[\"']?\s{0,3}[:=]\s{0,6}"
    r"[\"']?([^\n#]{1,120}?)[\"',]{0,3}\s{0,40}(?:#.*)?$",
    re.MULTILINE,
)
_SPEC_LANGUAGES = frozenset({"yaml", "yml", "json", "toml", "text", "txt", "", "ini", "plaintext"})
_PROGRAM = re.compile(
    r"^\s{0,20}(?:import |from \w+ import|pip |>>>|def |class |\$ |curl |docker |vllm |git |python)", re.MULTILINE
)

_SIZE_OF_FILES: Final = next(kind for kind in ALL if kind.name == "file_size")


def claims(document: Document, own: Subject) -> list[Claim]:
    """All claims, in the order of the card; the same value said again is kept as a line of the first."""
    found: list[Claim] = []
    if own.known:
        found += [Claim(said, own.id, None, "name") for said in names.claims(own)]
    found += stated.claims(document.metadata)
    held: Piece | None = None
    for piece in document.pieces:
        if len(found) > MAX_CLAIMS:
            break
        run = subject.of_training(piece.section)
        found += (claim for claim in _of_piece(piece, held, own) if not run or claim.kind not in subject.OF_A_RUN)
        held = piece
    for table in document.tables:
        run = subject.of_training(table.section)
        found += (claim for claim in tables.claims(table, own) if not run or claim.kind not in subject.OF_A_RUN)
    return _own_first(_merged(found))


def _own_first(found: list[Claim]) -> list[Claim]:
    """Without what is said of the family where the card says it of this model, and otherwise."""
    plain = {claim.kind for claim in found if claim.said.detail != "family" and claim.where != "name"}
    return [claim for claim in found if claim.said.detail != "family" or claim.kind not in plain]


def _merged(found: list[Claim]) -> list[Claim]:
    kept: dict[object, Claim] = {}
    for claim in found:
        key = (
            claim.kind,
            claim.said.value,
            claim.said.detail if claim.kind in {"file_size", "parameters"} else "",
            claim.where == "name",
            claim.where == "metadata" and claim.kind in {"license", "languages"},
        )
        if key not in kept:
            kept[key] = claim
        elif claim.line is not None and claim.line != kept[key].line:
            old, new = kept[key], claim
            if (
                (old.where == "prose" or old.said.detail == "family")
                and new.where != "prose"
                and new.said.detail != "family"
            ):
                old, new = new, old  # the plainer statement is the claim
            others = tuple(line for line in (*kept[key].also, new.line) if line is not None and line != old.line)
            kept[key] = Claim(old.said, old.quote, old.line, old.where, tuple(dict.fromkeys(others)))
    return list(kept.values())[:MAX_CLAIMS]


def _of_piece(piece: Piece, held: Piece | None, own: Subject) -> Iterator[Claim]:
    if _elsewhere(piece, own):
        return
    if piece.place == "badge":
        label, _, value = piece.raw.partition("\0")
        yield from beside(label, value, f"{label}: {value}", piece.line, "badge", own)
    elif piece.place == "code":
        yield from _code(piece)
    elif piece.place != "heading":
        yield from _text(piece, held, own)


def _elsewhere(piece: Piece, own: Subject) -> bool:
    """Whether the headings above lead away from the model's own description."""
    return _leads_away(piece.section, piece.under, own)


@lru_cache(maxsize=256)
def _leads_away(section: tuple[str, ...], under: tuple[str, ...], own: Subject) -> bool:
    path = [heading for heading in section if subject.fit(own, heading) is None or not own.known]
    if subject.section_speaks_of_others(path) or subject.of_component((*path, *under)):
        return True
    return any(subject.foreign(own, text) for text in (*path[-1:], *under) if text)


def beside(label: str, value: str, quote: str, line: int, where: Where, own: Subject | None = None) -> Iterator[Claim]:
    """What a value says beside a label, by the first kind whose label it is."""
    if _NO_VALUE.match(value):
        return
    if " / " in label and label.count(" / ") == value.count(" / "):
        for each, what in zip(label.split(" / "), value.split(" / "), strict=True):
            yield from beside(each, what, quote, line, where, own)
        return
    for plain in (normal(label), inside(label)):
        kind = named(plain)
        found = list(kind.read(value, label)) if kind else []
        if kind and kind.name == "base_model" and own is not None:
            found = [said for said in found if not sentences.is_itself(str(said.value), own)]
        if not found and kind and kind.name == "parameters":
            found = list(_SIZE_OF_FILES.read(value, label))  # `Size | 16 GB`
        found = [said for said in found if own is None or not _of_another(said, value, own)]
        yield from (Claim(said, quote[: sentences.QUOTED], line, where) for said in found)
        if found:
            return


def _of_another(said: Said, value: str, own: Subject) -> bool:
    """Whether a model that is not this one is named before a figure: `unknown; Foo-7B has 4096`."""
    head = value[: max(0, value.find(said.words))]
    return isinstance(said.value, int | float) and len(head) > 8 and subject.foreign(own, head)


@lru_cache(maxsize=4096)
def named(plain: str) -> Kind | None:
    """The kind whose label a normalised label is."""
    if not plain or len(plain) > 60:
        return None
    return next((kind for kind in ALL if kind.label.fullmatch(plain)), None)


def _text(piece: Piece, held: Piece | None, own: Subject) -> Iterator[Claim]:
    where: Where = "list" if piece.place == "list" else "prose"
    led = markup.lead(piece.raw) if piece.raw else None
    labelled = False
    for offset, row in enumerate(_rows(piece.text)):
        label, value = _split(row) if offset or not led else led
        if offset == 1 and led and not led[1] and not label:
            label, value = led[0], row  # a label in bold on its own line, the value on the next
        if offset == 0 and led and not value:
            continue
        if label and value and not subject.foreign(own, label):
            found = list(beside(label, value, row.strip(), piece.line + offset, where, own))
            labelled = labelled or bool(found)
            yield from found
    if not labelled and held is not None:
        yield from _after_label(piece, held, own, where)
    if _NO_LABEL.search(_split(piece.text.split("\n")[0])[0]):
        return
    for claim in sentences.claims(piece, own, where):
        if not labelled or claim.kind in _IN_ANY_TEXT:
            yield claim


_IN_ANY_TEXT = frozenset(
    kind
    for kind in (
        "parameters",
        "active_parameters",
        "context_length",
        "extended_context_length",
        "attention",
        "num_layers",
        "num_experts",
        "experts_per_token",
        "training_tokens",
        "vocab_size",
    )
)


def _rows(text: str) -> list[str]:
    """Lines, and the parts between bars of a line."""
    return [part for row in text.split("\n")[:200] for part in row[:4000].split(" | ")]


def _split(row: str) -> tuple[str, str]:
    match = _LABEL.match(row)
    return (match[1], match[2]) if match else ("", "")


def _after_label(piece: Piece, held: Piece, own: Subject, where: Where) -> Iterator[Claim]:
    """A value that stands alone under its label: a heading or a bold line, then `Name: 8,767,123,696`."""
    if held.place not in {"heading", "prose"} or piece.line - held.line > 4 or len(held.text) > 80:
        return
    match = _ONLY_LABEL.match(held.text)
    if not match:
        return
    if held.place == "prose" and not held.raw.strip().startswith(("**", "<b>", "__")):
        return
    text = piece.text.split("\n")[0]
    name, value = _split(text)
    if name and subject.fit(own, name) is None:
        return
    value = value or text
    if len(value) <= 60 or "language" in match[1].lower():
        yield from beside(match[1], value, f"{match[1]}: {text}", piece.line, where)


def _code(piece: Piece) -> Iterator[Claim]:
    """A block of `key: value` lines that is a specification: two labels of the shape at least, and no program."""
    if piece.language not in _SPEC_LANGUAGES or _PROGRAM.search(piece.text[:5000]):
        return
    found: list[Claim] = []
    for match in list(_SPEC_LINE.finditer(piece.text[:20_000]))[:200]:
        line = piece.line + 1 + piece.text.count("\n", 0, match.start())
        found += beside(match[1], match[2], match[0].strip(), line, "code")
    shape = {claim.kind for claim in found} & _SHAPE
    if len(shape) >= 2:
        yield from found


_SHAPE = frozenset(
    {
        "parameters",
        "num_layers",
        "hidden_size",
        "intermediate_size",
        "num_heads",
        "num_kv_heads",
        "head_dim",
        "vocab_size",
        "context_length",
        "num_experts",
        "training_tokens",
    }
)

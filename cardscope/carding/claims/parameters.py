"""Parameters: total, active, without embeddings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cardscope.carding.claims.kind import Around, Kind, after, before, labels
from cardscope.carding.model import Said, of_quantity
from cardscope.carding.numbers import Quantity, quantities

_PARAMETERS = (
    r"(?:total |overall |model |network |dense )?(?:weights? and )?param(?:[ae]ter)?(?:s|n)?\b"
    r"|(?:个|個)?(?:模型)?参数|(?:規模の)?(?:の)?パラメータ|(?:개)?(?:의)?\s?(?:파라미터"
    r"|매개변수)|(?:de |di )?(?:param|parám|parâm|параметр)|参数规模"
)
_COUNT = (
    r"param(?:[ae]ter)?s?(?: (?:count|size|number))?|number of (?:model )?param(?:[ae]ter)?s|model size"
    r"|参数(?:量|规模|数)?(?:约)?|パラメータ数?"
    r"|파라미터(?: 수)?|parámetros|paramètres|parâmetros|parametri|параметр(?:ы|ов)"
)
_ACTIVE_BEFORE = r"activat(?:es|ing|ed|e)(?: only| just)?|active param(?:[ae]ter)?s?(?: count)?|激活(?:参数)?(?:量)?"
_ACTIVE_AFTER = (
    r"(?:param(?:[ae]ter)?s? )?(?:(?:are|is|being) )?(?:active|activated)\b|参数激活|激活"
    r"|param(?:[ae]ter)?s? (?:used|active|activated) (?:per|for)|(?:are )?used (?:per|for each) token"
    r"|param(?:[ae]ter)?s? (?:per|for each|for every|a) token"
)
_NARROW = (
    (
        re.compile(
            r"non-?embedding|without (?:the )?embedding|excluding (?:the )?embedding|w/o embedding"
            r"|exclud\w+ embed|非嵌入",
            re.IGNORECASE,
        ),
        "non_embedding_parameters",
    ),
    (re.compile(r"activ|激活", re.IGNORECASE), "active_parameters"),
)
_EFFECTIVE = re.compile(r"effective", re.IGNORECASE)
_PART = re.compile(
    r"vision|visual|audio|encoder|projector|adapter|lora|expert|head\b|draft|trainable|embedding layer", re.IGNORECASE
)


def fits(found: Quantity) -> bool:
    """A count of parameters has a unit, or is written out."""
    return (found.unit not in {"", "k"} and found.value >= 1e5) or (not found.unit and found.value >= 1_000_000)


def read(text: str, label: str) -> Iterator[Said]:
    """`8.03B`, `3B (3.21B)`, `671B total, 37B active`, `13.1B (non-embedding)`."""
    if re.search(r"\d\s?[GMKT]i?B\b|gigabyte", text) or re.search(r"tokens", text[:60]):
        return
    found = [each for each in quantities(text[:200], 6) if fits(each)]
    default = next((kind for pattern, kind in _NARROW if pattern.search(label)), "parameters")
    first: Quantity | None = None
    for at, each in enumerate(found):
        end = found[at + 1].start if at + 1 < len(found) else len(text)
        around = text[each.end : min(end, each.end + 40)]
        head = text[found[at - 1].end if at else 0 : each.start][-20:]
        beside = around.split(",")[0].split("(")[0].split("/")[0]
        kind = next((kind for pattern, kind in _NARROW if pattern.search(beside) or pattern.search(head)), default)
        if _PART.search(beside):
            continue
        detail = "effective" if _EFFECTIVE.search(beside) else ""
        stated = kind != default or re.search(r"total|with embed|including|总", beside + head)
        if first is None or stated or abs(each.value - first.value) <= 0.1 * first.value:
            yield of_quantity(kind, each, detail)
        first = first or each


KINDS = (
    Kind(
        "non_embedding_parameters",
        labels(
            r"non-?embedding param(?:[ae]ter)?s?|param(?:[ae]ter)?s? (?:without"
            r"|excluding|w/o) embeddings?|非嵌入参数(?:量)?"
        ),
        lambda text, label: read(text, label + " non-embedding"),
        (Around(after=after(r"non-?embedding param")),),
        ("embedding",),
        fits,
    ),
    Kind(
        "active_parameters",
        labels(r"(?:active|activated|activate|激活)\s?(?:param(?:[ae]ter)?s?|参数)?(?:量|数)?(?: per token| count)?"),
        lambda text, label: read(text, label + " active"),
        (Around(after=after(_ACTIVE_AFTER)), Around(before=before(_ACTIVE_BEFORE))),
        ("activ", "used per", "used for", "per token", "each token", "every token", "a token", "激活"),
        fits,
    ),
    Kind(
        "parameters",
        labels(
            r"(?:overall )?param(?:[ae]ter)?s?(?: (?:count|size|number|total))?"
            r"|param count|size|params|(?:总)?参数(?:量|规模|数)?|模型大小"
            r"|モデルサイズ|パラメータ(?:数|ー数)?|파라미터(?: 수)?|매개변수(?: 수)?"
            r"|par[aá]metros(?: totales)?|número de parámetros"
            r"|paramètres|nombre de paramètres"
            r"|parameter(?:anzahl|zahl)|anzahl (?:der )?parameter|parâmetros|número de parâmetros"
            r"|parametri|numero di parametri"
            r"|параметр(?:ы|ов)|количество параметров|число параметров"
        ),
        read,
        (
            Around(after=after(_PARAMETERS)),
            Around(before=before(_COUNT)),
            Around(after=after(r"(?:in )?total\b(?! tokens)")),
            Around(
                before(
                    r"(?:this (?:is|repo\w*|model card|card|version)\b.{0,40}|(?:repository|card) for"
                    r"|corresponds to) (?:the|an?|our)"
                ),
                after(r"(?:[\w-]{1,16} ){0,4}(?:model|version|variant|checkpoint)s?\b"),
            ),
        ),
        (
            "param",
            "参数",
            "パラメータ",
            "파라미터",
            "매개변수",
            "parám",
            "param",
            "parâm",
            "параметр",
            "model size",
            "total",
            "this ",
        ),
        fits,
    ),
)

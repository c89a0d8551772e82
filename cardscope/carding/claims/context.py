"""Context length: native, and extended by rope scaling; sliding window."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cardscope.carding.claims.kind import Around, Kind, after, before, labels, plain_number
from cardscope.carding.model import Said, of_quantity
from cardscope.carding.numbers import Quantity, quantities

_STRETCHED = re.compile(
    r"yarn|ntk|rope[ -]?scaling|extrapolat|extend|expand|longrope|dynamic|stretch|with scaling"
    r"|infererence extrapolation|外推|扩展|拡張",
    re.IGNORECASE,
)
_NATIVE = re.compile(r"nativ|pre-?train|default|full|original|原生", re.IGNORECASE)
_GENERATED = re.compile(r"generat|output|new tokens|response|输出|生成", re.IGNORECASE)
_CONTEXT = (
    r"(?:max(?:imum)? |native |full |long |input |total |large |model )*(?:context|sequence|seq"
    r"|input)[ -_]?(?:length|window|size|len)?"
    r"|context|上下文(?:长度|窗口)?|序列长度|コンテキスト(?:長|ウィンドウ)?|컨텍스트(?: 길이)?"
    r"|contexto|contexte|kontext(?:länge"
    r"|fenster)?|contesto|контекст\w{0,3}"
)


def fits(found: Quantity) -> bool:
    """Contexts go from 64 to some millions of tokens."""
    return 64 <= found.value <= 2e8 and found.unit in {"", "k", "m", "万", "萬", "million", "thousand", "mil", "тыс"}


def read(text: str, label: str) -> Iterator[Said]:
    """`128K`, `32,768 natively and 131,072 with YaRN`, `Full 131,072 tokens and generation 8192 tokens`."""
    settled = (each.within(64, 2e8) for each in quantities(text[:200], 5))
    found = [each for each in settled if each is not None and fits(each)]
    for at, each in enumerate(found):
        end = found[at + 1].start if at + 1 < len(found) else min(len(text), each.end + 40)
        head = text[found[at - 1].end if at else 0 : each.start]
        beside = text[each.end : end]
        if (
            _GENERATED.search(head)
            or _GENERATED.search(re.split(r"[,;(]|\band\b", beside)[0])
            or re.match(r"\s?(?:[GM]i?B\b|%|x\b|px|×)", beside)
        ):
            continue
        own = re.split(r"[,;]|\band\b", beside)[0]
        if _STRETCHED.search(own) or (at and _STRETCHED.search(head)) or _STRETCHED.search(label):
            yield of_quantity("extended_context_length", each, "extended")
        elif at == 0 or _NATIVE.search(own) or _NATIVE.search(head):
            yield of_quantity("context_length", each)


KINDS = (
    Kind(
        "sliding_window",
        labels(r"(?:sliding|local)[ -](?:attention )?window(?: size)?|window size|滑动窗口(?:大小)?"),
        plain_number("sliding_window", 16, 1_000_000),
        (
            Around(
                before(
                    r"sliding[- ]window(?: attention)?(?: \(swa\))?(?: (?:size|with (?:a"
                    r" )?window(?: size)?))?|window size"
                )
            ),
            Around(after=after(r"(?:-?token )?sliding[- ]window")),
        ),
        ("window",),
        fits,
    ),
    Kind(
        "extended_context_length",
        labels(
            r"extended context(?: length| window)?|context(?: length)? (?:with|using) (?:yarn|rope"
            r" scaling|ntk)|(?:max )?extrapolat\w+ length"
        ),
        lambda text, label: read(text, label + " extended"),
        (
            Around(
                before(
                    r"(?:expand|extend|extrapolat|stretch|scal)(?:able|ed|ible|ing|es|s)?(?:"
                    r" (?:context|it|this|the context|its context))?(?: (?:length|window))?(?:"
                    r" up)? (?:to|up to)"
                )
            ),
            Around(before(r"(?:up )?(?:扩展|外推)(?:到|至)")),
            Around(
                after=after(
                    r"(?:tokens )?(?:context )?(?:length )?(?:\()?(?:with|using|via|through"
                    r"|by) (?:yarn|rope scaling|ntk|dynamic|rope|infererence|inference|extrapolation)"
                )
            ),
            Around(before(r"支持|.{0,20}"), after(r"的?外推长度")),
        ),
        ("yarn", "extend", "expand", "extrapol", "scal", "外推", "扩展", "ntk", "rope", "stretch"),
        fits,
    ),
    Kind(
        "context_length",
        labels(
            r"(?:native |input |training |supported |default )?(?:context|sequence|seq|input"
            r"|content)(?: (?:length|window|size|len|tokens))?|positions?|(?:max )?position(?:al)? embeddings?"
            r"|max(?:imum)? (?:seq(?:uence)? )?(?:length|len|tokens)|input (?:length|tokens)|n ?(?:ctx"
            r"|positions)|ctx|block size|上下文(?:长度|窗口)?|序列长度|コンテキスト(?:長|ウィンドウ)?"
            r"|컨텍스트(?: 길이)?|longitud de contexto|contexto|contexte|longueur de contexte"
            r"|kontext(?:länge|fenster)|comprimento de contexto|contesto|lunghezza (?:di|del) contesto"
            r"|длина контекста|контекст|(?:tokens? )?context"
        ),
        read,
        (
            Around(
                before(
                    rf"(?<!output )(?<!generation )(?:{_CONTEXT})(?: (?:length|window|size))?(?:"
                    rf" (?:of|is|was))?(?: (?:up to|around|about))?(?: (?:supports?|supporting|reaches))?"
                )
            ),
            Around(
                after=after(
                    r"(?:tokens? )?(?:-?token )?(?:of )?(?:maximum |input |native |long |total"
                    r" )?(?:context|sequence[- ]length|sequence window|context-?length)\b(?! (?:generation|learning))"
                    r"|(?:token)?(?:的)?(?:最大)?(?:上下文|序列长度)|トークンのコンテキスト|토큰(?:의)?"
                    r" 컨텍스트|tokens? (?:de|di)"
                    r" context|tokens? de contexto"
                )
            ),
            Around(before(r"context.{0,40}(?:of|to|at)"), after(r"(?:input )?tokens?\b")),
            Around(before(r"context.{0,20}"), after(r"in length")),
            Around(before(r"long[- ]context(?: \w{1,16}){0,2}"), after(r"(?:input )?tokens\b")),
        ),
        (
            "context",
            "sequence",
            "seq",
            "上下文",
            "序列",
            "コンテキスト",
            "컨텍스트",
            "kontext",
            "contes",
            "контекст",
            "input length",
        ),
        fits,
    ),
)

"""Attention heads, KV heads, head dimension."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cardscope.carding.claims.kind import Around, Kind, after, before, labels, plain_number
from cardscope.carding.model import Said, of_quantity
from cardscope.carding.numbers import Quantity, quantities

_KV = r"(?:kv|k/v|key[-/ ]?(?:and[- ])?values?)"
_QUERY = re.compile(r"[\s(]{0,3}(?:for |heads? for )?(?:q\b|query|queries)", re.IGNORECASE)
_KEYS = re.compile(rf"[\s(]{{0,3}}(?:for |heads? for )?{_KV}\b", re.IGNORECASE)


def _read(kind: str) -> object:
    plain = plain_number(kind, 1, 1024)

    def read(text: str, label: str) -> Iterator[Said]:
        found = [each for each in quantities(text[:120], 4) if fits(each)]
        named = [(each, _QUERY.match(text, each.end), _KEYS.match(text, each.end)) for each in found]
        if any(q or k for _, q, k in named):
            for each, queries, keys in named:
                if queries or keys:
                    yield of_quantity("num_heads" if queries else "num_kv_heads", each)
            return
        yield from plain(text, label)

    return read


def fits(found: Quantity) -> bool:
    """Heads are small whole numbers."""
    return not found.unit and found.value == int(found.value) and 1 <= found.value <= 1024


KINDS = (
    Kind(
        "num_kv_heads",
        labels(
            rf"{_KV}(?: attention)? heads?|kv ?heads?|attention kv heads?|query groups|grupos kv|kv 头数|num key"
            rf" value heads|key value heads"
        ),
        _read("num_kv_heads"),  # type: ignore[arg-type]
        (
            Around(after=after(rf"(?:grouped )?{_KV}[- ](?:attention )?heads?\b")),
            Around(before(rf"{_KV}[- _]heads?")),
            Around(after=_KEYS),
        ),
        ("kv", "key", "k/v"),
        fits,
    ),
    Kind(
        "num_heads",
        labels(
            r"(?:self-?)?(?:attention |query |q |attn )?heads?(?: count)?|num attention heads"
            r"|(?:注意力)?头数|attention heads|heads|cabe[cç]as|ヘッド数|어텐션 헤드(?: 수)?"
        ),
        _read("num_heads"),  # type: ignore[arg-type]
        (
            Around(
                after=after(
                    r"(?:self-?)?(?:attention|query|q|attn)[- ]heads?\b|注意力头"
                    r"|(?:attention-)?heads\b(?! (?:of|per|dim))"
                )
            ),
            Around(before(r"(?:number of |num_?)(?:attention |query )?heads|n_?heads?|attention heads|注意力头数")),
        ),
        ("head", "头"),
        fits,
    ),
    Kind(
        "head_dim",
        labels(r"(?:attention |per-?)?head (?:dim(?:ension)?s?|size)|d ?head|headdim|head dim|头维度|size per head"),
        plain_number("head_dim", 1, 4096),
        (
            Around(before(r"head[- _](?:dim(?:ension)?|size)(?: per head)?|d_?head")),
            Around(
                after=after(
                    r"(?:dims? |dimensions? )?per"
                    r" head\b"
                )
            ),
        ),
        ("head", "头"),
        lambda q: not q.unit and 1 <= q.value <= 4096,
    ),
)

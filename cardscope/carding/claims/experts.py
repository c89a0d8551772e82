"""Experts, and experts per token."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cardscope.carding.claims.kind import Around, Kind, after, before, labels
from cardscope.carding.model import Said, of_quantity
from cardscope.carding.numbers import Quantity, quantities

_USED = re.compile(
    r"[\s(]{0,3}(?:are )?(?:activ|experts? (?:are )?activ|used|selected|chosen|per token|experts? per"
    r" token|routed per)",
    re.IGNORECASE,
)
_ALL = re.compile(r"\s{0,2}(?:total|experts? (?:in )?total|routed|experts?\b)", re.IGNORECASE)
_SHARED = re.compile(r"\s{0,2}shared", re.IGNORECASE)
_OF = re.compile(r"\s{0,2}(?:out )?(?:of|/|from)\s{0,2}$", re.IGNORECASE)


def fits(found: Quantity) -> bool:
    """Experts are small whole numbers."""
    return not found.unit and found.value == int(found.value) and 1 <= found.value <= 4096


def read(text: str, label: str) -> Iterator[Said]:
    """`128`, `8 active / 128 total and 1 shared`, `128 (8 active)`, `64 routed + 2 shared`."""
    found = [each for each in quantities(text[:120], 4) if fits(each)]
    per_token = bool(re.search(r"activ|per tok|top|used|selected", label, re.IGNORECASE))
    for at, each in enumerate(found):
        head = text[found[at - 1].end if at else 0 : each.start]
        if _SHARED.match(text, each.end) or re.search(r"shared\W{0,3}$", head, re.IGNORECASE):
            continue
        if _USED.match(text, each.end) or re.search(r"(?:top-?|activ\w*:?)\s?$", head, re.IGNORECASE):
            yield of_quantity("experts_per_token", each)
        elif at == 0:
            yield of_quantity("experts_per_token" if per_token else "num_experts", each)
        elif _ALL.match(text, each.end) or _OF.search(head):
            yield of_quantity("num_experts", each)


KINDS = (
    Kind(
        "experts_per_token",
        labels(r"(?:active|activated|selected|used) experts(?: per token)?|experts? (?:per token"
               r"|activated|used|per tok)|(?:moe )?top-?k|num experts per tok|激活专家数?|experts_per_tok"),
        lambda text, label: read(text, label + " per token"),
        (
            Around(after=after(r"(?:of the )?(?:routed )?experts? (?:are |is )?(?:active|activated"
                               r"|selected|used|chosen|per token|being)|(?:active|activated|selected)"
                               r" (?:routed )?experts?|experts? for each token|/ ?tok(?:en)?\b")),
            Around(before(r"top[- ]?"), after(r"rout|gating|expert")),
            Around(before(r"(?:activat|select|rout|choos)\w*(?: only)?(?: the)?(?:"
                          r" top)?"), after(r"(?:of (?:the )?\d{1,4}"
                                                                                                  r" )?(?:routed"
                                                                                                  r" )?experts?\b")),
            Around(after=after(r"(?:out )?of \d{1,4} (?:routed )?experts")),
        ),
        ("expert", "top-", "专家"),
        fits,
    ),
    Kind(
        "num_experts",
        labels(r"(?:routed |total |local )?experts?(?: count)?|num (?:local |routed )?experts|专家(?:数"
               r"|总数)?|number of experts"),
        read,
        (
            Around(re.compile(r"(?<!shared )$"), after(r"(?:total |routed |fine-grained |local |specialized |sparse"
                                                       r" )*experts\b(?! (?:are|per|is|active|activated|selected|used"
                                                       r"|for each|chosen))|个(?:路由)?专家")),
            Around(before(r"(?:out )?of(?: a total of)?"), after(r"(?:total |routed )?experts\b")),
        ),
        ("expert", "专家"),
        fits,
    ),
)  # fmt: skip

"""What the model was trained with: tokens, FLOPs, GPU hours."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cardscope.carding.claims.kind import Around, Kind, after, before, labels
from cardscope.carding.model import Said, of_quantity
from cardscope.carding.numbers import Quantity, Reading, quantities

_EXPONENT = re.compile(
    r"(\d{1,4}(?:\.\d{1,4})?)\s?(?:[eE]\s?\+?\s?|(?:[x×*·]\s?)?10\s?(?:\^"
    r"|\*\*)\s?\{?)(\d{1,2})\}?(?:\s?(?:total )?(?P<flops>FLOPs?|FLOP|floating|浮点))?"
)
_TRAINED = (
    r"(?:(?:pre-?)?train(?:ed|ing)|\bwe (?:pre-?)?train)(?: (?!batch|context|sequence)[\w.-]{1,24}){0,4}"
    r" (?:on|with|using|over|for|of|from|to)"
    r"(?: a (?:total|corpus|dataset|mixture|mix) of)?|(?:预训练|训练)"
)
_BATCH = re.compile(
    r"batch|warm-?up|per (?:step|day|second|language|domain)|each step|cooldown|annealing|fine-?tun"
    r"|sft|instruction|synthetic|budget per|context|speed|throughput|generat|max_",
    re.IGNORECASE,
)


def fits(found: Quantity) -> bool:
    """Corpora have at least a million tokens."""
    return (found.value >= 1e6 and found.unit not in {"", "k"}) or (not found.unit and found.value >= 1e8)


def read(text: str, label: str) -> Iterator[Said]:
    """`15T+`, `10 trillion tokens`, `Up to 9T tokens`."""
    if label.lower().strip().endswith("data") and "token" not in text[:80].lower():
        return  # the data is described, not counted
    if not _BATCH.search(text[:60]):
        yield from (of_quantity("training_tokens", each) for each in list(quantities(text[:80], 2))[:1] if fits(each))


def read_flops(text: str, label: str) -> Iterator[Said]:
    """`3.8e25 FLOPs`, `2.4 × 10^23`."""
    del label
    match = _EXPONENT.search(text[:120])
    if match:
        yield _power(match)


def _power(match: re.Match[str]) -> Said:
    scale, digits = 10.0 ** int(match[2]), len(match[1].partition(".")[2])
    value, half = float(match[1]) * scale, 0.5 * 10.0**-digits * scale
    return Said("training_flops", value, match[0].strip(), (Reading(value, value - half, value + half),))


def flops_prose(clause: str) -> Iterator[tuple[Said, int]]:
    """A power of ten before the word FLOPs, where training is spoken of."""
    for match in _EXPONENT.finditer(clause):
        if match["flops"] and int(match[2]) >= 15 and re.search(r"train|compute", clause, re.IGNORECASE):
            yield _power(match), match.start()


def read_hours(text: str, label: str) -> Iterator[Said]:
    """`1.3M`, `460k`, `184320`."""
    del label
    found = next(quantities(text[:60], 1), None)
    if found and found.value >= 1 and not re.match(r"\s?(?:days?|weeks?|months?|minutes?)", text[found.end :]):
        yield of_quantity("gpu_hours", found)


KINDS = (
    Kind(
        "training_tokens",
        labels(
            r"(?:pre-?)?(?:training|trained) (?:tokens|budget)|(?:pre-?)?(?:training )?token(?:s)?(?:"
            r" count)?|tokens? (?:seen|trained|count|used)|(?:pre-?)?training data(?: size)?|(?:training )?tokens"
            r"|(?:预)?训练\s?(?:tokens?|token数)|学習トークン数?|of tokens|seen"
            r" tokens|tokens de entrenamiento|training tokens"
        ),
        read,
        (
            Around(before(rf"(?:{_TRAINED})(?:(?!batch|warm|sequence|context|length).){{0,30}}"
                          rf"|\b\d{{1,3}}(?:\.\d)?B(?: model)? with"), after(r"(?:(?!with|model|was|and)[\w-]{1,16}"
                                                                             r" ){0,4}tokens\b"
                                                                             r"|[a-z-]{3,16} and [a-z-]{3,16} tokens\b"
                                                                             r"|(?:个)?\s?tokens?|(?:个)?词元|トークン"
                                                                             r"|토큰"
                                                                             r"|de"
                                                                             r" tokens"
                                                                             r"|di"
                                                                             r" token")),
            Around(before(r"(?:corpus|dataset|data|budget|语料|数据).{0,30}"), after(r"(?:[\w-]{1,16} ){0,3}tokens\b"
                                                                                 r"|(?:个)?\s?tokens?")),
            Around(before(r"(?:for|saw|seen|sees|consum\w+|totall?ing|total of)"), after(r"(?:pre-?training |training "
                                                                                         r"|high-quality"
                                                                                         r" )?tokens\b")),
            Around(after=after(r"(?:的)?\s?(?:个)?tokens?(?:的)?(?:数据|语料)?(?:上)?进行(?:了)?(?:预)?训练")),
            Around(after=after(r"tokens? (?:of|from) (?:pre-?train\w*|training|(?:\w{1,12}"
                               r" ){0,3}(?:data|text|corpus|web))")),
        ),
        ("token", "词元", "トークン", "토큰"),
        fits,
    ),
    Kind(
        "training_flops",
        labels(r"(?:total |training )?(?:training )?(?:compute|flops?)(?: \(flops?\))?|training flops|算力"),
        read_flops,
        words=("flop",),
        prose=flops_prose,
    ),
    Kind(
        "gpu_hours",
        labels(r"(?:training )?(?:gpu|tpu|h100|a100|accelerator)[- ]?hours?|(?:training )?time in gpu"
               r" hours|gpu hours|hours used|training time"),
        read_hours,
        (Around(after=after(r"(?:total |cumulative )?(?:[HAV]\d{2,3}(?:-\d{2}GB)? )?(?:GPU|TPU|H\d00"
                            r"|A100)(?:[ -]chip)?[ -]?hours\b")),),
        ("hour",),
        lambda q: q.value >= 10,
    ),
)  # fmt: skip

"""Vocabulary size."""

from __future__ import annotations

from cardscope.carding.claims.kind import Around, Kind, after, before, between, labels, plain_number

KINDS = (
    Kind(
        "vocab_size",
        labels(
            r"(?:tokenizer )?vocab(?:ulary)?(?: size)?(?: of tokenizer)?|vocab|tokenizer size|词表(?:大小"
            r"|规模)?|词汇表?(?:大小|量)?|語彙(?:サイズ|数)?|어휘(?: 크기)?"
            r"|vocabulario|tamaño del vocabulario|vocabulaire|taille du vocabulaire"
            r"|vokabular(?:größe)?|vocabulário|vocabolario|словарь|размер словаря"
            r"|token embedding|lm output"
        ),
        plain_number("vocab_size", 250, 5_000_000),
        (
            Around(before(
                r"vocab(?:ulary)?(?:[ _]size)?(?: (?:contains|has|of size|consisting of|size of))?"
                r"|词表(?:大小)?|词汇表(?:大小)?|語彙(?:サイズ|数)"
                r"|vocabulario|vocabulaire|vokabular|vocabulário|vocabolario|словар\w{0,3}"
            )),
            Around(after=after(
                r"(?:[- ]?(?:token|entry|word|piece|subword)s?[- ]?)?(?:\w{1,12} )?vocab(?:ulary)?\b"
                r"|(?:大小的|规模的|的|token大小的)?词表"
                r"|tokens? in (?:the|its) vocab|token-?\w{0,8} vocab"
            )),
        ),
        ("vocab", "词表", "词汇", "語彙", "vokabular", "vocabol", "словар"),
        between(100, 5_000_000),
    ),
)  # fmt: skip

"""Claims in words: licence, base model, architecture, languages, library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cardscope.carding.claims.kind import Kind, labels
from cardscope.carding.languages import codes
from cardscope.carding.licences import licence
from cardscope.carding.model import Said
from cardscope.harvest import declared

_ID = re.compile(r"(?<![\w/.:-])([A-Za-z0-9][\w.-]{0,60}/[A-Za-z0-9][\w.-]{1,95})(?![\w/])")
_NAME = re.compile(r"`?([A-Z][\w.]{1,30}(?:[-_][\w.]{1,20}){1,8})`?")
_LOWER = re.compile(r"\s?`?([a-z][\w.]{1,30}(?:-[\w.]{1,20}){1,8})`?(?![\w-])")
_DERIVED = re.compile(
    r"\b(?:fine-?tuned?(?: (?:version|variant|model|checkpoint|derivative))?(?: of| from| on top of|"
    r" using)|finetune of|(?:continued? |further )?(?:pre-?|post-?)?trained (?:from|on top of|based on)|based on"
    r"|built (?:on(?: top of)?|upon|from)|derived from|initiali[sz]ed (?:from|with)|quantized version"
    r" of|derivative of|adapter (?:for|of)|merge of|starting from|developed from|post-trained from"
    r"|used? the pre-?trained|(?:is|was) post-trained (?:based )?on)"
    r"\s(?:the )?(?:base )?(?:model )?(?:\w{2,12}['’]s )?",
    re.IGNORECASE,
)
_NOT_MODEL = re.compile(
    r"\b(?:framework|benchmark|evaluat\w+|dataset|data|pipeline|code|tokenizer|prompt|judge"
    r"|licensed)\b|-\d{1,3}(?:\.\d)?[BbMm]\b.*-\d{1,3}(?:\.\d)?[BbMm]\b",
    re.IGNORECASE,
)
_LICENSED = re.compile(
    r"\b(?:licen[cs]ed? (?:under|is|:|by)|released under|available under|distributed under|made"
    r" available under|under (?:an?|the)|use of (?:this|the) model is governed by|governed by|以|采用"
    r"|遵循)\s?(?:the |an? |terms of the )?",
    re.IGNORECASE,
)
_NOT_WEIGHTS = re.compile(
    r"\b(?:code|dataset|data|repository's code|codebase|library|originally|documentation|images?|outputs?)\b|代码",
    re.IGNORECASE,
)
FORMS: Final = (
    ("mixture of experts", re.compile(r"\bmixture[- ]of[- ]experts\b|\bMoE\b|混合专家", re.IGNORECASE)),
    (
        "dense",
        re.compile(
            r"\bdense (?:(?!retriev|vector|passage|embed)\w{1,20}[- ]?){0,3}(?:model|transformer|decoder|architecture"
            r"|llm)\b",
            re.IGNORECASE,
        ),
    ),
    ("encoder-decoder", re.compile(r"\bencoder[-–/ ]decoder\b|\bseq(?:uence)?[- ]?(?:2|to)[- ]?seq", re.IGNORECASE)),
    (
        "decoder-only",
        re.compile(
            r"\bdecoder[- ]only\b|\bcausal (?:language model|lm|decoder)"
            r"|\bauto-?regressive (?:\w{1,12} )?(?:language|transformer)",
            re.IGNORECASE,
        ),
    ),
    ("encoder-only", re.compile(r"\bencoder[- ]only\b", re.IGNORECASE)),
)
_IS = re.compile(
    r"\b(?:is|uses|employs|adopts|built as|based on|features) (?:an? |the )?(?:[\w,.-]+ ){0,9}$"
    r"|^(?:an? )(?:[\w,.-]+ ){0,5}$"
    r"|\b(?:é|es|est|ist|è) (?:[\w,.-]+ ){0,6}$|^(?:um|un|une|una|ein|eine) (?:[\w,.-]+ ){0,5}$",
    re.IGNORECASE,
)
_FORM_OF = re.compile(
    r"\s?(?:\(\w{1,8}\) )?(?:language |transformer )?(?:architecture|model|transformer)\b", re.IGNORECASE
)
_CLASS = re.compile(r"\b([A-Z][A-Za-z0-9]{2,40}(?:For[A-Z][A-Za-z]{4,40}|LMHeadModel))\b")


def read_licence(text: str, label: str) -> Iterator[Said]:
    """`Apache 2.0`, `MIT License`, or the name of one that the Hub has no word for."""
    del label
    found = licence(text[:160])
    named = re.match(
        r"\s?(?:the )?([\w .,&+'-]{3,60}?(?:licen[cs]e|agreement|terms)(?: v?\d[\d.]{0,4})?)", text, re.IGNORECASE
    )
    if found:
        yield Said("license", found[0], found[1])
    elif named:
        yield Said("license", named[1].strip().lower(), named[1].strip())


def licence_prose(clause: str) -> Iterator[tuple[Said, int]]:
    """`released under the Apache 2.0 license`; not the licence of code or data."""
    match = _LICENSED.search(clause)
    if not match or _NOT_WEIGHTS.search(clause):
        return
    found = licence(clause[match.end() : match.end() + 100])
    if found and found[2] <= 40:
        yield Said("license", found[0], found[1]), match.start()


def read_base(text: str, label: str) -> Iterator[Said]:
    """An id, or the name of a model."""
    del label
    match = _ID.search(text[:200]) or _NAME.search(text[:200]) or _LOWER.match(text[:200])
    if match:
        yield Said("base_model", match[1].rstrip("."), match[1])


def base_prose(clause: str) -> Iterator[tuple[Said, int]]:
    """`fine-tuned from org/name`, `based on Name-7B`."""
    match = _DERIVED.search(clause)
    if match:
        rest = clause[match.end() : match.end() + 120]
        found = _ID.match(rest) or _NAME.match(rest)
        head = clause[: match.start()]
        if found and any(char.isdigit() for char in found[1]) and not _NOT_MODEL.search(head):
            yield Said("base_model", found[1].rstrip("."), found[1]), match.start()


def read_architecture(text: str, label: str) -> Iterator[Said]:
    """A class of transformers, or what the model is: dense, a mixture, decoder-only."""
    del label
    word = text.strip(" `\"'")
    if re.fullmatch(r"[a-z][a-z0-9_]{2,24}", word) and declared(word) is not None:
        yield Said("architecture", word, word)
        return
    named = _CLASS.search(text[:200])
    if named:
        yield Said("architecture", named[1], named[1])
        return
    for form, pattern in FORMS:
        if match := pattern.search(text[:200]):
            yield Said("architecture", form, match[0])
            if form != "dense":
                return


def architecture_prose(clause: str) -> Iterator[tuple[Said, int]]:
    """`is a decoder-only …`, `a Mixture-of-Experts model`."""
    named = {form for form, pattern in FORMS if pattern.search(clause)}
    if {"dense", "mixture of experts"} <= named or re.search(r"\bdense and\b|\band dense\b", clause, re.IGNORECASE):
        return
    for form, pattern in FORMS:
        match = pattern.search(clause)
        if match is None:
            continue
        head = clause[: match.start()]
        if _IS.search(head[-110:]) or (not head.strip() and _FORM_OF.match(clause, match.end())):
            yield Said("architecture", form, match[0]), match.start()


def read_languages(text: str, label: str) -> Iterator[Said]:
    """`English, German and French`, `English (en)`."""
    del label
    found = codes(text[:600]) or ({"multilingual"} if text.strip().lower().startswith("multilingual") else set())
    if found:
        yield Said("languages", tuple(sorted(found)), text.strip()[:80])


def read_library(text: str, label: str) -> Iterator[Said]:
    """`transformers`, `Sentence Transformers`."""
    del label
    name = text.strip().split(",")[0].strip().lower().replace(" ", "-").replace("🤗-", "")
    known = {
        "transformers",
        "sentence-transformers",
        "diffusers",
        "peft",
        "mlx",
        "timm",
        "gguf",
        "open-clip",
        "nemo",
        "keras",
        "llama.cpp",
        "vllm",
    }
    if name in known:
        yield Said("library", name, text.strip()[:40])


KINDS = (
    Kind(
        "license",
        labels(
            r"(?:model |weights? )?licen[cs](?:e|ing)(?: type)?|许可证?|协议|使用协议|ライセンス|라이선스|licencia"
            r"|licença|lizenz|licenza|лицензия"
        ),
        read_licence,
        words=("licens", "licenc", "under", "governed", "协议", "许可"),
        prose=licence_prose,
    ),
    Kind(
        "base_model",
        labels(
            r"(?:base|parent|foundation|original|source|backbone) model|fine-?tuned from(?: model)?"
            r"|base(?: llm)?|基座模型|基础模型|ベースモデル|modelo base|basismodell"
        ),
        read_base,
        words=(
            "tuned",
            "based on",
            "built",
            "derived",
            "initiali",
            "quantized version",
            "derivative",
            "trained",
            "merge of",
            "adapter",
            "starting",
            "distill",
            "developed",
        ),
        prose=base_prose,
    ),
    Kind(
        "architecture",
        labels(
            r"(?:model |network |neural )?(?:architecture|type|class)(?: type)?|arquitectura"
            r"|architektur|架构|モデルアーキテクチャ|architectures?"
        ),
        read_architecture,
        words=("expert", "moe", "dense", "decoder", "causal", "autoregressive", "auto-regressive", "encoder-only"),
        prose=architecture_prose,
    ),
    Kind(
        "languages",
        labels(
            r"(?:supported |natural )?languages?(?: \(nlp\)| supported)?|语言|言語|対応言語|언어|idiomas?"
            r"|langues?|sprachen?|lingue|языки?"
        ),
        read_languages,
    ),
    Kind("library", labels(r"library(?: name)?|framework"), read_library),
)

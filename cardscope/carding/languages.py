"""Languages: two-letter codes and the names a card uses for them."""

from __future__ import annotations

import re
from typing import Final

_PAIRS: Final = (
    "en=english zh=chinese de=german fr=french es=spanish it=italian pt=portuguese ru=russian "
    "ja=japanese ko=korean ar=arabic hi=hindi th=thai vi=vietnamese id=indonesian tr=turkish "
    "pl=polish nl=dutch cs=czech sv=swedish da=danish fi=finnish no=norwegian el=greek he=hebrew "
    "uk=ukrainian ro=romanian hu=hungarian bg=bulgarian fa=persian bn=bengali ta=tamil te=telugu "
    "ur=urdu mr=marathi gu=gujarati kn=kannada ml=malayalam sw=swahili ca=catalan hr=croatian "
    "sk=slovak sl=slovenian sr=serbian lt=lithuanian lv=latvian et=estonian ms=malay eu=basque "
    "gl=galician cy=welsh ga=irish is=icelandic ne=nepali pa=punjabi tl=tagalog"
)
_NAMES: Final[dict[str, str]] = dict(re.findall(r"(\w+)=(\w+)", _PAIRS))
_WORD: Final = re.compile(r"\b(" + "|".join(_NAMES.values()) + r")\b", re.IGNORECASE)
_CODES: Final = {name: code for code, name in _NAMES.items()}
_LIST = re.compile(r"[a-z]{2}(?:\s?,\s?[a-z]{2})*")
_TWO_LETTERS: Final = """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz
    ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik
    io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml
    mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd
    se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve
    vi vo wa wo xh yi yo za zh zu"""
TWO_LETTERS: Final = frozenset(re.findall(r"[a-z]{2}", _TWO_LETTERS))
"""ISO 639-1."""


def codes(text: str) -> set[str]:
    """The codes of the languages that a text names."""
    plain = text.strip().lower().rstrip(".")
    if _LIST.fullmatch(plain):
        return {code.strip() for code in plain.split(",")} & TWO_LETTERS
    return {_CODES[match[1].lower()] for match in _WORD.finditer(text)}


def is_code(value: str) -> bool:
    """Whether a value is what the Hub takes: two or three letters, a script or region after them, or `multilingual`."""
    head = value.split("-", maxsplit=1)[0]
    two = len(head) == 2 and head.lower() in TWO_LETTERS
    return (
        two
        or value in {"multilingual", "code"}
        or bool(re.fullmatch(r"[a-z]{3}(?:[-_][A-Za-z]{2,8}){0,2}", value))
        or value.startswith("x-")
    )

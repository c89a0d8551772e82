"""Languages: two-letter codes and the names a card uses for them."""

from __future__ import annotations

import re
from typing import Final

from cardscope.rules.hub_words import TWO_LETTERS

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


def codes(text: str) -> set[str]:
    """The codes of the languages that a text names."""
    plain = text.strip().lower().rstrip(".")
    if _LIST.fullmatch(plain):
        return {code.strip() for code in plain.split(",")} & TWO_LETTERS
    return {_CODES[match[1].lower()] for match in _WORD.finditer(text)}

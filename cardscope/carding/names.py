"""What a repository's name claims: sizes, context, quantization."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cardscope.carding.claims.precision import methods
from cardscope.carding.model import Said, of_quantity
from cardscope.carding.numbers import first
from cardscope.carding.subject import Subject

_SIZE = re.compile(r"(?<![A-Za-z0-9.])(\d{1,4}(?:[._]\d{1,3})?[BbMm])(?![A-Za-z0-9])")
_ACTIVE = re.compile(r"(?<![A-Za-z0-9])[Aa](\d{1,4}(?:\.\d{1,3})?[BbMm])(?![A-Za-z0-9])")
_CONTEXT = re.compile(r"(?<![A-Za-z0-9.])(\d{1,4}[kK]|1[mM])(?![A-Za-z0-9])")


def claims(own: Subject) -> Iterator[Said]:
    """Sizes of a name are claims where there is one of them: of two, one may be another model's."""
    text = re.sub(r"(?<=\d)_(?=\d{1,2}[BbMm])", ".", own.name)
    active = [match[1] for match in _ACTIVE.finditer(text)]
    sizes = [match[1] for match in _SIZE.finditer(text) if not _is_context(match[1], text)]
    for kind, found in (("parameters", sizes), ("active_parameters", active)):
        quantity = first(found[0].upper()) if len(found) == 1 else None
        if quantity:
            yield of_quantity(kind, quantity)
    contexts = [match[1] for match in _CONTEXT.finditer(text) if match[1] not in sizes]
    quantity = first(contexts[0]) if len(contexts) == 1 else None
    if quantity and quantity.value >= 2000:
        yield of_quantity("context_length", quantity, "name")
    for name, words in methods(text.replace("_", "-"))[:1]:
        yield Said("quantization", name, words)


def _is_context(word: str, text: str) -> bool:
    """`-1M` beside a size is a context (Qwen2.5-7B-Instruct-1M)."""
    return word.lower() == "1m" and len(_SIZE.findall(text)) > 1

"""How large the files are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cardscope.carding.claims.kind import Kind, labels
from cardscope.carding.claims.precision import dtypes
from cardscope.carding.model import Said
from cardscope.carding.numbers import Reading

SIZE = re.compile(r"(?<![\w.,])(\d{1,5}(?:[.,]\d{1,3})?)\s?(TB|TiB|GB|GiB|MB|MiB)(?![A-Za-z])")
_UNITS = {"T": 1e12, "G": 1e9, "M": 1e6}
_BINARY = {"T": 1024.0**4, "G": 1024.0**3, "M": 1024.0**2}
_WEIGHTS = re.compile(
    r"\b(?:weights?|checkpoints?|model files?|safetensors|download|file size|on disk|disk space)\b", re.IGNORECASE
)
_NEED = re.compile(
    r"\b(?:memory|ram|vram|gpu|need|requir|at least|card|free|peak|a100|h100|h200|l40|rtx|v100|data"
    r"|dataset|text|corpus|index)\b",
    re.IGNORECASE,
)


def bytes_said(match: re.Match[str], detail: str = "") -> Said:
    """A size with its decimal and binary reading."""
    number, digits = (
        float(match[1].replace(",", ".")),
        len(re.split(r"[.,]", match[1])[-1]) if re.search(r"[.,]", match[1]) else 0,
    )
    half = 0.5 * 10.0**-digits
    letter, binary = match[2][0], "i" in match[2]
    scales = (_BINARY[letter],) if binary else (_UNITS[letter], _BINARY[letter])
    readings = tuple(Reading(number * s, (number - half) * s, (number + half) * s) for s in scales)
    return Said("file_size", round(number * scales[0]), match[0], readings, "", detail)


def read(text: str, label: str) -> Iterator[Said]:
    """`8.5 GB`, the dtype from the label: `Checkpoint (BF16)`."""
    match = SIZE.search(text[:60])
    if match and match.start() <= 12:
        named = dtypes(label + " " + text[match.end() : match.end() + 20])
        yield bytes_said(match, named[0][0] if named else "")


def prose(clause: str) -> Iterator[tuple[Said, int]]:
    """`the weights take 16 GB on disk`; never what a GPU must have."""
    found = list(SIZE.finditer(clause[:500]))
    if len(found) == 1 and _WEIGHTS.search(clause) and not _NEED.search(clause):
        named = dtypes(clause)
        yield bytes_said(found[0], named[0][0] if len(named) == 1 else ""), found[0].start()


KINDS = (
    Kind(
        "file_size",
        labels(r"(?:model |checkpoint |download |weights? |total )?file size|(?:model |checkpoint "
               r"|download |weights? |disk )size|(?:bf16|fp16|fp32|fp8|int4|int8|quantized|full)?"
               r" ?(?:checkpoint|weights)|size on disk|size|weights|disk (?:space"
               r"|usage)|download|模型文件大小"),
        read,
        words=("gb", "gib", "mb", "mib", "tb"),
        prose=prose,
    ),
)  # fmt: skip

"""The dtype of the weights, and their quantization."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cardscope.carding.claims.kind import Kind, labels
from cardscope.carding.model import Said

_DTYPE: Final = re.compile(
    r"(?<![A-Za-z0-9])(bfloat16|bf16|float16|fp16|f16|half precision|float32|fp32|f32|fp8|float8"
    r"|f8_e4m3|e4m3)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_NAMES: Final = {
    "bf16": "bfloat16",
    "bfloat16": "bfloat16",
    "float16": "float16",
    "fp16": "float16",
    "f16": "float16",
    "half precision": "float16",
    "float32": "float32",
    "fp32": "float32",
    "f32": "float32",
    "fp8": "fp8",
    "float8": "fp8",
    "f8_e4m3": "fp8",
    "e4m3": "fp8",
}
_METHODS: Final = (
    ("gptq", r"GPTQ"),
    ("awq", r"AWQ"),
    ("gguf", r"GGUF"),
    ("mxfp4", r"MXFP4"),
    ("nvfp4", r"NVFP4"),
    ("exl2", r"EXL2"),
    ("hqq", r"HQQ"),
    ("aqlm", r"AQLM"),
    ("bitsandbytes", r"bitsandbytes|bnb|NF4"),
    ("fp8", r"FP8"),
    ("int8", r"INT-?8|W8A8|8-?bit"),
    ("int4", r"INT-?4|W4A16|4-?bit"),
)
_METHOD: Final = tuple(
    (name, re.compile(rf"(?<![A-Za-z0-9])(?:{text})(?![A-Za-z0-9])", re.IGNORECASE)) for name, text in _METHODS
)
_STORED = re.compile(
    r"(?:weights?|checkpoints?|model files?|parameters|tensors?|released|provided|published|stored"
    r"|saved|available|distributed|权重)"
    r".{0,40}?\b(?:in|as|are|with|format|precision|dtype|using|:)\s{1,2}(?:native |the )?[`\"]?$"
    r"|(?:native|natively)\s{0,2}(?:in\s)?$",
    re.IGNORECASE,
)
_STORED_AFTER = re.compile(
    r"[`\"]?(?:[- ](?:format|precision|native))?\s{0,2}(?:model )?(?:weights|checkpoints?|tensors"
    r"|safetensors)\b(?! (?:can|may|to|and))",
    re.IGNORECASE,
)
_ACTION = re.compile(
    r"\b(?:lora|adapt[eo]r|activations?|train|inference|infer|load|run|running|cast|convert|support"
    r"|require|need|memory|gpu|compar|perform|speed|test|evaluat|mixed|can be|may|optimi[sz]er"
    r"|quantiz\w+ (?:to|from)|original|if|when|cuda|vram)",
    re.IGNORECASE,
)
_QUANTIZED = re.compile(
    r"\b(?:this (?:repo(?:sitory)?|model)|it|model|version|weights?|files?|quant(?:ized|ised|ization|isation))\b",
    re.IGNORECASE,
)


def dtypes(text: str) -> list[tuple[str, re.Match[str]]]:
    """The float types that a text names."""
    return [(_NAMES[match[1].lower()], match) for match in _DTYPE.finditer(text)]


def methods(text: str) -> list[tuple[str, str]]:
    """(method, its words) of the quantizations that a text names."""
    return [(name, match[0]) for name, pattern in _METHOD if (match := pattern.search(text))]


def read_dtype(text: str, label: str) -> Iterator[Said]:
    """`BF16`, `torch.bfloat16`."""
    del label
    found = dtypes(text[:60])
    if len({name for name, _ in found}) == 1 and not re.search(r"mixed|train", text[:80], re.IGNORECASE):
        yield Said("dtype", found[0][0], found[0][1][0])


def dtype_prose(clause: str) -> Iterator[tuple[Said, int]]:
    """`the weights are in BF16`, `BF16 weights`; never what one may train, load or run it in."""
    found = dtypes(clause)
    if len(found) != 1 or _ACTION.search(clause):
        return
    name, match = found[0]
    if _STORED.search(clause[: match.start()][-80:]) or _STORED_AFTER.match(clause, match.end()):
        yield Said("dtype", name, match[0]), match.start()


def read_quantization(text: str, label: str) -> Iterator[Said]:
    """`4-bit GPTQ`, `AWQ`, `none`."""
    if re.match(r"\s*(?:none|no\b|n/a|unquantized|not quantized|-|—)", text, re.IGNORECASE):
        if "bit" not in label:
            yield Said("quantization", "none", text.strip()[:20])
        return
    found = methods(text[:80])
    if found:
        yield Said("quantization", found[0][0], found[0][1])


def quantization_prose(clause: str) -> Iterator[tuple[Said, int]]:
    """`This repo contains GPTQ model files`, `a 4-bit AWQ quantization of`."""
    found = methods(clause)
    if not found or len(found) > 2:
        return
    words = found[0][1]
    at = clause.find(words)
    native = re.search(r"\bnative(?:ly)? |post-?trained with ", clause[:at][-30:], re.IGNORECASE)
    if native and found[0][0] in {"mxfp4", "nvfp4", "fp8", "int4"}:
        yield Said("quantization", found[0][0], words), at
        return
    mine = re.search(r"\b(?:this (?:repo(?:sitory)?|model|is|version|checkpoint)|model is)\b", clause, re.IGNORECASE)
    told = re.search(r"quantiz|quantis|model files|量化", clause, re.IGNORECASE)
    if (
        mine
        and told
        and not re.search(
            r"\b(?:can|could|may|if|support\w*|to quantize|memory|gpu|also|available|other)\b", clause, re.IGNORECASE
        )
    ):
        yield Said("quantization", found[0][0], words), at


KINDS = (
    Kind(
        "dtype",
        labels(
            r"(?:weights? |model |tensor |torch |numerical )?(?:dtype|data ?type|precision|tensor"
            r" type|format)|tensor type|torch dtype|precisão|precisión|精度|数据类型|数値精度|精度类型"
        ),
        read_dtype,
        words=("bf16", "bfloat", "fp16", "float16", "f16", "fp32", "float32", "fp8", "float8", "half precision"),
        prose=dtype_prose,
    ),
    Kind(
        "quantization",
        labels(
            r"(?:weight |weights )?quanti[sz]ation(?: (?:method|type|format|scheme))?|quant(?: method)?|quanti[sz]ed"
            r"|量化(?:方式|方法)?|quant method"
        ),
        read_quantization,
        words=(
            "gptq",
            "awq",
            "gguf",
            "fp4",
            "exl2",
            "hqq",
            "aqlm",
            "bitsandbytes",
            "bnb",
            "nf4",
            "fp8",
            "int8",
            "int4",
            "-bit",
            "4bit",
            "8bit",
            "w4a",
            "w8a",
        ),
        prose=quantization_prose,
    ),
)

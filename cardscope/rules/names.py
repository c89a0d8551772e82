"""Rules over what a repository's name promises."""

from __future__ import annotations

import re
from typing import Final

from cardscope.identify import config_dtype, text_key
from cardscope.rules.config import number
from cardscope.rules.rule import Found, Repository, Rule
from cardscope.rules.saved import EXPERTS
from cardscope.units import dtype_name

_CONTEXT = re.compile(
    r"(?<![A-Za-z0-9.])(\d{1,4})(K)(?![A-Za-z0-9])|(?<=[Bb]-)(?:[A-Za-z]+-)?(\d{1,2})(M)(?![A-Za-z0-9])", re.IGNORECASE
)
_FLOAT = re.compile(r"(?<![A-Za-z0-9])(fp16|bf16|fp32|float16|bfloat16|float32)(?![A-Za-z0-9])", re.IGNORECASE)
_LOW = re.compile(
    r"(?<![A-Za-z0-9])(fp8|nvfp4|mxfp4|[48]-?bit|int[48]|w[48]a(?:8|16)|bnb)(?![A-Za-z0-9])", re.IGNORECASE
)
_MIXTURE = re.compile(r"(?<![A-Za-z0-9])\d{1,3}x\d{1,4}(?:\.\d)?B(?![A-Za-z0-9])", re.IGNORECASE)
STEPS: Final = {"K": 1024, "M": 1 << 20}
QUANTIZED: Final = {"quantization_config", "compression_config", "quantization"}


def _last(about: Repository) -> str:
    """The name without its owner."""
    return about.name.partition("@")[0].rpartition("/")[2]


def context_in_name(about: Repository) -> Found:
    """The context in the name is longer than the config's.

    The name promises `128k` and the config has fewer positions: loaders and engines stop at the config's. Fix: raise
    `max_position_embeddings` with its rope scaling, or rename.
    """
    groups = (match.groups() for match in _CONTEXT.finditer(_last(about)))
    found = [int(k or m) * STEPS["K" if k else "M"] for k, _, m, _ in groups]
    # Names say 128k for 128,000 and for 131,072 alike; millions are sizes, unless a size in billions stands beside.
    if len(found) == 1 and found[0] >= 4096 and about.context and about.context < 0.9 * found[0]:
        yield "name", f"the name says {found[0]:,} tokens and the config {about.context:,}"


def gguf_in_name(about: Repository) -> Found:
    """The name says GGUF and no such file is there.

    Engines that are pointed at it find nothing to load. Fix: upload the files, or rename.
    """
    said = re.search(r"(?<![A-Za-z0-9])gguf(?![A-Za-z0-9])", _last(about), re.IGNORECASE)
    if said and about.files and not any(name.endswith(".gguf") for name in about.files):
        yield "name", "the name says GGUF and no file ends in .gguf"


def precision_in_name(about: Repository) -> Found:
    """The name says another precision than the config.

    Whoever chooses by the name downloads something else. Fix: correct the name or `dtype`.
    """
    found = _FLOAT.search(_last(about))
    known = config_dtype(about.config)
    if found and known and not QUANTIZED & set(about.config):
        said = found[1].lower()
        if dtype_name({"fp16": "F16", "bf16": "BF16", "fp32": "F32"}.get(said, said)) != known:
            yield "name", f"the name says {said} and the config {known}"


def low_precision_in_name(about: Repository) -> Found:
    """The name says a low precision and the config has no quantization.

    Loaders quantize by the config alone: the weights are taken as they are, or refused. Fix: add
    `quantization_config`.
    """
    found = _LOW.search(_last(about))
    if found is None or QUANTIZED & set(about.config) or _inner(about):
        return
    # A toolkit's own file may say it: without a list of files such a name proves nothing.
    elsewhere = any(name.endswith((".gguf", "hf_quant_config.json")) for name in about.files)
    if not elsewhere and (about.files or "p" not in found[1].lower()):
        yield "name", f"the name says {found[1]} and the config has no quantization_config"


def _inner(about: Repository) -> bool:
    """Whether the text model's part of the config is quantized."""
    key = text_key(about.config)
    return key is not None and bool(QUANTIZED & set(about.config[key]))


def mixture_in_name(about: Repository) -> Found:
    """The name says a mixture of experts and the config has none.

    A name as 8x7B counts experts; a config without experts is that of a dense model. Fix: check which was uploaded.
    """
    found = _MIXTURE.search(_last(about))
    key = text_key(about.config)
    places = (about.config, about.config[key] if key else {})
    keys = {name for place in places for name in place}
    counted = any(number(place, name) for place in places for name in EXPERTS)
    if found and not counted and not any("expert" in name or "moe" in name for name in keys):
        yield "name", f"the name says {found[0]} and the config has no experts"


RULES: Final = (
    Rule("CS701", "warning", context_in_name),
    Rule("CS702", "warning", gguf_in_name),
    Rule("CS703", "info", precision_in_name),
    Rule("CS704", "warning", low_precision_in_name),
    Rule("CS705", "warning", mixture_in_name),
)

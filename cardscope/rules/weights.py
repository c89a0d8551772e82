"""Rules over weight files and the tensors in them, against the config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from cardscope.checkpoint.naming import is_head
from cardscope.identify import config_dtype
from cardscope.rules.rule import Found, Repository, Rule
from cardscope.units import dtype_bytes, dtype_name, format_bytes

FLOATS: Final = {"float32", "float16", "bfloat16"}
PACKS: Final = {
    "awq",
    "gptq",
    "bitsandbytes",
    "fp8",
    "compressed-tensors",
    "mxfp4",
    "hqq",
    "aqlm",
    "eetq",
    "fbgemm_fp8",
}
PACKED: Final = {"i32", "i16", "i8", "u8", "u32", "int8", "int32", "uint8"}
POINTER: Final = 200
"""Bytes of the largest text that Git LFS leaves in place of a file."""
SHARE: Final = 0.05
WEIGHTS: Final = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack")
_OWN = re.compile(r"(?:model|pytorch_model)(?:-\d{5}-of-\d{5})?\.(safetensors|bin)")
_LEFT = re.compile(
    r"(?:^|/)(?:optimizer\.(?:pt|bin)|scheduler\.pt|rng_state(?:_\d+)?\.pth|.*_optim_states\.pt|optimizer_\d+.*)$"
)


def _stored(about: Repository) -> Mapping[str, int]:
    """Stored numbers by dtype in torch's names, from the headers or else from the Hub; empty where neither told."""
    told: Mapping[str, int] = {}
    if about.contents is not None and about.contents.source == "headers":
        told = about.contents.dtypes()
    elif about.facts is not None:
        told = about.facts.safetensors_dtypes
    return {dtype_name(name) or name.lower(): count for name, count in told.items() if count}


def _quantized(config: Mapping[str, Any]) -> bool:
    inner = config.get("text_config")
    places = (config, inner if isinstance(inner, Mapping) else {})
    return any(
        key in place for place in places for key in ("quantization_config", "compression_config", "quantization")
    )


def _method(config: Mapping[str, Any]) -> str:
    found = config.get("quantization_config")
    name = found.get("quant_method") if isinstance(found, Mapping) else None
    return name if isinstance(name, str) else ""


def dtype_against_config(about: Repository) -> Found:
    """The weights are stored in another dtype than the config says.

    A loader that follows the config converts every tensor, and readers expect half or twice the size. Fix: correct
    `dtype`, or save the weights in it.
    """
    stored = _stored(about)
    wanted = config_dtype(about.config)
    if not stored or wanted not in FLOATS or _quantized(about.config):
        return
    most = max(stored, key=lambda name: stored[name])
    if most in FLOATS and most != wanted:
        yield "config.json:dtype", f"the config says {wanted} and most numbers are stored as {most}"


def tied_head_stored(about: Repository) -> Found:
    """A head that is tied to the embedding is stored all the same.

    The config ties them, so the stored head is never used: it costs download and disk, and where it differs from the
    embedding readers disagree about the model. Fix: save again with a recent transformers, or untie.
    """
    pieces = about.contents.pieces if about.contents else ()
    heads = [piece for piece in pieces if piece.role == "duplicate" and is_head(piece.name)]
    if heads:
        yield (
            heads[0].name[:100],
            f"{heads[0].name[:100]} ({format_bytes(heads[0].size)}) is stored and the head is tied",
        )


def quantized_by_name_only(about: Repository) -> Found:
    """A quantization is configured and no stored tensor is packed.

    Loaders look for packed words and scales that are not there. Fix: upload the quantized weights, or remove
    `quantization_config`.
    """
    stored, method = _stored(about), _method(about.config)
    if stored and method in PACKS and set(stored) <= FLOATS:
        yield (
            "config.json:quantization_config",
            f"{method[:40]} is configured and only {', '.join(stored)} is stored",
        )


def packed_without_config(about: Repository) -> Found:
    """Packed tensors are stored and no quantization is configured.

    Without `quantization_config` a loader takes packed words for weights, or refuses the shapes. Fix: add it.
    """
    stored = _stored(about)
    words = sum(count for name, count in stored.items() if name in PACKED or "float8" in name)
    if words > SHARE * sum(stored.values()) and not _quantized(about.config):
        yield "config.json", f"{words:,} numbers are stored as integers or 8-bit floats, and no quantization is named"


def empty_weight_file(about: Repository) -> Found:
    """A weight file is empty, or a pointer of Git LFS.

    A clone without Git LFS leaves text of some 130 bytes in the place of each large file. Fix: git lfs pull, or
    upload the file again.
    """
    for name, size in about.sized:
        if name.endswith(WEIGHTS) and size is not None and size < POINTER and "training_args" not in name:
            yield name[:100], f"{name[:100]} has {size} bytes"


def two_formats(about: Repository) -> Found:
    """The same weights lie there in two formats.

    A plain clone downloads both, at twice the size. Fix: remove the pickles once the safetensors are there.
    """
    forms: dict[str, int] = {}
    for name, size in about.sized:
        if (found := _OWN.fullmatch(name)) and size:
            forms[found[1]] = forms.get(found[1], 0) + size
    if len(forms) == 2 and max(forms.values()) < 2.2 * min(forms.values()):
        yield "pytorch_model.bin", f"{format_bytes(forms['bin'])} of pickles lie beside the safetensors"


def training_left_over(about: Repository) -> Found:
    """States of a training run lie beside the weights.

    Optimizer states are twice as large as the model and serve only to go on training. Fix: remove them, or keep them
    on a branch.
    """
    found = [(name, size or 0) for name, size in about.sized if _LEFT.search(name)]
    if found:
        size = sum(size for _, size in found)
        yield found[0][0][:100], f"{len(found)} files of a training run, {format_bytes(size)}"


def files_against_count(about: Repository) -> Found:
    """The size of the weight files does not fit the count.

    At the stored precision the counted parameters would take less than half, or more than twice, of what lies there:
    an upload broke off, or the config belongs to another model. Fix: compare with the model it was made from.
    """
    sizes = [
        size for name, size in about.sized if (found := _OWN.fullmatch(name)) and found[1] == "safetensors" and size
    ]
    dtypes = [name for name in _stored(about) if name in FLOATS]
    plain = config_dtype(about.config)
    if not sizes or not about.parameters or about.parameters < 1_000_000 or _quantized(about.config):
        return
    each = dtype_bytes(dtypes[0]) if len(dtypes) == 1 else dtype_bytes(plain) if plain in FLOATS and plain else None
    if each is not None and not 0.5 <= sum(sizes) / (each * about.parameters) <= 2:
        yield (
            "model.safetensors",
            (f"{format_bytes(sum(sizes))} are there for {about.parameters:,} parameters of {each:g} bytes"),
        )


def several_dtypes(about: Repository) -> Found:
    """The weights are stored in several float dtypes.

    Most loaders convert all to one of them, so that what was kept in float32 with care is rounded. Fix: none is needed
    where it is meant; say so in the card.
    """
    stored = _stored(about)
    total = sum(stored.values())
    mixed = [name for name, count in stored.items() if name in FLOATS and count > SHARE * total]
    if len(mixed) > 1 and not _quantized(about.config):
        yield "model.safetensors", f"numbers are stored as {' and '.join(mixed)}"


def vast_float32(about: Repository) -> Found:
    """A large model is published in float32.

    Models of more than a billion parameters are trained and run in 16 bits; float32 doubles what everyone downloads.
    Fix: save in bfloat16, and keep float32 on a branch.
    """
    stored = _stored(about)
    if stored and max(stored, key=lambda name: stored[name]) == "float32" and (about.parameters or 0) > 10**9:
        yield "model.safetensors", f"{about.parameters:,} parameters are stored in 32 bits"


RULES: Final = (
    Rule("CS220", "warning", dtype_against_config),
    Rule("CS221", "info", tied_head_stored),
    Rule("CS222", "error", quantized_by_name_only),
    Rule("CS223", "error", packed_without_config),
    Rule("CS224", "error", empty_weight_file),
    Rule("CS225", "info", two_formats),
    Rule("CS226", "info", training_left_over),
    Rule("CS227", "warning", files_against_count),
    Rule("CS228", "info", several_dtypes),
    Rule("CS229", "info", vast_float32),
)

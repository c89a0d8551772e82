"""Checkpoints in their training scripts' own form: nanochat's meta_*.json beside model_*.pt, nanoGPT's model_args.

A `.pt` file is a pickle and is never loaded: its zip directory tells the sizes of the tensors, which settle the
release that a meta leaves open.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from cardscope.checkpoint import pickle_zip
from cardscope.errors import BadField, CardscopeError
from cardscope.nanochat.stored import Held
from cardscope.source import formula

_META: Final = re.compile(r"(?:.*/)?meta_(\d{1,12})\.json")
_MODEL: Final = re.compile(r"((?:.*/)?)model_(\d{1,12})\.pt")
_GPT: Final = ("n_layer", "n_head", "n_embd", "block_size")


def last_meta(names: Iterable[str]) -> str | None:
    """The meta of the last step among these files, as nanochat itself picks it."""
    steps = [(int(found[1]), name) for name in names if (found := _META.fullmatch(name))]
    return max(steps)[1] if steps else None


def meta_of(name: str) -> str | None:
    """The meta that belongs to a model_*.pt."""
    found = _MODEL.fullmatch(name)
    return f"{found[1]}meta_{found[2]}.json" if found else None


def weights_of(name: str) -> str | None:
    """The model_*.pt that belongs to a meta."""
    found = _META.fullmatch(name)
    return name[: -len(f"meta_{found[1]}.json")] + f"model_{found[1]}.pt" if found else None


def is_native(data: Mapping[str, object]) -> bool:
    """Whether this is a nanochat meta, or holds nanoGPT's model_args, rather than a config."""
    return formula.is_native_meta(data) or _is_model_args(data)


def _is_model_args(data: Mapping[str, object]) -> bool:
    inner = data.get("model_args")
    return isinstance(inner, Mapping) and "model_type" not in data and all(key in inner for key in _GPT)


def config(
    data: Mapping[str, object], where: str, archive: Callable[[], pickle_zip.Archive] | None = None, file: str = ""
) -> tuple[dict[str, object], tuple[str, ...]]:
    """(config, notes) of a native meta or of model_args; `archive` reads the directory of the weights in `file`.

    Raises BadField for sizes no model has; a weight file that cannot be read is a note.
    """
    if not formula.is_native_meta(data):
        return _nanogpt(data), ()
    held = None
    notes: tuple[str, ...] = ()
    if archive is not None:
        try:
            held = Held(file, tuple(storage.size for storage in archive().storages))
        except CardscopeError as error:
            notes = (f"{error.message}, so the meta alone counts",)
    found = formula.from_meta(data, where, held)
    return found, (formula.held_note(data, held),) if held is not None else notes


def _nanogpt(data: Mapping[str, object]) -> dict[str, object]:
    """NanoGPT's model_args: with biases (as before they could be left out) it is GPT-2, tied."""
    inner = data["model_args"]
    assert isinstance(inner, Mapping)  # noqa: S101 - is_native has looked
    bias = inner.get("bias", True)
    if not isinstance(bias, bool):
        raise BadField("model_args.bias", bias, "true or false")
    kept: dict[str, object] = {key: inner[key] for key in ("n_layer", "n_head", "n_embd")}
    kept |= {"vocab_size": inner["vocab_size"]} if "vocab_size" in inner else {}
    if not bias:
        return {"model_type": "nanogpt-native", "block_size": inner["block_size"], **kept}
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "n_positions": inner["block_size"],
        "tie_word_embeddings": True,
        **kept,
    }

"""What is no single model of transformers and still holds parameters: pipelines, sentence transformers, adapters.

Their JSON files are written by diffusers (`model_index.json`), sentence-transformers (`modules.json`) and peft
(`adapter_config.json`). Stored tensors are all that is counted; an adapter's base model is read for what the config
predicts: rank · (in + out) for each target matrix (arXiv:2106.09685).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from os import PathLike, fspath
from pathlib import Path
from typing import Final, NamedTuple

from cardscope.checkpoint.contents import Contents
from cardscope.checkpoint.look import Look
from cardscope.errors import CardscopeError, NotAConfig, NotFound
from cardscope.findings import Finding, finding
from cardscope.inventory import Inventory
from cardscope.model import RawConfig

PIPELINE, MODULES, ADAPTER = "model_index.json", "modules.json", "adapter_config.json"
_FILES: Final = (PIPELINE, ADAPTER, MODULES)
_FOLDER = re.compile(r"[\w][\w.\- ]{0,99}")
_REPOSITORY = re.compile(r"[\w][\w.\-]{0,95}(?:/[\w][\w.\-]{0,95})?")


class Bundle(NamedTuple):
    """What was found: a config made of its file, what is stored, and what is to be said of it."""

    raw: RawConfig
    look: Look
    findings: tuple[Finding, ...] = ()


def read(model: object, error: NotFound | NotAConfig, token: str | bool | None, *, offline: bool = False) -> Bundle:
    """The parts behind a word that names no model of transformers. Raises `error` where there are none."""
    raw = _place(model, error)
    if raw is None:
        raise error
    from cardscope.checkpoint import parts
    from cardscope.source import beside

    # modules.json is a list of folders, which are in the list of files as well.
    found = {} if raw.where == MODULES else beside.read(raw, raw.where, token)
    if found is None:
        raise error
    named = _modules(raw) if raw.where == MODULES else _parts(raw.where, found)
    contents = parts.read(raw, named, token)
    if contents is None:
        raise error
    if contents.missing:
        shown = ", ".join(contents.missing[:3])
        raise NotFound(f"{raw.id} names shards that it does not hold: {shown}", hint="nothing whole can be counted")
    whole = replace(raw, data=_config(raw.where, found))
    said = tuple(_adapter(found, contents, raw, token, offline)) if raw.where == ADAPTER else ()
    return Bundle(whole, Look(contents), said)


def _place(model: object, error: NotFound | NotAConfig) -> RawConfig | None:
    """The folder or repository, with the file that says what it is in `where`."""
    facts = getattr(error, "facts", None)
    if facts is not None and isinstance(model, str):
        names = dict(facts.files)
        file = next((name for name in _FILES if name in names), None)
        word = model.removeprefix("hf://").partition("@")[0].partition(",")[0]
        name = "/".join(word.rstrip("/").split("/")[-2:]) if "://" in word else word
        return RawConfig({}, name, "hub", facts.commit, None, file, hub=facts) if file else None
    if not isinstance(model, str | PathLike):
        return None
    path = Path(fspath(model)).expanduser()
    folder = path.parent if path.name in _FILES else path
    file = path.name if path.name in _FILES else next((n for n in _FILES if (folder / n).is_file()), None)
    if file is None or not (folder / file).is_file():
        return None
    return RawConfig({}, fspath(model), "file", where=file, folder=str(folder))


def _parts(file: str, found: Mapping[str, object]) -> list[str]:
    """Folders of the components that a pipeline names; an adapter's files lie at the root."""
    if file == ADAPTER:
        return [""]
    named = []
    for name, value in found.items():
        match value:
            case [str(), str()] if not name.startswith("_") and _FOLDER.fullmatch(name):
                named.append(name)
            case _:
                pass
    return [name for name in named if name not in _WEIGHTLESS]


def _modules(raw: RawConfig) -> list[str]:
    """Folders of a sentence transformer, `0_Transformer` and after, and the root itself."""
    if raw.folder is not None:
        folders = [path.name for path in islice(Path(raw.folder).iterdir(), 10_000) if path.is_dir()]
    else:
        folders = [name.partition("/")[0] for name, _ in (raw.hub.files if raw.hub else ()) if "/" in name]
    return ["", *sorted({name for name in folders if _MODULE.fullmatch(name)})]


_MODULE: Final = re.compile(r"\d{1,3}_\w{1,60}")
_WEIGHTLESS: Final = {"scheduler", "tokenizer", "tokenizer_2", "tokenizer_3", "feature_extractor", "image_processor",
                      "processor"}  # fmt: skip


def _config(file: str, found: Mapping[str, object]) -> dict[str, object]:
    """What the report calls the model."""
    if file == PIPELINE:
        return {"model_type": "diffusers pipeline", "architectures": [str(found.get("_class_name"))[:80]]}
    if file == MODULES:
        return {"model_type": "sentence transformer"}
    kind = str(found.get("peft_type", "adapter"))[:20].lower()
    return {"model_type": f"{kind} adapter", "architectures": [str(found.get("base_model_class", "")) or kind]}


# -- adapters ----------------------------------------------------------------------------------------------


def _adapter(
    found: Mapping[str, object], contents: Contents, raw: RawConfig, token: str | bool | None, offline: bool
) -> Iterator[Finding]:
    """The base model named and followed, and what the config predicts against what is stored."""
    base = str(found.get("base_model_name_or_path") or "")[:200]
    stored = contents.total
    if not base:
        yield finding("CS212", "the adapter names no base model", raw.where)
        return
    try:
        inventory = _base(base, raw, token, offline)
    except CardscopeError as error:
        yield finding("CS212", f"an adapter of {base}, which cannot be read: {error.message}", raw.where)
        return
    if inventory is None:
        yield finding("CS212", f"an adapter of {base}, of which no config is at hand or modelled", raw.where)
        return
    total = inventory.parameters
    share = f", {100 * stored / total:.3g} % of them" if stored is not None and total else ""
    said = f"{stored:,} parameters" if stored is not None else "parameters that cannot be counted"
    yield finding("CS212", f"an adapter of {base} ({total:,} parameters): it adds {said}{share}", raw.where)
    predicted, why = _predicted(found, inventory)
    if predicted is None or stored is None:
        yield finding("CS212", f"what the config predicts is not told: {why or 'nothing stored is counted'}", raw.where)
    elif predicted == stored:
        yield finding("CS212", f"{why} gives {predicted:,}, as is stored", raw.where)
    else:
        yield finding("CS213", f"{why} gives {predicted:,}; {stored:,} are stored", raw.where)


def _base(base: str, raw: RawConfig, token: str | bool | None, offline: bool) -> Inventory | None:
    """The base model's declared tensors. What a repository names is only ever looked for on the Hub."""
    from cardscope.assemble import outline
    from cardscope.source import resolve

    local = raw.folder is not None and Path(base).is_dir()
    if not local and not _REPOSITORY.fullmatch(base):
        return None
    return outline(resolve(base if local else f"hf://{base}", token=token, offline=offline))[1]


def _predicted(found: Mapping[str, object], inventory: Inventory) -> tuple[int | None, str]:
    """Parameters by the config alone and how, or None and why not."""
    rank, targets = found.get("r"), found.get("target_modules")
    if str(found.get("peft_type", "LORA")).upper() != "LORA" or not isinstance(rank, int) or not 0 < rank <= 1 << 16:
        return None, f"{str(found.get('peft_type'))[:20]} is no LoRA of one rank"
    for key in ("rank_pattern", "layers_to_transform", "modules_to_save", "target_parameters", "layer_replication"):
        if found.get(key):
            return None, f"{key} is set"
    if isinstance(targets, list) and targets and all(isinstance(t, str) and "." not in t for t in targets):
        words = ",".join(sorted(targets))
    elif targets == "all-linear":
        words = targets
    else:
        return None, "target_modules is a pattern"
    from cardscope.fitting.adapters import adapters, is_target

    total = sum(count * tensor.numel for count, tensor in adapters(inventory, words, rank))
    if found.get("use_dora") is True:
        total += sum(count * t.shape[0] for count, t in inventory.tensors() if is_target(t, words))
    return total, f"{rank} · (in + out) over {words.replace(',', ', ')}"

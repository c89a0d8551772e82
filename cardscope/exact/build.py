"""Builds the model a config describes, without weights, and counts it; runs in the child alone.

What is counted follows `from_pretrained` of the class named in `architectures`: the same config class, the same reading
of legacy keys, `accelerate.init_empty_weights(include_buffers=True)`, `tie_weights()`, every tensor once.
Parameters are told apart by identity, so a tied head adds nothing.
Buffers are those a checkpoint would hold (in `state_dict`); the ones registered with `persistent=False` are left out.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

REASON_LIMIT = 300

IGNORED_KEYS = frozenset({
    "quantization_config", "compression_config", "auto_map", "dtype", "torch_dtype", "attn_implementation",
    "_attn_implementation", "_attn_implementation_internal", "_attn_implementation_autoset",
    "experts_implementation", "_experts_implementation", "_experts_implementation_internal",
    "_name_or_path", "name_or_path", "_commit_hash",
})  # fmt: skip
"""Keys that shape no logical parameter but can make a build fail, ask for kernels, prompt, or look something up."""

_CLASS_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_NO_MEMORY = re.compile(r"bad_alloc|can't allocate memory")
_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w.+@~-]+){2,}[\\/]?")


class Unavailable(Exception):
    """Transformers cannot build this model, and nothing else is built instead."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Count one config, whatever it does; `retry` marks an answer that missing imports may have caused."""
    try:
        return _count(request["config"], request["detail"])
    except Unavailable as error:
        return {"status": "unavailable", "reason": str(error)}
    except BaseException as error:  # noqa: BLE001 - a hostile config must cost only its own answer
        return explain(error, "transformers cannot build it")


def explain(error: BaseException, what: str) -> dict[str, Any]:
    """The answer an error amounts to."""
    if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
        return {"status": "failed", "reason": "the build needs more memory than it may use", "exhausted": True}
    if type(error).__name__ == "OfflineModeIsEnabled":
        return {
            "status": "unavailable",
            "reason": "a part of it would have to be fetched from the Hub, which is not done",
        }
    if isinstance(error, ImportError):
        reason = f"a package is missing: {_line(str(error).partition('. ')[0])}"
        return {"status": "unavailable", "reason": reason, "retry": True}
    return {"status": "failed", "reason": f"{what}: {_line(f'{type(error).__name__}: {error}')}", "retry": True}


def _line(text: str) -> str:
    """One short printable line, without paths."""
    text = _PATH.sub("…", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split()).rstrip(": ")
    return text if len(text) <= REASON_LIMIT else text[: REASON_LIMIT - 1] + "…"


def _count(raw: dict[str, Any], detail: bool) -> dict[str, Any]:
    """Build the model on the meta device and count its tensors."""
    from accelerate import init_empty_weights

    model_class, notes = _model_class(raw)
    config = _config(raw, model_class, notes)
    with init_empty_weights(include_buffers=True):
        model = model_class(config)
    model.tie_weights()
    parameters = list(model.named_parameters(remove_duplicate=True))
    buffers = list(_persistent_buffers(model))
    total = sum(tensor.numel() for _, tensor in parameters)
    if not total:
        raise Unavailable(f"{model_class.__name__} has no parameters of its own")
    answer = {
        "status": "ok", "reason": "; ".join(notes) or None, "class": model_class.__name__,
        "total": total, "buffers": sum(tensor.numel() for _, tensor in buffers),
        "versions": _versions(),
    }  # fmt: skip
    if detail:
        answer["parameter_shapes"] = [[name, list(tensor.shape)] for name, tensor in parameters]
        answer["buffer_shapes"] = [[name, list(tensor.shape)] for name, tensor in buffers]
    return answer


def _persistent_buffers(model: Any) -> Iterator[tuple[str, Any]]:
    """Buffers that `state_dict` holds, each tensor once."""
    seen = set()
    for prefix, module in model.named_modules():
        for name, tensor in module._buffers.items():
            if tensor is None or name in module._non_persistent_buffers_set or id(tensor) in seen:
                continue
            seen.add(id(tensor))
            yield f"{prefix}.{name}" if prefix else name, tensor


def _model_class(raw: dict[str, Any]) -> tuple[Any, list[str]]:
    """The class named in `architectures`, or the causal-LM class where none is named; never another."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    model_type, named, notes = raw.get("model_type"), raw.get("architectures"), []
    if model_type is not None and (not isinstance(model_type, str) or model_type not in CONFIG_MAPPING):
        remote = "; the repository brings its own code, which is never run" if raw.get("auto_map") else ""
        raise Unavailable(f"{_release()} has no model type {_shown(model_type)}{remote}")
    if not named:
        return _causal_class(model_type)
    name = named[0] if isinstance(named, list) else None
    if not isinstance(name, str) or not _CLASS_NAME.fullmatch(name):
        raise Unavailable(f"architectures is {_shown(named)}, which names no class")
    found = _look_up(name, raw)
    if len(named) > 1:
        notes.append(f"the first of {len(named)} architectures")
    if raw.get("auto_map"):
        notes.append("built by transformers' own code; the repository's code is not run")
    return found, notes


def _causal_class(model_type: str | None) -> tuple[Any, list[str]]:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL

    if model_type is None:
        raise Unavailable("the config has neither model_type nor architectures")
    name = CAUSAL.get(model_type)
    if name is None:
        raise Unavailable(f"no architectures, and {_release()} has no causal-LM class for {model_type}")
    found = _look_up(name if isinstance(name, str) else name[0], {})
    return found, [f"no architectures: the causal-LM class {found.__name__}"]


def _look_up(name: str, raw: dict[str, Any]) -> Any:
    """A complete model class of transformers by name."""
    import transformers

    found = getattr(transformers, name, None) if name in transformers.__all__ else None
    if found is None:
        remote = "; the repository brings its own code, which is never run" if raw.get("auto_map") else ""
        raise Unavailable(f"{_release()} has no class {name}{remote}")
    if missing := getattr(found, "_backends", None):
        raise ImportError(f"{name} needs {', '.join(missing)}")
    is_model = isinstance(found, type) and issubclass(found, transformers.PreTrainedModel)
    if not is_model or found.config_class is None or name.endswith("PreTrainedModel"):
        raise Unavailable(f"{name} is not a model that can be built")
    return found


def _config(raw: dict[str, Any], model_class: Any, notes: list[str]) -> Any:
    """The config `model_class.from_pretrained` would read: a wrapper's inner part where the class is the part's."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    wanted, model_type, values = model_class.config_class, raw.get("model_type"), _without_ignored(raw)
    declared = CONFIG_MAPPING[model_type] if model_type else wanted
    if issubclass(declared, wanted):
        return declared.from_dict(values)
    inner = values.get(wanted.base_config_key) if wanted.base_config_key else None
    for part in values.values():
        if inner is None and isinstance(part, dict) and part.get("model_type") == wanted.model_type:
            inner = part
    if isinstance(inner, dict):
        notes.append(f"the {wanted.model_type} part of {model_type}")
        return wanted.from_dict(inner)
    notes.append(f"{model_class.__name__} is the class of {wanted.model_type}, model_type says {model_type}")
    return wanted.from_dict(values)


def _without_ignored(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_ignored(part) for key, part in value.items() if key not in IGNORED_KEYS}
    return [_without_ignored(part) for part in value] if isinstance(value, list) else value


def _versions() -> dict[str, str]:
    return {name: str(sys.modules[name].__version__) for name in ("transformers", "torch", "accelerate")}


def _release() -> str:
    return f"transformers {_versions()['transformers']}"


def _shown(value: Any) -> str:
    text = _line(repr(value))
    return text if len(text) <= 60 else text[:59] + "…"

"""Builds a model without weights and counts it: the only file that imports torch, transformers or accelerate.

It is run by path in an isolated interpreter (`python -I child.py OPTIONS`), never imported, so it uses nothing of
cardscope.
It reads one JSON request a line from the pipe its parent gives as standard input, and answers each with one JSON line
on what was standard output; both are then moved out of reach, so that nothing can prompt, print or listen.

What is counted follows `from_pretrained` of the class named in `architectures`: the same config class, the same reading
of legacy keys, `accelerate.init_empty_weights(include_buffers=True)`, `tie_weights()`, every tensor once.
Parameters are told apart by identity, so a tied head adds nothing.
Buffers are those a checkpoint would hold (in `state_dict`); the ones registered with `persistent=False` are left out.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE_LIMIT = 16 << 20
"""Bytes a request may have; the parent refuses longer ones before they are sent."""

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


_EXHAUSTED = {"status": "failed", "reason": "the build needs more memory than it may use", "exhausted": True}


class Unavailable(Exception):
    """Transformers cannot build this model, and nothing else is built instead."""


def main() -> NoReturn:
    """Serve requests until the parent closes its end."""
    options = json.loads(sys.argv[1])
    requests, answers = _private_pipes()
    _limit(options["memory_bytes"])
    _leave_with_parent(requests)
    sys.path.extend(options["site"])
    broken = _import_tools()
    for line in iter(lambda: requests.readline(LINE_LIMIT), b""):
        request = json.loads(line)
        _limit_time(request["timeout"])
        answer = broken or _answer(request)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()
        _limit_time(None)
        gc.collect()
        gc.freeze()
    _leave()


def _leave() -> NoReturn:
    """Skip the interpreter's own shutdown, which takes longer than a count."""
    shutil.rmtree(os.environ["HOME"], ignore_errors=True)
    os._exit(0)


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Move the two pipes to private descriptors and leave the null device on 0, 1 and 2."""
    requests, answers = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


def _limit(memory_bytes: int) -> None:
    """Cap memory, file size and core dumps.

    Memory is capped as private writable pages (RLIMIT_DATA): the address space also holds gigabytes of mapped CUDA
    libraries that cost nothing, so RLIMIT_AS is only a second line well above.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limits; the parent's timeout remains
        return
    wanted = {
        "RLIMIT_DATA": memory_bytes,
        "RLIMIT_AS": memory_bytes + (32 << 30),
        "RLIMIT_FSIZE": 64 << 20,
        "RLIMIT_CORE": 0,
    }
    for name, value in wanted.items():
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (limit, limit))
        except (ValueError, OSError):  # macOS refuses some of them
            continue


def _limit_time(seconds: float | None) -> None:
    """Let the kernel end this process some seconds after the parent would have; None lifts the limit."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0 if seconds is None else seconds + 5)


def _leave_with_parent(requests: BinaryIO) -> None:
    """End when the parent's end of the pipe closes, even in the middle of a count.

    A pipe is used and not PR_SET_PDEATHSIG, which fires when the *thread* that started the child ends.
    """
    import select

    if not hasattr(select, "poll"):
        return

    def wait() -> None:
        hangup = select.poll()
        hangup.register(requests.fileno(), 0)
        hangup.poll()
        _leave()

    threading.Thread(target=wait, daemon=True).start()


def _import_tools() -> dict[str, Any] | None:
    """Import everything a count needs; the answer to every request if that fails."""
    from importlib import import_module

    try:
        for name in ("torch", "accelerate", "transformers.modeling_utils", "transformers.models.auto.modeling_auto"):
            import_module(name)
    except MemoryError:
        return _EXHAUSTED
    except BaseException as error:  # noqa: BLE001 - a broken installation can raise anything
        return {"status": "unavailable", "reason": f"the exact extra cannot be imported ({_sentence(error)})"}
    gc.freeze()
    return None


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Count one config, whatever it does."""
    try:
        return _count(request["config"], request["detail"])
    except Unavailable as error:
        return {"status": "unavailable", "reason": str(error)}
    except ImportError as error:
        return {"status": "unavailable", "reason": f"a package is missing: {_sentence(error).partition('. ')[0]}"}
    except BaseException as error:  # noqa: BLE001 - a hostile config must cost only its own answer
        if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
            return _EXHAUSTED
        return {"status": "failed", "reason": f"transformers cannot build it: {_sentence(error)}"}


def _sentence(error: BaseException) -> str:
    """One line, `Type: message`, without paths."""
    text = _PATH.sub("…", f"{type(error).__name__}: {error}".rstrip(": "))
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
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
        raise Unavailable(f"{name} needs {', '.join(missing)}, which is not installed")
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
    text = _sentence(ValueError(repr(value))).removeprefix("ValueError: ")
    return text if len(text) <= 60 else text[:59] + "…"


if __name__ == "__main__":
    gc.disable()
    main()

"""One module an engine: small rules that fold an inventory and its states into bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cardscope.errors import UsageError
from cardscope.fitting.engines import generic, llamacpp, transformers, vllm
from cardscope.fitting.target import Load, Need, Target


class Engine(NamedTuple):
    """An engine's name, its own options, and its rules as one function."""

    name: str
    options: tuple[str, ...]
    need: Callable[[Target, Load], Need]


ENGINES = {module.NAME: Engine(module.NAME, module.OPTIONS, module.need) for module in (transformers, vllm)}
ENGINES |= {module.NAME: Engine(module.NAME, module.OPTIONS, module.need) for module in (llamacpp, generic)}
SPELLED = {"hf": "transformers", "llamacpp": "llama.cpp", "llama-cpp": "llama.cpp", "gguf": "llama.cpp"}


def engine(name: str) -> Engine:
    """The engine of a name. Raises UsageError."""
    low = SPELLED.get(name.lower(), name.lower())
    if low not in ENGINES:
        raise UsageError(
            f"there are no rules for the engine {name[:40]!r}", hint=f"--engine takes {', '.join(ENGINES)}"
        )
    return ENGINES[low]

"""What the child can do without: a third of its imports serve compiling, distributed runs and other packages.

Used by `child.py` alone, before it imports transformers.
Nothing here can change a count: the parts that are put off are loaded for real the moment something needs them, and
what is hidden speeds models up, quantizes or trains them, but gives no parameter its shape.
Nor can it make one fail: a build that fails after it is tried again in a process that imports all there is.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

HIDDEN = (
    "flash_attn", "flash_attn_interface", "xformers", "apex", "kernels", "fla", "causal_conv1d", "mamba_ssm",
    "bitsandbytes", "torchao", "deepspeed", "tensorflow", "jax", "sklearn", "pandas", "torchaudio", "librosa",
    "tensorboard", "wandb",
)  # fmt: skip
"""Packages transformers looks for and imports when it finds them: slow ones, and ones whose broken builds break it."""


def trim() -> None:
    """Hide optional packages, and put off torch's compiler and its distributed tensors."""
    for name in HIDDEN:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # how the import system spells "not installed"
    import torch
    import torch.distributed

    if "torch._dynamo" not in sys.modules and (spec := importlib.util.find_spec("torch._dynamo")) is not None:
        sys.modules["torch._dynamo"] = torch._dynamo = _PutOff(spec, torch.compiler)
        torch.compiler.disable = _unchanged
    torch.distributed.is_available = lambda: False


class _PutOff(ModuleType):
    """Stands for `torch._dynamo` until something asks for more than the marks that are no-ops without compiling."""

    def __init__(self, spec: Any, compiler: Any) -> None:
        super().__init__(spec.name)
        self.__spec__, self.__file__, self.__path__ = spec, spec.origin, list(spec.submodule_search_locations)
        self.allow_in_graph = self.assume_constant_result = self.disable = _unchanged
        self._restore = (compiler, compiler.disable)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._real(), name)

    def _real(self) -> ModuleType:
        """The module itself, imported now."""
        import torch

        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
            compiler, disable = self._restore
            compiler.disable = disable
            torch._dynamo = importlib.import_module(self.__name__)
        return sys.modules[self.__name__]


def _unchanged(function: Any = None, *_: Any, **_options: Any) -> Any:
    """A decorator that leaves a function as it is, with or without options."""
    return function if callable(function) else _unchanged

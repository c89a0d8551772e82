"""Which declaration speaks for which model type."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

from cardscope.fields import Fields
from cardscope.parts import Spec

Declaration = Callable[[Fields], Spec]

REGISTRY: Final[dict[str, Declaration]] = {}
"""Filled by the family modules when they are imported."""

HOME: Final[dict[str, str]] = {}
"""Model type → the family module that declares it, for the types imported so far."""


def arch(*model_types: str) -> Callable[[Declaration], Declaration]:
    """Declares the architecture of one or more model types."""

    def register(declaration: Declaration) -> Declaration:
        for name in model_types:
            if name in REGISTRY:
                raise ValueError(f"{name} is declared twice")
            REGISTRY[name] = declaration
            HOME[name] = declaration.__module__.rpartition(".")[2]
        return declaration

    return register


def load(module: str) -> None:
    """Imports one family module, which registers its types."""
    import_module(f"cardscope.archs.{module}")

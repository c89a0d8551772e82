"""Which model type a config is, and which part of a wrapper is its text model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from cardscope.units import dtype_name

TEXT_KEYS: Final = ("text_config", "llm_config", "language_config", "language_model_config", "thinker_config")
"""Where wrappers keep their text model's config."""


class Identity(NamedTuple):
    """The model type, whether it follows from the class instead of `model_type`, and the class names given."""

    model_type: str | None
    inferred: bool
    architectures: tuple[str, ...]
    stated: str | None = None
    """What `model_type` says."""

    @property
    def foreign(self) -> bool:
        """Whether transformers knows the type and has no such class as the first one named (letter case aside)."""
        from cardscope.harvest import declared, type_of_class

        known = declared(self.model_type)
        if known is None or not self.architectures:
            return False
        named = self.architectures[0]
        return named.lower() not in {own.lower() for own in known.models.values()} and type_of_class(named) is None


def identify(config: Mapping[str, object]) -> Identity:
    """Type by `model_type`, unless the class named first is another type's: then by the class, as transformers does.

    Without a `model_type`, the first class in `architectures` that transformers maps to a type decides.
    """
    from cardscope.harvest import declared, type_of_class

    listed = config.get("architectures")
    names = tuple(str(name) for name in listed[:16]) if isinstance(listed, list) else ()
    named = config.get("model_type")
    stated = named if isinstance(named, str) and named else None
    known = declared(stated)
    if stated is not None and (known is None or not names or names[0] in known.models.values()):
        return Identity(stated, inferred=False, architectures=names, stated=stated)
    found = next((found for name in names if (found := type_of_class(name))), None)
    return Identity(found or stated, inferred=found is not None, architectures=names, stated=stated)


def text_key(config: Mapping[str, object]) -> str | None:
    """The key under which a wrapper keeps its text model, or None."""
    return next((key for key in TEXT_KEYS if isinstance(config.get(key), Mapping)), None)


def config_dtype(config: Mapping[str, object]) -> str | None:
    """The dtype the config states for its weights, under either spelling, its own or its text model's."""
    key = text_key(config)
    inner = config.get(key) if key else None
    for place in (config, inner if isinstance(inner, Mapping) else {}):
        for name in ("dtype", "torch_dtype"):
            value = place.get(name)
            if isinstance(value, str) and (known := dtype_name(value)):
                return known
    return None

"""What a model type's config class declares: the keys, their annotations and their declared defaults."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from tests.oracle.meta import config_class

if TYPE_CHECKING:
    from collections.abc import Iterator

# Declared by every config class, and about neither shape nor cache.
COMMON = frozenset(
    {
        "transformers_version",
        "architectures",
        "output_hidden_states",
        "return_dict",
        "dtype",
        "chunk_size_feed_forward",
        "is_encoder_decoder",
        "id2label",
        "label2id",
        "problem_type",
    }
)


@dataclass(frozen=True, slots=True)
class Key:
    """One declared config key."""

    name: str
    annotation: str
    default: object

    @property
    def nullable(self) -> bool:
        return "None" in self.annotation or "Optional" in self.annotation

    @property
    def is_bool(self) -> bool:
        return isinstance(self.default, bool) or self.annotation in ("bool", "bool | None")

    @property
    def is_int(self) -> bool:
        return not self.is_bool and (isinstance(self.default, int) or self.annotation in ("int", "int | None"))


@cache
def keys_of(config: type) -> dict[str, Key]:
    """The declared keys of a config class, without those that every class has."""
    return {
        each.name: Key(each.name, _annotation(each.type), _default(each))
        for each in dataclasses.fields(config)
        if each.name not in COMMON
    }


@cache
def parts_of(config: type) -> dict[str, type]:
    """The nested configs of a wrapper's class: key → config class, as its default instance has them."""
    specs = config.sub_configs_defaults
    if specs:
        return {name: config_class(spec.model_type) for name, spec in specs.items() if spec.model_type}
    nested = [name for name in keys_of(config) if name in config.sub_configs]
    return {name: type(part) for name in nested if dataclasses.is_dataclass(part := getattr(config(), name, None))}


class Slot(NamedTuple):
    """One declared key and the way to it; `config` is the class that declares it."""

    path: tuple[str, ...]
    key: Key
    config: type


def slots_of(config: type, path: tuple[str, ...] = ()) -> Iterator[Slot]:
    """Every declared key of a config class and of its nested ones."""
    parts = parts_of(config)
    for name, key in keys_of(config).items():
        if name not in parts:
            yield Slot((*path, name), key, config)
    for name, part in parts.items():
        yield from slots_of(part, (*path, name))


def _annotation(annotation: object) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _default(field: dataclasses.Field) -> object:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None

"""Drawing one legal config: the declared keys of a type, each with a value from its rule."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.oracle import hints, hints_late, hints_towers, hints_wrappers, knobs, limits
from tests.oracle.declared import keys_of, parts_of
from tests.oracle.meta import config_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.oracle.declared import Key
    from tests.oracle.knobs import Rule

SKIPPED = object()
RULES = {**hints_towers.RULES, **hints_wrappers.RULES, **hints_late.RULES, **hints.RULES}


class Draw:
    """One config being drawn.

    `distinct`: every dimension off its default, different from every other dimension where a choice is left.
    Otherwise each value is any legal one, and optional keys may be absent or null.
    """

    def __init__(
        self, config: type, where: str, rng: random.Random, *, distinct: bool, outer: Mapping[str, object]
    ) -> None:
        self.keys = keys_of(config)
        self.model_type = config.model_type or where
        self.rng = rng
        self.distinct = distinct
        self.outer = outer
        self.values: dict[str, object] = {}
        self.own = {**RULES.get(self.model_type, {}), **RULES.get(where, {})}
        self.added = [name for name in self.own if name not in self.keys]

    def of(self, *names: str) -> object:
        """The value of the first of these keys that the type has, drawn now if need be; None if it has none."""
        for name in names:
            if name in self.values:
                value = self.values[name]
                return None if value is SKIPPED else value
            if name in self.keys or name in self.added:
                return self._draw(name)
        return None

    def pick(self, values: Iterable[object]) -> object:
        """One of these; in a distinct draw one not used yet, if any is left."""
        options = list(values)
        if self.distinct:
            used = {each for each in self.values.values() if isinstance(each, int) and not isinstance(each, bool)}
            options = [each for each in options if not isinstance(each, int) or each not in used] or options
        return self.rng.choice(options)

    def some(self, values: Iterable[object], count: int) -> list:
        """`count` of these in random order, with each of them at least once where `count` allows."""
        options = list(values)
        chosen = (self.rng.sample(options, len(options)) + self.rng.choices(options, k=count))[:count]
        self.rng.shuffle(chosen)
        return chosen

    def layers(self) -> int:
        """The number of layers drawn, under whatever name the type has for it."""
        return int(self.of("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers") or 4)

    def kinds_of(self, key: str) -> tuple[str, ...]:
        """The words that a per-layer list of this type may hold."""
        return limits.kinds_of(self.model_type, key)

    def above(self, *path: str) -> int:
        """A value drawn outside this nested config."""
        value: object = self.outer
        for step in path:
            value = value[step]  # type: ignore[index]
        return value  # type: ignore[return-value]

    def skip(self) -> object:
        """What a rule returns to leave its key out."""
        return SKIPPED

    def _draw(self, name: str) -> object:
        rule = self._rule(name)
        value = rule(self) if rule else self._unruled(self.keys[name])
        if self.distinct and name in self.keys and value == self.keys[name].default and rule:
            value = rule(self)
        self.values[name] = value
        return None if value is SKIPPED else value

    def _rule(self, name: str) -> Rule | None:
        """The type's own rule for a key, else the shared one, which knows no lists."""
        if name in self.own:
            return self.own[name]
        shared = knobs.RULES.get(name)
        listed = isinstance(self.keys[name].default, list | tuple) if name in self.keys else False
        return shared if not listed or name in knobs.LISTS else None

    def _unruled(self, key: Key) -> object:
        """A key without a rule: booleans and small integers vary, all else stays at its default."""
        if key.is_bool and not self.distinct:
            return self.rng.random() < 0.5
        return SKIPPED

    def config(self) -> dict[str, object]:
        """Draw every key that has a rule; what a rule skipped stays absent."""
        for name in [*self.keys, *self.added]:
            self.of(name)
        return {name: value for name, value in self.values.items() if value is not SKIPPED}


def draw(model_type: str, seed: str, *, distinct: bool) -> dict[str, object]:
    """A config of this type: flat keys by rule, nested configs by the rules of their own type.

    A nested config's own rules may also stand under `wrapper.key`, and may look at what is drawn outside it.
    """
    rng = random.Random(f"{model_type}:{seed}")
    whole = _drawn(config_class(model_type), model_type, rng, distinct, {})
    return {**whole, **limits.FIXED.get(model_type, {})}


def _drawn(config: type, where: str, rng: random.Random, distinct: bool, outer: Mapping[str, object]) -> dict:
    whole = Draw(config, where, rng, distinct=distinct, outer=outer).config()
    # The text model first: other towers end in its width.
    order = {"text_config": 0, "vision_config": 1}
    for name, part in sorted(parts_of(config).items(), key=lambda item: order.get(item[0], 2)):
        inside = f"{where}.{name}"
        if inside not in limits.LEFT_ALONE:
            named = {"model_type": part.model_type} if part.model_type else {}
            whole[name] = {**named, **_drawn(part, inside, rng, distinct, whole)}
    return whole

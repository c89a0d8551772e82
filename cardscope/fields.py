"""Reads a config key by key: typed, alias-aware, logged, and able to say what nobody read.

The raw file is read, never transformers' config class: an instance has derived values filled in and loses the
difference between an explicit null and an absent key.  `null` in the file beats the class default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal, NamedTuple, TypeVar

from cardscope.errors import BadField, MissingField
from cardscope.inert import is_inert

Origin = Literal["file", "alias", "class default", "derived"]
T = TypeVar("T")
Int = int  # inside Fields, `int` is a method

MAX_INT: Final = 1 << 40
MAX_LAYERS: Final = 10_000
MAX_LIST: Final = 100_000

SYNONYMS: Final = {
    "n_layer": "num_hidden_layers",
    "num_layers": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "n_embd": "hidden_size",
    "d_model": "hidden_size",
    "d_inner": "intermediate_size",
    "n_ctx": "max_position_embeddings",
    "n_positions": "max_position_embeddings",
    "seq_length": "max_position_embeddings",
    "max_sequence_length": "max_position_embeddings",
    "experts_per_token": "num_experts_per_tok",
    "sliding_window_size": "sliding_window",
}
"""Another family's spelling → the standard one; harmless beside it as long as both say the same."""


class _Absent(Enum):
    ABSENT = "absent"


ABSENT: Final = _Absent.ABSENT
"""Marks a key that is neither in the file nor declared with a default."""


class Read(NamedTuple):
    """One value that was read: its canonical name, what it is, under which key, and where it came from."""

    name: str
    value: object
    key: str
    origin: Origin


class Notice(NamedTuple):
    """Something a reader should know about a value; becomes a finding of the report."""

    code: str
    message: str
    key: str


@dataclass(slots=True)
class Log:
    """What was read while one model's config was interpreted, sub-configs included."""

    reads: dict[str, Read] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    changed_defaults: list[Read] = field(default_factory=list)

    def notice(self, code: str, message: str, key: str = "") -> None:
        """Adds a notice once."""
        entry = Notice(code, message, key)
        if entry not in self.notices:
            self.notices.append(entry)


class Fields:
    """Typed reads of one config (or sub-config) object.

    `defaults` are the class's declared defaults, `aliases` map canonical names to the class's own keys
    (`hidden_size` → `n_embd`), `was` holds defaults that an earlier transformers declared differently, `forced` what
    the class sets whatever the file says.  `known` is whether transformers has a class for the type at all.
    """

    __slots__ = (
        "_aliases",
        "_children",
        "_data",
        "_defaults",
        "_forced",
        "_preferred",
        "_reverse",
        "_seen",
        "_was",
        "known",
        "log",
        "model_type",
        "prefix",
    )

    def __init__(
        self,
        data: Mapping[str, object],
        *,
        model_type: str = "",
        defaults: Mapping[str, object] | None = None,
        aliases: Mapping[str, str] | None = None,
        was: Mapping[str, object] | None = None,
        forced: Mapping[str, object] | None = None,
        prefix: str = "",
        log: Log | None = None,
    ) -> None:
        self._data = data
        self.model_type = model_type
        self._defaults = defaults or {}
        self._aliases = aliases or {}
        self._reverse = {real: name for name, real in self._aliases.items()}
        self._was = was or {}
        self._forced = forced or {}
        self.known = defaults is not None
        self._preferred: dict[str, str] = {}
        self._children: dict[str, Fields] = {}
        self._seen: set[str] = set()
        self.prefix = prefix
        self.log = log if log is not None else Log()

    # -- looking values up ---------------------------------------------------------------------------------

    def spellings(self, name: str) -> tuple[str, ...]:
        """The keys under which `name` may stand in the file; where it holds several, the first counts.

        transformers sets the standard spelling after the class's own field, so the standard one wins.
        """
        standard, own, preferred = self._reverse.get(name), self._aliases.get(name), self._preferred.get(name)
        found = (preferred, standard, name, own) if standard or own or preferred else None
        return tuple([key for key in found if key]) if found else (name,)

    def prefer(self, name: str, other: str) -> None:
        """Lets a second key of the file stand for `name`, where it holds one that is not null (falcon's n_embed)."""
        if self._data.get(other) is not None:
            self._preferred[name] = other

    def has(self, name: str) -> bool:
        """Whether the file itself holds the key, null included."""
        return any(key in self._data for key in self.spellings(name))

    def declares(self, name: str) -> bool:
        """Whether the class declares the key, or, where transformers has no class, the file holds it."""
        return any(key in self._defaults for key in self.spellings(name)) or (not self._defaults and self.has(name))

    def exactly(self, key: str) -> object:
        """The file's value under this very key, no other spelling; ABSENT if the file has none."""
        return self._data.get(key, ABSENT)

    def peek(self, name: str) -> object:
        """The file's value without marking it as read; ABSENT if the file has none."""
        return next((self._data[key] for key in self.spellings(name) if key in self._data), ABSENT)

    def _find(self, name: str) -> tuple[object, str, Origin]:
        keys = self.spellings(name)
        for key in keys if self._forced else ():
            if key in self._forced:
                self._seen.update(keys)
                return self._forced[key], key, "class default"
        if len(keys) == 1 and name in self._data:
            self._seen.add(name)
            return self._data[name], name, "file"
        present = [key for key in keys if key in self._data]
        if present:
            self._seen.update(keys)
            if len(present) > 1:
                self._compare(present)
            return self._data[present[0]], present[0], "file" if present[0] == name else "alias"
        for key in keys:
            if key in self._defaults:
                if key in self._was:
                    self._default_changed(name, key)
                return self._defaults[key], key, "class default"
        return ABSENT, keys[0], "derived"

    def _compare(self, keys: Sequence[str]) -> None:
        used, other = keys[0], next((key for key in keys[1:] if self._data[key] != self._data[keys[0]]), None)
        if other is not None:
            message = f"{used} is {self._data[used]!r} and {other} {self._data[other]!r}; {used} counts"
            self.log.notice("CS115", message[:200], self.prefix + other)

    def _default_changed(self, name: str, key: str) -> None:
        read = Read(self.prefix + name, self._defaults[key], self.prefix + key, "class default")
        if read not in self.log.changed_defaults:
            self.log.changed_defaults.append(read)

    def _note(self, name: str, value: object, key: str, origin: Origin) -> None:
        self.log.reads[self.prefix + name] = Read(self.prefix + name, value, self.prefix + key, origin)

    def raw(self, name: str, fallback: object = ABSENT) -> object:
        """The value as it stands (any type): file, else class default, else `fallback`; may be ABSENT."""
        value, key, origin = self._find(name)
        if value is ABSENT:
            value, origin = fallback, "derived"
        if value is not ABSENT:
            self._note(name, value, key, origin)
        return value

    def derive(self, name: str, value: T) -> T:
        """Logs a value that a rule of ours computed, and returns it."""
        self._note(name, value, name, "derived")
        return value

    def touch(self, *names: str) -> None:
        """Marks keys as read: their value cannot change anything that is counted here."""
        for name in names:
            self._seen.update(self.spellings(name))

    # -- typed reads ---------------------------------------------------------------------------------------

    def int(self, name: str, fallback: Int | None = None, *, low: Int = 1, high: Int = MAX_INT) -> Int:
        """An integer between `low` and `high`. Raises MissingField or BadField."""
        value = self.raw(name, ABSENT if fallback is None else fallback)
        if value is ABSENT:
            raise MissingField(self.prefix + name, self.spellings(name))
        return self._integer(name, value, low, high)

    def opt_int(self, name: str, *, low: Int = 0, high: Int = MAX_INT) -> Int | None:
        """An integer, or None where the config says null or nothing. Raises BadField."""
        value = self.raw(name)
        return None if value is ABSENT or value is None else self._integer(name, value, low, high)

    def _integer(self, name: str, value: object, low: Int, high: Int) -> Int:
        if isinstance(value, float) and value.is_integer():
            value = Int(value)
        if isinstance(value, bool) or not isinstance(value, Int):
            raise BadField(self._key(name), value, "an integer")
        if not low <= value <= high:
            wanted = f"at least {low}" if high == MAX_INT and value < low else f"between {low:,} and {high:,}"
            raise BadField(self._key(name), value, wanted)
        return value

    def _key(self, name: str) -> str:
        """The key as the file spells it, where it holds one; errors speak of that."""
        read = self.log.reads.get(self.prefix + name)
        return read.key if read else self.prefix + name

    def number(self, name: str, fallback: float | None = None) -> float:
        """A finite number (an expansion ratio). Raises MissingField or BadField."""
        value = self.raw(name, ABSENT if fallback is None else fallback)
        if value is ABSENT or value is None:
            raise MissingField(self.prefix + name, self.spellings(name))
        if isinstance(value, bool) or not isinstance(value, Int | float) or not abs(value) < MAX_INT:
            raise BadField(self._key(name), value, "a finite number")
        return float(value)

    def flag(self, name: str, fallback: bool | None = None) -> bool:
        """A boolean; null counts as false, as Python reads it. Raises MissingField or BadField."""
        value = self.raw(name, ABSENT if fallback is None else fallback)
        if value is ABSENT:
            raise MissingField(self.prefix + name, self.spellings(name))
        if value is None or isinstance(value, bool):
            return bool(value)
        if value in (0, 1):
            return bool(value)
        raise BadField(self._key(name), value, "true or false")

    def text(self, name: str, fallback: str | None = None) -> str:
        """A string. Raises MissingField or BadField."""
        value = self.raw(name, ABSENT if fallback is None else fallback)
        if value is ABSENT:
            raise MissingField(self.prefix + name, self.spellings(name))
        if not isinstance(value, str):
            raise BadField(self._key(name), value, "a string")
        return value

    def opt_text(self, name: str) -> str | None:
        """A string, or None where the config says null or nothing."""
        value = self.raw(name)
        return value if isinstance(value, str) else None

    def ints(self, name: str) -> tuple[Int, ...] | None:
        """A list of non-negative integers, or None where absent or null. Raises BadField."""
        value = self.raw(name)
        if value is ABSENT or value is None:
            return None
        return tuple(self._integer(name, item, 0, MAX_INT) for item in self._list(name, value))

    def texts(self, name: str) -> tuple[str, ...] | None:
        """A list of strings, or None where absent or null. Raises BadField."""
        value = self.raw(name)
        if value is ABSENT or value is None:
            return None
        items = self._list(name, value)
        if not all(isinstance(item, str) for item in items):
            raise BadField(self._key(name), value, "a list of strings")
        return tuple(str(item) for item in items)

    def _list(self, name: str, value: object) -> Sequence[object]:
        if not isinstance(value, list | tuple) or len(value) > MAX_LIST:
            raise BadField(self._key(name), value, "a list")
        return value

    def layers(self, name: str = "num_hidden_layers") -> Int:
        """The layer count, capped so that a hostile config cannot ask for a billion. Raises BadField."""
        return self.int(name, low=0, high=MAX_LAYERS)

    def sub(self, name: str, model_type: str | None = None) -> Fields:
        """A nested config (`text_config`), read with its own class's defaults (of `model_type`) and the same log.

        Raises BadField where the key holds something other than an object.
        """
        from cardscope.harvest import declared

        if name in self._children:
            return self._children[name]
        value, key, _ = self._find(name)
        own = declared(self.model_type)
        nested: object = value
        if value is ABSENT or value is None:
            nested = own.sub_init.get(name, {}) if own else {}
        if not isinstance(nested, Mapping):
            raise BadField(self._key(name), nested, "an object")
        kind = model_type or (own.sub.get(name, "") if own else "")
        named = nested.get("model_type")
        if (
            isinstance(named, str)
            and named
            and (not kind or (own is not None and name in own.sub_any and not model_type))
        ):
            kind = named
        child = open_fields(nested, kind, prefix=f"{self.prefix}{key}.", log=self.log)
        child.touch("model_type", "architectures")
        self._children[name] = child
        return child

    def over(self, model_type: str) -> Fields:
        """The same object read as another type: a wrapper whose file holds its text model's keys at the top."""
        same = open_fields(self._data, model_type, prefix=self.prefix, log=self.log)
        same._seen = self._seen
        return same

    def impose(self, **values: object) -> None:
        """What a wrapper sets in a part of its own, whatever the file says there."""
        self._forced = {**self._forced, **values}

    def assume(self, values: Mapping[str, object]) -> None:
        """Defaults that a wrapper has for a part of its own, ahead of the part's class."""
        self._defaults = {**self._defaults, **values}

    # -- what nobody read ----------------------------------------------------------------------------------

    def unread(self) -> tuple[str, ...]:
        """Keys that may shape tensors or cache and that nobody read, here and in the sub-configs that were opened."""
        own = (
            self.prefix + key
            for key, value in self._data.items()
            if key not in self._seen and self._may_shape(key, value) and not is_inert(key, self.model_type)
        )
        return (*own, *(key for child in self._children.values() for key in child.unread()))

    def _may_shape(self, key: str, value: object) -> bool:
        """Whether an unread value could shape a tensor: empty, null, false and float values rarely can.

        A string counts only where the class declares the key.  Another model family's spelling of a value that was
        read (n_layer beside num_hidden_layers) counts only where the two differ.
        """
        if value is None or value is False or isinstance(value, float):
            return False
        if isinstance(value, list | Mapping) and not value:
            return False
        if isinstance(value, str) and self.known and key not in self._defaults:
            return False
        read = self.log.reads.get(self.prefix + SYNONYMS.get(key, ""))
        return read is None or read.value != value


def open_fields(data: Mapping[str, object], model_type: str, *, prefix: str = "", log: Log | None = None) -> Fields:
    """Fields over `data` with the declared defaults and aliases of `model_type`'s class, if it has one."""
    from cardscope.harvest import declared

    known = declared(model_type)
    if known is None:
        return Fields(data, model_type=model_type, prefix=prefix, log=log)
    legacy = {key: value for key, value in known.legacy.items() if value is not None}
    return Fields(
        data,
        model_type=model_type,
        defaults={**legacy, **known.defaults} if legacy else known.defaults,
        aliases=known.aliases,
        was=known.was,
        forced=known.forced,
        prefix=prefix,
        log=log,
    )


def in_range(values: Iterable[int], size: int) -> bool:
    """Whether every index addresses one of `size` layers."""
    return all(0 <= value < size for value in values)

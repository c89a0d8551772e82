"""What a source may hand on: plain JSON values under the caps, and at least one key of a model config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from cardscope.errors import NotAConfig, TooLarge
from cardscope.source.strictjson import MAX_DEPTH, MAX_DIGITS, MAX_STRING, MAX_VALUES

_SCALARS = frozenset({str, bool, float, type(None)})
_BOUNDED = frozenset({bool, float, type(None)})
_INTEGER_LIMIT = 10**MAX_DIGITS

_CONFIG_KEYS = frozenset((
    "architectures", "architecture", "auto_map", "hidden_size", "n_embd", "d_model", "dim", "intermediate_size",
    "num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_attention_heads", "n_head", "n_heads",
    "vocab_size", "text_config", "llm_config", "language_config", "thinker_config", "vision_config", "audio_config",
))  # fmt: skip
_OTHERS = (
    (
        "peft_type",
        "an adapter's config, not a model's",
        "give the base model it names: {base_model_name_or_path}",
    ),
    ("_class_name", "a config of the diffusers library", "cardscope reads configs of transformers models"),
    ("weight_map", "an index of weight files", "give the config.json beside it"),
)
_LATER = (
    ("tokenizer_class", "a tokenizer's config"),
    ("added_tokens", "a tokenizer"),
    ("image_processor_type", "a preprocessor's config"),
    ("bos_token_id", "a generation config"),
    ("eos_token_id", "a generation config"),
    ("dependencies", "a package.json"),
)


def check(data: Mapping[str, object], where: str) -> None:
    """Raise NotAConfig for an object that is another kind of file, or has no key any model config has."""
    if "model_type" in data:
        return
    for key, what, hint in _OTHERS:
        if key in data:
            named = hint.format(base_model_name_or_path=str(data.get("base_model_name_or_path", "its base model"))[:80])
            raise NotAConfig(f"{where} is {what}", hint=named)
    if not _CONFIG_KEYS.isdisjoint(data):
        return
    what = next(
        (f"looks like {name}" for key, name in _LATER if key in data),
        "has none of the keys a model config has",
    )
    raise NotAConfig(
        f"{where} {what}",
        hint="a config.json names its model_type, or at least hidden_size and num_hidden_layers",
    )


def plain(data: Mapping[str, object]) -> dict[str, object]:
    """A deep copy of a caller's dict in JSON's own types; integer keys become strings, as in JSON.

    Raises TooLarge past the caps (a dict that holds itself is one), NotAConfig for a value JSON cannot hold.
    """
    copied = _plain(data, "the config", 0, [0])
    assert isinstance(copied, dict)  # noqa: S101 - a Mapping went in
    return copied


def _plain(value: object, where: str, depth: int, seen: list[int]) -> object:
    kind = type(value)
    if kind is int:
        return _integer(value, where)
    if kind in _SCALARS:
        if kind is str and len(value) > MAX_STRING:  # type: ignore[arg-type]
            raise TooLarge(f"{where} holds a string of {len(value):,} characters", hint="no real config does")  # type: ignore[arg-type]
        return value
    if depth >= MAX_DEPTH:
        raise TooLarge(
            f"the config is nested more than {MAX_DEPTH} levels deep",
            hint="a real config has fewer than ten levels",
        )
    if isinstance(value, Mapping):
        _count(len(value), seen)
        return {_key(k): _plain(v, str(k), depth + 1, seen) for k, v in value.items()}
    if isinstance(value, list | tuple):
        _count(len(value), seen)
        if _harmless(value):
            return list(value)
        return [_plain(v, where, depth + 1, seen) for v in value]
    return _foreign(value, where)


def _harmless(items: list[object] | tuple[object, ...]) -> bool:
    """Whether a list holds nothing that the caps could stop; long ones are of one plain type."""
    kinds = set(map(type, items))
    if kinds == {int}:
        numbers = cast("list[int]", items)
        return bool(min(numbers) > -_INTEGER_LIMIT and max(numbers) < _INTEGER_LIMIT)
    if kinds == {str}:
        return max(map(len, cast("list[str]", items))) <= MAX_STRING
    return kinds <= _BOUNDED


def _count(more: int, seen: list[int]) -> None:
    seen[0] += more
    if seen[0] > MAX_VALUES:
        raise TooLarge(f"the config holds more than {MAX_VALUES:,} values", hint="no real config does")


def _integer(value: object, where: str) -> object:
    assert isinstance(value, int)  # noqa: S101 - the caller has looked
    if not -_INTEGER_LIMIT < value < _INTEGER_LIMIT:
        raise NotAConfig(f"{where} holds a whole number of more than {MAX_DIGITS} digits", hint="no real config does")
    return value


def _key(key: object) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    raise NotAConfig(f"the config has the key {key!r:.60}, which JSON cannot hold", hint="keys are strings")


def _foreign(value: object, where: str) -> object:
    """Subclasses of JSON's types are taken as those; torch.dtype has a name; nothing else is guessed at."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if type(value).__name__ == "dtype":
        return str(value)
    raise NotAConfig(
        f"{where} holds a {type(value).__name__}, which JSON cannot hold",
        hint="give plain numbers, strings, lists and dicts",
    )

"""What-if edits: `--set KEY=VALUE` and `MODEL,key=value` applied to a raw config.

Keys may be dotted; values are JSON, and a bare word is a string. An edit goes to whichever spelling of a
key the config uses (`n_layer` for `num_hidden_layers` in GPT-2). An edit that contradicts a per-layer list
is refused, because no reading of the result would be the model that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from cardscope.errors import CardscopeError, UsageError
from cardscope.source import strictjson

Change = tuple[str, object, object]
"""(dotted key, value before or None, value after)."""
AliasLookup = Callable[[str], Mapping[str, str]]
"""Model type → its other spellings, one way round or the other (`num_hidden_layers` → `n_layer`)."""

COUNT_KEYS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
_PER_LAYER = frozenset((
    "layer_types", "mlp_layer_types", "layers_block_type", "attn_type_list", "block_configs", "attention_layers",
    "hybrid_override_pattern", "hybrid_layer_pattern", "indexer_types",
))  # fmt: skip
_NEVER = ("image_", "architectures", "eos_token_id", "_name_or_path", "model_type")
_PYTHON_WORDS = {"True": "true", "False": "false", "None": "null"}


def no_aliases(_model_type: str) -> Mapping[str, str]:
    """The lookup for callers that know no aliases."""
    return {}


def apply(
    data: Mapping[str, object], edits: Iterable[tuple[str, str]], aliases: AliasLookup = no_aliases
) -> tuple[dict[str, object], tuple[Change, ...]]:
    """A copy of `data` with the edits made, and what each one changed; `data` itself stays as it is.

    Raises UsageError for a value that is not JSON, a key that leads nowhere, or a result that contradicts
    one of its own per-layer lists.
    """
    result, changes = dict(data), []
    touched: set[tuple[str, ...]] = set()
    for key, text in edits:
        *path, leaf = [key] if key in data else key.split(".")
        section = _section(result, path, key, text)
        names = _spellings(section, leaf, aliases)
        if not path and not any(n in section for n in names):
            _check_not_nested(result, names, key, text)
        after = parse_value(key, text)
        changes.append((key, section.get(names[0]), after))
        section.update(dict.fromkeys(names, after))
        touched.add(tuple(path))
    for path_tuple in touched:
        _check_per_layer(_at(data, path_tuple), _at(result, path_tuple), path_tuple)
    return result, tuple(changes)


def parse_value(key: str, text: str) -> object:
    """The value of an edit: JSON, or a bare word as a string."""
    if text in _PYTHON_WORDS:
        raise UsageError(f"{key}={text} is Python's spelling", hint=f"write {key}={_PYTHON_WORDS[text]}")
    if text[:1] not in ("[", "{", '"', "-", "") and not text[:1].isdigit() and text not in ("true", "false", "null"):
        return text
    try:
        return strictjson.value(text, f"the value of {key}")
    except CardscopeError as error:
        if text[:1] in ("[", "{", '"', ""):
            hint = f"""quote it for the shell: '{key}=["a", "b"]'"""
            raise UsageError(f"the value of {key} is not JSON", hint=hint) from error
        return text


def _section(result: dict[str, object], path: list[str], key: str, text: str) -> dict[str, object]:
    """The object an edit lands in, each level copied on the way."""
    section = result
    for at, name in enumerate(path):
        inner = section.get(name)
        if not isinstance(inner, Mapping):
            there = ".".join(path[: at + 1])
            state = "is not in this config" if inner is None else "is not an object"
            raise UsageError(
                f"{there} {state}, so {key} leads nowhere",
                hint=f"did you mean {key.rpartition('.')[2]}={text[:40]}?",
            )
        section[name] = section = dict(inner)
    return section


def _at(data: Mapping[str, object], path: tuple[str, ...]) -> Mapping[str, object]:
    for name in path:
        inner = data.get(name)
        data = inner if isinstance(inner, Mapping) else {}
    return data


def _spellings(section: Mapping[str, object], key: str, aliases: AliasLookup) -> list[str]:
    """The spellings of `key` that the section uses, or `key` itself where it uses none."""
    model_type = section.get("model_type")
    known = aliases(model_type) if isinstance(model_type, str) else {}
    names = [key, known.get(key), *(k for k, v in known.items() if v == key)]
    return list(dict.fromkeys(n for n in names if n is not None and n in section)) or [key]


def _check_not_nested(result: Mapping[str, object], names: list[str], key: str, text: str) -> None:
    """A key that a wrapper holds one level down would be set where nobody reads it."""
    holders = [
        k for k, v in result.items() if k.endswith("_config") and isinstance(v, Mapping) and any(n in v for n in names)
    ]
    preferred = [k for k in holders if k in ("text_config", "llm_config", "language_config")] or holders
    if holders and key not in ("model_type", "architectures") and not _plain(result):
        raise UsageError(
            f"{key} is not at the top of this config, but in {', '.join(holders)}",
            hint=f"--set {preferred[0]}.{key}={text[:60]}",
        )


def _plain(result: Mapping[str, object]) -> bool:
    """Whether the top level itself describes a decoder, whatever else is nested in it."""
    return any(k in result for k in (*COUNT_KEYS, "hidden_size", "n_embd", "d_model"))


def _check_per_layer(before: Mapping[str, object], after: Mapping[str, object], path: tuple[str, ...]) -> None:
    count_key = next((k for k in COUNT_KEYS if k in after), None)
    count = after.get(count_key) if count_key else None
    if count_key is None or not isinstance(count, int) or isinstance(count, bool):
        return
    prefix = "".join(f"{p}." for p in path)
    for key, value in after.items():
        if not _is_per_layer(key, before.get(key, value), before.get(count_key)) or not isinstance(value, list | str):
            continue
        if len(value) == count or (value == before.get(key) and count == before.get(count_key)):
            continue
        shape = f"a list of {count} entries" if isinstance(value, list) else f"a string of {count} letters"
        hint = f"set {prefix}{key} to {shape}, or {prefix}{count_key}={len(value)}"
        if key == "layer_types" and isinstance(value, list):
            hint += f", or {prefix}{key}=null for the class's own pattern"
        raise UsageError(f"{prefix}{key} has {len(value)} entries and {prefix}{count_key} is {count}", hint=hint)


def _is_per_layer(key: str, value: object, count: object) -> bool:
    """A list that runs over the layers: by its name, or because it was exactly as long as they are many."""
    if key in _PER_LAYER:
        return True
    if key.startswith(_NEVER) or not isinstance(value, list) or not isinstance(count, int) or count < 4:
        return False
    return len(value) == count and not any(isinstance(item, list) for item in value)

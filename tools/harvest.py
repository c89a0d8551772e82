"""Harvest declared config defaults from transformers into cardscope/data/defaults.jsonl.

A config file leaves out what equals its class's default, so the defaults are needed to read it. Only what a
class *declares* counts: an instance also holds what its `__post_init__` derived (llama: 32 key/value heads,
where it declares none), and derivations are cardscope's own rules. No config is ever instantiated.

To renew the file, run this once under each transformers and merge the two dumps (torch is not needed):

    python3 tools/harvest.py dump new.json        # in an environment with transformers 5.x
    python3 tools/harvest.py dump old.json        # in an environment with the last transformers 4.x
    python3 tools/harvest.py merge new.json old.json cardscope/data/defaults.jsonl

transformers 5 declares dataclass fields; transformers 4 declares parameters of `__init__`, passed up to
`PretrainedConfig`. Both are read here; where the two differ the old default is stored under "was".

The file: a header, then one object per type, sorted, each line beginning exactly with {"type":"NAME","class":
and holding these, empty ones left out (fields that every class shares are in the header's "base"):
    model_type  the name the class gives itself, where that is another
    defaults    declared field -> default
    aliases     standard name -> the field it stands for
    sub         sub-config key -> its type
    init        sub-config key -> arguments when it is absent
    any         sub-config keys whose own model_type decides (in the others it is ignored)
    optional    sub-config keys that may be absent
    legacy      undeclared keys that are read all the same -> default, if literal
    forced      field -> what the class sets it to whatever the file says
    nulls       field -> the constant that the class puts in place of null
    was         field -> default in the old version
    only_old    fields that only the old version had -> default
    models      task -> model class name
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import config_source

Config = type[Any]
Entry = dict[str, Any]
Reading = Callable[[list[config_source.Statement]], Iterable[tuple[str, object]]]

LITERAL = (int, float, bool, str, tuple, list, dict, type(None))

NOISE = re.compile(
    # training
    r"dropout|drop_rate|drop_path|layerdrop|pdrop$|initializer|^init_std$|loss|_coef(ficient)?$|_cost$|^matcher_|"
    r"^focal_(alpha|gamma)$|(dice|mask|class|object)_weight$|^mask_(time|feature)_(prob|length|min_masks)$|"
    r"^apply_spec_augment$|^gradient_|noise$|^time_step_(min|max|floor|limit|scale|init_scheme)$|^auxiliary_loss$|"
    # arithmetic
    r"_eps$|^eps$|epsilon|_std$|_mean$|temperature|softcap|^logits?_scal|^default_rope_type$|pretraining_tp$|"
    r"^torch_dtype$|^disable_custom_kernels$|^init_device$|"
    # what a call returns, and how text is made
    r"^output_(attentions|hidden_states|router_logits|auxiliary_logits|a3_attentions|retrieved|range)$|"
    r"^return_(dict|loss)$|use_cache|^use_return|^forced_|suppress_tokens$|^num_assistant|^cache_implementation$|"
    r"token_ids?$|token_index$|^prefix$|^task_specific_params$|"
    # bookkeeping
    r"^transformers_version$|^architectures$|^label2id$|^problem_type$|^finetuning_task$|^tokenizer_class$|"
    r"^model_type$|^keys_to_ignore|^ignore_keys|^base_(config_key|model_\w+_plan)$|^extra_(config_)?files$|"
    r"_supported$|^supported_|^has_no_defaults|^name_or_path$|^trust_remote_code$|^verbose$|_config_dict$|"
    r"^torchscript$|^pruned_heads$|^tie_encoder_decoder$"
)
"""Fields that cannot shape a tensor: training, generation, printing. Anything in doubt stays."""

ONLY_OLD_NOISE = re.compile(
    r"rope|rotary|theta|attn_implementation|^use_mambapy$|_local_base_freq$|^id2label$|"
    r"^patching_|pretrained_backbone$|^(force_bos|realtime|reference_compile|repad_logits|post_init|seq_aux|monotonicity)"
)

WITH_HEAD = {"causal_lm", "masked_lm", "seq2seq", "image_text_to_text", "multimodal_lm", "speech_seq2seq"}
"""Tasks whose models have an output matrix that could be the input embedding."""

# Task names as people say them; the rest follow from the table's own name.
TASKS = {"": "base", "SEQ_TO_SEQ_CAUSAL_LM": "seq2seq", "SPEECH_SEQ_2_SEQ": "speech_seq2seq"}


def dump(target: Path) -> None:
    """Write what the installed transformers declares, as plain JSON."""
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING, CONFIG_MAPPING_NAMES

    types: dict[str, Entry] = {}
    for name in CONFIG_MAPPING_NAMES:
        _collect(name, CONFIG_MAPPING[name], types, frozenset(CONFIG_MAPPING_NAMES))
    base = _base_class()
    found = {
        "transformers": transformers.__version__,
        "base": _kept(_declared(base)),
        "models": _model_classes(),
        "types": types,
    }
    text = json.dumps(found, indent=1, sort_keys=True, default=_unserialisable)
    target.write_text(text + "\n", encoding="utf-8")
    print(f"{target}: {len(types)} types of transformers {transformers.__version__}")


def _base_class() -> Config:
    from transformers import PretrainedConfig

    return PretrainedConfig


def _unserialisable(value: object) -> str:
    return f"<{type(value).__name__}>"


def _collect(name: str, cls: Config, types: dict[str, Entry], registered: frozenset[str]) -> None:
    """Add one type, and the nested config classes that only it knows."""
    if name in types:
        return
    sub, init, anytype, optional = {}, {}, [], []
    types[name] = entry = {"class": cls.__name__}
    for key, spec in _sub_specs(cls).items():
        nested, model_type = spec["class"], spec["model_type"]
        if nested.__name__ == "AutoConfig":
            anytype.append(key)
        elif model_type not in registered:
            model_type = model_type or f"{name}.{key}"
            _collect(model_type, nested, types, registered)
        sub[key] = model_type or None
        if spec["init"]:
            init[key] = spec["init"]
        if spec["optional"]:
            optional.append(key)
    declared = {key: value for key, value in _declared(cls).items() if key not in sub}
    entry |= {"defaults": _kept(declared), "aliases": dict(cls.attribute_map), "sub": sub, "init": init}
    entry |= {
        "any": anytype,
        "optional": optional,
        "legacy": _kept(_legacy(cls)),
        "forced": _kept(_forced(cls)),
    }
    entry["nulls"] = {key: value for key, value in _nulls(cls).items() if key in entry["defaults"]}
    entry["model_type"] = cls.model_type if cls.model_type != name else ""


def _sub_specs(cls: Config) -> dict[str, Entry]:
    """Sub-config key -> class, model type, initial arguments, optional; as either generation says it."""
    specs: dict[str, Entry] = {}
    plain = getattr(cls, "sub_configs", {})
    for key, nested in plain.items() if isinstance(plain, dict) else ():  # one class computes it per instance
        model_type = getattr(nested, "model_type", "") if nested.__name__ != "AutoConfig" else ""
        specs[key] = {"class": nested, "model_type": model_type, "init": {}, "optional": False}
    for key, spec in getattr(cls, "sub_configs_defaults", {}).items():
        given = {"model_type": spec.model_type, "init": dict(spec.init_kwargs), "optional": spec.optional}
        specs[key] = {"class": spec.config_class} | given
    return {key: spec for key, spec in specs.items() if hasattr(spec["class"], "attribute_map") or spec["model_type"]}


def _kept(declared: Mapping[str, object]) -> dict[str, object]:
    """Without noise, and without numbers JSON cannot hold."""
    return {key: value for key, value in declared.items() if not NOISE.search(key) and not _infinite(value)}


def _infinite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _declared(cls: Config) -> dict[str, object]:
    """Every declared default of a config class, whichever way its transformers declares it."""
    if dataclasses.is_dataclass(cls):
        return _fields(cls)
    return _parameters(cls)


def _fields(cls: Config) -> dict[str, object]:
    """Dataclass fields, and plain class attributes without annotation (nomic_bert's tie_word_embeddings)."""
    found: dict[str, object] = {}
    for field in dataclasses.fields(cls):
        if field.default is not dataclasses.MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
    for parent in _below_base(cls):
        for name, value in vars(parent).items():
            if not name.startswith("_") and isinstance(value, LITERAL) and name not in _NOT_FIELDS:
                found.setdefault(name, value)
    return found


_NOT_FIELDS = frozenset({"attribute_map", "sub_configs", "sub_configs_defaults", "model_type", "layer_types"})
# layer_types: as a bare class attribute it lists the allowed kinds of a vision backbone, not a model's layers


def _parameters(cls: Config) -> dict[str, object]:
    """Signature defaults up the chain of `__init__`; literals that a class passes up or sets win."""
    chain = [k for k in cls.__mro__ if "__init__" in vars(k) and k is not object and _is_config(k)]
    found: dict[str, object] = {}
    for parent in reversed(chain):
        fixed = {} if parent is _base_class() else config_source.fixed(parent)
        signature = inspect.signature(vars(parent)["__init__"]).parameters.values()
        given = {p.name: p.default for p in signature if p.default is not inspect.Parameter.empty}
        found |= fixed | given
    return found


def _is_config(cls: Config) -> bool:
    return issubclass(cls, _base_class())


def _below_base(cls: Config) -> list[Config]:
    """The class and its ancestors, short of the class all configs share."""
    return list(cls.__mro__[: cls.__mro__.index(_base_class())])


def _first(cls: Config, method: str, read: Reading) -> dict[str, object]:
    """What `read` finds in a method of the class and its ancestors; the nearest class wins."""
    found: dict[str, object] = {}
    for parent in _below_base(cls):
        for key, value in read(config_source.statements(parent, method)):
            found.setdefault(key, value)
    return found


def _legacy(cls: Config) -> dict[str, object]:
    """Undeclared keys that `__post_init__` reads all the same, with their default where literal."""
    declared = _declared(cls)
    return {k: v for k, v in _first(cls, "__post_init__", config_source.popped).items() if k not in declared}


def _forced(cls: Config) -> dict[str, object]:
    """Fields that `__post_init__` sets to a constant, whatever the file says (t5 is always tied)."""
    return _first(cls, "__post_init__", config_source.assigned)


def _nulls(cls: Config) -> dict[str, object]:
    """Fields where the class puts a constant in place of None, in either generation's way."""
    return _first(cls, "__init__", config_source.filled) | _first(cls, "__post_init__", config_source.filled)


def _model_classes() -> dict[str, dict[str, str]]:
    """Type -> task -> class name, from every table of the auto classes."""
    from transformers.models.auto import modeling_auto as tables

    found: dict[str, dict[str, str]] = {}
    for table in sorted(vars(tables)):
        if (match := re.fullmatch(r"MODEL_(?:FOR_)?(.*?)_?MAPPING_NAMES", table)) is None:
            continue
        task = TASKS.get(match[1], match[1].lower())
        for name, names in getattr(tables, table).items():
            found.setdefault(name, {})[task] = names if isinstance(names, str) else names[0]
    return found


def merge(new_file: Path, old_file: Path, target: Path) -> None:
    """Write the shipped file: the new dump, and of the old one what differs."""
    new, old = (json.loads(path.read_text(encoding="utf-8")) for path in (new_file, old_file))
    header = {
        "transformers": new["transformers"],
        "was": old["transformers"],
        "license": "facts read from transformers (Apache-2.0)",
        "base": new["base"] | {"num_labels": 2},  # __post_init__: two labels unless id2label or num_labels says more
        "base_was": {k: v for k, v in old["base"].items() if v != new["base"].get(k, v) or k not in new["base"]},
    }
    lines = [header, *(_line(name, new, old) for name in sorted(new["types"]))]
    text = "\n".join(json.dumps(line, separators=(",", ":"), allow_nan=False) for line in lines)
    target.write_text(text + "\n", encoding="utf-8")
    print(f"{target}: {len(lines) - 1} types, {len(text):,} bytes")


def _line(name: str, new: Entry, old: Entry) -> Entry:
    entry = new["types"][name]
    former = old["types"].get(name, {"defaults": {}, "nulls": {}})
    fields = {k: v for k, v in entry["defaults"].items() if k not in new["base"] or v != new["base"][k]}
    line = {"type": name, "class": entry["class"], "defaults": fields}
    for part in ("model_type", "aliases", "sub", "init", "any", "optional", "legacy", "forced", "nulls"):
        line[part] = entry[part]
    line["models"] = new["models"].get(name, {})
    now = new["base"] | entry["defaults"] | entry["forced"]
    if WITH_HEAD & line["models"].keys():
        # Where nothing is declared the old base class tied; the new model code reads False.
        now = {"tie_word_embeddings": False} | now
    line["was"] = _changed(former["defaults"], now, former["nulls"], entry["nulls"])
    known = now.keys() | entry["aliases"].keys() | entry["sub"].keys() | old["base"].keys()
    gone = {key: value for key, value in former["defaults"].items() if key not in known}
    line["only_old"] = {key: value for key, value in gone.items() if not ONLY_OLD_NOISE.search(key)}
    return {key: value for key, value in line.items() if value or key == "defaults"}


def _changed(before: Entry, now: Entry, old_nulls: Entry, nulls: Entry) -> Entry:
    """Old defaults that differ, unless either is a null that its class fills with the same constant."""

    def differs(key: str) -> bool:
        was, is_now = before[key], now[key]
        was, is_now = old_nulls.get(key) if was is None else was, nulls.get(key) if is_now is None else is_now
        return not _same(was, is_now)

    return {key: value for key, value in before.items() if key in now and differs(key)}


def _same(one: object, other: object) -> bool:
    """Equal, or both nothing: an empty list and None shape the same model."""
    return one == other or (one in (None, [], {}) and other in (None, [], {}))


def main(words: list[str]) -> None:
    """Run `dump FILE` or `merge NEW OLD TARGET`."""
    paths = [Path(word) for word in words[1:]]
    if words[:1] == ["dump"] and len(paths) == 1:
        dump(paths[0])
    elif words[:1] == ["merge"] and len(paths) == 3:
        merge(*paths)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])

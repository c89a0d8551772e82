"""The oracle: transformers' own model, built on the meta device, and what tensors it has.

Nothing here knows how cardscope counts; that is the point.
"""

from __future__ import annotations

import copy
import os
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import transformers
from accelerate import init_empty_weights
from transformers.initialization import no_init_weights
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

transformers.logging.set_verbosity_error()

Kind = Literal["parameter", "buffer"]
Tensors = dict[str, tuple[tuple[int, ...], Kind]]


class Refused(Exception):
    """transformers declines this config; `str()` is its first line."""


@dataclass(frozen=True, slots=True)
class Built:
    """A model as transformers builds it: each parameter once, persistent buffers apart."""

    total: int
    buffers: int
    tensors: Tensors
    class_name: str


CAUSAL_LM_TYPES: tuple[str, ...] = tuple(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)

# Where a type has no causal-LM class, the first class it has in these tables stands for it.
FIRST_TABLES = (
    "CAUSAL_LM",
    "MASKED_LM",
    "SEQ_TO_SEQ_CAUSAL_LM",
    "SPEECH_SEQ_2_SEQ",
    "IMAGE_TEXT_TO_TEXT",
    "PRETRAINING",
)


@cache
def classes_of(model_type: str) -> tuple[str, ...]:
    """Every model class that transformers' tables name for a type, the one that stands for it first."""
    tables = [name for name in vars(modeling_auto) if name.startswith("MODEL_") and name.endswith("_MAPPING_NAMES")]
    first = [f"MODEL_FOR_{name}_MAPPING_NAMES" for name in FIRST_TABLES]
    found: dict[str, None] = {}
    for table in [*first, *tables]:
        named = getattr(modeling_auto, table).get(model_type, ())
        found.update(dict.fromkeys([named] if isinstance(named, str) else named))
    return tuple(found)


@cache
def other_classes(model_type: str) -> tuple[str, ...]:
    """The model classes beside the tables' ones that the same module of transformers exports for a type's config."""
    known = classes_of(model_type)
    first = getattr(transformers, known[0], None) if known else None
    module = sys.modules.get(getattr(first, "__module__", ""))
    wanted = config_class(model_type)
    found = []
    for name in getattr(module, "__all__", ()):
        each = getattr(module, name, None)
        abstract = name.endswith("PreTrainedModel")
        if isinstance(each, type) and getattr(each, "config_class", None) is wanted and not abstract:
            found.append(name)
    return tuple(name for name in found if name not in known)


@cache
def config_class(model_type: str) -> type[transformers.PreTrainedConfig]:
    """The config class of a model type; raises Refused when transformers has none."""
    try:
        return CONFIG_MAPPING[model_type]
    except KeyError:
        raise Refused(f"no config class for {model_type!r}") from None


def class_name(config: Mapping[str, object]) -> str:
    """The class in `architectures`, else the causal-LM class of the model type."""
    named = config.get("architectures")
    if isinstance(named, list) and named:
        return str(named[0])
    try:
        return MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[str(config.get("model_type"))]
    except KeyError:
        raise Refused(f"no causal-LM class for {config.get('model_type')!r}") from None


def model_config(config: Mapping[str, object]) -> tuple[type, transformers.PreTrainedConfig]:
    """The model class, and the config object it wants: of a wrapper, the part whose class it names."""
    model_class = getattr(transformers, class_name(config), None)
    if model_class is None:
        raise Refused(f"transformers has no {class_name(config)}")
    # Config classes edit the lists and dicts they are given.
    whole = config_class(str(config["model_type"])).from_dict(copy.deepcopy(dict(config)))
    wanted = getattr(model_class, "config_class", None)
    if wanted is not None and not isinstance(whole, wanted):
        for key in whole.sub_configs:
            if isinstance(part := getattr(whole, key, None), wanted):
                return model_class, part
    return model_class, whole


def build(config: Mapping[str, object]) -> Built:
    """Build the model of a raw config dict on the meta device; raises Refused with transformers' reason."""
    try:
        model_class, prepared = model_config(config)
        prepared._attn_implementation = "eager"
        # Initial values would be computed on the meta device too, a fifth of the time; shapes do not need them.
        with init_empty_weights(include_buffers=True), no_init_weights():
            model = model_class(prepared)
        model.tie_weights()
    except Refused:
        raise
    except Exception as error:
        raise Refused(_first_line(error)) from error
    return inventory(model)


def inventory(model: torch.nn.Module) -> Built:
    """Every parameter of a built model once, and its persistent buffers."""
    tensors: Tensors = {
        name: (tuple(each.shape), "parameter") for name, each in model.named_parameters(remove_duplicate=True)
    }
    total = sum(each.numel() for each in model.parameters())
    buffers = 0
    for prefix, module in model.named_modules():
        for name, each in module._buffers.items():
            if each is not None and name not in module._non_persistent_buffers_set:
                buffers += each.numel()
                tensors[f"{prefix}.{name}" if prefix else name] = (tuple(each.shape), "buffer")
    return Built(total, buffers, tensors, type(model).__name__)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = " ".join(lines[-1:] if "validation error" in str(error) else lines[:1])
    return f"{type(error).__name__}: {told[:160]}"

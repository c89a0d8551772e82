"""The architectures cardscope models: one small declaration of typed parts each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from cardscope.archs._registry import REGISTRY, Declaration, arch, load
from cardscope.errors import NotModelled
from cardscope.fields import Fields, Log, open_fields
from cardscope.parts import Spec

FAMILIES = (
    "classic",
    "gated",
    "routed",
    "latent",
    "recurrent",
    "dense",
    "gemmas",
    "experts",
    "compressed",
    "hybrid",
    "delta",
    "zamba",
    "exotic",
    "streams",
    "encoder",
    "encoder_variants",
    "encoder_more",
    "seq2seq",
    "bart",
    "speech",
    "vision",
    "clip",
    "mixed",
    "hyper",
    "qwen4",
    "convolved",
    "phi4mm",
    "elders",
    "remote",
    "remote_mixed",
    "remote_decoders",
    "towers",
    "wrappers",
    "wrappers_more",
    "wrappers_audio",
    "wrappers_late",
    "omni",
    "janus",
    "gemma3n",
    "remote_wrappers",
    "step3",
    "remote_vision",
    "remote_towers",
    "clip_kin",
    "convnets",
    "depth",
    "sounds",
    "wrappers_seen",
    "qformers",
    "encoder_late",
    "speech_late",
    "wrappers_heard",
    "composed",
    "detection",
    "vision_late",
    "seq2seq_late",
    "sam",
    "realtime",
    "series",
    "nanochat",
    "emu3",
    "dots3",
    "mobile",
    "entities",
    "codecs",
    "vilt",
)
"""The family modules; each registers its types when imported."""

__all__ = ["FAMILIES", "arch", "build", "declared_types", "find", "interpret", "open_config"]


@cache
def _load_all() -> None:
    for family in FAMILIES:
        load(family)


@cache
def _index() -> dict[str, str]:
    """Model type → family module, from a file that tools/index.py writes; it spares importing every family."""
    text = Path(__file__).parent.parent.joinpath("data", "families.txt").read_text(encoding="utf-8")
    rows = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {model_type: family for family, *types in rows for model_type in types}


def find(model_type: str) -> Declaration | None:
    """The declaration of a model type, or None if it is not modelled."""
    if model_type not in REGISTRY:
        family = _index().get(model_type)
        if family in FAMILIES:
            load(family)
        if model_type not in REGISTRY:
            _load_all()
    return REGISTRY.get(model_type)


def declared_types() -> tuple[str, ...]:
    """Every declared model type, sorted."""
    _load_all()
    return tuple(sorted(REGISTRY))


def open_config(config: Mapping[str, object], model_type: str | None = None) -> Fields:
    """Fields over a whole config, with the defaults of its model type."""
    named = config.get("model_type") if model_type is None else model_type
    return open_fields(config, named if isinstance(named, str) else "", log=Log())


def interpret(fields: Fields) -> Spec:
    """Fields → Spec by the type's declaration. Raises NotModelled, MissingField, BadField or ConfigError."""
    declaration = find(fields.model_type)
    if declaration is None:
        shown = fields.model_type or "none given"
        raise NotModelled(f"model type {shown} is not modelled", hint="`cardscope archs` lists the types that are")
    fields.touch("model_type", "architectures")
    return declaration(fields)


def build(config: Mapping[str, object]) -> Spec:
    """Raw config → Spec. Raises NotModelled, MissingField, BadField or ConfigError."""
    return interpret(open_config(config))

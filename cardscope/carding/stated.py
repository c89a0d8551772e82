"""What the metadata claims: licence, languages, library, base model, and a specification among its own keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cardscope.carding.claims import ALL
from cardscope.carding.claims.kind import normal
from cardscope.carding.metadata import Metadata
from cardscope.carding.model import Claim, Said

_OWN = frozenset(
    [
        "license",
        "license_name",
        "license_link",
        "language",
        "languages",
        "library_name",
        "base_model",
        "base_model_relation",
        "tags",
        "pipeline_tag",
        "datasets",
        "metrics",
        "widget",
        "inference",
        "model-index",
        "thumbnail",
        "extra_gated_prompt",
        "extra_gated_fields",
        "extra_gated_heading",
        "extra_gated_description",
        "extra_gated_button_content",
        "co2_eq_emissions",
    ]
)
_SPEC = ("model_details", "spec", "specs", "specification", "architecture", "model", "details", "config", "model_info")
_NUMERIC = frozenset(
    {
        "parameters",
        "active_parameters",
        "non_embedding_parameters",
        "num_layers",
        "hidden_size",
        "intermediate_size",
        "num_heads",
        "num_kv_heads",
        "head_dim",
        "vocab_size",
        "context_length",
        "extended_context_length",
        "sliding_window",
        "num_experts",
        "experts_per_token",
        "training_tokens",
        "gpu_hours",
        "training_flops",
        "dtype",
        "attention",
    }
)


def claims(metadata: Metadata) -> list[Claim]:
    """Claims of the known keys, then of any that name a figure of the shape."""
    data, lines = metadata.data, metadata.lines
    found: list[Claim] = []
    for key, kind in (
        ("license", "license"),
        ("library_name", "library"),
        ("base_model", "base_model"),
        ("language", "languages"),
    ):
        if key in data:
            found += [
                Claim(said, f"{key}: {_shown(data[key])}"[:240], lines.get(key), "metadata")
                for said in _known(kind, data[key])
            ]
    found += _figures(data, lines)
    for key in _SPEC:
        if isinstance(data.get(key), Mapping):
            found += _figures(data[key], dict.fromkeys(map(str, data[key]), lines.get(key, 1)))
    return found


def _shown(value: Any) -> str:
    return ", ".join(map(str, value[:12])) if isinstance(value, list) else str(value)


def _known(kind: str, value: Any) -> Iterator[Said]:
    listed = [str(item) for item in value][:100] if isinstance(value, list) else [str(value)]
    listed = [item for item in listed if item and item != "None"]
    if kind == "languages" and listed:
        yield Said(kind, tuple(sorted({"no" if item == "False" else item for item in listed})), ", ".join(listed)[:80])
    elif kind == "license" and len(listed) == 1:
        yield Said(kind, listed[0].lower(), listed[0])
    elif kind in {"base_model", "library"}:
        yield from (Said(kind, item, item) for item in listed[:8])


def _figures(data: Mapping[str, Any], lines: Mapping[str, int]) -> Iterator[Claim]:
    for key, value in list(data.items())[:200]:
        if key in _OWN or isinstance(value, bool) or not isinstance(value, str | int | float):
            continue
        plain = normal(str(key))
        text = f"{value:,}" if isinstance(value, int) else str(value)
        for kind in ALL:
            if kind.name in _NUMERIC and kind.label.fullmatch(plain):
                yield from (
                    Claim(said, f"{key}: {value}"[:240], lines.get(key), "metadata")
                    for said in kind.read(text, str(key))
                )
                break

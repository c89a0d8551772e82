"""What config, count and stored tensors say, in the words of the claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cardscope.assemble import outline
from cardscope.carding import tokenizer
from cardscope.errors import ConfigError
from cardscope.identify import config_dtype
from cardscope.model import RawConfig
from cardscope.parts import Spec
from cardscope.report.model import Report
from cardscope.stored import method
from cardscope.units import dtype_name

MAX_KEYS: Final = 4_000
EMBEDDING = ("embedding", "position", "head")


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Everything a claim can be held against; None is unknown."""

    config: Mapping[str, Any] = field(default_factory=dict)
    report: Report | None = None
    reason: str | None = None
    towers: int = 0
    tower_layers: tuple[int, ...] = ()
    vocabularies: tuple[int, ...] = ()
    """Rows of the embedding, and token ids of the tokenizer where its file is at hand."""
    contexts: tuple[tuple[int, str], ...] = ()
    """(positions, what says so), the native first."""
    stretched: bool = False
    scaling_told: bool = False
    """Whether the card speaks of rope scaling, which a user then sets."""
    dtype: str | None = None
    dtype_witness: str = "config.json"
    quantization: str | None = None
    files: tuple[tuple[str, int | None], ...] = ()
    files_known: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    hub_license: str | None = None

    @property
    def total(self) -> int | None:
        """Parameters by the best witness."""
        return self.report.headline.total if self.report else None

    @property
    def counted(self) -> str:
        """Which witness counts: stored tensors, the empty model, the declaration."""
        names = {"stored": "stored tensors", "exact": "empty model", "analytic": "count from config.json"}
        return names.get(self.report.headline.witness, "nothing") if self.report else "nothing"

    @property
    def without_embeddings(self) -> int | None:
        """Parameters without token and position tables and the head."""
        total, parts = self.total, self.report.parameters.analytic.components if self.report else {}
        if total is None or not parts:
            return None
        return self.report.parameters.analytic.total - sum(parts.get(name, 0) for name in EMBEDDING)  # type: ignore[union-attr,operator]

    def numbers(self, *words: str) -> set[int]:
        """Every whole number of the config under a key that holds one of the words."""
        return {value for key, value in _walk(self.config, 0) if any(word in key for word in words)}


def _walk(place: Any, depth: int, key: str = "") -> Iterator[tuple[str, int]]:
    if depth > 6:
        return
    if isinstance(place, Mapping):
        for name, value in list(place.items())[:MAX_KEYS]:
            yield from _walk(value, depth + 1, str(name).lower())
    elif isinstance(place, list):
        for value in place[:200]:
            yield from _walk(value, depth + 1, key)
    elif isinstance(place, int) and not isinstance(place, bool):
        yield key, place


def none(reason: str, metadata: Mapping[str, Any]) -> Witnesses:
    """No witness at all, and why."""
    return Witnesses(reason=reason, metadata=metadata)


def witnesses(
    raw: RawConfig, report: Report | None, metadata: Mapping[str, Any], reason: str | None = None
) -> Witnesses:
    """The witnesses of one model; `report` is None where nothing could be counted."""
    try:
        spec, _ = outline(raw)
    except ConfigError:
        spec = None
    dtype, seen = _dtype(raw, report)
    return Witnesses(
        config=raw.data,
        report=report,
        reason=reason,
        towers=sum(bool(tower.layers) for tower in spec.towers) if spec else 0,
        tower_layers=tuple(len(tower.layers) * tower.repeats for tower in spec.towers if tower.layers) if spec else (),
        vocabularies=(*((spec.vocab_size,) if spec and spec.vocab_size else ()), *tokenizer.vocabularies(raw.folder)),
        contexts=(*_contexts(raw.data, spec.max_positions if spec else None), *_limit(raw, spec)),
        stretched=bool(_scaling(raw.data)),
        dtype=dtype,
        dtype_witness=seen,
        quantization=method(raw),
        files=raw.hub.files if raw.hub else raw.files,
        files_known=bool(raw.hub and raw.hub.files),
        metadata=metadata,
        hub_license=raw.hub.license if raw.hub else None,
    )


def _dtype(raw: RawConfig, report: Report | None) -> tuple[str | None, str]:
    """The dtype of most stored numbers, else the config's."""
    stored = report.parameters.checkpoint.dtypes if report else {}
    floats = {name: count for name, count in stored.items() if "F" in name.upper()}
    if floats and sum(floats.values()) > 0.9 * sum(stored.values()):
        return dtype_name(max(floats, key=lambda name: floats[name])), "stored tensors"
    return config_dtype(raw.data), "config.json"


def _scaling(config: Mapping[str, Any]) -> Mapping[str, Any]:
    for place in (config, config.get("text_config")):
        if isinstance(place, Mapping):
            for key in ("rope_scaling", "rope_parameters"):
                found = place.get(key)
                if isinstance(found, Mapping) and ("factor" in found or "original_max_position_embeddings" in found):
                    return found
    return {}


def _contexts(config: Mapping[str, Any], positions: int | None) -> Iterator[tuple[int, str]]:
    """Native positions, then what scaling makes of them."""
    scaling = _scaling(config)
    factor, original = scaling.get("factor"), scaling.get("original_max_position_embeddings")
    for place in (config, config.get("text_config")):
        if isinstance(place, Mapping) and original is None:
            original = place.get("original_max_position_embeddings")
    if positions is not None:
        yield positions, "config.json"
    if isinstance(original, int) and not isinstance(original, bool) and original != positions:
        yield original, "config.json, before rope scaling"
    if isinstance(factor, int | float) and not isinstance(factor, bool) and 1 < factor < 10_000:
        for base in (original, positions):
            if isinstance(base, int) and not isinstance(base, bool):
                yield round(base * factor), "config.json, with rope scaling"
    for key in (
        "seq_length",
        "max_seq_len",
        "max_sequence_length",
        "n_ctx",
        "n_positions",
        "model_max_length",
        "max_seq_length",
    ):
        value = config.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value != positions and value > 0:
            yield value, f"config.json: {key}"


def _limit(raw: RawConfig, spec: Spec | None) -> Iterator[tuple[int, str]]:
    """The tokenizer's own limit, beside a known number of positions."""
    limit = tokenizer.longest(raw.folder)
    if limit is not None and spec is not None and spec.max_positions not in (None, limit):
        yield limit, "tokenizer_config.json"

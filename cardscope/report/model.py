"""The report as a value: everything the renderers print and nothing they compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cardscope.fields import Read
from cardscope.findings import Finding
from cardscope.inventory import Inventory
from cardscope.measures.before import Effect
from cardscope.measures.differences import Difference
from cardscope.measures.facts import Facts
from cardscope.measures.kvcache import AttentionFacts, KvCache
from cardscope.measures.precision import WeightRow

SCHEMA = "cardscope.report/1"
Confidence = Literal["declared", "declared-unseen", "guess", "none"]
Witness = Literal["stored", "exact", "analytic", "none"]
Status = Literal["ok", "skipped", "unavailable", "failed"]


@dataclass(frozen=True, slots=True)
class Subject:
    """Which model, at which revision, from where and when."""

    id: str
    revision: str | None
    source: str
    fetched: str | None
    model_type: str | None
    architectures: tuple[str, ...]
    gated: bool
    where: str = "config.json"
    notes: tuple[str, ...] = ()
    changes: tuple[tuple[str, object, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Headline:
    """The answer first: parameters and bytes by the best witness there is."""

    total: int | None
    active: int | None
    bytes: int | None
    dtype: str | None
    witness: Witness


@dataclass(frozen=True, slots=True)
class Heuristic:
    """12·L·d², or why not."""

    total: int | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Analytic:
    """The count from the declaration: parameters, active ones, buffers, extra prediction layers, components."""

    total: int | None
    active: int | None = None
    buffers: int | None = None
    mtp: int | None = None
    confidence: Confidence = "none"
    reason: str | None = None
    components: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exact:
    """The count of the empty model that transformers builds."""

    total: int | None
    buffers: int | None = None
    class_name: str | None = None
    status: Status = "skipped"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is stored: logical parameters (`total`) and every stored number."""

    total: int | None
    source: Literal["headers", "index", "hub-total", "gguf", "file-list"] | None = None
    stored_numbers: int | None = None
    buffers: int | None = None
    mtp: int | None = None
    scales: int | None = None
    duplicates: int | None = None
    stored_bytes: int | None = None
    dtypes: Mapping[str, int] = field(default_factory=dict)
    status: Status = "skipped"
    reason: str | None = None
    parts: Mapping[str, int | None] = field(default_factory=dict)
    """Parameters of each part (a pipeline's components), where the repository holds several models."""

    @property
    def told(self) -> dict[str, int]:
        """The parts whose parameters are known."""
        return {name: count for name, count in self.parts.items() if count is not None}


@dataclass(frozen=True, slots=True)
class Parameters:
    """Four counts side by side, and why they differ."""

    heuristic: Heuristic
    analytic: Analytic
    exact: Exact
    checkpoint: Checkpoint
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Everything known about one model."""

    model: Subject
    headline: Headline
    spec: Facts | None
    fields: tuple[Read, ...]
    parameters: Parameters
    attention: AttentionFacts | None
    kv_cache: KvCache | None
    weights: tuple[WeightRow, ...]
    weights_reason: str | None
    findings: tuple[Finding, ...]
    groups: tuple[tuple[str, int, str], ...] = ()
    """(tower, how many equal layers, what they are made of)."""
    inventory: Inventory | None = None
    effects: tuple[Effect, ...] = ()
    """Figures before and after the what-ifs; empty where there are none, or where one side cannot be counted."""

    def to_dict(self) -> dict[str, object]:
        """The JSON of `cardscope MODEL --json`."""
        from cardscope.report.json import to_dict

        return to_dict(self)

"""The values a card becomes: claims, verdicts, and the answer that is printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from cardscope.carding.numbers import Quantity, Reading
from cardscope.findings import Finding

SCHEMA: Final = "cardscope.card/1"
Where = Literal["name", "metadata", "heading", "prose", "list", "table", "badge", "code"]
Verdict = Literal["agrees", "disagrees", "ambiguous", "cannot be checked"]
Value = int | float | str | tuple[str, ...]

KINDS: Final[dict[str, str]] = {
    "parameters": "parameters",
    "active_parameters": "active parameters",
    "non_embedding_parameters": "parameters without embeddings",
    "num_layers": "layers",
    "hidden_size": "hidden size",
    "intermediate_size": "intermediate size",
    "num_heads": "attention heads",
    "num_kv_heads": "KV heads",
    "head_dim": "head dimension",
    "vocab_size": "vocabulary",
    "context_length": "context length",
    "extended_context_length": "extended context",
    "sliding_window": "sliding window",
    "attention": "attention",
    "num_experts": "experts",
    "experts_per_token": "experts per token",
    "dtype": "dtype",
    "quantization": "quantization",
    "architecture": "architecture",
    "training_tokens": "training tokens",
    "training_flops": "training FLOPs",
    "gpu_hours": "GPU hours",
    "base_model": "base model",
    "license": "licence",
    "languages": "languages",
    "library": "library",
    "file_size": "file size",
}
"""Kind of claim → the words for it."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a piece of text says of one kind: the value, its words, and for a number all it may mean."""

    kind: str
    value: Value
    words: str
    readings: tuple[Reading, ...] = ()
    loose: str = ""
    detail: str = ""
    """What narrows the claim: `without embeddings`, `with YaRN`, `of the weights in bf16`."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement of the card about this model: what is said, the quote, and where it stands."""

    said: Said
    quote: str
    line: int | None
    where: Where
    also: tuple[int, ...] = ()
    """Further lines that say the same."""

    @property
    def kind(self) -> str:
        """The kind of claim."""
        return self.said.kind


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim with its verdict: beside which witness, what that says, and why."""

    claim: Claim
    verdict: Verdict
    witness: str | None = None
    actual: Value | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything `cardscope card` says of one card."""

    id: str
    source: str
    where: str
    revision: str | None
    claims: tuple[Judged, ...]
    unstated: tuple[tuple[str, Value, str], ...]
    """(kind, what it is, witness) of facts that the card leaves out."""
    implications: tuple[str, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def of(self, verdict: Verdict) -> tuple[Judged, ...]:
        """The claims with one verdict."""
        return tuple(item for item in self.claims if item.verdict == verdict)

    @property
    def wrong(self) -> tuple[Judged, ...]:
        """Claims that a witness contradicts."""
        return self.of("disagrees")

    @property
    def checked(self) -> int:
        """Claims that a witness could be found for."""
        return sum(item.verdict in {"agrees", "disagrees"} for item in self.claims)

    def to_dict(self) -> dict[str, object]:
        """The JSON of `cardscope card --json`."""
        from cardscope.carding.render import to_dict

        return to_dict(self)


def of_quantity(kind: str, found: Quantity, detail: str = "") -> Said:
    """A number said of one kind."""
    value = round(found.value) if abs(found.value - round(found.value)) < 1e-6 * max(1.0, found.value) else found.value
    return Said(kind, value, found.text, found.readings, found.loose, detail)

"""The audit's row: one model's figures, flat, or an error with its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

from cardscope.errors import CardscopeError, SourceError
from cardscope.findings import Finding
from cardscope.identify import identify
from cardscope.model import RawConfig

LONGEST: Final = 400
"""Characters of a foreign string that a row keeps."""


class Failure(NamedTuple):
    """Why a row has no figures: one of the kinds of cardscope.errors, and a sentence."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Row:
    """One model of an audit; None is unknown. Figures are attributes and items alike: `row.parameters`, `row["id"]`."""

    id: str
    status: str
    error: Failure | None = None
    revision: str | None = None
    model_type: str | None = None
    architecture: str | None = None
    parameters: int | None = None
    active: int | None = None
    witness: str | None = None
    confidence: str | None = None
    dtype: str | None = None
    quantization: str | None = None
    weight_bytes: int | None = None
    kv_per_token_bytes: int | None = None
    context: int | None = None
    attention: str | None = None
    license: str | None = None
    findings: tuple[Finding, ...] = ()

    def __getitem__(self, key: str) -> Any:
        """The value under a key of the row's JSON."""
        return self.to_dict()[key]

    def to_dict(self) -> dict[str, Any]:
        """The row as one JSON object, its keys in the order of the fields."""
        found = {name: getattr(self, name) for name in COLUMNS}
        found["error"] = self.error._asdict() if self.error else None
        found["findings"] = [
            {"code": f.code, "severity": f.severity, "message": f.message, "where": f.where} for f in self.findings
        ]
        return found


COLUMNS: Final = tuple(field.name for field in fields(Row))
"""The keys of a row, in order."""


def from_dict(found: Mapping[str, Any]) -> Row:
    """The row that `to_dict` wrote. Raises KeyError or TypeError for anything else."""
    error = found["error"]
    findings = tuple(Finding(**each) for each in found["findings"])
    values = {name: found[name] for name in COLUMNS}
    return Row(**{**values, "error": Failure(**error) if error else None, "findings": findings})


def failed(name: str, error: Exception, raw: RawConfig | None = None) -> Row:
    """The row of a model that could not be counted, with what is known of it all the same."""
    if isinstance(error, CardscopeError):
        failure = Failure(error.kind, error.message)
    else:
        failure = Failure("internal", f"{type(error).__name__}: {error}"[:LONGEST])
    facts = raw.hub if raw else error.facts if isinstance(error, SourceError) else None
    identity = identify(raw.data) if raw and raw.data else None
    return Row(
        name,
        "error",
        failure,
        revision=raw.revision if raw else facts.commit if facts else None,
        model_type=cut(identity.model_type) if identity else None,
        architecture=cut(identity.architectures[0]) if identity and identity.architectures else None,
        license=cut(facts.license) if facts else None,
    )


def cut(text: str | None) -> str | None:
    """A foreign string, not without end."""
    return None if text is None else text[:LONGEST]

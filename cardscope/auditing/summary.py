"""What an audit came to: rows, errors by kind, findings by code, and whether a threshold was met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from cardscope.auditing.rows import Row
from cardscope.errors import UsageError
from cardscope.findings import RULES as REPORTED
from cardscope.rules import RULES as RULED

RULES: Final = {**REPORTED, **{code: (rule.severity, rule.summary) for code, rule in RULED.items()}}
"""Code → (severity, what it is about), of the report and of the audit."""
SEVERITIES = ("info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which findings count: codes or their beginnings to select and to ignore, and what makes the audit fail."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: tuple[str, ...] = ()

    def of(self, row: Row) -> Row:
        """The row with the findings that count."""
        if not row.findings or not (self.select or self.ignore):
            return row
        return replace(row, findings=tuple(f for f in row.findings if self._counts(f.code)))

    def _counts(self, code: str) -> bool:
        return (not self.select or code.startswith(self.select)) and not code.startswith(self.ignore or ("?",))

    def fails(self, row: Row) -> bool:
        """Whether a finding of the row is at or above the threshold, or one of the codes named."""
        return any(self._fails(f.code, f.severity) for f in row.findings)

    def _fails(self, code: str, severity: str) -> bool:
        levels = [SEVERITIES.index(each) for each in self.fail_on if each in SEVERITIES]
        codes = tuple(each for each in self.fail_on if each not in SEVERITIES)
        return bool(levels and SEVERITIES.index(severity) >= min(levels)) or bool(codes and code.startswith(codes))


def choice(select: Iterable[str], ignore: Iterable[str], fail_on: Iterable[str]) -> Choice:
    """The choice, from comma-separated words. Raises UsageError for a code no rule begins with."""
    taken, left, fatal = (tuple(_split(words)) for words in (select, ignore, fail_on))
    for code in (*taken, *left, *(word for word in fatal if word not in SEVERITIES)):
        if not any(rule.startswith(code) for rule in RULES):
            hint = "codes look like CS101, or CS1 for all that begin so; --fail-on also takes info, warning, error"
            raise UsageError(f"there is no rule {code}", hint=hint)
    return Choice(taken, left, fatal)


def _split(words: Iterable[str]) -> Iterable[str]:
    for word in words:
        for part in filter(None, (piece.strip() for piece in word.split(","))):
            yield part if part.lower() not in SEVERITIES else part.lower()


@dataclass(slots=True)
class Tally:
    """Sums over the rows so far."""

    choice: Choice = field(default_factory=Choice)
    rows: int = 0
    failed: bool = False
    errors: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        """Count one row; a code is counted once a model."""
        self.rows += 1
        if row.error:
            self.errors[row.error.kind] += 1
        self.findings.update({f.code for f in row.findings})
        self.failed = self.failed or self.choice.fails(row)

    @property
    def code(self) -> int:
        """The exit code: 2 where a row is internal, 1 by the threshold, else 0."""
        return 2 if self.errors["internal"] else 1 if self.failed else 0

    def sentences(self) -> list[str]:
        """What is said at the end."""
        errors = sum(self.errors.values())
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in self.errors.most_common())
        said = [
            f"{self.rows:,} models: {self.rows - errors:,} ok, {errors:,} error{'s' * (errors != 1)}"
            + (f" ({kinds})" if kinds else "")
        ]
        if self.findings:
            said += [f"  {code} {RULES[code][0]:<8}{count:>7,}  {RULES[code][1]}"
                     for code, count in self.findings.most_common()]  # fmt: skip
        return said

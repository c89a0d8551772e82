"""What a rule is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from cardscope.findings import Severity
from cardscope.model import HubFacts

Found = Iterator[tuple[str, str]]
"""(key or file, one sentence) for each place where a rule finds something."""


class Repository(NamedTuple):
    """What a repository's rules look at; facts are None where nobody told them."""

    name: str
    config: Mapping[str, Any]
    parameters: int | None
    facts: HubFacts | None
    active: int | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files, empty where they are not known."""
        return tuple(name for name, _ in self.facts.files) if self.facts else ()


class Rule(NamedTuple):
    """A stable code, how bad it is, and the function that looks; its docstring says what, why and how to fix."""

    code: str
    severity: Severity
    check: Callable[[Any], Found]

    @property
    def summary(self) -> str:
        """The first sentence of the rule's page, without its full stop."""
        return (self.check.__doc__ or "").strip().splitlines()[0].rstrip(".")

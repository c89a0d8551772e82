"""What a rule is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from cardscope.checkpoint.contents import Contents
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
    context: int | None = None
    contents: Contents | None = None
    """What the headers of the stored tensors say, where they were read."""
    beside: Mapping[str, Mapping[str, Any] | None] = MappingProxyType({})
    """Files beside the config that were read: name → content, None where it is no JSON object."""
    local: tuple[tuple[str, int | None], ...] = ()
    """(name, bytes) of the weight files of a folder, where there is no Hub to tell."""

    @property
    def sized(self) -> tuple[tuple[str, int | None], ...]:
        """(name, bytes) of the files, empty where they are not known."""
        return self.facts.files if self.facts else self.local

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files on the Hub, empty where they are not known."""
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


def generates(config: Mapping[str, Any]) -> bool:
    """Whether the class that was saved writes text."""
    classes = config.get("architectures")
    return isinstance(classes, list) and any(str(name).endswith("ForCausalLM") for name in classes[:8])

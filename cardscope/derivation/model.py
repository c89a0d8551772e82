"""A derivation as a value: sections of steps that sum to the total, the short formula, and what scales how."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = "cardscope.explain/1"


@dataclass(frozen=True, slots=True)
class Step:
    """One tensor: its shape, how its numbers multiply out, how many that makes, and why it is what it is."""

    name: str
    component: str
    calculation: str
    parameters: int
    why: str


@dataclass(frozen=True, slots=True)
class Section:
    """Steps of one layer that occurs `count` times, or of what stands around the layers."""

    title: str
    count: int
    steps: tuple[Step, ...]
    block: bool
    """Whether these are layers."""

    @property
    def each(self) -> int:
        """Parameters of one."""
        return sum(step.parameters for step in self.steps)

    @property
    def total(self) -> int:
        """Parameters of all `count`."""
        return self.count * self.each

    def by_component(self) -> dict[str, int]:
        """Parameters of one, by component."""
        sums: dict[str, int] = {}
        for step in self.steps:
            sums[step.component] = sums.get(step.component, 0) + step.parameters
        return sums


@dataclass(frozen=True, slots=True)
class Short:
    """A short formula with the numbers put in, and how far it is off: percent of the total."""

    formula: str
    calculation: str
    parameters: int
    percent_off: float


@dataclass(frozen=True, slots=True)
class Scaling:
    """What the total becomes when one size doubles; None with a reason where the config cannot be changed so."""

    name: str
    total: int | None
    factor: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One more figure of this model: what it is, the number, and where it comes from."""

    name: str
    value: int
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole derivation; `sections` sum to `total`."""

    id: str
    model_type: str | None
    sections: tuple[Section, ...]
    total: int
    active: int | None
    short: tuple[Short, ...]
    scaling: tuple[Scaling, ...]
    facts: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def blocks(self) -> int:
        """Parameters of all layers."""
        return sum(section.total for section in self.sections if section.block)

    def to_dict(self) -> dict[str, object]:
        """The JSON of `cardscope explain --json`."""
        from cardscope.derivation.render import to_dict

        return to_dict(self)

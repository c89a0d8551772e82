"""What a model is: towers of layers made of parts, and the facts everybody asks for."""

from __future__ import annotations

from dataclasses import dataclass, field

from cardscope.parts.tensor import Part


@dataclass(frozen=True, slots=True)
class Layer:
    """One block: the parts it is made of, hashable so that equal layers are counted once."""

    parts: tuple[Part, ...]

    @property
    def label(self) -> str:
        """The parts' words: `routed, latent attention`."""
        words = [part.label for part in self.parts if part.label]
        return ", ".join(dict.fromkeys(reversed(words)))


@dataclass(frozen=True, slots=True)
class Tower:
    """A stack of layers with what stands before and after it (embeddings, final norm, head).

    `component` overrides the parts' own components (a vision tower is "vision" as a whole).  `prefix_layers` is the
    number of layers of a repeated block that share one set of weights beyond the first (ALBERT).
    """

    name: str
    layers: tuple[Layer, ...] = ()
    parts: tuple[Part, ...] = ()
    component: str | None = None
    caches: bool = True
    repeats: int = 1
    """How often the same weights are run through (ALBERT, recurrent depth): cache grows with it, weights do not."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One model, as declared: towers, extra prediction layers, and the common facts.

    `mtp` layers predict further tokens; they are stored, but no part of the main model.
    """

    model_type: str
    towers: tuple[Tower, ...]
    hidden_size: int | None = None
    vocab_size: int | None = None
    max_positions: int | None = None
    tied: bool | None = None
    mtp: Tower | None = None
    head_class: str = "causal_lm"
    notes: tuple[str, ...] = field(default=())

    @property
    def main(self) -> Tower:
        """The tower whose cache grows with the text: the last one that caches, else the first."""
        text = [tower for tower in self.towers if tower.name in {"text", "decoder"}]
        return text[-1] if text else self.towers[0]

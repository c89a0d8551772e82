"""Why two witnesses differ: named terms that sum to the difference exactly, or one term called unexplained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, NamedTuple

from cardscope.inventory import Inventory
from cardscope.measures.facts import attentions, main_parts
from cardscope.measures.heuristic import Term
from cardscope.parts import Attention, LatentAttention, Spec

UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Difference:
    """From one witness to another: `delta` = to minus from, `percent` = 100 · delta / from."""

    from_: str
    to: str
    delta: int
    percent: float
    terms: tuple[Term, ...]

    @property
    def explained(self) -> bool:
        """Whether every term has a reason."""
        return all(term.name != UNEXPLAINED for term in self.terms)


def difference(start: tuple[str, int], end: tuple[str, int], terms: Iterable[Term]) -> Difference:
    """A difference whose terms must sum to its delta; what they leave over is `unexplained`."""
    delta = end[1] - start[1]
    named = tuple(term for term in terms if term.delta)
    rest = delta - sum(term.delta for term in named)
    if rest:
        named = (*named, Term(UNEXPLAINED, rest))
    percent = round(100 * delta / start[1], 2) if start[1] else 0.0
    return Difference(start[0], end[0], delta, percent, named)


def explain_stored(delta: int, candidates: Sequence[Term]) -> tuple[Term, ...]:
    """The smallest set of candidate surpluses, one of each name, that gives `delta` exactly, or none."""
    for size in range(1, len(candidates) + 1):
        for chosen in combinations(candidates, size):
            if sum(term.delta for term in chosen) == delta and len({term.name for term in chosen}) == size:
                return chosen
    return ()


BESIDE: Final[Mapping[str, str]] = {
    "router correction biases": "buffers",
    "other buffers": "buffers",
    "attention masks": "buffers",
    "mask fill values": "buffers",
    "rotary frequencies": "buffers",
    "extra prediction layers": "mtp",
    "tied head stored": "duplicates",
    "embedding and head repeated for the extra layers": "duplicates",
    "quantization scales": "scales",
    "zero points": "scales",
    "shapes of packed matrices": "scales",
}
"""What a checkpoint may hold beside the parameters → the field of the stored witness that counts it."""


class Beside(NamedTuple):
    """Numbers stored beside the parameters."""

    buffers: int
    mtp: int
    scales: int
    duplicates: int


def beside(terms: Sequence[Term]) -> Beside:
    """The surplus of a checkpoint by the field that counts it."""
    return Beside(*(sum(term.delta for term in terms if BESIDE.get(term.name) == field) for field in Beside._fields))


def stored_candidates(spec: Spec, inventory: Inventory, packed: Sequence[Term] = ()) -> tuple[Term, ...]:
    """What checkpoints of this model may hold beside its parameters, with the count of each."""
    found = [
        Term("router correction biases" if "experts" in inventory.components() else "other buffers", inventory.buffers),
        Term("extra prediction layers", inventory.mtp_stored),
        # Nemotron's total counts no correction biases, neither of the main model nor of its extra layers.
        *(
            (Term("extra prediction layers", inventory.mtp_parameters),)
            * (inventory.mtp_parameters != inventory.mtp_stored)
        ),
        *packed,
    ]
    size, vocab = spec.hidden_size or 0, spec.vocab_size or 0
    if spec.tied:
        found.append(Term("tied head stored", size * vocab))
    elif inventory.components().get("head") == size * vocab:
        found.append(Term("not stored: head", -size * vocab))
    if inventory.model_type == "qwen3_next" and inventory.groups:
        # The config does not tell of it, and transformers passes over `mtp.*`: a last layer again, two inputs joined
        # by a matrix, and three norms (vLLM, qwen3_next_mtp.py).
        found.append(Term("extra prediction layers", inventory.groups[-1].parameters + 2 * size**2 + 3 * size))
    layers, positions = len(spec.main.layers), spec.max_positions or 0
    mixer = next(attentions(main_parts(spec)), None)
    if isinstance(mixer, Attention):
        found += [
            Term("attention masks", layers * positions**2),
            Term("mask fill values", layers),
            Term("rotary frequencies", layers * (mixer.head_dim // 2)),
        ]
    if isinstance(mixer, LatentAttention) and mixer.heads:
        # Written for heads of hidden_size / num_heads, though rotary keys are narrower (Kimi K2, Moonlight).
        found.append(Term("rotary frequencies", layers * (size // mixer.heads // 2)))
    if spec.mtp:
        copies = len(spec.mtp.layers) * size * vocab
        found.append(Term("embedding and head repeated for the extra layers", 2 * copies))
    return tuple(term for term in found if term.delta)

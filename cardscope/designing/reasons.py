"""What speaks for a design and what against it, each with the number it rests on.

The bounds are those of models that were trained well, not laws: GPT-2, GPT-3, Llama and nanochat are 32 to 128 wide
for each layer (Kaplan et al. 2020, arXiv:2001.08361, section 3.1, found loss nearly flat over that range).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cardscope.designing.ask import Ask
from cardscope.designing.closed import Figures
from cardscope.designing.families import Shape

TOKENIZERS: Final = {
    32_000: "Llama 2",
    32_064: "Phi-3",
    32_768: "Mistral 7B v0.3 and nanochat",
    49_152: "SmolLM",
    50_257: "GPT-2",
    50_304: "Pythia",
    65_536: "nanochat's original release",
    100_352: "OLMo 2",
    128_256: "Llama 3",
    151_936: "Qwen3",
    256_000: "Gemma 2",
    262_144: "Gemma 3",
}
"""Vocabularies for which a published tokenizer can be taken; rows may be a few more than its words."""
NARROWEST: Final = 32
WIDEST: Final = 128
"""Width for each layer."""
FEW_LAYERS: Final = 4
FEW_HEADS: Final = 4
NARROW: Final = 256
EXACT: Final = 0.005
"""Percentage points below which a split is met."""
HEAVY: Final = 0.7
"""Share of embedding and head above which little is left to think with."""


def objections(shape: Shape, found: Figures) -> tuple[str, ...]:
    """What speaks against it."""
    return tuple(_against(shape, found))


def _against(shape: Shape, found: Figures) -> Iterator[str]:
    aspect = shape.width / shape.layers
    if shape.layers < FEW_LAYERS:
        yield f"too shallow: {shape.layers} layers, where fewer than {FEW_LAYERS} compose few steps"
    if aspect > WIDEST:
        yield f"too shallow for its width: {aspect:.0f} wide for each layer, above {WIDEST}"
    if aspect < NARROWEST:
        yield f"too narrow for its depth: {aspect:.0f} wide for each layer, below {NARROWEST}; deep ones train slowly"
    if shape.width < NARROW:
        yield f"too narrow: a width of {shape.width}, below {NARROW}"
    if shape.heads < FEW_HEADS:
        yield f"few heads: {shape.heads} of {shape.head_dim}"
    tables = (found.embedding + found.head) / found.parameters
    if tables > HEAVY:
        yield f"embedding-heavy: {tables:.0%} of the parameters are embedding and head"
    if shape.vocab not in TOKENIZERS:
        yield f"needs its own tokenizer: none is published with {shape.vocab:,} words"


def merits(ask: Ask, shape: Shape, found: Figures, off: float | None) -> tuple[str, ...]:
    """What speaks for it."""
    return tuple(_for(ask, shape, found, off))


def _for(ask: Ask, shape: Shape, found: Figures, off: float | None) -> Iterator[str]:
    if off is not None:
        yield "the split exactly" if off < EXACT else f"within {off:.2g} points of the split"
    aspect = shape.width / shape.layers
    if NARROWEST <= aspect <= WIDEST:
        yield f"{aspect:.0f} wide for each layer, as models that train well ({NARROWEST} to {WIDEST})"
    if shape.vocab in TOKENIZERS:
        yield f"{shape.vocab:,} words, the tokenizer of {TOKENIZERS[shape.vocab]}"
    if shape.kv_heads < shape.heads:
        yield f"cache {shape.heads // shape.kv_heads} times smaller by grouped queries"
    if ask.params and abs(found.parameters / ask.params - 1) < 0.01:
        yield "within one per cent of the parameters asked for"


def weight(found: tuple[str, ...]) -> int:
    """How many objections count when designs are ordered: a tokenizer can be trained, so that one does not."""
    return sum(not text.startswith("needs its own tokenizer") for text in found)

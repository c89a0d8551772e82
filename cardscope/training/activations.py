"""What a layer keeps of each token for the backward pass, counted part by part.

Kept are the inputs of every product and of every function that is not linear, in bf16 (Korthikanti et al. 2022,
arXiv:2205.05198, section 4.1: 34·width bytes a token for GPT, two of them dropout masks, beside the scores, which
flash attention does not keep).  transformers' own code keeps more: an RMSNorm its input in fp32 and its result,
attention its keys and values once for every query head, and what comes out of the kernel twice.  By these rules a
layer of Llama 3.1 8B keeps 27 copies of its width, of SmolLM2 360M 23.7, of Qwen3 4B 37.2, of Gemma 1.1 2B 45;
after one forward pass, with the layer's output, 28, 24, 38 and 48 were measured.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cardscope.measures.facts import distinct_layers
from cardscope.parts import Attention, Bag, LatentAttention, Layer, Mlp, Moe, Norm, Part, Spec

HALF: Final = 2
"""Bytes of a number in bf16."""
FULL: Final = 4


class Style(NamedTuple):
    """How the code that trains it keeps things."""

    fused: bool = False
    """Compiled, or of kernels that keep their inputs and nothing twice."""
    bare_norms: int = 0
    """Norms without parameters that stand in each layer beside the declared ones."""
    bare_qk_norm: bool = False
    """Queries and keys pass a norm without parameters."""
    eager_attention: bool = False
    """Scores, weights and their dropout mask are kept: 5 bytes a head and pair of tokens."""


class Kept(NamedTuple):
    """Bytes a token that one layer keeps, and its widest working set; None with the part nobody has a rule for."""

    bytes: int | None
    working: int
    unknown: str | None = None


def kept(layer: Layer, width: int, sequence: int, style: Style) -> Kept:
    """Bytes a token of one layer; `sequence` matters for eager attention alone."""
    total, working = HALF * width * style.bare_norms, 0
    for part in layer.parts:
        found = _part(part, sequence, style)
        if found is None:
            return Kept(None, 0, part.label or type(part).__name__)
        total += found
        working = max(working, _working(part))
    return Kept(total, working)


def _part(part: Part, sequence: int, style: Style) -> int | None:
    """Bytes a token of one part, or None where there is no rule."""
    if isinstance(part, Norm):
        return _norm(part.width, part.weight and not part.bias, style)
    if isinstance(part, Mlp):
        return _mlp(part.width, part.inner, gated=part.gated)
    if isinstance(part, Moe):
        return _moe(part)
    if isinstance(part, Bag):
        return 0
    if isinstance(part, Attention):
        return None if part.cross else _attention(part, sequence, style)
    if isinstance(part, LatentAttention):
        return _latent(part, sequence, style)
    return None


def _norm(width: int, rms: bool, style: Style) -> int:
    """The input; of an RMSNorm in transformers' own code the input in fp32, and the result for its gain."""
    return (FULL + HALF) * width if rms and not style.fused else HALF * width


def _mlp(width: int, inner: int, *, gated: bool) -> int:
    """Its input; what goes into the activation and comes out; with a gate both factors and their product."""
    return HALF * width + HALF * (4 if gated else 2) * inner


def _moe(part: Moe) -> int | None:
    """Router scores in fp32, each token copied to its experts, and the experts that fire."""
    if part.per_token is None:
        return None
    width = part.expert_width or part.width
    total = HALF * part.width + 2 * FULL * part.experts
    total += part.per_token * (_mlp(width, part.inner, gated=part.gated) + HALF * width)
    if part.shared:
        total += _mlp(part.width, part.shared, gated=part.shared_gated)
    return total


def _attention(part: Attention, sequence: int, style: Style) -> int:
    """The projections' input, queries, keys and values, and what the output projection reads."""
    q, k, v = part.heads * part.head_dim, part.kv_heads * part.head_dim, part.kv_heads * part.v_dim
    out = part.heads * part.v_dim
    total = HALF * (part.width + q + (k + v + out if style.fused else q + 3 * out))
    if part.qk_norm is not None:
        total += _norm(q + k, True, style)
    elif style.bare_qk_norm:
        total += HALF * (q + k)
    if part.gate is not None:
        total += 2 * HALF * out
    return total + _scores(part.heads, sequence, style)


def _latent(part: LatentAttention, sequence: int, style: Style) -> int:
    """The latents with their norms, then queries, keys and values of every head."""
    q, v = part.heads * part.head_dim, part.heads * part.v_dim
    total = HALF * (part.width + 2 * q + v + v)
    total += HALF * part.kv_rank + _norm(part.kv_rank, True, style)
    if part.q_rank:
        total += HALF * part.q_rank + _norm(part.q_rank, True, style)
    return total + _scores(part.heads, sequence, style)


def _scores(heads: int, sequence: int, style: Style) -> int:
    return 5 * heads * sequence if style.eager_attention else 0


def _working(part: Part) -> int:
    """Gradients alive at once inside the widest part: of what comes out of the activation and of what goes in."""
    if isinstance(part, Mlp):
        return HALF * ((3 if part.gated else 2) * part.inner + part.width)
    if isinstance(part, Attention):
        return HALF * (2 * part.heads * part.head_dim + 2 * part.kv_heads * part.head_dim + part.width)
    return 0


class Layers(NamedTuple):
    """Bytes a token over all layers, of the largest layer, of the widest working set, and how many layers there are."""

    bytes: int
    largest: int
    working: int
    layers: int


def over_layers(spec: Spec, width: int, sequence: int, style: Style) -> Layers | str:
    """The sum over the main tower's layers, or the part there is no rule for."""
    total = largest = working = layers = 0
    for layer, times in distinct_layers(spec):
        found = kept(layer, width, sequence, style)
        if found.bytes is None:
            return found.unknown or "a part"
        total, layers = total + times * found.bytes, layers + times
        largest, working = max(largest, found.bytes), max(working, found.working)
    return Layers(total * spec.main.repeats, largest, working, layers * spec.main.repeats)

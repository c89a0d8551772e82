"""What autograd keeps of a layer between its forward and its backward: bytes a token, part by part.

The rules are those of the eager modules of transformers: an operation keeps what its own derivative reads.
RMSNorm keeps its input in fp32 and, where its gain learns, the normalised values; a projection keeps its input where
its weight learns (or an adapter reads it); attention keeps queries, keys, values, its output and a number a head; a
gated block keeps gate, its activation and up, and what goes into the down-projection.  Compared with a tracker of
torch's own allocations on fake tensors (tests/oracle/test_finetune.py) and with the copies of hidden states published
in stas00/ml-engineering (training/performance).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from cardscope.fitting.adapters import is_target
from cardscope.parts import Attention, LatentAttention, Mlp, Moe, Norm, Part, SharedAttention

STEPS: Final = {"gelu_new": 4, "gelu_fast": 4, "quick_gelu": 2}
"""Activations written out in Python keep several products (NewGELUActivation: the input, its half, the tanh, one more);
every other keeps its input."""


class Keeping(NamedTuple):
    """How tensors are kept.

    `size`: bytes of a number that matrices multiply; `stream`: of the residual stream; `learns`: the weights of the
    model itself get gradients; `inputs`: projections keep what they read though their weights do not learn;
    `targets`: what adapters sit on, `adapter`: bytes of a number of their inputs.
    """

    size: int = 2
    stream: int = 2
    learns: bool = True
    inputs: bool = True
    targets: str | None = None
    adapter: int = 2
    rank: int = 16
    dropout: bool = False
    attention: str = "sdpa"
    fused_qkv: bool = False
    sequence: int = 1
    activation: str = "silu"


def layer(parts: Iterable[Part], how: Keeping) -> int:
    """Bytes a token that one layer keeps."""
    found = tuple(parts)
    return sum(_of(part, how) for part in found) + _inputs(found, how) + sum(_adapters(part, how) for part in found)


def norm(part: Norm, how: Keeping) -> int:
    """LayerNorm keeps its input as it is; RMSNorm an fp32 copy of it, and the normalised values if the gain learns."""
    if part.bias or not part.weight:
        return part.width * how.stream
    learned = part.width * how.stream if how.learns else 0
    return 4 * part.width + learned


def _inputs(parts: tuple[Part, ...], how: Keeping) -> int:
    """What projections read of the stream: once for each norm; cast for each projection where the stream is wider."""
    if not how.inputs:
        return 0
    readers = [(width(p), _readers(p)) for p in parts if not isinstance(p, Norm) and width(p)]
    if how.stream != how.size:
        return sum(size * count * how.size for size, count in readers)
    norms = sum(1 for p in parts if isinstance(p, Norm))
    widths = sorted((size for size, _ in readers), reverse=True)
    return sum(widths[: max(1, norms)]) * how.size


def width(part: Part) -> int:
    """Width of the stream that a part reads, 0 where it has none."""
    return int(getattr(part, "width", 0))


def _readers(part: Part) -> int:
    """Projections that read the layer's stream: those as wide as it is."""
    names = [t for t in part.tensors() if t.kind == "linear" and len(t.shape) == 2 and t.shape[1] == width(part)]
    return max(1, sum(1 for t in names if not t.name.startswith(("o.", "down", "experts"))))


def _of(part: Part, how: Keeping) -> int:
    if isinstance(part, Norm):
        return norm(part, how)
    if isinstance(part, Attention):
        return 0 if part.cross else attention(part, how)
    if isinstance(part, LatentAttention):
        return latent(part, how)
    if isinstance(part, Mlp):
        return mlp(part.inner, gated=part.gated, how=how)
    if isinstance(part, Moe):
        return moe(part, how)
    return other(part, how)


def attention(part: Attention | SharedAttention, how: Keeping) -> int:
    """Queries, keys and values as they are multiplied, the output, and norms of queries and keys."""
    queries, keys = part.heads * part.head_dim, part.kv_heads * part.head_dim
    v_dim = getattr(part, "v_dim", part.head_dim)
    values, out = part.kv_heads * v_dim, part.heads * v_dim
    normed = queries + keys if getattr(part, "qk_norm", None) else 0
    total = normed * (4 + (how.size if how.learns else 0))
    if how.attention != "flash_attention_2":
        keys, values = queries, out  # repeated for every query head
    kept = queries + keys + values + (0 if how.attention == "eager" else out)
    if how.fused_qkv:
        kept += queries + keys  # values are a view of the fused product, which stays whole
    if how.inputs:
        kept += out  # the output projection reads a copy in another order
    return total + kept * how.size + _scores(part.heads, how)


def _scores(heads: int, how: Keeping) -> int:
    """Eager attention keeps softmax in fp32 and its copy for the values; the others a number a head."""
    if how.attention == "eager":
        return heads * how.sequence * (4 + how.size if how.size < 4 else 4)
    return 4 * heads


def latent(part: LatentAttention, how: Keeping) -> int:
    """Expanded queries and keys, the expansion that values are a view of, output, and norms of the latents."""
    queries, out = part.heads * part.head_dim, part.heads * part.v_dim
    expanded = part.heads * (part.nope_dim + part.v_dim)
    latents = part.kv_rank + (part.q_rank or 0)
    kept = 2 * queries + expanded + (0 if how.attention == "eager" else out) + (out + latents if how.inputs else 0)
    return kept * how.size + latents * (4 + (how.size if how.learns else 0)) + _scores(part.heads, how)


def mlp(inner: int, *, gated: bool, how: Keeping) -> int:
    """What the activation keeps, its result and up where there is a gate, and what down reads."""
    return inner * how.size * (STEPS.get(how.activation, 1) + (2 if gated else 0) + (1 if how.inputs else 0))


def moe(part: Moe, how: Keeping) -> int:
    """Each token's experts like dense blocks, with their inputs gathered and their outputs weighted."""
    fired = part.per_token or part.experts
    reads = part.expert_width or part.width
    total = fired * (mlp(part.inner, gated=part.gated, how=how) + reads * how.size * (2 if how.inputs else 1))
    if part.shared:
        total += mlp(part.shared, gated=part.shared_gated, how=how)
    return total + part.experts * 4


def other(part: Part, how: Keeping) -> int:
    """A mixer with no rule of its own: the output of every projection, and its input where that is kept."""
    total = 0
    for tensor in part.tensors():
        if tensor.kind == "linear" and len(tensor.shape) == 2 and tensor.component != "router":
            total += tensor.shape[0] + (tensor.shape[1] if how.inputs else 0)
    return total * how.size


def _adapters(part: Part, how: Keeping) -> int:
    if how.targets is None:
        return 0
    return sum(_adapter(columns, how) for columns in _targets(part, how.targets))


def _targets(part: Part, targets: str) -> Iterator[int]:
    for tensor in part.tensors():
        if is_target(tensor, targets):
            yield tensor.shape[1]


def _adapter(columns: int, how: Keeping) -> int:
    """The adapter's input, its dropout's mask, and what passes between its two matrices."""
    return columns * (how.adapter + (1 if how.dropout else 0)) + how.rank * how.adapter

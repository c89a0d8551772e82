"""Why a tensor has the shape it has, in the model's own numbers."""

from __future__ import annotations

from cardscope.parts import Attention, Head, LatentAttention, Mlp, Moe, Norm, Part, Spec, Table, Tensor


def calculation(tensor: Tensor) -> str:
    """The shape multiplied out: `8 × 14,336 × 4,096`."""
    sizes = [f"{size:,}" for size in tensor.shape] or ["1"]
    return " × ".join([f"{tensor.copies:,}", *sizes] if tensor.copies > 1 else sizes)


def why(spec: Spec, part: Part, tensor: Tensor) -> str:
    """One phrase for one tensor."""
    if tensor.kind == "bias":
        return "one number for each output"
    if isinstance(part, Table):
        return _table(spec, part)
    if isinstance(part, Head):
        return _head(spec, part)
    if isinstance(part, Norm) or tensor.kind == "norm":
        return "a shift for each feature" if tensor.name.endswith("bias") else "a gain for each feature"
    if isinstance(part, Attention):
        return _attention(part, tensor)
    if isinstance(part, LatentAttention):
        return "keys and values through a narrow latent" if "kv" in tensor.name else "latent attention"
    if isinstance(part, Moe):
        return _moe(part, tensor)
    if isinstance(part, Mlp):
        return _mlp(part, tensor)
    return _other(tensor)


def _table(spec: Spec, part: Table) -> str:
    if part.component == "position":
        return f"one vector of {part.width:,} for each position"
    if part.rows == spec.vocab_size:
        return f"one vector of {part.width:,} for each token"
    padded = spec.vocab_size is not None and spec.vocab_size < part.rows < spec.vocab_size + 1024
    return f"{part.rows:,} rows: the vocabulary padded" if padded else f"{part.rows:,} vectors of {part.width:,}"


def _head(spec: Spec, part: Head) -> str:
    if spec.head_class != "causal_lm":
        return f"{part.rows:,} outputs"
    return "a score for each token; not tied to the embedding"


def _attention(part: Attention, tensor: Tensor) -> str:
    name = tensor.name.partition(".")[0]
    if name == "q":
        return f"queries: {part.heads:,} heads of {part.head_dim:,}"
    if name in {"k", "v"}:
        word = "keys" if name == "k" else "values"
        dim = part.head_dim if name == "k" else part.v_dim
        shared = part.heads // part.kv_heads if part.kv_heads else 1
        group = f", each for {shared:,} query heads" if shared > 1 and part.heads % part.kv_heads == 0 else ""
        return f"{word}: {part.kv_heads:,} heads of {dim:,}{group}"
    if name == "o":
        return "all heads back to the width"
    return "a gate" if "gate" in name else _other(tensor)


def _mlp(part: Mlp, tensor: Tensor) -> str:
    times = part.inner / part.width if part.width else 0
    if tensor.name.endswith("down.weight"):
        return "back to the width"
    if tensor.name.endswith("gate.weight"):
        return f"the gate beside it: {times:.3g} × the width"
    return f"out to {part.inner:,}: {times:.3g} × the width"


def _moe(part: Moe, tensor: Tensor) -> str:
    if tensor.component == "router":
        return f"a score for each of {part.experts:,} experts"
    if tensor.copies > 1:
        fire = f", {part.per_token:,} fire" if part.per_token else ""
        return f"{tensor.copies:,} experts{fire}"
    return f"experts of {part.inner:,}" if tensor.component == "experts" else "shared by all tokens"


def _other(tensor: Tensor) -> str:
    if tensor.component == "value embedding":
        return f"{tensor.copies:,} tables of values, one for each token"
    words = {"other": "learned numbers beside the matrices", "attention": "the mixer's own", "router": "routing"}
    return words.get(tensor.component, tensor.component)

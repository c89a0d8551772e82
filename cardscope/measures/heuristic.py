"""12·L·d² and the account of what it misses, in named terms that sum to the difference exactly."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from cardscope.inventory import Group, Inventory
from cardscope.parts import Attention, Compressor, LatentAttention, Mlp, Part, SharedAttention, Spec, Tensor


@dataclass(frozen=True, slots=True)
class Term:
    """One named part of a difference between two counts."""

    name: str
    delta: int


def heuristic(spec: Spec) -> int | None:
    """12·L·d² (Kaplan et al. 2020, arXiv:2001.08361, table 1, with d_ff = 4·d): 4·d² attention, 8·d² MLP a layer."""
    if spec.hidden_size is None:
        return None
    return 12 * len(spec.main.layers) * spec.hidden_size**2


def account(spec: Spec, inventory: Inventory) -> tuple[Term, ...]:
    """What lies between 12·L·d² and the analytic total; the terms sum to it exactly."""
    sums: Counter[str] = Counter()
    square = (spec.hidden_size or 0) ** 2
    main = spec.main.name
    for group in inventory.groups:
        if group.tower != main:
            sums[f"{group.tower} tower"] += group.count * group.parameters
        elif not group.layers:
            _outside(sums, group, "head" if spec.tied is None or spec.tied else "untied head")
        else:
            _layer(sums, group, square)
    terms = [Term(name, delta) for name, delta in sums.items() if delta]
    return tuple(sorted(terms, key=lambda term: -abs(term.delta)))


_OUTSIDE = {"position": "positions", "norm": "norms"}


def _outside(sums: Counter[str], group: Group, head: str) -> None:
    """What stands around the layers; `head` names the head: a task's, or an untied vocabulary's."""
    for tensor in group.tensors:
        if tensor.kind != "buffer":
            name = head if tensor.component == "head" else _OUTSIDE.get(tensor.component, tensor.component)
            sums["biases" if tensor.kind == "bias" else name] += tensor.numel


def _layer(sums: Counter[str], group: Group, square: int) -> None:
    """Each layer owes 4·d² to its mixer and 8·d² to its feed-forward; what differs gets the part's name."""
    for name, value in _attention_terms(group, square):
        sums[name] += group.count * value
    feed, names = 0, []
    for part in group.parts:
        if isinstance(part, Attention | LatentAttention) or part.state() is not None:
            continue
        for tensor in part.tensors():
            name = _term(tensor)
            if name == "feed-forward":
                feed += tensor.numel
                names.append(_ffn_name(part, tensor))
            elif tensor.kind != "buffer":
                sums[name] += group.count * tensor.numel
    label = "experts" if "experts" in names else names[0] if names else "layers without MLP"
    sums[label] += group.count * (feed - 8 * square)


def _ffn_name(part: Part, tensor: Tensor) -> str:
    if tensor.component == "experts":
        return "experts"
    return "gated MLP" if isinstance(part, Mlp) and part.gated else "MLP width"


def _term(tensor: Tensor) -> str:
    if tensor.kind == "bias":
        return "biases"
    if tensor.component in {"mlp", "experts"}:
        return "feed-forward"
    return _OUTSIDE.get(tensor.component, tensor.component)


def _attention_terms(group: Group, square: int) -> list[tuple[str, int]]:
    """The mixer's terms: what grouping saves, what head width adds, or a mixer that is no plain attention."""
    terms: list[tuple[str, int]] = []
    weights, name = 0, "layers without attention"
    for part in group.parts:
        if isinstance(part, Attention) and part.cross:
            own = [("biases" if t.kind == "bias" else "cross-attention", t.numel) for t in part.tensors()]
            terms += own
        elif isinstance(part, Attention | LatentAttention) or part.state() is not None:
            for tensor in part.tensors():
                if tensor.kind == "bias":
                    terms.append(("biases", tensor.numel))
                elif tensor.component == "norm":
                    terms.append(("norms", tensor.numel))
                elif tensor in getattr(part, "extra", ()):
                    terms.append(("gates" if "gate" in tensor.name else "beside attention", _numbers(tensor)))
                elif tensor.kind != "buffer":
                    weights += tensor.numel
            saved = _grouped(part)
            weights -= saved
            terms.append(("grouped-query attention", saved))
            name = _mixer_name(part)
    terms.append((name, weights - 4 * square))
    return terms


def _numbers(tensor: Tensor) -> int:
    return 0 if tensor.kind == "buffer" else tensor.numel


def _grouped(part: Part) -> int:
    if not isinstance(part, Attention) or part.shares_kv:
        return 0
    dims = (part.head_dim, part.v_dim)
    lost = sum(part.span(part.heads, dim) - part.span(part.kv_heads, dim) for dim in dims)
    return -lost * (part.kv_width or part.width)


def _mixer_name(part: Part) -> str:
    if isinstance(part, SharedAttention | Compressor):
        return "compressed attention"
    if isinstance(part, LatentAttention):
        return "latent attention"
    return "head width" if isinstance(part, Attention) else f"{part.label} mixer"

"""LoRA's parameters: two thin matrices beside each target projection (Hu et al. 2021, arXiv:2106.09685).

A target of shape (out, in) gets rank · (in + out).  Targets are the architecture's own projections: queries and values
(the paper's choice), all of attention, or every linear layer inside the blocks, routed experts aside (peft's
"all-linear" finds modules, and experts are packed tensors).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cardscope.errors import UsageError
from cardscope.inventory import Inventory
from cardscope.measures.precision import quantizable
from cardscope.parts import Tensor

TARGETS: Final = ("all-linear", "attention", "qv")
_NAMES: Final = {
    "q_proj": "q", "k_proj": "k", "v_proj": "v", "o_proj": "o", "gate_proj": "gate", "up_proj": "up",
    "down_proj": "down", "query": "q", "key": "k", "value": "v", "dense": "o", "out_proj": "o",
}  # fmt: skip


def is_target(tensor: Tensor, targets: str) -> bool:
    """Whether a tensor gets an adapter under `targets`: one of TARGETS, or names with commas between."""
    if not quantizable(tensor) or tensor.copies > 1 or len(tensor.shape) != 2:
        return False
    base = tensor.name.removesuffix(".weight")
    if targets == "all-linear":
        return tensor.component not in {"vision", "audio", "projector"}
    if targets == "attention":
        return tensor.component == "attention"
    names = {"q", "v"} if targets == "qv" else {_NAMES.get(word, word) for word in targets.split(",")}
    return base in names or base.rpartition(".")[2] in names


def adapters(inventory: Inventory, targets: str, rank: int) -> Iterator[tuple[int, Tensor]]:
    """(how often, tensor) of every adapter matrix. Raises UsageError where no projection is a target."""
    found = False
    for count, tensor in inventory.tensors():
        if not is_target(tensor, targets):
            continue
        found = True
        rows, columns = tensor.shape
        yield count, Tensor(f"{tensor.name}.lora_A", (rank, columns), tensor.component)
        yield count, Tensor(f"{tensor.name}.lora_B", (rows, rank), tensor.component)
    if not found:
        names = sorted({t.name.removesuffix(".weight") for _, t in inventory.tensors() if is_target(t, "all-linear")})
        raise UsageError(
            f"no projection of this model is called {targets[:60]}",
            hint=f"targets={', '.join(TARGETS)}, or names such as {', '.join(names[:8]) or 'none, for it has none'}",
        )


def check_targets(targets: str) -> str:
    """The targets, spelled as they are known. Raises UsageError for what can be no name."""
    low = targets.strip().lower().replace(" ", "")
    low = {"all": "all-linear", "linear": "all-linear", "attn": "attention", "q,v": "qv", "q_proj,v_proj": "qv"}.get(
        low, low
    )
    if len(low) > 400 or not re.fullmatch(r"[a-z0-9_.,\-]+", low):
        raise UsageError(f"{targets[:60]!r} names no projections", hint=f"targets={', '.join(TARGETS)}")
    return low

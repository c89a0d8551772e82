"""Closed forms of every nanochat release: parameters by tensor group, optimizers, FLOPs, tensors, bytes.

Each is the count of the release's own gpt.py; the optimizer split is that of its setup_optimizer, and FLOPs per token
(forward and backward) are its estimate_flops.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from cardscope.nanochat.epochs import Epoch, Sizes, windows

SMEAR_CHANNELS: Final = 24
BIGRAM_ROWS: Final = 5
_BLOCK: Final = ("attn.c_q", "attn.c_k", "attn.c_v", "attn.c_proj", "mlp.c_fc", "mlp.c_proj", "attn.ve_gate")
_TABLES: Final = ("wte", "value_embeds", "bigram_embed")
_SCALARS: Final = ("resid_lambdas", "x0_lambdas", "bigram_lambdas", "smear_gate", "smear_lambda", "backout_lambda")


class Optimizers(NamedTuple):
    """Parameters by optimizer: Muon has the matrices of the blocks, AdamW all else."""

    muon: int
    adamw: int


def padded(epoch: Epoch, vocab: int) -> int:
    """Rows of the embedding and of the head: the vocabulary, since E1 rounded up to 64."""
    return -(-vocab // 64) * 64 if epoch.padded else vocab


def value_layers(epoch: Epoch, depth: int) -> int:
    """Layers with a value embedding: every other one, the last included."""
    return -(-depth // 2) if epoch.gate_channels else 0


def has_value(epoch: Epoch, layer: int, depth: int) -> bool:
    """Whether layer `layer` (from 0) has a value embedding."""
    return bool(epoch.gate_channels) and layer % 2 == (depth - 1) % 2


def groups(epoch: Epoch, sizes: Sizes) -> Mapping[str, int]:
    """Parameters by tensor group under the names of the state dict; they sum to the total."""
    d, depth, kv = sizes.width, sizes.depth, sizes.kv_width
    rows = padded(epoch, sizes.vocab)
    found = {"wte": rows * d, "attn.c_q": depth * d * d, "attn.c_k": depth * kv * d, "attn.c_v": depth * kv * d}
    found |= {"attn.c_proj": depth * d * d, "mlp.c_fc": 4 * depth * d * d, "mlp.c_proj": 4 * depth * d * d}
    found["lm_head"] = rows * d
    if epoch.lambdas:
        found |= {"resid_lambdas": depth, "x0_lambdas": depth}
    if epoch.gate_channels:
        count = value_layers(epoch, depth)
        found["value_embeds"] = count * rows * kv
        found["attn.ve_gate"] = count * sizes.kv_heads * epoch.gate_channels
    if epoch.bigram:
        found |= {"bigram_embed": BIGRAM_ROWS * sizes.vocab * d, "bigram_lambdas": depth}
    if epoch.smear:
        found |= {"smear_gate": SMEAR_CHANNELS, "smear_lambda": 1, "backout_lambda": 1}
    return found


def total(epoch: Epoch, sizes: Sizes) -> int:
    """All parameters."""
    return sum(groups(epoch, sizes).values())


def coarse(epoch: Epoch, sizes: Sizes) -> Mapping[str, int]:
    """The groups of num_scaling_params: tables, head, block matrices, and everything small as scalars."""
    found = groups(epoch, sizes)
    result = {name: found[name] for name in (*_TABLES, "lm_head") if name in found}
    result["transformer_matrices"] = sum(found.get(name, 0) for name in _BLOCK)
    result["scalars"] = sum(found.get(name, 0) for name in _SCALARS)
    return result


def optimizers(epoch: Epoch, sizes: Sizes) -> Optimizers:
    """The split of setup_optimizer."""
    matrices = coarse(epoch, sizes)["transformer_matrices"]
    return Optimizers(matrices, total(epoch, sizes) - matrices)


def scaling(epoch: Epoch, sizes: Sizes) -> int:
    """Block matrices and head: what the tokens per parameter count since 2026-01-27."""
    found = coarse(epoch, sizes)
    return found["transformer_matrices"] + found["lm_head"]


def flops_per_token(epoch: Epoch, sizes: Sizes) -> int:
    """Training FLOPs a token as the release's estimate_flops has them: 6 a weight, 12·D·window a layer's attention."""
    counted = scaling(epoch, sizes)
    if epoch.flops == "scalars included":
        counted += 2 * sizes.depth
    elif epoch.flops == "smear included":
        counted += SMEAR_CHANNELS
    seen = sum(windows(epoch, sizes.depth, sizes.positions, sizes.window))
    return 6 * counted + 12 * sizes.width * seen


def tensors(epoch: Epoch, sizes: Sizes) -> int:
    """Tensors of the state dict."""
    count = 6 * sizes.depth + 2 + 2 * epoch.lambdas + 2 * value_layers(epoch, sizes.depth)
    return count + 2 * epoch.bigram + 3 * epoch.smear


def stored_bytes(epoch: Epoch, sizes: Sizes) -> int:
    """Bytes of the tensors of a model_*.pt written on CUDA: tables in bf16, everything else in fp32."""
    return 4 * total(epoch, sizes) - 2 * tables(epoch, sizes)


def tables(epoch: Epoch, sizes: Sizes) -> int:
    """Parameters of the embeddings, which CUDA runs keep in bf16: tokens, values, bigrams."""
    found = groups(epoch, sizes)
    return sum(found.get(name, 0) for name in _TABLES)

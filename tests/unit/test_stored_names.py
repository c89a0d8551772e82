"""Which stored tensors are buffers, told by their names and by what lies beside them."""

from __future__ import annotations

from cardscope.checkpoint.contents import gather
from cardscope.checkpoint.header import Header, Stored


def roles(*names: str) -> dict[str, str]:
    """The role of each tensor of 8 numbers in a checkpoint of these names."""
    header = Header(tuple(Stored(name, "F32", (8,), 32) for name in names), {}, 0)
    return {piece.name: piece.role for piece in gather({"f": header}, {}).pieces}


def test_a_frozen_batch_norm_holds_buffers_only():
    """DETR's backbone: weight, bias and statistics, and no count of batches."""
    norm = [f"backbone.bn1.{kind}" for kind in ("weight", "bias", "running_mean", "running_var")]
    assert set(roles(*norm).values()) == {"buffer"}


def test_a_batch_norm_that_learns_holds_two_parameters():
    """ResNet's: the count of batches says that it learns."""
    told = roles(*(f"bn1.{kind}" for kind in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")))
    assert [name for name, role in told.items() if role == "parameter"] == ["bn1.weight", "bn1.bias"]

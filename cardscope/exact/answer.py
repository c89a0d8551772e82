"""What the exact witness answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

TOO_LONG = "it took longer than it may take"
"""Why a model that overran its time has no count."""
Status = Literal["ok", "skipped", "unavailable", "failed"]


class TensorShape(NamedTuple):
    """One tensor of the built model, under the first name transformers gives it; shape in elements."""

    name: str
    shape: tuple[int, ...]
    kind: Literal["parameter", "buffer"]


@dataclass(frozen=True, slots=True)
class ExactCount:
    """Parameters of the model transformers would build, counted on the meta device.

    `total` counts every parameter once, so a tied head adds nothing.
    `buffers` counts the elements of buffers that `state_dict` holds; those registered as not persistent are left out.
    `status` is `ok`, `skipped` (not asked for, or cancelled), `unavailable` (transformers has no such model, or is not
    installed; asking again changes nothing) or `failed` (the build raised, crashed, or overran its limits).
    `reason` explains every status but a plain `ok`; beside an `ok` it says what was assumed.
    `tensors` is there only on request.
    """

    total: int | None
    buffers: int | None
    class_name: str | None
    status: Status
    reason: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    tensors: tuple[TensorShape, ...] | None = None


def without_count(status: Status, reason: str, versions: Mapping[str, str] | None = None) -> ExactCount:
    """An answer that has no count, with its reason."""
    return ExactCount(None, None, None, status, reason, versions or {})


def from_answer(answer: object) -> ExactCount:
    """The child's answer, checked: it has worked on a hostile config and is not trusted to be well formed.

    Raises:
        ValueError: the answer has not the shape the child gives.
    """
    if not isinstance(answer, dict):
        raise ValueError("not an object")  # noqa: TRY004 - it is data from outside, not an argument
    status, reason = answer.get("status"), answer.get("reason")
    if reason is not None and not isinstance(reason, str):
        raise ValueError("reason is not a string")
    versions = {str(name): str(version) for name, version in (answer.get("versions") or {}).items()}
    if status in ("unavailable", "failed"):
        return without_count(status, reason or "no reason given", versions)
    total, buffers, name = answer.get("total"), answer.get("buffers"), answer.get("class")
    if status != "ok" or not isinstance(name, str) or not _is_count(total) or not _is_count(buffers):
        raise ValueError("no count and no reason")
    return ExactCount(total, buffers, name, "ok", reason, versions, _tensors(answer))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _tensors(answer: Mapping[str, list[tuple[str, list[int]]]]) -> tuple[TensorShape, ...] | None:
    if "parameter_shapes" not in answer:
        return None
    parameters = (TensorShape(name, tuple(shape), "parameter") for name, shape in answer["parameter_shapes"])
    buffers = (TensorShape(name, tuple(shape), "buffer") for name, shape in answer["buffer_shapes"])
    return (*parameters, *buffers)

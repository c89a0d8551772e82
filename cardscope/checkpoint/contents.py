"""What a checkpoint holds, whoever read it: pieces, and how the files fit together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from cardscope.checkpoint.formats import settings_of, unpack
from cardscope.checkpoint.header import Header, Stored
from cardscope.checkpoint.index import Index
from cardscope.checkpoint.naming import mark_corrections, mark_duplicates, mark_frozen, mark_mtp
from cardscope.checkpoint.piece import Piece, Role


@dataclass(frozen=True, slots=True)
class Contents:
    """Every stored tensor as a piece; figures are folds over them."""

    pieces: tuple[Piece, ...]
    source: Literal["headers", "gguf"] = "headers"
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    index_size: int | None = None
    """`total_size` of the index, as claimed."""
    missing: tuple[str, ...] = ()
    """Shards that are named and not there, and tensors that the index has and no shard."""
    unlisted: tuple[str, ...] = ()
    """Tensors in shards that the index does not know."""
    types: Mapping[str, int] = field(default_factory=dict)
    """Logical numbers by stored type, for GGUF's mix."""
    parts: Mapping[str, int | None] = field(default_factory=dict)
    """Logical parameters of each part of a repository that holds several models."""

    @property
    def numbers(self) -> int:
        """Stored numbers, packed words counted as one."""
        return sum(piece.numbers for piece in self.pieces)

    @property
    def bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(piece.size for piece in self.pieces)

    @property
    def unknown(self) -> tuple[Piece, ...]:
        """What no format claims."""
        return tuple(piece for piece in self.pieces if piece.role == "unknown")

    @property
    def total(self) -> int | None:
        """Logical parameters of the main model; None where something is not decoded."""
        return None if self.unknown else self.logical("parameter")

    def logical(self, *roles: Role, mtp: bool = False) -> int:
        """Logical numbers of these roles, of the main model or of the extra prediction layers."""
        return sum(piece.logical for piece in self.pieces if piece.role in roles and piece.mtp == mtp)

    def stored(self, *roles: Role) -> int:
        """Stored numbers of these roles, extra prediction layers included."""
        return sum(piece.numbers for piece in self.pieces if piece.role in roles)

    def dtypes(self) -> dict[str, int]:
        """Stored numbers by dtype, the most first."""
        counts: Counter[str] = Counter()
        for piece in self.pieces:
            counts[piece.dtype] += piece.numbers
        return dict(counts.most_common())


class Facts(NamedTuple):
    """What the config decides about stored tensors: a tied head, the number of layers, correction biases."""

    tied: bool | None = None
    num_layers: int | None = None
    corrections: bool = False


NO_FACTS: Final = Facts()


def gather(
    headers: Mapping[str, Header],
    config: Mapping[str, object],
    *,
    index: Index | None = None,
    tied: bool | None = None,
    num_layers: int | None = None,
    corrections: bool = False,
    missing: Iterable[str] = (),
    notes: Iterable[str] = (),
) -> Contents:
    """Headers by file → what the checkpoint holds.

    `tied` and `num_layers` are the config's; `corrections` says that the model's class makes its routers' correction
    biases parameters.
    """
    kept, again = _once(headers, index)
    pieces = mark_frozen(unpack(kept, settings_of(config)))
    pieces = mark_corrections(pieces) if corrections else pieces
    pieces = mark_duplicates(mark_mtp(pieces, num_layers), tied=tied)
    pieces += [Piece(t.name, t.shape, "duplicate", t.dtype, t.numel, t.size) for t in again]
    names = {tensor.name for tensor in kept}
    absent = [name for name in index.weight_map if name not in names] if index else []
    return Contents(
        tuple(pieces),
        "headers",
        tuple(headers),
        tuple(notes),
        index.total_size if index else None,
        (*missing, *absent),
        tuple(name for name in names if index and name not in index.weight_map),
    )


def _once(headers: Mapping[str, Header], index: Index | None) -> tuple[list[Stored], Sequence[Stored]]:
    """Each name once, from the shard that the index says, and the further copies."""
    kept: dict[str, Stored] = {}
    again = []
    for file, header in headers.items():
        for tensor in header.tensors:
            chosen = index.weight_map.get(tensor.name) if index else None
            if tensor.name in kept and chosen != file:
                again.append(tensor)
            else:
                if tensor.name in kept:
                    again.append(kept[tensor.name])
                kept[tensor.name] = tensor
    return list(kept.values()), again

"""Attention over one key-value head that serves as key and as value, with compressed entries for the far past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cardscope.parts.tensor import State, Tensor, linear, norm


@dataclass(frozen=True, slots=True)
class SharedAttention:
    """DeepSeek-V4's attention (DeepseekV4Attention in transformers): keys are values, cached once over a window.

    q: low rank, to (heads·head_dim); kv: (head_dim, width); o: in `groups`, each to `o_rank`, then to the width.
    `rate` and `sparse` only name what a `Compressor` beside it does.
    """

    width: int
    heads: int
    head_dim: int
    q_rank: int
    groups: int
    o_rank: int
    window: int
    rate: int | None = None
    sparse: bool = False

    @property
    def kv_heads(self) -> int:
        """One head of keys, which are the values too."""
        return 1

    @property
    def kind(self) -> str:
        """Every layer keeps a window."""
        return "sliding"

    @property
    def label(self) -> str:
        """The window, and how the far past is kept."""
        far = f" and {'sparse ' if self.sparse else ''}{self.rate}:1 compressed" if self.rate else ""
        return f"sliding {self.window:,}{far} attention"

    def tensors(self) -> Iterator[Tensor]:
        """Low-rank queries, the one key-value head, a grouped output projection, one sink a head."""
        inner = self.heads * self.head_dim
        yield from linear("q_a", self.q_rank, self.width, "attention")
        yield from norm("q_a_norm", self.q_rank)
        yield from linear("q_b", inner, self.q_rank, "attention")
        yield from linear("kv", self.head_dim, self.width, "attention")
        yield from norm("kv_norm", self.head_dim)
        yield from linear("o_a", self.groups * self.o_rank, inner // self.groups, "attention")
        yield from linear("o_b", self.width, self.groups * self.o_rank, "attention")
        yield Tensor("sinks", (self.heads,), "attention", "other")

    def state(self) -> State:
        """One vector a token; multi-head attention would keep keys and values of every head."""
        return State("sliding", self.head_dim, 2 * self.heads * self.head_dim, self.window)


@dataclass(frozen=True, slots=True)
class Compressor:
    """One entry for each `rate` tokens of the whole past (DeepseekV4HCACompressor, DeepseekV4CSACompressor).

    Overlapping windows (`series` 2) read each token twice and come with a small indexer that picks entries.
    """

    width: int
    head_dim: int
    rate: int
    series: int = 1
    index_dim: int = 0
    index_heads: int = 0
    q_rank: int = 0
    heads: int = 1
    """Query heads of the attention it serves: what multi-head attention would keep one entry for."""
    label: str = ""

    def tensors(self) -> Iterator[Tensor]:
        """Entry and gate projections, a bias for each place in a window, a norm; the indexer's own, and its queries."""
        yield from self._pool("compressor", self.head_dim)
        if self.index_dim:
            yield from self._pool("index", self.index_dim)
            yield from linear("index.q", self.index_heads * self.index_dim, self.q_rank, "attention")
            yield from linear("index.weights", self.index_heads, self.width, "attention")

    def _pool(self, name: str, dim: int) -> Iterator[Tensor]:
        yield from linear(f"{name}.kv", self.series * dim, self.width, "attention")
        yield from linear(f"{name}.gate", self.series * dim, self.width, "attention")
        yield Tensor(f"{name}.position_bias", (self.rate, self.series * dim), "attention", "other")
        yield from norm(f"{name}.norm", dim)

    def state(self) -> State:
        """Entries per token, rounded up; as constant state the tokens (with gates) that wait for a full window."""
        dim = self.head_dim + self.index_dim
        waiting = 2 * self.series * dim * self.rate
        overlap = 2 * dim * self.rate if self.series > 1 else 0
        multi_head = 2 * self.heads * self.head_dim + self.index_dim
        constant = ((waiting + overlap, None),)
        return State("full", -(-dim // self.rate), -(-multi_head // self.rate), constant=constant)


@dataclass(frozen=True, slots=True)
class NgramMemory:
    """Hashed n-gram embeddings added to a layer (Qwen4ExpTextPLELayer in transformers).

    One table of `rows` rows for all `heads` hashes; keys and values from it, a short dilated convolution.
    """

    width: int
    streams: int
    rows: int
    embed: int
    heads: int
    ngram: int
    conv: int
    label: str = "n-gram memory"

    def tensors(self) -> Iterator[Tensor]:
        """The table, its projections and norms over all streams, the convolution, and what hashing needs (buffers)."""
        wide = self.streams * self.width
        yield Tensor("ngram.weight", (self.rows, self.embed // self.heads), "embedding", "table")
        yield from linear("ngram.key", wide, self.embed, "other")
        yield from linear("ngram.value", self.width, self.embed, "other")
        for name in ("key", "query", "conv"):
            yield from norm(f"ngram.norm_{name}", wide)
        yield Tensor("ngram.conv", (wide, 1, self.conv), "other", "other")
        for name, size in (("multipliers", self.ngram), ("sizes", self.heads), ("offsets", self.heads)):
            yield Tensor(f"ngram.{name}", (size,), "other", "buffer")

    def state(self) -> State:
        """The convolution's past inputs, and the last tokens' ids."""
        past = self.streams * self.width * (self.conv - 1) * self.ngram
        return State("linear", constant=((past, None), (self.ngram - 1, "int64")))

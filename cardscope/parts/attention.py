"""Attention parts: grouped-query and latent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cardscope.parts.tensor import CacheKind, State, Tensor, linear, norm

QkNorm = Literal["head", "heads", "full", "all-heads"]


@dataclass(frozen=True, slots=True)
class Attention:
    """Multi-head attention with `kv_heads` key-value heads (Ainslie et al. 2023, arXiv:2305.13245).

    q: (heads·head_dim, width), k: (kv_heads·head_dim, width), v: (kv_heads·v_head_dim, width),
    o: (out_width, heads·v_head_dim).
    `qk_norm`: "head" one gain per head_dim, "full" over the whole projection, "heads" one norm per head,
    "all-heads" a gain of shape (heads, head_dim).  `fused` says q, k and v are one tensor.
    """

    width: int
    heads: int
    kv_heads: int
    head_dim: int
    v_head_dim: int | None = None
    out_width: int | None = None
    q_bias: bool = False
    k_bias: bool = False
    v_bias: bool = False
    o_bias: bool = False
    qk_norm: QkNorm | None = None
    qk_norm_bias: bool = False
    gate: Literal["element", "head", "apart"] | None = None
    """A gate on the output: with q, twice its rows ("element"), one number a head, or a projection of its own."""
    sinks: bool = False
    window: int | None = None
    kind: CacheKind = "full"
    shares_kv: bool = False
    caches: bool = True
    kv_width: int | None = None
    """Width of the keys' and values' input, where it is not the layer's (cross-attention)."""
    v_width: int | None = None
    """Width of the values' input, where it is not the keys' (MobileBERT)."""
    cross: bool = False
    square: bool = False
    """Projections span the layer's width even where the heads do not divide it (GPT-2's generation)."""
    extra: tuple[Tensor, ...] = ()
    k_is_v: bool = False
    """One projection serves keys and values; both are cached, for only keys are rotated (Gemma 4)."""
    o_width: int | None = None
    """Width that the output projection reads, where it is not heads·v_head_dim."""
    index_dim: int = 0
    """Width of the key that a sparse-attention indexer caches for each token (its weights are in `extra`)."""
    constant: tuple[tuple[int, str | None], ...] = ()
    """State of short convolutions around it, kept beside the cache: (elements, dtype)."""
    experts: int = 1
    """Query and output projections to choose from, `per_token` of which serve a token (JetMoE)."""
    per_token: int = 1

    @property
    def label(self) -> str:
        """Head grouping and window in words."""
        words = {"sliding": f"sliding {self.window:,}" if self.window else "sliding", "chunked": "chunked"}
        full = "sparse attention" if self.index_dim else "full attention"
        name = words.get(self.kind, "cross attention" if self.cross else full)
        shared = " on earlier keys and values" if self.shares_kv else ""
        return (name if "attention" in name else f"{name} attention") + shared

    @property
    def v_dim(self) -> int:
        """Width of one value head."""
        return self.head_dim if self.v_head_dim is None else self.v_head_dim

    def span(self, heads: int, dim: int) -> int:
        """Rows of a projection over `heads` heads of `dim`."""
        return self.width if self.square and heads == self.heads else heads * dim

    def tensors(self) -> Iterator[Tensor]:
        """Projections, biases, query-key norms, gates and sinks."""
        q = self.span(self.heads, self.head_dim) // self.per_token
        rows = q * 2 if self.gate == "element" else q
        yield from self._chosen("q", rows, self.width, bias=self.q_bias)
        if not self.shares_kv:
            source = self.kv_width or self.width
            yield from linear("k", self.span(self.kv_heads, self.head_dim), source, "attention", bias=self.k_bias)
            if not self.k_is_v:
                v_source = self.v_width or source
                yield from linear("v", self.span(self.kv_heads, self.v_dim), v_source, "attention", bias=self.v_bias)
        values = self.span(self.heads, self.v_dim)
        out, read = self.out_width or self.width, (self.o_width or values) // self.per_token
        yield from self._chosen("o", out, read, bias=self.o_bias)
        if self.gate in {"head", "apart"}:
            rows = self.heads if self.gate == "head" else values
            yield from linear("gate", rows, self.width, "attention")
        yield from self._norms()
        if self.sinks:
            yield Tensor("sinks", (self.heads,), "attention", "other")
        yield from self.extra

    def _chosen(self, name: str, rows: int, columns: int, *, bias: bool) -> Iterator[Tensor]:
        found = linear(name, rows, columns, "attention", bias=bias)
        if self.experts == self.per_token == 1:
            return found
        return (tensor._replace(copies=self.experts, active=self.per_token) for tensor in found)

    def _norms(self) -> Iterator[Tensor]:
        if self.qk_norm is None:
            return
        for name, heads in (("q_norm", self.heads), ("k_norm", self.kv_heads)):
            if name == "k_norm" and self.shares_kv:
                return
            width = {"head": self.head_dim, "full": heads * self.head_dim}.get(self.qk_norm, heads * self.head_dim)
            yield from norm(name, width, bias=self.qk_norm_bias)

    def state(self) -> State | None:
        """Keys and values of every KV head for each token."""
        if not self.caches or self.shares_kv:
            return None
        size = self.span(self.kv_heads, self.head_dim) + self.span(self.kv_heads, self.v_dim)
        if self.cross:
            return State("none", per_source_token=size)
        multi_head = self.span(self.heads, self.head_dim) + self.span(self.heads, self.v_dim)
        extra = self.index_dim
        return State(self.kind, size + extra, multi_head + extra, self.window, self.constant)


@dataclass(frozen=True, slots=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434 §2.1; DeepseekV3Attention in transformers).

    What is cached is the compressed latent and the shared rotary key: kv_rank + rope_dim per token and layer.
    """

    width: int
    heads: int
    kv_rank: int
    nope_dim: int
    rope_dim: int
    v_dim: int
    q_rank: int | None = None
    bias: bool = False
    q_bias: bool = False
    o_bias: bool | None = None
    extra: tuple[Tensor, ...] = ()
    window: int | None = None
    index_dim: int = 0
    """Width of the key that a sparse-attention indexer caches for each token (its weights are in `extra`)."""
    gated: bool = False
    """The queries' up-projection reads the latent twice as wide and gates the values too (A.X K2)."""

    @property
    def label(self) -> str:
        """Which tokens it looks at, in words."""
        sparse = "sparse " if self.index_dim else ""
        return f"sliding {self.window:,} latent attention" if self.window else f"{sparse}latent attention"

    @property
    def head_dim(self) -> int:
        """Width of one query-key head: without and with rotary position."""
        return self.nope_dim + self.rope_dim

    @property
    def kv_heads(self) -> int:
        """Latent attention expands keys and values for every query head."""
        return self.heads

    def tensors(self) -> Iterator[Tensor]:
        """Down- and up-projections of queries and of keys and values, with their norms."""
        q = self.heads * self.head_dim
        if self.q_rank:
            yield from linear("q_a", self.q_rank, self.width, "attention", bias=self.bias)
            yield from norm("q_a_norm", self.q_rank)
            rows, columns = (q + self.heads * self.v_dim, 2 * self.q_rank) if self.gated else (q, self.q_rank)
            yield from linear("q_b", rows, columns, "attention", bias=self.q_bias)
        else:
            yield from linear("q", q, self.width, "attention", bias=self.q_bias)
        yield from linear("kv_a", self.kv_rank + self.rope_dim, self.width, "attention", bias=self.bias)
        yield from norm("kv_a_norm", self.kv_rank)
        yield from linear("kv_b", self.heads * (self.nope_dim + self.v_dim), self.kv_rank, "attention")
        o_bias = self.bias if self.o_bias is None else self.o_bias
        yield from linear("o", self.width, self.heads * self.v_dim, "attention", bias=o_bias)
        yield from self.extra

    def state(self) -> State:
        """The latent, the rotary key and the indexer's; multi-head would keep keys and values of every head."""
        multi_head = self.heads * (self.head_dim + self.v_dim) + self.index_dim
        return State("latent", self.kv_rank + self.rope_dim + self.index_dim, multi_head, self.window)

"""Token mixers that keep a constant state instead of a growing cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cardscope.parts.tensor import State, Tensor, linear, norm


@dataclass(frozen=True, slots=True)
class Mamba:
    """Selective state space, first version (Gu and Dao 2023, arXiv:2312.00752; MambaMixer in transformers)."""

    width: int
    inner: int
    state_size: int
    conv: int
    rank: int
    bias: bool = False
    conv_bias: bool = True
    inner_norms: bool = False
    """Jamba's norms on the time step and on B and C."""
    extra: tuple[Tensor, ...] = ()

    label = "Mamba"

    def tensors(self) -> Iterator[Tensor]:
        """Projections, the depthwise convolution (inner, 1, conv), A (inner, state) and D."""
        yield from linear("in_proj", 2 * self.inner, self.width, "mixer", bias=self.bias)
        yield Tensor("conv.weight", (self.inner, 1, self.conv), "mixer", "other")
        if self.conv_bias:
            yield Tensor("conv.bias", (self.inner,), "mixer", "bias")
        yield from linear("x_proj", self.rank + 2 * self.state_size, self.inner, "mixer")
        yield from linear("dt_proj", self.inner, self.rank, "mixer", bias=True)
        yield Tensor("A_log", (self.inner, self.state_size), "mixer", "other")
        yield Tensor("D", (self.inner,), "mixer", "other")
        yield from linear("out_proj", self.width, self.inner, "mixer", bias=self.bias)
        if self.inner_norms:
            for name, size in (
                ("dt_norm", self.rank),
                ("b_norm", self.state_size),
                ("c_norm", self.state_size),
            ):
                yield from norm(name, size)
        yield from self.extra

    def state(self) -> State:
        """The convolution's last inputs in the model's dtype, the recurrent state in float32."""
        return State("recurrent", constant=((self.inner * self.conv, None), (self.inner * self.state_size, "float32")))


@dataclass(frozen=True, slots=True)
class Mamba2:
    """State-space duality (Dao and Gu 2024, arXiv:2405.21060; Mamba2Mixer in transformers)."""

    width: int
    inner: int
    heads: int
    head_dim: int
    groups: int
    state_size: int
    conv: int
    bias: bool = False
    conv_bias: bool = True
    gated_norm: bool = True
    proj_bias: bool | None = None
    extra: tuple[Tensor, ...] = ()

    label = "Mamba-2"

    @property
    def conv_dim(self) -> int:
        """Channels of the convolution: the inputs and, for each group, B and C."""
        return self.inner + 2 * self.groups * self.state_size

    def tensors(self) -> Iterator[Tensor]:
        """One input projection for gate, x, B, C and dt; convolution; A, D and dt per head."""
        yield from linear("in_proj", self.inner + self.conv_dim + self.heads, self.width, "mixer", bias=self.bias)
        yield Tensor("conv.weight", (self.conv_dim, 1, self.conv), "mixer", "other")
        if self.conv_bias:
            yield Tensor("conv.bias", (self.conv_dim,), "mixer", "bias")
        for name in ("dt_bias", "A_log", "D"):
            yield Tensor(name, (self.heads,), "mixer", "other")
        if self.gated_norm:
            yield from norm("norm", self.inner)
        out_bias = self.bias if self.proj_bias is None else self.proj_bias
        yield from linear("out_proj", self.width, self.inner, "mixer", bias=out_bias)
        yield from self.extra

    def state(self) -> State:
        """The convolution's last inputs in the model's dtype, one (head_dim, state) matrix per head in float32."""
        recurrent = self.heads * self.head_dim * self.state_size
        return State("recurrent", constant=((self.conv_dim * self.conv, None), (recurrent, "float32")))


@dataclass(frozen=True, slots=True)
class DeltaNet:
    """Gated delta rule (Yang et al. 2024, arXiv:2412.06464; Qwen3NextGatedDeltaNet in transformers)."""

    width: int
    k_heads: int
    v_heads: int
    k_dim: int
    v_dim: int
    conv: int

    label = "linear attention"

    def tensors(self) -> Iterator[Tensor]:
        """Projections for q, k, v, gate z and the two decays, convolution, decay and output norm."""
        keys, values = self.k_heads * self.k_dim, self.v_heads * self.v_dim
        yield from linear("in_proj_qkvz", 2 * keys + 2 * values, self.width, "mixer")
        yield from linear("in_proj_ba", 2 * self.v_heads, self.width, "mixer")
        yield Tensor("conv.weight", (2 * keys + values, 1, self.conv), "mixer", "other")
        for name in ("dt_bias", "A_log"):
            yield Tensor(name, (self.v_heads,), "mixer", "other")
        yield from norm("norm", self.v_dim)
        yield from linear("out_proj", self.width, values, "mixer")

    def state(self) -> State:
        """The convolution's last inputs in the model's dtype, one (k, v) matrix per value head in float32."""
        channels = 2 * self.k_heads * self.k_dim + self.v_heads * self.v_dim
        recurrent = self.v_heads * self.k_dim * self.v_dim
        return State("linear", constant=((channels * self.conv, None), (recurrent, "float32")))


@dataclass(frozen=True, slots=True)
class KimiDelta:
    """Kimi delta attention: a delta rule with one decay a channel (arXiv:2510.26692; KimiLinearDeltaAttention).

    The forget gate and the output gate go through `head_dim` unless they are `full`.
    """

    width: int
    heads: int
    head_dim: int
    conv: int
    full_forget: bool = False
    full_gate: bool = False
    decays: int | None = None
    """Decays stored, where they are not one a head (Kimi K3 pads them)."""

    label = "linear attention"

    def tensors(self) -> Iterator[Tensor]:
        """q, k, v, their convolution, forget gate, update rate, output gate, norm and output."""
        inner = self.heads * self.head_dim
        for name in ("q", "k", "v"):
            yield from linear(name, inner, self.width, "mixer")
        yield Tensor("conv.weight", (3 * inner, 1, self.conv), "mixer", "other")
        for name, full in (("forget", self.full_forget), ("gate", self.full_gate)):
            if full:
                yield from linear(name, inner, self.width, "mixer")
            else:
                yield from linear(f"{name}_a", self.head_dim, self.width, "mixer")
                yield from linear(f"{name}_b", inner, self.head_dim, "mixer")
        yield Tensor("dt_bias", (inner,), "mixer", "other")
        yield Tensor("A_log", (self.decays or self.heads,), "mixer", "other")
        yield from linear("rate", self.heads, self.width, "mixer")
        yield from norm("norm", self.head_dim)
        yield from linear("o", self.width, inner, "mixer")

    def state(self) -> State:
        """The convolution's last inputs in the model's dtype, one square matrix per head in float32."""
        inner = self.heads * self.head_dim
        return State("linear", constant=((3 * inner * self.conv, None), (inner * self.head_dim, "float32")))


@dataclass(frozen=True, slots=True)
class Lightning:
    """Lightning attention: linear attention with a fixed decay (arXiv:2401.04658; MiniMaxLightningAttention).

    The decays of one block of `block` tokens are stored as buffers.
    """

    width: int
    heads: int
    head_dim: int
    block: int
    extra: tuple[Tensor, ...] = ()
    tables: bool = True

    label = "linear attention"

    def tensors(self) -> Iterator[Tensor]:
        """Fused q, k and v, output gate, norm, output; the decay tables where the class stores them."""
        inner = self.heads * self.head_dim
        yield from linear("qkv", 3 * inner, self.width, "mixer")
        yield from linear("gate", inner, self.width, "mixer")
        yield from norm("norm", inner)
        yield from linear("o", self.width, inner, "mixer")
        if self.tables:
            yield Tensor("slope", (self.heads, 1, 1), "mixer", "buffer")
            for name in ("query_decay", "key_decay"):
                yield Tensor(name, (self.heads, self.block, 1), "mixer", "buffer")
            yield Tensor("diagonal_decay", (1, self.heads, self.block, self.block), "mixer", "buffer")
        yield from self.extra

    def state(self) -> State:
        """One square matrix per head, in the model's dtype."""
        return State("linear", constant=((self.heads * self.head_dim**2, None),))


@dataclass(frozen=True, slots=True)
class ShortConv:
    """A gated short convolution over `kernel` tokens (LFM2, arXiv:2511.23404; Lfm2ShortConv in transformers)."""

    width: int
    kernel: int
    bias: bool = False

    label = "short convolution"

    def tensors(self) -> Iterator[Tensor]:
        """Projection to two gates and the input, depthwise convolution, output projection."""
        yield from linear("in_proj", 3 * self.width, self.width, "mixer", bias=self.bias)
        yield Tensor("conv.weight", (self.width, 1, self.kernel), "mixer", "other")
        if self.bias:
            yield Tensor("conv.bias", (self.width,), "mixer", "bias")
        yield from linear("out_proj", self.width, self.width, "mixer", bias=self.bias)

    def state(self) -> State:
        """The convolution's last inputs, in the model's dtype."""
        return State("recurrent", constant=((self.width * self.kernel, None),))

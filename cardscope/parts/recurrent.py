"""Recurrent mixers of their own kind: RG-LRU, RWKV, mLSTM; memories and parts that are used again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cardscope.parts.plain import Bag
from cardscope.parts.tensor import Part, State, Tensor, linear, norm


@dataclass(frozen=True, slots=True)
class RgLru:
    """Real-gated linear recurrence with a convolution before it (Griffin, arXiv:2402.19427; RecurrentGemma).

    The two gates are block-diagonal, one block for each of `heads`.
    """

    width: int
    inner: int
    heads: int
    conv: int
    extra: tuple[Tensor, ...] = ()

    label = "gated recurrence"

    def tensors(self) -> Iterator[Tensor]:
        """Two inputs and one output with biases, the convolution, the decay and the gates."""
        for name in ("y", "x"):
            yield from linear(name, self.inner, self.width, "mixer", bias=True)
        yield from linear("out", self.width, self.inner, "mixer", bias=True)
        yield Tensor("conv.weight", (self.inner, 1, self.conv), "mixer", "other")
        yield Tensor("conv.bias", (self.inner,), "mixer", "bias")
        yield Tensor("decay", (self.inner,), "mixer", "other")
        block = self.inner // self.heads
        for name in ("input_gate", "recurrent_gate"):
            yield Tensor(f"{name}.weight", (self.heads, block, block), "mixer", "other")
            yield Tensor(f"{name}.bias", (self.heads, block), "mixer", "bias")
        yield from self.extra

    def state(self) -> State:
        """The convolution's last inputs but one in the model's dtype, one number a channel in float32."""
        return State("recurrent", constant=((self.inner * (self.conv - 1), None), (self.inner, "float32")))


@dataclass(frozen=True, slots=True)
class Rwkv:
    """RWKV-4's time mixing (arXiv:2305.13048; RwkvSelfAttention in transformers), keys `inner` wide."""

    width: int
    inner: int

    label = "RWKV"

    def tensors(self) -> Iterator[Tensor]:
        """Decay and bonus, how much of the token before goes into each input, four projections."""
        for name in ("decay", "first"):
            yield Tensor(name, (self.inner,), "mixer", "other")
        for name in ("key", "value", "receptance"):
            yield Tensor(f"mix_{name}", (1, 1, self.width), "mixer", "other")
            yield from linear(name, self.inner, self.width, "mixer")
        yield from linear("output", self.width, self.inner, "mixer")

    def state(self) -> State:
        """The token before, of both mixings, in the model's dtype; three vectors in float32."""
        return State("recurrent", constant=((2 * self.width, None), (3 * self.width, "float32")))


@dataclass(frozen=True, slots=True)
class Rwkv5:
    """RWKV-5's time mixing (Eagle, arXiv:2404.05892 §3): heads of `dim`, keys and values `inner` wide, a gate."""

    width: int
    inner: int
    dim: int

    label = "RWKV-5"

    def tensors(self) -> Iterator[Tensor]:
        """Decay and bonus of each head, the mixes of four inputs, five projections and a norm of each head."""
        for name in ("decay", "first"):
            yield Tensor(name, (self.inner // self.dim, self.dim), "mixer", "other")
        for name in ("key", "value", "receptance", "gate"):
            yield Tensor(f"mix_{name}", (1, 1, self.width), "mixer", "other")
            yield from linear(name, self.inner, self.width, "mixer")
        yield from linear("output", self.width, self.inner, "mixer")
        yield from norm("norm", self.inner, bias=True)

    def state(self) -> State:
        """The token before, of both mixings, in the model's dtype; a matrix for each head in float32."""
        return State("recurrent", constant=((2 * self.width, None), (self.inner * self.dim, "float32")))


def rwkv_channel(width: int, inner: int) -> Bag:
    """RWKV-4's channel mixing: a feed-forward block with a gate of the model's width."""
    items = (
        Tensor("mix_key", (1, 1, width), "mlp", "other"),
        Tensor("mix_receptance", (1, 1, width), "mlp", "other"),
        *linear("key", inner, width, "mlp"),
        *linear("receptance", width, width, "mlp"),
        *linear("value", width, inner, "mlp"),
    )
    return Bag(items, "dense")


@dataclass(frozen=True, slots=True)
class MLstm:
    """Matrix LSTM (xLSTM-7B, arXiv:2503.13427; xLSTMLayer in transformers): keys `keys` wide, values `values` wide."""

    width: int
    heads: int
    keys: int
    values: int
    bias: bool = False

    label = "mLSTM"

    def tensors(self) -> Iterator[Tensor]:
        """q, k, v, output gate, input and forget gate a head, norm and output."""
        for name, rows in (("q", self.keys), ("k", self.keys), ("v", self.values), ("o_gate", self.values)):
            yield from linear(name, rows, self.width, "mixer", bias=self.bias)
        for name in ("i_gate", "f_gate"):
            yield from linear(name, self.heads, self.width, "mixer", bias=True)
        yield from norm("norm", self.values // self.heads * self.heads, bias=self.bias)
        yield from linear("out", self.width, self.values, "mixer", bias=self.bias)

    def state(self) -> State:
        """A matrix, a vector and a number a head, in the model's dtype."""
        keys, values = self.keys // self.heads, self.values // self.heads
        return State("recurrent", constant=((self.heads * (keys * values + keys + 1), None),))


@dataclass(frozen=True, slots=True)
class Memory:
    """Hidden states kept for the layer's attention to look back at, up to `window` of them (Transformer-XL)."""

    width: int
    window: int | None = None

    label = ""

    def tensors(self) -> Iterator[Tensor]:
        """None of its own."""
        yield from ()

    def state(self) -> State:
        """One hidden state a token."""
        return State("sliding" if self.window else "full", self.width, self.width, self.window)


@dataclass(frozen=True, slots=True)
class Reused:
    """A part whose weights an earlier layer holds already, with a cache of its own (Zamba's shared block)."""

    part: Part

    @property
    def label(self) -> str:
        """What the part does."""
        return self.part.label

    def tensors(self) -> Iterator[Tensor]:
        """Buffers, which are not shared; parameters count where they stand first."""
        yield from (tensor for tensor in self.part.tensors() if tensor.kind == "buffer")

    def state(self) -> State | None:
        """The part's own."""
        return self.part.state()

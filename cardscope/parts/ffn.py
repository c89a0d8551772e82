"""Feed-forward parts: dense and mixture of experts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cardscope.parts.tensor import Kind, State, Tensor, linear


def activation(name: object, component: str = "mlp") -> tuple[Tensor, ...]:
    """What an activation function of this name learns: PReLU a slope, xIELU (arXiv:2411.13010) two, beside two buffers.

    ACT2FN in transformers; every other function learns nothing.
    """
    if name == "prelu":
        return (Tensor("act.weight", (1,), component, "other"),)
    if name == "xielu":
        learned = tuple(Tensor(f"act.{part}", (1,), component, "other") for part in ("alpha_p", "alpha_n"))
        return (*learned, Tensor("act.beta", (), component, "buffer"), Tensor("act.eps", (), component, "buffer"))
    return ()


@dataclass(frozen=True, slots=True)
class Mlp:
    """A feed-forward block: two matrices, or three when gated (Shazeer 2020, arXiv:2002.05202)."""

    width: int
    inner: int
    gated: bool = True
    up_bias: bool = False
    down_bias: bool = False
    component: str = "mlp"
    name: str = ""
    extra: tuple[Tensor, ...] = ()

    label = "dense"

    def tensors(self) -> Iterator[Tensor]:
        """Gate and up: (inner, width); down: (width, inner)."""
        if self.gated:
            yield from linear(f"{self.name}gate", self.inner, self.width, self.component, bias=self.up_bias)
        yield from linear(f"{self.name}up", self.inner, self.width, self.component, bias=self.up_bias)
        yield from linear(f"{self.name}down", self.width, self.inner, self.component, bias=self.down_bias)
        yield from self.extra

    def state(self) -> State | None:
        """Keeps nothing between tokens."""
        return None


@dataclass(frozen=True, slots=True)
class Moe:
    """Routed experts, shared experts and a router (Shazeer et al. 2017, arXiv:1701.06538).

    `experts` of width `inner`, of which `per_token` fire; `shared` is the total inner width of the shared experts.
    `correction` adds DeepSeek-V3's router correction bias, stored as a buffer, not a parameter.
    """

    width: int
    experts: int
    per_token: int | None
    inner: int
    gated: bool = True
    up_bias: bool = False
    down_bias: bool = False
    shared: int = 0
    shared_gate: bool = False
    shared_gated: bool = True
    shared_bias: bool = False
    router_bias: bool = False
    correction: bool = False
    correction_is_parameter: bool = False
    expert_width: int | None = None
    """Width the experts work in, where it is not the layer's (latent experts)."""
    extra: tuple[Tensor, ...] = ()
    idle: int = 0
    """Further experts that hand their input on; transformers allocates gate and up for them, which nothing reads."""
    scores: int | None = None
    """Rows of the router where they are not one for each expert (product keys)."""

    label = "routed"

    def tensors(self) -> Iterator[Tensor]:
        """Router (experts, width), each expert's matrices, the shared experts and their gate."""
        rows = self.scores or self.experts + self.idle
        yield Tensor("router.weight", (rows, self.width), "router")
        if self.router_bias:
            yield Tensor("router.bias", (rows,), "router", "bias")
        if self.correction:
            kind: Kind = "bias" if self.correction_is_parameter else "buffer"
            yield Tensor("router.correction", (self.experts + self.idle,), "router", kind)
        width = self.expert_width or self.width
        for part in Mlp(width, self.inner, self.gated, self.up_bias, self.down_bias, "experts").tensors():
            copies = self.experts + (0 if part.name.startswith("down") else self.idle)
            yield part._replace(name=f"experts.{part.name}", copies=copies, active=self.per_token)
        if self.shared:
            block = Mlp(self.width, self.shared, self.shared_gated, self.shared_bias, self.shared_bias, "experts")
            yield from (part._replace(name=f"shared.{part.name}") for part in block.tensors())
        if self.shared_gate:
            yield Tensor("shared_gate.weight", (1, self.width), "router")
        yield from self.extra

    def state(self) -> State | None:
        """Keeps nothing between tokens."""
        return None

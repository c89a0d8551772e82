"""What is to run and how: the model, the load, and what an engine says it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cardscope.fitting.hardware import Devices
from cardscope.inventory import Inventory
from cardscope.measures.facts import Facts
from cardscope.measures.precision import Scheme
from cardscope.parts import LatentAttention, Mlp, Moe

GIB = 1 << 30
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Target:
    """A model as `fit` sees it: its tensors, its facts, and the bytes of its own precision."""

    id: str
    inventory: Inventory
    facts: Facts
    precision: str
    own_bytes: int
    own_scheme: Scheme | None = None
    packed: bool = False

    @property
    def plain_bytes(self) -> int:
        """Bytes of one number that is not packed: 4 for a model stored in fp32, else 2."""
        return 4 if self.precision == "fp32" else 2

    @property
    def layers(self) -> int:
        """Blocks of the main tower, at least one."""
        return max(1, self.facts.num_layers)

    @property
    def inner(self) -> int:
        """Numbers of one token's widest feed-forward block: gate, up and their product (two without a gate)."""
        return max((_inner(part) for group in self.inventory.groups for part in group.parts), default=0)

    @property
    def expanded(self) -> int:
        """Numbers of one token's keys and values where latent attention expands them; 0 without latents."""
        parts = (part for group in self.inventory.groups for part in group.parts)
        return max((p.heads * (p.head_dim + p.v_dim) for p in parts if isinstance(p, LatentAttention)), default=0)


def _inner(part: object) -> int:
    if isinstance(part, Mlp):
        return (3 if part.gated else 2) * part.inner
    if isinstance(part, Moe):
        routed = (3 if part.gated else 2) * part.inner * (part.per_token or part.experts)
        return routed + (3 if part.shared_gated else 2) * part.shared
    return 0


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of the model: `context` tokens of a prompt, `new_tokens` on top of them, `batch` sequences.

    Without `new_tokens` the context is prompt and answer together, and all of it may be prompt.
    """

    context: int
    batch: int = 1
    new_tokens: int | None = None
    quant: str | None = None
    kv_dtype: str | None = None
    tp: int = 1
    devices: Devices | None = None
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """Tokens that a sequence holds at its end."""
        return self.context + (self.new_tokens or 0)

    @property
    def on_host(self) -> bool:
        """Whether the devices are a CPU or a phone, whose memory is the host's: no driver's context, nothing beside."""
        return self.devices is not None and all(gpu.is_host for gpu in self.devices.gpus)

    @property
    def count(self) -> int:
        """Devices the work is spread over."""
        return self.devices.count if self.devices else self.tp


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes over all devices by purpose, bytes of each device, and what each may use (None without a GPU)."""

    weights: int
    kv_cache: int
    activations: int
    overhead: int
    each: tuple[int, ...]
    limits: tuple[int, ...] | None = None
    kv_cache_tokens: int | None = None
    host: int = 0
    settings: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    parts: tuple[float, ...] | None = None
    """Each device's share of the layers where the devices work one after another; None where all work at once."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.kv_cache + self.activations + self.overhead


def shares(devices: Devices | None, count: int) -> tuple[float, ...]:
    """How much of a model each device takes when layers are dealt out by usable memory."""
    if devices is None:
        return (1 / count,) * count
    total = sum(gpu.usable for gpu in devices.gpus)
    return tuple(gpu.usable / total if total else 1 / devices.count for gpu in devices.gpus)

"""Sound as codes: EnCodec."""

from __future__ import annotations

import math
from collections.abc import Iterator

from cardscope.archs._heads import chosen
from cardscope.archs._registry import arch
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import Bag, Spec, Tensor, Tower, norm

MAX_STEPS, MAX_DEPTH, MAX_BOOKS = 12, 64, 4096
"""Real models halve the rate four times and keep up to 32 code books."""


def wave(c: Fields, name: str, out: int, into: int, kernel: int, *, grows: bool = False) -> Iterator[Tensor]:
    """A convolution over time with bias; its weight is split in length and direction, or a norm follows.

    A convolution that `grows` the rate keeps its inputs first: its lengths are one for each input.
    """
    first = into if grows else out
    yield Tensor(f"{name}.weight", (first, out if grows else into, kernel), "audio", "other")
    yield Tensor(f"{name}.bias", (out,), "audio", "bias")
    if c.text("norm_type") == "weight_norm":
        yield Tensor(f"{name}.length", (first, 1, 1), "audio", "other")
    else:
        yield from norm(f"{name}.norm", out, bias=True, component="audio")


def recurrent(name: str, size: int, depth: int) -> Iterator[Tensor]:
    """A stack of LSTM layers: four gates over the input and over the last state, each with a bias."""
    for index in range(depth):
        for side in ("input", "state"):
            yield Tensor(f"{name}_{index}.{side}", (4 * size, size), "audio", "other")
            yield Tensor(f"{name}_{index}.{side}_bias", (4 * size,), "audio", "bias")


def residuals(c: Fields, name: str, size: int) -> Iterator[Tensor]:
    """Blocks of two convolutions through a narrower width, and a 1 × 1 beside them."""
    inner = size // c.int("compress")
    if inner < 1:
        raise BadField(c.prefix + "compress", c.int("compress"), f"at most the {size} channels")
    for index in range(c.int("num_residual_layers", low=0, high=MAX_DEPTH)):
        yield from wave(c, f"{name}.{index}.in", inner, size, c.int("residual_kernel_size"))
        yield from wave(c, f"{name}.{index}.out", size, inner, 1)
        if c.flag("use_conv_shortcut"):
            yield from wave(c, f"{name}.{index}.shortcut", size, size, 1)


def books(c: Fields, hop: int) -> tuple[Tensor, ...]:
    """The code books, stored as buffers: as many as fit the widest bandwidth. Raises BadField."""
    rows, listed = c.int("codebook_size", low=2), c.raw("target_bandwidths")
    widest = listed[-1] if isinstance(listed, list | tuple) and listed else None
    if not isinstance(widest, int | float) or isinstance(widest, bool) or not 0 < widest < 1e9:
        raise BadField(c.prefix + "target_bandwidths", listed, "kilobits a second, the widest last")
    if rows & (rows - 1):
        raise BadField(c.prefix + "codebook_size", rows, "a power of two")
    size = c.opt_int("codebook_dim", low=1) or c.derive("codebook_dim", c.int("hidden_size"))
    count = int(1000 * widest // (math.ceil(c.int("sampling_rate") / hop) * (rows.bit_length() - 1)))
    if count > MAX_BOOKS:
        raise BadField(c.prefix + "target_bandwidths", listed, f"what {MAX_BOOKS:,} code books hold")
    shapes = {"inited": (1,), "cluster_size": (rows,), "codes": (rows, size), "averages": (rows, size)}
    return tuple(
        Tensor(f"book.{key}", shape, "audio", "buffer", copies=count) for key, shape in shapes.items() if count
    )


@arch("encodec")
def encodec(c: Fields) -> Spec:
    """EnCodec (arXiv:2210.13438): convolutions down to codes and up, an LSTM on each side, residual code books."""
    ending, kind, ratios = chosen(c, ("Model",)), c.text("norm_type"), c.ints("upsampling_ratios") or ()
    if kind not in {"weight_norm", "time_group_norm"}:
        raise BadField(c.prefix + "norm_type", kind, "weight_norm or time_group_norm")
    if not 0 < len(ratios) <= MAX_STEPS or min(ratios) < 1:
        raise BadField(c.prefix + "upsampling_ratios", list(ratios), f"one to {MAX_STEPS} factors")
    size, base, channels = c.int("hidden_size"), c.int("num_filters"), c.int("audio_channels")
    first, last, depth = c.int("kernel_size"), c.int("last_kernel_size"), c.int("num_lstm_layers", high=MAX_DEPTH)
    wide = base << len(ratios)
    down = [*wave(c, "in", base, channels, first)]
    up = [*wave(c, "back", wide, size, first), *recurrent("lstm", wide, depth)]
    for index, ratio in enumerate(reversed(ratios)):
        narrow = base << index
        down += [*residuals(c, f"down_{index}", narrow), *wave(c, f"down_{index}", 2 * narrow, narrow, 2 * ratio)]
        up += [*wave(c, f"up_{index}", narrow, 2 * narrow, 2 * ratio, grows=True), *residuals(c, f"up_{index}", narrow)]
    down += [*recurrent("lstm", wide, depth), *wave(c, "latent", size, wide, last)]
    up += wave(c, "out", channels, base, last)
    c.touch("dilation_growth_rate", "use_causal_conv", "pad_mode", "trim_right_ratio", "normalize")
    c.touch("chunk_length_s", "overlap", "num_labels", "id2label", "label2id")
    towers = tuple(
        Tower(name, (), (Bag(tuple(own)),), caches=False)
        for name, own in (("encoder", down), ("quantizer", books(c, math.prod(ratios))), ("decoder", up))
    )
    return Spec(c.model_type, towers, hidden_size=size, head_class=ending)

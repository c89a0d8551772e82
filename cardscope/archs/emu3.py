"""Emu3 (arXiv:2409.18869): a Llama whose words are also codes of images and films, and the tokenizer of those codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cardscope.archs._compose import class_of, part, text_alone, ties, wrap
from cardscope.archs._registry import arch
from cardscope.archs.gated import llama
from cardscope.archs.janus import MAX_BLOCKS, MAX_LEVELS, residual, square
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import Bag, Spec, Table, Tensor, Tower, linear, norm

MAX_HALVINGS = 16


class Film(NamedTuple):
    """The sizes of Emu3VQVAE: widths by level, the levels that attend, blocks, halvings in time."""

    widths: tuple[int, ...]
    attends: frozenset[int]
    blocks: int
    halvings: int
    width: int
    code_dim: int
    latent: int


def solid(name: str, out: int, into: int, kernel: tuple[int, int, int]) -> Iterator[Tensor]:
    """A convolution over frames, rows and columns, with its bias."""
    yield Tensor(f"{name}.weight", (out, into, *kernel), "vision", "other")
    yield Tensor(f"{name}.bias", (out,), "vision", "bias")


def film_block(name: str, size: int) -> Iterator[Tensor]:
    """Two convolutions over frames, each behind a batch norm (Emu3VQVAETemporalResnetBlock)."""
    for step in ("1", "2"):
        yield from norm(f"{name}.norm_{step}", size, bias=True, component="vision")
        for key in ("mean", "variance"):
            yield Tensor(f"{name}.norm_{step}.{key}", (size,), "vision", "buffer")
        yield Tensor(f"{name}.norm_{step}.batches", (), "vision", "buffer")
        yield from solid(f"{name}.conv_{step}", size, size, (3, 3, 3))


def steered(name: str, size: int, code_dim: int) -> Iterator[Tensor]:
    """What makes a norm a spatial norm: gain and shift of each pixel, from the codes (arXiv:2209.09002)."""
    for word in ("gain", "shift"):
        yield from square(f"{name}.{word}", size, code_dim, 1)


def attending(name: str, size: int, width: int) -> Iterator[Tensor]:
    """A norm, and attention whose width is the config's own."""
    yield from norm(f"{name}.norm", size, bias=True, component="vision")
    for word in ("q", "k", "v", "o"):
        yield from linear(f"{name}.{word}", width, width, "vision", bias=True)


def block(name: str, into: int, out: int, film: Film, *, steers: bool) -> Iterator[Tensor]:
    """A residual block; in the decoder the codes steer both of its norms."""
    yield from residual(name, into, out)
    for step, size in enumerate((into, out) if steers else ()):
        yield from steered(f"{name}.norm_{step}", size, film.code_dim)


def attended(name: str, size: int, film: Film, *, steers: bool) -> Iterator[Tensor]:
    """Attention over pixels; in the decoder the codes steer its norm."""
    yield from attending(name, size, film.width)
    yield from steered(f"{name}.norm", size, film.code_dim) if steers else ()


def levels(film: Film, base: int, *, steers: bool) -> Iterator[Tensor]:
    """All resolutions on the way down from `base`, or, steered by the codes, on the way up, and the middle."""
    order = list(enumerate(film.widths))
    into, last = (film.widths[-1], 0) if steers else (base, len(order) - 1)
    for index, out in reversed(order) if steers else order:
        for n in range(film.blocks + steers):
            yield from block(f"level_{index}.{n}", into, out, film, steers=steers)
            into = out
            if index in film.attends:
                yield from attended(f"level_{index}.attn_{n}", out, film, steers=steers)
        yield from square(f"level_{index}.resample", out, out) if index != last else ()
    low = film.widths[-1]
    for name in ("mid_1", "mid_2"):
        yield from block(name, low, low, film, steers=steers)
    yield from attended("mid", low, film, steers=steers)


def film_sizes(c: Fields) -> Film:
    """The tokenizer's sizes. Raises BadField."""
    factors, blocks = c.ints("channel_multiplier") or (), c.int("num_res_blocks", low=0)
    if not 0 < len(factors) <= MAX_LEVELS or min(factors) < 1 or blocks > MAX_BLOCKS:
        raise BadField(c.prefix + "channel_multiplier", list(factors), f"one to {MAX_LEVELS} factors")
    base, width, total = c.int("base_channels"), c.int("hidden_size"), c.int("num_attention_heads")
    if width % total:
        raise BadField(c.prefix + "num_attention_heads", total, f"a divisor of {width}")
    halvings = c.int("temporal_downsample_factor").bit_length() - 1
    if halvings > MAX_HALVINGS:
        raise BadField(c.prefix + "temporal_downsample_factor", 1 << halvings, f"at most {1 << MAX_HALVINGS}")
    return Film(
        tuple(base * times for times in factors),
        frozenset(c.ints("attn_resolutions") or ()),
        blocks,
        halvings,
        width,
        c.int("embed_dim"),
        c.int("latent_channels"),
    )


def film_codec(c: Fields) -> Tower:
    """Emu3VQVAE: an encoder over frames, a code book, a decoder that the codes steer."""
    film, base = film_sizes(c), c.int("base_channels")
    top, low, latent = film.widths[0], film.widths[-1], film.latent
    out = latent * (2 if c.flag("double_latent") else 1)
    found = [*square("in", base, c.int("in_channels")), *levels(film, base, steers=False)]
    found += [*norm("norm_out", low, bias=True, component="vision"), *square("to_latent", out, low)]
    for index in range(film.halvings):
        found += [*solid(f"halve_{index}", out, out, (4, 3, 3)), *solid(f"double_{index}", latent, latent, (3, 3, 3))]
    for index in range(film.blocks):
        found += [*film_block(f"film_in_{index}", out), *film_block(f"film_out_{index}", latent)]
    found += [*square("from_latent", low, latent), *levels(film, base, steers=True)]
    found += [*norm("norm_last", top, bias=True, component="vision"), *steered("norm_last", top, film.code_dim)]
    found += square("out", c.int("out_channels"), top)
    found += solid("quantize", film.code_dim, latent, (3, 1, 1))
    found += solid("restore", latent, film.code_dim, (3, 1, 1))
    book = Table(c.int("codebook_size"), film.code_dim)
    return Tower("codec", (), (Bag(tuple(found)), book), "vision", caches=False)


@arch("emu3_text_model")
def emu3_text(c: Fields) -> Spec:
    """Emu3's language model: Llama's, images are words of its vocabulary."""
    return llama(c)


@arch("emu3")
def emu3(c: Fields) -> Spec:
    """Emu3 (Emu3ForConditionalGeneration): the language model and its tokenizer; alone, the text model."""
    ending = class_of(c, ("Model", "ForConditionalGeneration", "ForCausalLM", "TextModel"))
    c.touch("vocabulary_map")
    if ending in {"ForCausalLM", "TextModel"}:
        c.touch("vq_config")
        return text_alone(c)
    text = part(c, "text_config")
    return wrap(c, text, film_codec(c.sub("vq_config")), tied=ties(c, text), ending=ending)

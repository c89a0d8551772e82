"""Janus (arXiv:2410.13848, arXiv:2501.17811): images are read by one tower, and drawn as codes of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from cardscope.archs import interpret
from cardscope.archs._compose import bridge, class_of, part, sight, ties, unknown_word, wrap
from cardscope.archs._read import act, heads, neutral, width
from cardscope.archs._registry import arch
from cardscope.archs.remote_vision import probed
from cardscope.archs.remote_wrappers import siglip_tower, with_towers
from cardscope.archs.towers import normed, plain, seeing
from cardscope.archs.vision import patches, places
from cardscope.errors import BadField, NotModelled
from cardscope.fields import Fields
from cardscope.parts import LAYER, Bag, Mlp, Part, Spec, Table, Tensor, Tower, activation, linear, norm, project

MAX_LEVELS, MAX_BLOCKS = 16, 64
"""Real models have five levels of two blocks."""


class Codec(NamedTuple):
    """A quantizing autoencoder's sizes (VQGAN, arXiv:2012.09841); the defaults are LlamaGen's VQ-16."""

    codes: int
    code_dim: int
    base: int = 128
    levels: tuple[int, ...] = (1, 1, 2, 2, 4)
    blocks: int = 2
    latent: int = 256
    doubled: bool = False
    channels: int = 3
    out_channels: int = 3


def square(name: str, out: int, into: int, side: int = 3) -> Iterator[Tensor]:
    """A convolution over an image, with its bias."""
    yield Tensor(f"{name}.weight", (out, into, side, side), "vision", "other")
    yield Tensor(f"{name}.bias", (out,), "vision", "bias")


def residual(name: str, into: int, out: int) -> Iterator[Tensor]:
    """Two normed convolutions, and one more where the width changes."""
    yield from norm(f"{name}.norm_1", into, bias=True, component="vision")
    yield from square(f"{name}.conv_1", out, into)
    yield from norm(f"{name}.norm_2", out, bias=True, component="vision")
    yield from square(f"{name}.conv_2", out, out)
    if into != out:
        yield from square(f"{name}.shortcut", out, into, 1)


def attending(name: str, size: int) -> Iterator[Tensor]:
    """Attention over pixels by 1 × 1 convolutions."""
    yield from norm(f"{name}.norm", size, bias=True, component="vision")
    for word in ("q", "k", "v", "o"):
        yield from square(f"{name}.{word}", size, size, 1)


def middle(size: int) -> Iterator[Tensor]:
    """Between the levels: a block, attention, a block."""
    for name in ("mid_1", "mid_2"):
        yield from residual(name, size, size)
    yield from attending("mid", size)


def level(into: int, out: int, blocks: int, *, last: bool, moves: bool) -> Iterator[Tensor]:
    """The blocks of one resolution, with attention at the lowest, and the way to the next."""
    for index in range(blocks):
        yield from residual(f"block_{index}", out if index else into, out)
        if last:
            yield from attending(f"attn_{index}", out)
    if moves:
        yield from square("resample", out, out)


def codec(sizes: Codec) -> Tower:
    """Encoder, code book and decoder."""
    widths = [sizes.base * times for times in sizes.levels]
    top, low = len(widths) - 1, widths[-1]
    found = [*square("in", sizes.base, sizes.channels), *middle(low), *middle(low)]
    for index, (into, out) in enumerate(zip([sizes.base, *widths], widths, strict=False)):
        found += level(into, out, sizes.blocks, last=index == top, moves=index != top)
    for index, out in reversed(list(enumerate(widths))):
        into = low if index == top else widths[index + 1]
        found += level(into, out, sizes.blocks + 1, last=index == top, moves=index != 0)
    found += [*norm("norm_in", low, bias=True, component="vision"), *norm("norm_out", widths[0], bias=True)]
    found += square("to_latent", sizes.latent * (2 if sizes.doubled else 1), low)
    found += [*square("from_latent", low, sizes.latent), *square("out", sizes.out_channels, widths[0])]
    found += [*square("quantize", sizes.code_dim, sizes.latent, 1), *square("restore", sizes.latent, sizes.code_dim, 1)]
    return Tower("codec", (), (Bag(tuple(found)), Table(sizes.codes, sizes.code_dim)), "vision", caches=False)


def steps(name: str, into: int, out: int, depth: int, learned: tuple[Tensor, ...] = ()) -> list[Part]:
    """A projection and `depth` - 1 more, with an activation between. Raises BadField."""
    if not 1 <= depth <= MAX_BLOCKS:
        raise BadField("depth", depth, f"between 1 and {MAX_BLOCKS}")
    ways = [project(f"{name}_{n}", out, out if n else into, "projector", bias=True) for n in range(depth)]
    return [*ways, *([Bag(learned)] if learned else [])]


def drawing(codes: int, code_dim: int, size: int, deep: int, wide: int, learned: tuple[Tensor, ...] = ()) -> Tower:
    """What stands between codes and the text model: their table, a way in, and a head of their own."""
    head = (
        *linear("code_head_1", size, wide, "projector", bias=True),
        *linear("code_head_2", codes, size, "projector", bias=True),
    )
    return bridge(Table(codes, code_dim), *steps("code", code_dim, size, deep, learned), Bag((*head, *learned)))


# -- transformers' class -----------------------------------------------------------------------------------


def janus_eyes(c: Fields) -> tuple[Tower, Tower]:
    """SigLIP without its probe, and the projections behind it."""
    size, out = width(c), c.int("projection_dim")
    bias = c.flag("attention_bias")
    mixer = plain(size, heads(c), bias=bias, o_bias=True)
    gains = (*norm("q_norm", size, bias=True), *norm("k_norm", size, bias=True)) if c.flag("use_qk_norm") else ()
    ffn = Mlp(size, int(size * c.number("mlp_ratio")), False, True, True, extra=act(c))
    layer = normed(c, size, mixer, ffn, LAYER, *([Bag(gains)] if gains else []))
    c.touch("num_image_tokens", "intermediate_size")
    eyes = seeing([layer] * c.layers(), patches(c), places(c), LAYER.sized(size).named("post_norm"))
    return eyes, bridge(*steps("aligner", size, out, c.int("depth"), act(c, "projector")))


def janus_codec(c: Fields) -> Codec:
    """The code book's sizes. Raises BadField."""
    levels, blocks = c.ints("channel_multiplier") or (), c.int("num_res_blocks", low=0)
    if not 0 < len(levels) <= MAX_LEVELS or 0 in levels or blocks > MAX_BLOCKS:
        raise BadField(c.prefix + "channel_multiplier", list(levels), f"one to {MAX_LEVELS} factors")
    c.touch("num_patches")
    return Codec(
        c.int("num_embeddings"),
        c.int("embed_dim"),
        c.int("base_channels"),
        levels,
        blocks,
        c.int("latent_channels"),
        c.flag("double_latent"),
        c.int("in_channels"),
        c.int("out_channels"),
    )


@arch("janus")
def janus(c: Fields) -> Spec:
    """Janus-Pro (JanusForConditionalGeneration): SigLIP before Llama, and codes of images beside its words."""
    text, seen, drawn = part(c, "text_config"), sight(c), c.sub("vq_config")
    sizes, out = janus_codec(drawn), drawn.int("projection_dim")
    depth, wide = drawn.int("num_hidden_layers"), drawn.int("image_token_embed_dim")
    between = drawing(sizes.codes, sizes.code_dim, out, depth, wide, activation(drawn.raw("hidden_act"), "projector"))
    towers = (*janus_eyes(seen), codec(sizes), between)
    return wrap(c, text, *towers, tied=ties(c, text), ending=class_of(c))


# -- the repositories' own class ---------------------------------------------------------------------------


@arch("multi_modality")
def multi_modality(c: Fields) -> Spec:
    """Janus by its own code: SigLIP with the probe it does not use, Llama, VQ-16 and the count of codes it used."""
    told = {key: c.sub(f"{key}_config") for key in ("vision", "aligner", "gen_vision", "gen_aligner", "gen_head")}
    params = {key: each.sub("params") for key, each in told.items()}
    if told["vision"].text("cls", "none") != "CLIPVisionTower" or told["gen_vision"].text("cls", "none") != "VQ-16":
        raise NotModelled("this multi_modality model is not modelled", hint="Janus and Janus-Pro are")
    tower = params["vision"].text("model_name")
    if tower != "siglip_large_patch16_384":
        raise unknown_word(params["vision"], "model_name", tower)
    spec = interpret(c.sub("language_config", "llama"))
    size, ways = spec.hidden_size or 0, []
    for key, into in (("aligner", 1024), ("gen_aligner", 8)):
        kind = params[key].text("projector_type")
        if kind != "mlp_gelu":
            raise unknown_word(params[key], "projector_type", kind)
        neutral(params[key], input_dim=into, n_embed=size)
        ways.append(steps(key, into, size, params[key].int("depth")))
    drawn, head = params["gen_vision"], params["gen_head"]
    codes, code_dim = drawn.int("image_token_size"), drawn.int("n_embed")
    wide = head.int("image_token_embed")
    neutral(head, n_embed=size, image_token_size=codes)
    params["vision"].touch("image_size", "select_feature", "select_layer")
    for each in told.values():
        each.touch("cls")
    used = Bag((Tensor("codebook_used", (65536,), "vision", "buffer"),))
    book = codec(Codec(codes, code_dim))
    eyes = probed(siglip_tower(24, 1024, 4096, 16, 24**2), 1024, 4096)
    out = [
        project(f"code_{n}", rows, columns, "projector", bias=True)
        for n, (rows, columns) in enumerate(((wide, size), (codes, wide)))
    ]
    coded = bridge(Table(codes, code_dim), *ways[1], *out)
    c.touch("tie_word_embeddings", "architectures")
    return with_towers(c, spec, eyes, bridge(*ways[0]), replace(book, parts=(*book.parts, used)), coded)

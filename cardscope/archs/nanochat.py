"""nanochat's own checkpoints, release by release (gpt.py of karpathy/nanochat); transformers has the first one only."""

from __future__ import annotations

from cardscope.archs._read import decoder, heads, kv_heads, made_once, width
from cardscope.archs._registry import arch
from cardscope.errors import BadField, UsageError
from cardscope.fields import Fields
from cardscope.nanochat import counts
from cardscope.nanochat.epochs import BY_NAME, Epoch, Sizes, windows
from cardscope.nanochat.view import KEYS
from cardscope.parts import BARE, RMS, Attention, Bag, Layer, Mlp, Part, Spec, Table, Tensor

NATIVE = "nanochat-native"
"""Our own name: a config that holds nanochat's own keys, and which release built it."""


@arch(NATIVE)
def native(c: Fields) -> Spec:
    """Norms without parameters, a ReLU² MLP of 4·width, untied head; what each release added by its epoch."""
    for standard, own in KEYS.items():
        c.prefer(standard, own)
    name = c.text("release", "E9").upper()
    if name not in BY_NAME:
        raise BadField("release", name, "a release from E0 to E9", hint="--set release=E9")
    epoch, sizes = BY_NAME[name], _sizes(c)
    _say_doubts(c, epoch, sizes)
    try:
        seen = windows(epoch, sizes.depth, sizes.positions, sizes.window)
    except UsageError as error:
        raise BadField("window_pattern", sizes.window, "letters S and L") from error
    keys = [(span, counts.has_value(epoch, layer, sizes.depth)) for layer, span in enumerate(seen)]
    layers = made_once(keys, lambda key: _layer(epoch, sizes, *key))
    rows = counts.padded(epoch, sizes.vocab)
    spec = decoder(
        c,
        layers,
        norm=BARE,
        tied=False,
        head="causal_lm",
        extra=_around(epoch, sizes, rows),
    )
    return _padded(spec, rows)


@arch("nanogpt-native")
def nanogpt(c: Fields) -> Spec:
    """Karpathy's nanoGPT without biases (model.py, bias=False): norms have gains alone, positions are learned, tied."""
    c.prefer("max_position_embeddings", "block_size")
    for standard in ("hidden_size", "num_hidden_layers", "num_attention_heads"):
        c.prefer(standard, KEYS[standard])
    size, total = width(c), heads(c)
    if size % total:
        raise BadField("n_embd", size, f"a multiple of the {total} heads")
    mixer = Attention(size, total, total, size // total)
    norms = (RMS.sized(size).named("norm_1"), RMS.sized(size).named("norm_2"))
    layer = Layer((norms[0], mixer, norms[1], Mlp(size, 4 * size, gated=False)))
    positions = c.int("max_position_embeddings", high=1 << 40)
    return decoder(c, [layer] * c.layers(), norm=RMS, positions=positions, tied=True, head="causal_lm")


def _sizes(c: Fields) -> Sizes:
    depth, total = c.layers(), heads(c)
    size = width(c)
    if size % total:
        raise BadField("n_embd", size, f"a multiple of the {total} heads")
    pattern = c.opt_text("window_pattern") or ""
    positions = c.int("max_position_embeddings", 2048, high=1 << 40)
    return Sizes(depth, size, total, kv_heads(c, total), c.int("vocab_size"), positions, pattern)


def _layer(epoch: Epoch, sizes: Sizes, span: int, value: bool) -> Layer:
    gate = (Tensor("ve_gate.weight", (sizes.kv_heads, epoch.gate_channels), "attention"),) if value else ()
    short = span < sizes.positions
    mixer = Attention(
        sizes.width,
        sizes.heads,
        sizes.kv_heads,
        sizes.head_dim,
        window=span if short else None,
        kind="sliding" if short else "full",
        extra=gate,
    )
    return Layer((mixer, Mlp(sizes.width, 4 * sizes.width, gated=False)))


def _around(epoch: Epoch, sizes: Sizes, rows: int) -> tuple[Part, ...]:
    """What stands beside the layers: value and bigram embeddings, and the learned scalars."""
    parts: list[Part] = []
    count = counts.value_layers(epoch, sizes.depth)
    if count:
        shape = (rows, sizes.kv_width)
        table = Tensor("value_embeds.weight", shape, "value embedding", "table", copies=count, active=count)
        parts.append(Bag((table,)))
    if epoch.bigram:
        parts.append(Table(counts.BIGRAM_ROWS * sizes.vocab, sizes.width, "bigram embedding", "bigram_embed"))
    names = ("resid_lambdas", "x0_lambdas") if epoch.lambdas else ()
    scalars = [Tensor(name, (sizes.depth,), "other", "other") for name in names]
    if epoch.bigram:
        scalars.append(Tensor("bigram_lambdas", (sizes.depth,), "other", "other"))
    if epoch.smear:
        scalars.append(Tensor("smear_gate.weight", (1, counts.SMEAR_CHANNELS), "other", "other"))
        scalars += [Tensor(name, (1,), "other", "other") for name in ("smear_lambda", "backout_lambda")]
    return (*parts, Bag(tuple(scalars))) if scalars else tuple(parts)


def _padded(spec: Spec, rows: int) -> Spec:
    """The embedding and the head with the padded rows; the vocabulary stays what it is."""
    from dataclasses import replace

    from cardscope.parts import Head

    tower = spec.towers[0]
    parts = tuple(
        replace(part, rows=rows)
        if isinstance(part, Head) or (isinstance(part, Table) and part.name == "embed")
        else part
        for part in tower.parts
    )
    return replace(spec, towers=(replace(tower, parts=parts),))


def _say_doubts(c: Fields, epoch: Epoch, sizes: Sizes) -> None:
    """Several releases may fit what a meta or a config says: then a range and its reasons stand beside the count."""
    listed, why = c.raw("release_candidates", None), c.raw("release_reasons", None)
    names = [name for name in listed[:10] if name in BY_NAME] if isinstance(listed, list) else []
    totals = [counts.total(BY_NAME[name], sizes) for name in names]
    if not totals or min(totals) == max(totals):
        return
    reasons = "; ".join(str(item) for item in why[:10]) if isinstance(why, list) else "no reason given"
    message = f"between {min(totals):,} and {max(totals):,} parameters: releases {', '.join(names)} fit"
    c.log.notice("CS130", f"{message}, {epoch.name} is counted ({reasons})"[:600], "release")

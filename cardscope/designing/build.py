"""Ask → Designs: search by the closed form, then every design shown is counted by its inventory."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Any

from cardscope.designing import reasons
from cardscope.designing.ask import PRECISIONS, Ask
from cardscope.designing.closed import SEQUENCE, Figures, figures
from cardscope.designing.families import Shape
from cardscope.designing.model import Design, Designs, Flags
from cardscope.designing.search import ASPECT, CACHE_BYTES, Search, deviation, search
from cardscope.designing.sizes import amount_in_words
from cardscope.errors import UsageError
from cardscope.model import RawConfig
from cardscope.nanochat import counts
from cardscope.nanochat.epochs import EPOCHS, Sizes
from cardscope.training import Run, plan

BATCH = 524_288
"""Tokens a step that a run is planned with, as near as whole micro-batches come."""
FARTHEST = 10
"""Percentage points from the split beyond which a design does not meet it."""
_BY_SPLIT = f"nearest the split, then nearest {ASPECT} of width for each layer, then nearest the budget"
_BY_VOCAB = f"of each vocabulary the one nearest {ASPECT} of width for each layer; fewest objections first"


def design_for(ask: Ask, **run: Any) -> Designs:
    """The best designs, each with its reasons, data and cost; `run` are fields of `training.Run`.

    Raises UsageError where nothing meets the budget.
    """
    found = search(ask)
    best = [_design(ask, candidate.shape, run) for candidate in found.best()]
    if not best:
        raise _nothing(found)
    if (best[0].off_split or 0) > FARTHEST:
        raise _no_split(ask, best[0])
    best = [one for one in best if (one.off_split or 0) <= FARTHEST]
    if ask.split is None:
        best.sort(key=lambda one: (reasons.weight(one.objections), round(_off_aspect(one), 1)))
    preference = _BY_VOCAB if ask.split is None else _BY_SPLIT
    return Designs(ask, found.candidates, found.within, preference, tuple(best[: ask.limit]))


def _off_aspect(one: Design) -> float:
    """How far the width for each layer is from the best, as a factor from 1 up."""
    aspect = one.shape.width / one.shape.layers / ASPECT
    return max(aspect, 1 / aspect)


def _design(ask: Ask, shape: Shape, run: dict[str, Any]) -> Design:
    known, inventory = figures(ask.kind, shape)
    total, blocks = inventory.parameters, inventory.parameters - known.embedding - known.head
    off = None
    if ask.split is not None:
        off = deviation(ask.split, known.embedding / total, blocks / total, known.head / total)
    config = ask.kind.build(shape)
    cache_bytes = CACHE_BYTES * known.cache
    return Design(
        shape=shape,
        parameters=total,
        embedding=known.embedding,
        blocks=blocks,
        head=known.head,
        cache_bytes=cache_bytes,
        memory_bytes=ceil(PRECISIONS[ask.precision] * total) + cache_bytes,
        off_split=off,
        tied_parameters=_tied(ask, shape),
        merits=reasons.merits(ask, shape, known, off),
        objections=reasons.objections(shape, known),
        plan=plan(RawConfig(config, _name(ask, shape), "object"), _run(ask, known, run)),
        config=config,
        flags=_flags(ask, shape),
    )


def _name(ask: Ask, shape: Shape) -> str:
    return f"{ask.family} {shape.layers}×{shape.width}, {shape.vocab:,} words"


def _tied(ask: Ask, shape: Shape) -> int | None:
    if shape.tied or True not in ask.kind.may_tie:
        return None
    return figures(ask.kind, shape._replace(tied=True))[0].parameters


def _run(ask: Ask, known: Figures, given: dict[str, Any]) -> Run:
    """A run of whole micro-batches: a small model has no tokens for many devices with many sequences each."""
    sequence = min(ask.context, SEQUENCE)
    tokens = ask.ratio * known.parameters
    asked = Run(ratio=ask.ratio, sequence=sequence, **given)
    for devices, sequences in ((asked.devices, asked.device_batch or 32), (asked.devices, 1), (1, 1)):
        micro = devices * sequences * sequence
        batch = max(1, round(BATCH / micro)) * micro
        if batch <= tokens:
            break
        batch = micro
        if batch <= tokens:
            break
    return replace(asked, devices=devices, device_batch=sequences, batch_tokens=batch)


def _flags(ask: Ask, shape: Shape) -> Flags | None:
    """Options of nanochat's scripts, where its rule (width rounded up to whole heads) can give this width."""
    aspect = shape.width // shape.layers
    width = ceil(shape.layers * aspect / shape.head_dim) * shape.head_dim
    if ask.family != "nanochat" or shape.tied or width != shape.width or shape.kv_heads != shape.heads:
        return None
    newest = EPOCHS[-1]
    sizes = Sizes(shape.layers, width, shape.heads, shape.heads, shape.vocab, shape.context, "SSSL")
    options = [f"--depth={shape.layers}", f"--aspect-ratio={aspect}", f"--head-dim={shape.head_dim}"]
    options += [] if shape.context == SEQUENCE else [f"--max-seq-len={shape.context}"]
    return Flags(
        f"python -m scripts.tok_train --vocab-size={shape.vocab}",
        f"python -m scripts.base_train {' '.join(options)}",
        counts.total(newest, sizes),
    )


def _nothing(found: Search) -> UsageError:
    """Nothing meets the budget: how near the nearest came, and what would widen the search."""
    ask = found.ask
    name, wanted = ask.budget
    if not found.candidates and found.nearest is None:
        return UsageError("no width has heads that the grouping divides", hint="another --gqa, or --head-dim")
    caps = [f"--{other}" for other in ("flops", "memory", "cache") if other != name and getattr(ask, other)]
    if caps and found.nearest is not None and ask.band[0] <= found.nearest[1] <= ask.band[1]:
        return UsageError(
            f"no {ask.family} of {amount_in_words(name, wanted)} keeps within {' and '.join(caps)}",
            hint=f"raise {' or '.join(caps)}, or lower --{name}",
        )
    near, hint = "", "a larger --tolerance, or more choices of --vocab"
    if found.nearest is not None:
        near = f"; the nearest has {amount_in_words(name, found.nearest[1])}"
        if found.nearest[1] > 2 * wanted:
            hint = "a smaller --vocab or --head-dim, or a --depth from 1"
        elif found.nearest[1] < wanted / 2:
            hint = "a deeper --depth, as in 2:512, or a larger --vocab"
    return UsageError(
        f"no {ask.family} of these sizes has {amount_in_words(name, wanted)} within {ask.tolerance:.0%}{near}",
        hint=hint,
    )


def _no_split(ask: Ask, nearest: Design) -> UsageError:
    shares = " : ".join(f"{100 * share:.0f}" for share in nearest.shares)
    return UsageError(
        f"no {ask.family} of this budget comes within {FARTHEST} points of the split; the nearest is {shares}",
        hint="other choices of --vocab (fewer words, a smaller embedding), --depth or --head-dim",
    )

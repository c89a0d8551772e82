"""Designs → text, Markdown and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cardscope.designing.model import SCHEMA, Design, Designs
from cardscope.designing.sizes import amount_in_words
from cardscope.report.lines import Line, Span, Style, fit, line, wrap
from cardscope.report.markdown import escape, table
from cardscope.training.render import to_dict as plan_dict
from cardscope.units import format_bytes, format_count


def _asked(found: Designs) -> str:
    """The budget and the split in words."""
    ask = found.ask
    name, amount = ask.budget
    margin = f"±{ask.tolerance:.0%}" if name == "params" else f"at most, and {1 - ask.tolerance:.0%} of it at least"
    words = [f"{ask.family}, {amount_in_words(name, amount)} {margin}"]
    if ask.split is not None:
        words.append("split " + " : ".join(f"{100 * share:.3g}" for share in ask.split))
    others = [other for other in ("flops", "memory", "cache") if other != name and getattr(ask, other)]
    words += [f"{amount_in_words(other, getattr(ask, other))} at most" for other in others]
    return " · ".join(words)


def _cells(number: int, one: Design) -> tuple[str, ...]:
    """One line of the overview: rank, layers, width, heads, vocabulary, parameters, shares, width a layer."""
    shape = one.shape
    heads = f"{shape.heads}/{shape.kv_heads}" if shape.kv_heads < shape.heads else f"{shape.heads}"
    shares = " : ".join(f"{100 * share:.1f}" for share in one.shares)
    aspect = f"{shape.width / shape.layers:.0f}"
    sizes = (f"{number}", f"{shape.layers}", f"{shape.width:,}", heads, f"{shape.vocab:,}")
    return (*sizes, f"{one.parameters:,}", shares, aspect)


_HEADS = ("#", "L", "d", "heads", "vocab", "parameters", "embed : blocks : head", "d/L")
_WIDTHS = (2, 4, 6, 6, 8, 14, 23, 5)


def lines(found: Designs) -> list[Line]:
    """What was asked, the overview, then each design with what speaks for it and against it."""
    rows = [line(Span(text, "title")) for text in wrap(_asked(found).split(" "), 0, 0, " ")]
    counted = f"{found.candidates:,} combinations, {found.within:,} within the budget"
    rows += [
        line(Span(text, "dim")) for text in wrap([*counted.split(" "), *f"· {found.preference}".split(" ")], 0, 0, " ")
    ]
    rows += [line(), line(Span(_row(_HEADS), "head"))]
    rows += [line(_row(_cells(number, one))) for number, one in enumerate(found.designs, 1)]
    for number, one in enumerate(found.designs, 1):
        rows += _one(number, one)
    return [fit(row) for row in rows]


def _row(cells: tuple[str, ...]) -> str:
    return " ".join(cell.rjust(width) for cell, width in zip(cells, _WIDTHS, strict=True))


DETAILED: Final = 3
"""Designs whose data, training and memory the text spells out; the JSON has those of all."""
_SIGNS: Final[tuple[tuple[str, Style], ...]] = (("+", "good"), ("−", "warn"), ("·", "dim"))


def _one(number: int, one: Design) -> Iterator[Line]:
    yield line()
    first, *rest = wrap(f"{number:>2}  {title(one)}".split(" "), 4, 0, " ")
    yield from (line(Span(row, "strong")) for row in (first, *rest))
    spelled = tuple(costs(one)) if number <= DETAILED else ()
    for (sign, style), texts in zip(_SIGNS, (one.merits, one.objections, spelled), strict=True):
        for text in texts:
            first, *rest = wrap(text.split(" "), 6, 6, " ")
            yield line("    ", Span(f"{sign} ", style), first)
            yield from (line(row) for row in rest)


def title(one: Design) -> str:
    """`4 layers of 512, 8 heads of 64, 24,576 words`."""
    shape = one.shape
    heads = f"{_count(shape.heads, 'head')} of {shape.head_dim}"
    if shape.kv_heads < shape.heads:
        heads += f" over {_count(shape.kv_heads, 'KV head')}"
    tied = ", tied" if shape.tied else ""
    return (
        f"{_count(shape.layers, 'layer')} of {shape.width:,}, {heads}, MLP {shape.inner:,}, {shape.vocab:,} words{tied}"
    )


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _brief(number: float) -> str:
    """Two digits that count: hours from seconds to years."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def costs(one: Design) -> Iterator[str]:
    """Data, training and memory in sentences."""
    run = one.plan
    data = (
        f"{format_count(run.tokens)} tokens ({run.run.ratio:g} a parameter), {format_count(run.characters)} characters"
    )
    yield f"data: {data}, {_count(run.shards, 'shard')}, {run.disk_bytes / 1e9:,.1f} GB"
    price = "" if run.cost is None else f", {_brief(run.cost)} at {run.run.price:g} an hour for all"
    speed = f"{run.run.peak_flops / 1e12:g} TFLOP/s at {100 * run.run.mfu:g} %"
    yield f"training: {run.total_flops:.3g} FLOPs, {_brief(run.device_hours)} device hours of {speed}{price}"
    cache = f"{format_bytes(one.cache_bytes)} of it the cache of {one.shape.context:,} tokens"
    yield f"memory: {format_bytes(one.memory_bytes)}, {cache}"
    if one.tied_parameters is not None:
        yield f"tied later, it has {one.tied_parameters:,} parameters"
    if one.flags is not None:
        yield f"nanochat: {one.flags.training}"
        if one.flags.builds != one.parameters:
            yield f"its newest release makes {one.flags.builds:,} parameters of these options: it adds value embeddings"


def markdown(found: Designs) -> str:
    """The overview as a table, the reasons as lists."""
    body = [[escape(cell) for cell in _cells(number, one)] for number, one in enumerate(found.designs, 1)]
    rows = [f"## Designs: {escape(_asked(found))}", "", *table(list(_HEADS), body)]
    for number, one in enumerate(found.designs, 1):
        rows += ["", f"### {number}. {escape(title(one))}", ""]
        signed = [("+", text) for text in one.merits] + [("−", text) for text in one.objections]
        rows += [f"- {sign} {escape(text)}" for sign, text in signed]
        rows += [f"- {escape(text)}" for text in costs(one)]
    return "\n".join(rows) + "\n"


def to_dict(found: Designs) -> dict[str, object]:
    """Every figure; counts are integers, sizes bytes, times seconds."""
    ask = found.ask
    asked = {name: getattr(ask, name) for name in ask.__slots__}
    return {
        "schema": SCHEMA,
        "asked": {**asked, "tied": list(ask.ties)},
        "candidates": found.candidates,
        "within": found.within,
        "preference": found.preference,
        "designs": [_design(one) for one in found.designs],
    }


def _design(one: Design) -> dict[str, object]:
    flags = one.flags
    return {
        **one.shape._asdict(),
        "parameters": one.parameters,
        "embedding": one.embedding,
        "blocks": one.blocks,
        "head": one.head,
        "off_split": one.off_split,
        "tied_parameters": one.tied_parameters,
        "cache_bytes": one.cache_bytes,
        "memory_bytes": one.memory_bytes,
        "for": list(one.merits),
        "against": list(one.objections),
        "training": plan_dict(one.plan),
        "nanochat": None
        if flags is None
        else {"tokenizer": flags.tokenizer, "training": flags.training, "builds": flags.builds},
        "config": one.config,
    }

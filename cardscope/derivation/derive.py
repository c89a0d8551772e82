"""Config → derivation, from the same inventory that every other figure is a fold over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cardscope.assemble import outline
from cardscope.derivation.model import Explanation, Fact, Scaling, Section, Short, Step
from cardscope.derivation.why import calculation, why
from cardscope.errors import CardscopeError, NotModelled
from cardscope.identify import identify, text_key
from cardscope.inventory import Group, Inventory
from cardscope.measures.heuristic import heuristic
from cardscope.model import RawConfig
from cardscope.parts import Head, Spec


def derive(raw: RawConfig) -> Explanation:
    """The derivation of a config's count. Raises ConfigError, or NotModelled where no declaration counts it whole."""
    spec, inventory = outline(raw)
    identity = identify(raw.data)
    if spec is None or inventory is None:
        shown = identity.model_type or "a config without model_type"
        raise NotModelled(
            f"{shown} is not modelled as a whole, so there is nothing to derive its count from",
            hint="`cardscope archs` lists the types that are modelled",
        )
    total = inventory.parameters
    return Explanation(
        raw.id,
        identity.model_type,
        tuple(_sections(spec, inventory)),
        total,
        inventory.active,
        tuple(_short(spec, total)),
        tuple(_scaling(raw, inventory, total)),
        tuple(_facts(raw.data)),
        raw.notes,
    )


def _sections(spec: Spec, inventory: Inventory) -> Iterator[Section]:
    """What stands before and after the layers as one section a tower, then each kind of layer."""
    several = len({group.tower for group in inventory.groups}) > 1
    for group in inventory.groups:
        place = f"{group.tower}: " if several else ""
        steps = tuple(_steps(spec, group))
        if group.layers:
            yield Section(f"{place}{group.label or 'layer'}", group.count, steps, block=True)
        elif steps:
            yield Section(f"{place}around the layers", 1, steps, block=False)


def _steps(spec: Spec, group: Group) -> Iterator[Step]:
    tensors = iter(group.tensors)
    for part in group.parts:
        for _ in part.tensors():
            tensor = next(tensors)
            if tensor.kind != "buffer":
                yield Step(tensor.name, tensor.component, calculation(tensor), tensor.numel, why(spec, part, tensor))
        if isinstance(part, Head) and part.tied:
            yield Step("head.weight", "head", "the embedding's own matrix", 0, "tied: stored and counted once")


def _short(spec: Spec, total: int) -> Iterator[Short]:
    """12·L·d², alone and with the embedding and an untied head."""
    guess = heuristic(spec)
    if guess is None or not total:
        return
    layers, size, vocab = len(spec.main.layers), spec.hidden_size or 0, spec.vocab_size or 0
    start = f"12 × {layers:,} × {size:,}²"
    yield Short("12·L·d²", start, guess, _off(guess, total))
    if vocab:
        times = 1 if spec.tied else 2
        whole = guess + times * vocab * size
        name, put_in = ("V·d", f"{vocab:,} × {size:,}") if times == 1 else ("2·V·d", f"2 × {vocab:,} × {size:,}")
        yield Short(f"12·L·d² + {name}", f"{start} + {put_in}", whole, _off(whole, total))


def _off(guess: int, total: int) -> float:
    return round(100 * (guess - total) / total, 3)


# -- what scales how ---------------------------------------------------------------------------------------

_WIDTH = (
    ("hidden_size", True),
    ("intermediate_size", False),
    ("num_attention_heads", True),
    ("num_key_value_heads", False),
)
"""Keys that double with the width, and whether a model without one cannot be widened so."""


def _scaling(raw: RawConfig, inventory: Inventory, total: int) -> Iterator[Scaling]:
    if not total:
        return
    yield _changed(raw, total, "twice the width (and the heads)", _WIDTH)
    deeper = total + sum(group.count * group.parameters for group in inventory.groups if group.layers)
    yield Scaling("twice the depth", deeper, round(deeper / total, 3))
    yield _changed(raw, total, "twice the vocabulary", (("vocab_size", True),))


def _changed(raw: RawConfig, total: int, name: str, keys: tuple[tuple[str, bool], ...]) -> Scaling:
    """The total with each of the keys doubled, where the file states them."""
    try:
        data = _doubled(raw.data, keys)
        if data is None:
            return Scaling(name, None, None, "the config does not state the sizes that would have to double")
        _, inventory = outline(RawConfig(data=data, id=raw.id, source="object", where=raw.where))
    except CardscopeError as error:
        return Scaling(name, None, None, error.message)
    if inventory is None:
        return Scaling(name, None, None, "the changed config is not modelled")
    return Scaling(name, inventory.parameters, round(inventory.parameters / total, 3))


def _doubled(data: Mapping[str, object], keys: tuple[tuple[str, bool], ...]) -> dict[str, object] | None:
    from cardscope.source.resolve import aliases_of
    from cardscope.source.whatif import apply

    inner_key = text_key(data)
    inner = data.get(inner_key) if inner_key else None
    section: Mapping[str, object] = inner if isinstance(inner, Mapping) and "hidden_size" not in data else data
    prefix = f"{inner_key}." if section is not data else ""
    known = section.get("model_type")
    names = aliases_of(known) if isinstance(known, str) else {}
    edits = []
    for key, needed in keys:
        value = section.get(key, section.get(names.get(key, key)))
        if isinstance(value, int) and not isinstance(value, bool):
            edits.append((prefix + key, str(2 * value)))
        elif needed:
            return None
    return apply(data, edits, aliases_of)[0]


# -- nanochat ----------------------------------------------------------------------------------------------


def _facts(data: Mapping[str, object]) -> Iterator[Fact]:
    """For nanochat: its optimizers' shares, what its tokens per parameter count, its own FLOPs estimate."""
    from cardscope.nanochat import counts
    from cardscope.nanochat.view import of_config

    known = of_config(data)
    if known is None:
        return
    epoch, sizes = known
    split = counts.optimizers(epoch, sizes)
    yield Fact("Muon", split.muon, "every matrix of the blocks")
    yield Fact("AdamW", split.adamw, "embeddings, head and scalars")
    yield Fact("scaling parameters", counts.scaling(epoch, sizes), "matrices of the blocks and the head")
    flops = counts.flops_per_token(epoch, sizes)
    yield Fact("FLOPs per token", flops, f"training, {sizes.positions:,} tokens, by {epoch.name}")

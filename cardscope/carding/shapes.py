"""Verdicts on the shape: layers, widths, heads, vocabulary, context, attention, experts."""

from __future__ import annotations

from typing import Final

from cardscope.carding.held import LABELLED, Held, exactly, holds, off, unknown
from cardscope.carding.model import Claim, Said
from cardscope.carding.witness import Witnesses

KEYS: Final = {
    "num_layers": ("layer", "depth", "block"),
    "hidden_size": ("hidden", "dim", "embd", "d_model", "width"),
    "intermediate_size": ("intermediate", "ffn", "inner", "mlp", "d_ff"),
    "num_heads": ("head",),
    "num_kv_heads": ("kv", "key", "group", "head"),
    "head_dim": ("head", "kv_channels", "rank"),
    "num_experts": ("expert",),
    "experts_per_token": ("expert", "topk", "top_k"),
    "sliding_window": ("window",),
}


def shape(claim: Claim, known: Witnesses) -> Held:
    """A number of the common spec; the same number elsewhere in the config is a doubt, not a contradiction."""
    spec = known.report.spec if known.report else None
    if spec is None:
        return unknown(known)
    actual = getattr(spec, claim.kind)
    if claim.kind == "intermediate_size" and holds_any(claim.said, spec.expert_intermediate_size):
        return Held("agrees", "config.json", spec.expert_intermediate_size, "of each expert")
    if claim.kind == "num_layers" and any(exactly(claim.said, count) for count in known.tower_layers):
        return Held("agrees", "config.json", int(float(str(claim.said.value))))
    if actual is None:
        return _absent(claim, known)
    if exactly(claim.said, actual):
        return Held("agrees", "config.json", actual)
    return _near(claim, known, actual) or Held("disagrees", "config.json", actual, off(claim.said, actual))


def _near(claim: Claim, known: Witnesses, actual: int) -> Held | None:
    """What a number that is not the one asked for may be instead; None where nothing is near."""
    spec = known.report.spec if known.report else None
    if any(exactly(claim.said, value) for value in known.numbers(*KEYS[claim.kind])):
        return Held(
            "ambiguous",
            "config.json",
            actual,
            f"{claim.said.words} stands in the config for something near; this is {actual:,}",
        )
    if claim.kind in {"num_experts", "experts_per_token"} and _with_shared(claim.said, known, actual):
        return Held("agrees", "config.json", actual, "shared experts counted in")
    if claim.kind == "num_layers" and (
        exactly(claim.said, sum(known.tower_layers)) or (spec and exactly(claim.said, actual + spec.num_mtp_layers))
    ):
        return Held("ambiguous", "config.json", actual, "all towers, or the extra prediction layers, counted in")
    if known.towers > 1 or (claim.kind == "head_dim" and spec and spec.kv_lora_rank):
        return Held("ambiguous", "config.json", actual, f"{actual:,} in the text model; another part may be meant")
    if claim.where == "prose" and claim.kind in {"head_dim", "sliding_window", "intermediate_size"}:
        return Held("ambiguous", "config.json", actual, f"{actual:,} by the config")
    return None


def holds_any(said: Said, actual: int | None) -> bool:
    """Whether a known value is what is said."""
    return actual is not None and exactly(said, actual)


def _with_shared(said: Said, known: Witnesses, actual: int) -> bool:
    shared = {value for value in known.numbers("shared_expert") if value <= 16}
    return any(exactly(said, actual + extra) for extra in shared)


def _absent(claim: Claim, known: Witnesses) -> Held:
    """What the model does not have at all."""
    if claim.kind in {"num_experts", "experts_per_token"} and known.towers == 1 and claim.where in LABELLED:
        return Held("disagrees", "config.json", "none", "the config has no experts")
    return Held("cannot be checked", reason="the config has no such thing")


def vocabulary(claim: Claim, known: Witnesses) -> Held:
    """Rows of the embedding; a tokenizer may use fewer."""
    if not known.vocabularies:
        return unknown(known)
    actual = known.vocabularies[0]
    if holds(claim.said, actual):
        return Held("agrees", "config.json", actual)
    own = next((size for size in known.vocabularies[1:] if holds(claim.said, size)), None)
    if own is not None:
        return Held("agrees", "tokenizer.json", own, f"the embedding has {actual:,} rows")
    value = float(str(claim.said.value))
    if 0 < actual - value <= max(1024, 0.01 * actual):
        return Held(
            "ambiguous",
            "config.json",
            actual,
            f"the embedding has {actual:,} rows; the tokenizer may use fewer of them",
        )
    if claim.said.loose or (claim.where == "prose" and 0.9 < value / actual < 1.1):
        return Held("ambiguous", "config.json", actual, f"{actual:,} by the config")
    return Held("disagrees", "config.json", actual, off(claim.said, actual))


def context(claim: Claim, known: Witnesses) -> Held:
    """Positions of the config, before and after rope scaling."""
    if not known.contexts:
        return unknown(known, "the config names no number of positions")
    native = known.contexts[0][0]
    for positions, witness in known.contexts:
        if holds(claim.said, positions):
            return Held("agrees", witness, positions, "" if positions == native else f"{native:,} positions are stated")
    value = float(str(claim.said.value))
    if claim.kind == "extended_context_length":
        return Held("cannot be checked", "config.json", native, "the config sets no rope scaling that leads there")
    if claim.said.detail == "family":
        return Held("ambiguous", "config.json", native, f"said of the family; this model has {native:,} positions")
    if value < native and "position" not in claim.quote.split("|")[0].split(":")[0].lower():
        return Held("ambiguous", "config.json", native, f"{native:,} positions; fewer may be meant or recommended")
    kinds = known.report.attention.layers if known.report and known.report.attention else {}
    if not known.numbers("max_position", "n_positions") or known.numbers("rope_ratio", "alibi"):
        return Held("ambiguous", "config.json", native, f"{native:,} by the config, which sets no bound of positions")
    if claim.where not in LABELLED and "context" not in claim.quote.lower():
        return Held("ambiguous", "config.json", native, f"{native:,} positions; a length of training may be meant")
    unbound = known.stretched or kinds.get("linear") or kinds.get("recurrent") or claim.said.loose == "over"
    if unbound or known.scaling_told:
        told = "" if unbound else "; the card tells of rope scaling"
        return Held("ambiguous", "config.json", native, f"{native:,} positions by the config{told}")
    return Held("disagrees", "config.json", native, off(claim.said, native))


def attention(claim: Claim, known: Witnesses) -> Held:
    """Grouping of the heads; the words have wider senses, which are no contradiction."""
    facts = known.report.attention if known.report else None
    if facts is None or facts.kind == "none":
        return unknown(known, "the config has no attention heads")
    said, actual = str(claim.said.value), facts.kind
    heads = f"{facts.heads} heads over {facts.kv_heads} KV heads"
    if said.startswith("not "):
        wrong = said.removeprefix("not ") == actual
        return Held("disagrees" if wrong else "agrees", "config.json", actual, heads)
    if said == actual:
        return Held("agrees", "config.json", actual, heads)
    generic = said == "mha" and claim.where not in LABELLED
    if generic or {said, actual} == {"gqa", "mqa"} or actual == "mla" or known.towers > 1:
        return Held("ambiguous", "config.json", actual, f"{heads}; the words are used in a wider sense too")
    return Held("disagrees", "config.json", actual, heads)

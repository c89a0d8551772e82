"""What a specification implies, in figures: grouping and cache, vocabulary, context and memory, experts, tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cardscope.carding.model import Judged
from cardscope.report.model import Report
from cardscope.units import format_bytes, format_count, short_dtype


def implications(report: Report | None, claims: Iterable[Judged]) -> tuple[str, ...]:
    """Sentences, each one figure's consequence; nothing where nothing is known."""
    if report is None:
        return ()
    return (
        *_attention(report),
        *_cache(report),
        *_vocabulary(report),
        *_mixture(report),
        *_tokens(report, claims),
        *_weights(report),
    )


def _attention(report: Report) -> Iterator[str]:
    facts, cache = report.attention, report.kv_cache
    if facts is None or not facts.heads or not facts.kv_heads or cache is None:
        return
    grow, full = cache.per_token_bytes, cache.mha_per_token_bytes
    if facts.kind == "mla" and grow:
        yield f"multi-head latent attention: the cache is {full / grow:,.1f}× smaller than with all heads' keys"
    elif facts.kind in {"gqa", "mqa"}:
        name = "grouped-query" if facts.kind == "gqa" else "multi-query"
        ratio = f"{facts.heads / facts.kv_heads:g}×"
        yield (
            f"{facts.kv_heads:,} KV heads of {facts.heads:,}: {name} attention, "
            f"the KV cache {ratio} smaller than multi-head"
        )
    elif facts.kind == "mha":
        yield f"{facts.kv_heads:,} KV heads of {facts.heads:,}: multi-head attention, nothing of the cache is saved"


def _cache(report: Report) -> Iterator[str]:
    cache, spec = report.kv_cache, report.spec
    if cache is None or spec is None or not spec.max_positions or not cache.rows:
        return
    row = next((row for row in cache.rows if row.tokens == spec.max_positions), None)
    if row is not None and row.live_bytes:
        each = (
            f"{cache.per_token_bytes:,} B a token"
            if cache.per_token_bytes == cache.per_token_bytes_long
            else "windows count"
        )
        size = f"{format_bytes(row.live_bytes)} of {short_dtype(cache.dtype)} KV cache"
        yield f"{row.tokens:,} tokens of context take {size} ({each})"


def _vocabulary(report: Report) -> Iterator[str]:
    spec, total = report.spec, report.parameters.analytic.total
    parts = report.parameters.analytic.components
    tables = parts.get("embedding", 0) + parts.get("head", 0)
    if spec is None or not spec.vocab_size or not total or not tables:
        return
    what = "embedding, tied to the head, is" if spec.tied_embeddings else "embedding and head are"
    share = f"{100 * tables / total:.1f} % of the parameters"
    yield f"a vocabulary of {spec.vocab_size:,}: {what} {format_count(tables)}, {share}"


def _mixture(report: Report) -> Iterator[str]:
    spec, head = report.spec, report.headline
    if spec and spec.num_experts and head.active and head.total and head.active < head.total:
        used = f"{spec.experts_per_token:,} of {spec.num_experts:,} experts a token"
        yield f"{used}: {format_count(head.active)} of {format_count(head.total)} parameters work, all stay in memory"


def _tokens(report: Report, claims: Iterable[Judged]) -> Iterator[str]:
    total = report.headline.total
    said = next(
        (
            item.claim.said
            for item in claims
            if item.claim.kind == "training_tokens" and item.claim.said.detail != "family"
        ),
        None,
    )
    if said is None or not total:
        return
    ratio = float(str(said.value)) / total
    spread = f"{ratio:,.1f} tokens per parameter, {ratio / 20:,.1f}× Chinchilla's 20"
    yield f"{said.words.removesuffix('+')} tokens on {format_count(total)}: {spread}"


def _weights(report: Report) -> Iterator[str]:
    head = report.headline
    if head.bytes and head.dtype:
        yield f"the weights take {format_bytes(head.bytes)} in {short_dtype(head.dtype)}"

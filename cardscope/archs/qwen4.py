"""Qwen4's experiment: several residual streams, sparse attention, delta nets and n-gram memories."""

from __future__ import annotations

from cardscope.archs._primes import primes
from cardscope.archs._read import attention, block, decoder, layer_types, moe, pick, width
from cardscope.archs._registry import arch
from cardscope.archs.delta import delta_net
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import Attention, Bag, NgramMemory, Part, Spec, Tensor, linear, norm


def gated_residual(c: Fields, name: str, *, combine: bool = True) -> tuple[Tensor, ...]:
    """The mixing of streams around one block: a norm over all, a low-rank mix, an injection weight a stream."""
    count, rank = c.int("hc_count"), c.int("hc_lowrank")
    wide = count * width(c)
    mix = (*linear(f"{name}.down", rank, wide, "other"), *linear(f"{name}.up", wide, rank, "other"))
    inject = tuple(linear(f"{name}.inject", count, wide, "other")) if combine else ()
    return (*norm(f"{name}.norm", wide), *mix, *inject)


MAX_HASHES = 4096


def hashes(c: Fields) -> int:
    """Hashes of one n-gram table."""
    return (c.int("ngram_size", low=2, high=MAX_HASHES) - 1) * c.int("heads_per_ngram", high=MAX_HASHES)


def ngram_rows(c: Fields, tables: int) -> list[int]:
    """Rows of each n-gram table: one prime for each hash, in order from a base, rounded up to a multiple."""
    count, step = hashes(c), c.int("make_ngram_vocab_size_divisible_by")
    if count * tables > MAX_HASHES:
        raise BadField("heads_per_ngram", c.int("heads_per_ngram"), f"at most {MAX_HASHES:,} hashes in all")
    found = primes(c.int("ngram_vocab_size_base", high=1 << 32), count * tables)
    sums = [sum(found[index * count : (index + 1) * count]) for index in range(tables)]
    return [-(-rows // step) * step for rows in sums]


def memories(c: Fields, kinds: tuple[str, ...]) -> dict[int, NgramMemory]:
    """The n-gram memory of each layer that `ple_layer_ids` names, counted from one. Raises BadField."""
    named = tuple(sorted(set(c.ints("ple_layer_ids") or ())))
    if not all(1 <= number <= len(kinds) and kinds[number - 1] == "linear_attention" for number in named):
        raise BadField("ple_layer_ids", list(named), "numbers of linear-attention layers, counted from 1")
    c.touch("ple_embed_dim", "ple_conv_kernel_size", "ngram_size", "heads_per_ngram", "ngram_vocab_size_base")
    c.touch("make_ngram_vocab_size_divisible_by", "split_ngram_parts", "seed")
    if not named:
        return {}
    embed, count = c.opt_int("ple_embed_dim", low=1) or width(c), hashes(c)
    if embed % count:
        raise BadField("ple_embed_dim", embed, f"a multiple of the {count} hashes")
    sizes = (embed, count, c.int("ngram_size"), c.int("ple_conv_kernel_size"))
    rows = ngram_rows(c, len(named))
    return {n - 1: NgramMemory(width(c), c.int("hc_count"), size, *sizes) for n, size in zip(named, rows, strict=True)}


def sparse_attention(c: Fields) -> Attention:
    """Gated attention over the blocks that a small indexer picks; it caches one key a token."""
    dim, count = c.int("indexer_head_dim"), c.int("indexer_n_heads") + c.int("indexer_kv_heads")
    index = (
        *linear("index.qk", count * dim, width(c), "attention"),
        *norm("index.q_norm", dim),
        *norm("index.k_norm", dim),
    )
    return attention(c, qk_norm="head", gate="element", extra=index, index_dim=dim)


@arch("qwen4_exp_text")
def qwen4_exp(c: Fields) -> Spec:
    """Qwen4's experiment (Qwen4ExpForCausalLM): three delta nets to one sparse attention, every layer routed."""
    interval = c.int("full_attention_interval", 4)
    kinds = layer_types(c, lambda i: "linear_attention" if (i + 1) % interval else "indexed_attention")
    kinds = tuple("indexed_attention" if kind == "full_attention" else kind for kind in kinds)
    choices: dict[str, Part] = {"linear_attention": delta_net(c)}
    if "indexed_attention" in kinds:
        choices["indexed_attention"] = sparse_attention(c)
    routed = moe(c, shared=c.int("shared_expert_intermediate_size"), shared_gate=True)
    streams = Bag((*gated_residual(c, "hc.attn"), *gated_residual(c, "hc.mlp")))
    memory = memories(c, kinds)
    layers = [
        block(mixer, routed, 0, width=width(c), extra=(streams, memory[i]) if i in memory else (streams,))
        for i, mixer in enumerate(pick(kinds, choices))
    ]
    c.touch("output_gate_type", "head_dim", "num_attention_heads", "num_key_value_heads")
    c.touch("indexer_budget", "indexer_compress_ratio", "indexer_n_heads", "indexer_kv_heads", "indexer_head_dim")
    join = Bag(gated_residual(c, "hc_head", combine=False))
    return decoder(c, layers, final_norm=False, extra=(join,))

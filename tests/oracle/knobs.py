"""How to draw a legal value for a config key: rules by key name, shared by every model type.

A rule gets the draw in progress and may ask it for other keys (`d.of("num_attention_heads")`), which are then
drawn first. Pools are kept apart (widths are multiples of 48, inner widths are not, head widths are small and
even …) so that two swapped dimensions never give the same count.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.oracle.draw import Draw

    Rule = Callable[[Draw], object]

WIDTHS = (144, 192, 240, 288, 336, 384, 432, 480)
INNERS = (
    88,
    104,
    152,
    176,
    184,
    200,
    208,
    232,
    248,
    272,
    280,
    296,
    328,
    344,
    376,
    392,
    424,
    440,
    456,
    472,
    488,
)
HEAD_WIDTHS = (10, 14, 20, 22, 26, 28, 34, 38, 46, 50, 58)
RANKS = (35, 42, 63, 66, 74, 78, 82, 86, 94, 102)
STATES = (9, 11, 13, 15, 17, 21, 23)
POSITIONS = (70, 91, 110, 130, 155, 170, 190)
VOCABULARIES = (523, 631, 769, 901, 1030, 1153)
LAYERS = (2, 3, 4, 5)
HEADS = (6, 8, 12)
EXPERTS = (12, 18, 24, 30)
SMALL = (2, 3, 4, 5, 7)


def pool(*values: object) -> Rule:
    """Any of these, avoiding what is drawn already."""
    return lambda d: d.pick(values)


def same_as(name: str) -> Rule:
    """The value of another key."""
    return lambda d: d.of(name)


def divisor_of(*names: str, least: int = 1) -> Rule:
    """A divisor of the first of these keys that the type has."""

    def rule(d: Draw) -> object:
        whole = d.of(*names)
        if not isinstance(whole, int):
            return d.skip()
        proper = [n for n in range(least, whole + 1) if whole % n == 0]
        return d.pick([n for n in proper if 1 < n < whole] or proper) if d.distinct else d.pick(proper)

    return rule


def times(name: str, *factors: int) -> Rule:
    """A multiple of another key."""
    return lambda d: d.pick([int(d.of(name)) * each for each in factors])


def below(name: str, least: int = 1, most: int = 6) -> Rule:
    """An integer smaller than, or (outside distinct draws) equal to, another key."""

    def rule(d: Draw) -> object:
        top = d.of(name)
        if not isinstance(top, int):
            return d.skip()
        return d.pick(range(least, max(least, min(top - d.distinct, most)) + 1))

    return rule


def multiple_of_all(*names: str) -> Rule:
    """A width that every one of these head counts divides evenly into even heads."""

    def rule(d: Draw) -> object:
        step = math.lcm(48, *[2 * each for name in names if isinstance(each := d.of(name), int)])
        return d.pick([n for n in WIDTHS if n % step == 0] or [step, 2 * step])

    return rule


def mamba_heads(expand: str) -> Rule:
    """Heads of a Mamba-2 mixer, dividing its inner width."""
    return lambda d: d.pick([n for n in (4, 6, 8, 12, 16, 24) if int(d.of(expand)) * int(d.of("hidden_size")) % n == 0])


def mamba_head_width(expand: str, heads: str) -> Rule:
    """What is left of the inner width for each head."""
    return lambda d: int(d.of(expand)) * int(d.of("hidden_size")) // int(d.of(heads))


def ids(*values: int) -> Rule:
    """A token id within any drawn vocabulary."""
    return lambda d: d.rng.choice(values)


def kinds(key: str) -> Rule:
    """A per-layer list of words, each word the type knows at least once where there are layers enough."""

    def rule(d: Draw) -> list[str]:
        words = d.kinds_of(key)
        return d.some(words, d.layers())

    return rule


def layer_numbers(d: Draw) -> list[int]:
    """Some of the layers, by number."""
    return sorted(d.rng.sample(range(d.layers()), d.rng.randint(1, d.layers() - 1)))


def per_layer(*values: object) -> Rule:
    """One of these for each layer."""
    return lambda d: d.some(values, d.layers())


HEAD_KEYS = (
    "num_attention_heads",
    "n_head",
    "n_heads",
    "attention_heads",
    "num_heads",
    "decoder_attention_heads",
    "encoder_attention_heads",
    "num_encoder_attention_heads",
    "num_decoder_attention_heads",
)
KV_KEYS = ("num_key_value_heads", "num_kv_heads")
WIDTH_KEYS = ("hidden_size", "d_model", "n_embd", "emb_dim")


def _named() -> Iterator[tuple[str, Rule]]:
    """Rules for keys that share one: (key names, rule)."""
    for names, rule in (
        ("vocab_size decoder_vocab_size", pool(*VOCABULARIES)),
        ("num_hidden_layers n_layer n_layers num_layers decoder_layers encoder_layers", pool(*LAYERS)),
        ("num_encoder_layers num_decoder_layers num_blocks", pool(*LAYERS)),
        (" ".join((*HEAD_KEYS, "swa_num_attention_heads n_mamba_heads")), pool(*HEADS)),
        (" ".join(WIDTH_KEYS), multiple_of_all(*HEAD_KEYS)),
        ("num_key_value_heads num_kv_heads", divisor_of(*HEAD_KEYS)),
        ("swa_num_key_value_heads", divisor_of("swa_num_attention_heads")),
        (
            "head_dim swa_head_dim v_head_dim swa_v_head_dim qk_nope_head_dim global_head_dim",
            pool(*HEAD_WIDTHS),
        ),
        (
            "linear_key_head_dim linear_value_head_dim linear_head_dim index_head_dim kv_channels",
            pool(*HEAD_WIDTHS),
        ),
        ("qk_rope_head_dim", pool(4, 6, 8, 12, 16)),
        ("index_n_heads", pool(2, 4, 5)),
        ("intermediate_size ffn_dim n_inner decoder_ffn_dim encoder_ffn_dim ffn_hidden_size", pool(*INNERS)),
        (
            "dff d_inner dim_ff feed_forward_size moe_intermediate_size shared_intermediate_size",
            pool(*INNERS),
        ),
        ("shared_expert_intermediate_size moe_shared_expert_intermediate_size", pool(*INNERS)),
        ("shared_experts_intermediate_size dense_intermediate_size expert_ffn_hidden_size", pool(*INNERS)),
        ("prefix_dense_intermediate_size intermediate_size_mlp embedding_size", pool(*INNERS)),
        ("attention_hidden_size lru_width router_hidden_size hidden_size_per_layer_input", pool(*INNERS)),
        ("q_lora_rank kv_lora_rank o_lora_rank adapter_rank laurel_rank moe_latent_size", pool(*RANKS)),
        ("gated_norm_rank hc_lowrank", pool(*RANKS)),
        ("num_experts n_routed_experts num_local_experts moe_num_experts", pool(*EXPERTS)),
        ("num_experts_per_tok moe_topk moe_k top_k_experts num_experts_per_token", pool(2, 3, 4)),
        ("n_group num_expert_group", pool(2, 3)),
        ("topk_group", below("n_group")),
        ("n_shared_experts num_shared_experts moe_num_shared_experts", pool(2, 3)),
        ("first_k_dense_replace num_dense_layers", pool(1, 2)),
        ("linear_num_key_heads", pool(2, 3)),
        ("linear_num_value_heads", times("linear_num_key_heads", 2, 3)),
        ("mamba_d_state state_size ssm_state_size", pool(*STATES)),
        (
            "mamba_d_conv conv_kernel conv_L_cache conv1d_width linear_conv_kernel_dim conv_kernel_size",
            pool(3, 5, 6),
        ),
        ("short_conv_kernel_size ple_conv_kernel_size", pool(3, 5, 6)),
        ("mamba_expand expand", pool(3, 4)),
        ("mamba_n_heads", mamba_heads("mamba_expand")),
        ("mamba_d_head", mamba_head_width("mamba_expand", "mamba_n_heads")),
        ("mamba_n_groups", pool(2)),
        ("mamba_dt_rank time_step_rank", pool(5, 7, 10, 13)),
        ("attn_layer_period expert_layer_period", pool(2, 3)),
        ("attn_layer_offset expert_layer_offset", pool(0, 1)),
        (
            "decoder_sparse_step interleave_moe_layer_step no_rope_layer_interval moe_layer_interval",
            pool(2, 3),
        ),
        ("max_position_embeddings n_positions n_ctx max_seq_len context_length", pool(*POSITIONS)),
        ("max_source_positions max_target_positions relative_max_distance", pool(*POSITIONS)),
        ("original_max_position_embeddings", pool(64)),
        ("type_vocab_size task_type_vocab_size", pool(*SMALL)),
        ("sliding_window sliding_window_size attention_window_size", pool(32, 48, 64, 96)),
        ("rotary_dim", pool(4, 6, 8)),
        ("pad_token_id", ids(0, 1)),
        ("bos_token_id eos_token_id decoder_start_token_id", ids(1, 2, 3)),
        ("max_window_layers", pool(1, 2)),
        ("no_rope_layers", per_layer(0, 1)),
        ("num_nextn_predict_layers num_mtp_layers", pool(1, 2)),
        ("sliding_window_pattern global_attn_every_n_layers layer_group_size", pool(2, 3)),
        ("index_topk index_block_size index_topk_blocks", pool(16, 24, 40)),
        ("hc_mult hc_count", pool(2, 3, 5)),
        ("n_groups mamba_ngroups num_mem_blocks", pool(2)),
        ("linear_num_heads zero_expert_num num_codebooks", pool(3, 5, 7)),
        ("vocab_size_per_layer_input audio_vocab_size pronunciation_vocab_size shape_vocab_size", pool(*VOCABULARIES)),
        ("word_embed_proj_dim input_embedding_size output_embedding_size cross_attention_hidden_size", pool(*INNERS)),
        ("pronunciation_embed_dim shape_embed_dim backbone_hidden_size mlp_dim output_channels", pool(*INNERS)),
        ("num_channels in_channels", pool(1, 4)),
        ("patch_size", pool(4, 6, 8)),
        ("image_size", lambda d: int(d.of("patch_size") or 8) * d.pick((5, 7, 9))),
        ("temporal_patch_size", pool(3)),
        ("depth", pool(*LAYERS)),
        ("mlp_only_layers moe_layers full_attn_idxs attn_layer_indices local_layer_ids", layer_numbers),
    ):
        for name in names.split():
            yield name, rule
    for name in ("layer_types", "mlp_layer_types", "layers_block_type"):
        yield name, kinds(name)


RULES: dict[str, Rule] = dict(_named())

# Keys with a rule above that say nothing about size: left alone by the "removed" cases.
# Keys whose rule draws a list; no other shared rule is for a key that holds one.
LISTS = frozenset(
    {
        "layer_types",
        "mlp_layer_types",
        "layers_block_type",
        "no_rope_layers",
        "mlp_only_layers",
        "moe_layers",
        "full_attn_idxs",
        "attn_layer_indices",
        "local_layer_ids",
    }
)
TOKEN_IDS = frozenset(name for name in RULES if name.endswith("_token_id"))

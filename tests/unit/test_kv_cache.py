"""What attention keeps while it generates: bytes per token, windows, latents, constant states, and what they save."""

from __future__ import annotations

import pytest

import cardscope
from cardscope.errors import UsageError
from cardscope.measures.kvcache import KvCache, row_lengths
from cardscope.report.model import Report
from tests import facts

GIB = 1 << 30
ROWS = [
    # name, config, kind, group, layers, bytes per token (windows growing), once they are full, constant, multi-head
    ("Llama-3-8B", facts.LLAMA3_8B, "gqa", 4, {"full": 32}, 131_072, 131_072, 0, 524_288),
    ("Llama-3-70B", facts.LLAMA3_70B, "gqa", 8, {"full": 80}, 327_680, 327_680, 0, 2_621_440),
    ("Llama-2-7B", facts.LLAMA2_7B, "mha", 1, {"full": 32}, 524_288, 524_288, 0, 524_288),
    ("GPT-2", facts.GPT2, "mha", 1, {"full": 12}, 36_864, 36_864, 0, 36_864),
    ("Mistral-7B-v0.1", facts.MISTRAL_7B, "gqa", 4, {"sliding": 32}, 131_072, 0, 0, 524_288),
    ("Mixtral-8x7B", facts.MIXTRAL_8X7B, "gqa", 4, {"full": 32}, 131_072, 131_072, 0, 524_288),
    ("DeepSeek-V3", facts.DEEPSEEK_V3, "mla", 1, {"full": 61}, 70_272, 70_272, 0, 4_997_120),
    ("Gemma-3-27B", facts.GEMMA3_27B, "gqa", 2, {"full": 10, "sliding": 52}, 507_904, 81_920, 0, 1_015_808),
    ("Gemma-3-1B", facts.GEMMA3_1B, "mqa", 4, {"full": 4, "sliding": 22}, 26_624, 4096, 0, 106_496),
    ("gpt-oss-20b", facts.GPT_OSS_20B, "gqa", 8, {"full": 12, "sliding": 12}, 49_152, 24_576, 0, 393_216),
    ("Qwen3-Next-80B", facts.QWEN3_NEXT_80B, "gqa", 8, {"full": 12, "linear": 36}, 24_576, 24_576, 77_856_768, 196_608),
    ("Falcon-7B", facts.FALCON_7B, "mqa", 71, {"full": 32}, 8192, 8192, 0, 581_632),
    ("Falcon-40B", facts.FALCON_40B, "gqa", 16, {"full": 60}, 122_880, 122_880, 0, 1_966_080),
    ("Jamba-1.5-Mini", facts.JAMBA_MINI, "gqa", 4, {"full": 4, "recurrent": 28}, 16_384, 16_384, 16_515_072, 65_536),
    ("Mamba-130m", facts.MAMBA_130M, "none", None, {"recurrent": 24}, 0, 0, 2_949_120, 0),
]


def inspect(config, **options) -> Report:
    """The analytic report of a config."""
    return cardscope.inspect(config, exact=False, headers=False, **options)


def cache(config, **options) -> KvCache:
    """Its cache."""
    found = inspect(config, **options).kv_cache
    assert found is not None
    return found


def live(config, tokens: int, **options) -> int:
    """Live bytes of one sequence of so many tokens."""
    return next(row.live_bytes for row in cache(config, context=tokens, **options).rows if row.tokens == tokens)


@pytest.mark.parametrize(
    ("name", "config", "kind", "group", "layers", "grow", "long", "state", "multi_head"), ROWS, ids=[r[0] for r in ROWS]
)
def test_cache_of_well_known_models(name, config, kind, group, layers, grow, long, state, multi_head):
    found = inspect(config)
    assert (found.attention.kind, found.attention.group) == (kind, group)
    assert {word: count for word, count in found.attention.layers.items() if count} == layers
    kept = found.kv_cache
    assert (kept.per_token_bytes, kept.per_token_bytes_long) == (grow, long)
    assert (kept.state_bytes, kept.mha_per_token_bytes) == (state, multi_head)
    assert kept.saving == (round(1 - grow / multi_head, 4) if multi_head else None)


def test_mistral_stops_growing_at_its_window():
    """Mistral-7B-v0.1 keeps 4,096 tokens: half a gibibyte, at 32,768 as at 4,096."""
    assert live(facts.MISTRAL_7B, 4096) == live(facts.MISTRAL_7B, 32_768) == 4096 * 131_072 == GIB // 2
    assert live(facts.MISTRAL_7B, 4095) == 4095 * 131_072


def test_mistral_is_reserved_in_full_all_the_same():
    last = cache(facts.MISTRAL_7B).rows[-1]
    assert (last.tokens, last.reserved_bytes) == (32_768, 32_768 * 131_072)


def test_a_null_window_means_none():
    config = {**facts.MISTRAL_7B, "sliding_window": None}
    assert inspect(config).attention.layers["full"] == 32
    assert live(config, 32_768) == 32_768 * 131_072


def test_an_absent_window_means_the_class_default():
    """MistralConfig declares 4,096."""
    config = {key: value for key, value in facts.MISTRAL_7B.items() if key != "sliding_window"}
    assert inspect(config).attention.layers["sliding"] == 32
    assert live(config, 32_768) == 4096 * 131_072


def test_gemma_3_27b_at_its_whole_context():
    """Ten full layers and 52 of 1,024 tokens: 10.41 GiB live where 62 full ones would reserve 62 GiB."""
    row = cache(facts.GEMMA3_27B).rows[-1]
    assert row.tokens == 131_072
    assert round(row.live_bytes / GIB, 2) == 10.41
    assert row.live_bytes == 131_072 * 81_920 + 1024 * (507_904 - 81_920)
    assert row.reserved_bytes == 131_072 * 507_904 == 62 * GIB


def test_gpt_oss_reserves_all_and_keeps_half_windowed():
    row = cache(facts.GPT_OSS_20B).rows[-1]
    assert row.reserved_bytes == 131_072 * 49_152
    assert row.live_bytes == 131_072 * 24_576 + 128 * 24_576


def test_qwen3_next_adds_its_constant_state_once():
    """12 of 48 layers grow; 36 keep a (128, 128) matrix a value head in float32 and four inputs of the convolution."""
    state = 36 * (32 * 128 * 128 * 4 + (2 * 16 * 128 + 32 * 128) * 4 * 2)
    assert cache(facts.QWEN3_NEXT_80B).state_bytes == state
    assert live(facts.QWEN3_NEXT_80B, 1024) == 1024 * 24_576 + state


def test_mamba_keeps_the_same_at_any_length():
    """1,536 channels of 16 states in float32 and 4 inputs in the model's own float32, 24 times."""
    assert {row.live_bytes for row in cache(facts.MAMBA_130M).rows} == {24 * 1536 * (16 * 4 + 4 * 4)}


def test_falcon_7b_has_one_kv_head_of_64():
    found = inspect(facts.FALCON_7B)
    assert (found.spec.num_heads, found.spec.num_kv_heads, found.spec.head_dim) == (71, 1, 64)
    assert found.kv_cache.per_token_bytes == 32 * 2 * 64 * 2


def test_deepseek_caches_a_latent_and_a_rotary_key():
    found = inspect(facts.DEEPSEEK_V3)
    assert (found.spec.kv_lora_rank, found.spec.rope_head_dim) == (512, 64)
    assert found.kv_cache.per_token_bytes == 61 * (512 + 64) * 2
    assert found.kv_cache.mha_per_token_bytes == 61 * 128 * (192 + 128) * 2
    assert found.kv_cache.saving == 0.9859


def test_grouping_saves_parameters_as_well():
    """Keys and values of 8 heads instead of 32: three quarters of two square projections, 32 times."""
    assert inspect(facts.LLAMA3_8B).attention.parameters_saved == 32 * 2 * 4096 * 4096 * 3 // 4 == 805_306_368
    assert inspect(facts.LLAMA2_7B).attention.parameters_saved == 0
    assert inspect(facts.FALCON_7B).attention.parameters_saved == 32 * 2 * 70 * 64 * 4544


def test_grouping_saves_exactly_what_multi_head_would_add():
    grouped, multi_head = inspect(facts.LLAMA3_8B), inspect({**facts.LLAMA3_8B, "num_key_value_heads": 32})
    more = multi_head.parameters.analytic.total - grouped.parameters.analytic.total
    assert more == grouped.attention.parameters_saved
    assert multi_head.kv_cache.per_token_bytes == grouped.kv_cache.mha_per_token_bytes


def test_null_kv_heads_mean_one_for_each_query_head():
    assert inspect({**facts.LLAMA3_8B, "num_key_value_heads": None}).attention.kind == "mha"


@pytest.mark.parametrize(
    ("asked", "name", "factor"),
    [("fp32", "float32", 2), ("fp8", "float8_e4m3fn", 0.5), ("bf16", "bfloat16", 1), ("float16", "float16", 1)],
)
def test_the_caches_dtype_may_be_chosen(asked, name, factor):
    found = cache(facts.LLAMA3_8B, kv_dtype=asked)
    assert (found.dtype, found.per_token_bytes) == (name, int(131_072 * factor))


def test_a_recurrent_state_stays_in_float32_whatever_the_caches_dtype():
    """Only the convolution's inputs follow the dtype."""
    recurrent = 24 * 1536 * 16 * 4
    assert cache(facts.MAMBA_130M, kv_dtype="bf16").state_bytes == recurrent + 24 * 1536 * 4 * 2


def test_an_unknown_dtype_is_refused_with_a_hint():
    with pytest.raises(UsageError, match="a cache in bf17 is not known") as caught:
        cache(facts.LLAMA3_8B, kv_dtype="bf17")
    assert "bfloat16" in caught.value.hint


def test_quantized_weights_leave_the_cache_at_sixteen_bits():
    """gpt-oss-20b's config names no dtype and packed weights; its cache is bf16."""
    assert cache(facts.GPT_OSS_20B).dtype == "bfloat16"
    assert cache({**facts.LLAMA3_8B, "torch_dtype": "float8_e4m3fn"}).dtype == "bfloat16"


def test_rows_double_up_to_the_trained_context():
    assert row_lengths(8192) == (1024, 2048, 4096, 8192)
    assert row_lengths(10_000) == (1024, 2048, 4096, 8192, 10_000)
    assert row_lengths(131_072, 100_000)[-2:] == (100_000, 131_072)
    assert row_lengths(512) == (512,)


def test_rows_stay_few_for_an_endless_context():
    assert len(row_lengths(1 << 40, 7)) <= 26


def test_a_context_beyond_the_trained_one_is_a_row_like_any_other():
    assert live(facts.LLAMA3_8B, 100_000) == 100_000 * 131_072


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_a_batch_multiplies_every_row(batch):
    one, many = cache(facts.QWEN3_NEXT_80B), cache(facts.QWEN3_NEXT_80B, batch=batch)
    assert [row.live_bytes for row in many.rows] == [batch * row.live_bytes for row in one.rows]
    assert [row.reserved_bytes for row in many.rows] == [batch * row.reserved_bytes for row in one.rows]
    assert many.per_token_bytes == one.per_token_bytes


def test_multi_head_of_a_windowed_layer_is_windowed_too():
    """The same layers, windows and dtype with one KV head for each query head."""
    row = cache(facts.GPT_OSS_20B).rows[-1]
    assert row.mha_bytes == 8 * row.live_bytes


def test_a_wrappers_cache_is_its_text_models():
    """Gemma-3-27B, from the wrapper and from the text model alone."""
    assert cache(facts.GEMMA3_27B).rows == cache(facts.GEMMA3_27B_TEXT).rows


def test_cross_attention_keeps_nothing_for_each_new_token():
    """GPT-2 with cross-attention: the encoder's tokens are cached, at a rate of their own."""
    plain, crossed = cache(facts.GPT2), cache({**facts.GPT2, "add_cross_attention": True})
    assert crossed.per_token_bytes == plain.per_token_bytes
    assert crossed.source_per_token_bytes == plain.per_token_bytes

"""What is true of every cache: growth, windows, what is reserved."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import cardscope
from cardscope.measures.kvcache import CacheRow, KvCache
from tests.property.configs import SLIDING, Config, legal

TOKENS = st.integers(1, 40_000)


def cache(config: Config, tokens: int | None = None, **options) -> KvCache:
    """The cache, with a row for so many tokens."""
    found = cardscope.inspect(config, exact=False, headers=False, context=tokens, **options).kv_cache
    assert found is not None
    return found


def row(config: Config, tokens: int, **options) -> CacheRow:
    """The row of so many tokens."""
    return next(found for found in cache(config, tokens, **options).rows if found.tokens == tokens)


@given(legal(), TOKENS)
def test_live_is_at_most_reserved(config, tokens):
    found = row(config, tokens)
    assert 0 <= found.live_bytes <= found.reserved_bytes


@given(legal(), TOKENS, TOKENS)
def test_more_tokens_never_take_less(config, one, other):
    short, long = row(config, min(one, other)), row(config, max(one, other))
    assert short.live_bytes <= long.live_bytes
    assert short.reserved_bytes <= long.reserved_bytes
    assert short.mha_bytes <= long.mha_bytes


@given(legal(), TOKENS)
def test_live_follows_from_the_rates_before_and_after_windows_fill(config, tokens):
    found = row(config, tokens)
    kept = cache(config)
    assert kept.per_token_bytes_long * tokens <= found.live_bytes - kept.state_bytes <= kept.per_token_bytes * tokens
    assert found.reserved_bytes == kept.per_token_bytes * tokens + kept.state_bytes


@given(legal("mistral", "mixtral", "starcoder2"), TOKENS, st.integers(0, 1000))
def test_a_window_no_shorter_than_the_text_is_no_window(config, tokens, slack):
    wide = row({**config, "sliding_window": tokens + slack}, tokens)
    assert wide.live_bytes == row({**config, "sliding_window": None}, tokens).live_bytes


@given(legal("mistral", "mixtral"), TOKENS, st.integers(1, 1000))
def test_a_full_window_keeps_as_many_tokens_as_it_is_wide(config, tokens, window):
    config = {**config, "sliding_window": window}
    assert row(config, tokens).live_bytes == cache(config).per_token_bytes * min(tokens, window)


@given(legal("gemma3_text", "gpt_oss"))
def test_windows_of_some_layers_leave_the_others_growing(config):
    found = cardscope.inspect(config, exact=False, headers=False)
    layers, kept = found.attention.layers, found.kv_cache
    assert kept.per_token_bytes * layers["full"] == kept.per_token_bytes_long * (layers["full"] + layers["sliding"])
    assert layers["sliding"] == config.get("layer_types", []).count(SLIDING) or "layer_types" not in config


@given(legal(), st.integers(1, 100))
def test_a_batch_is_as_many_sequences(config, batch):
    one, many = row(config, 1000), row(config, 1000, batch=batch)
    assert (many.live_bytes, many.reserved_bytes) == (batch * one.live_bytes, batch * one.reserved_bytes)


@given(legal())
def test_saving_is_the_share_that_multi_head_would_add(config):
    kept = cache(config)
    if kept.mha_per_token_bytes == 0:
        assert kept.saving is None
    else:
        assert kept.saving == round(1 - kept.per_token_bytes / kept.mha_per_token_bytes, 4)
        assert kept.saving < 1


@given(legal())
def test_half_the_dtype_is_half_the_growth(config):
    full, half = cache(config, kv_dtype="fp32"), cache(config, kv_dtype="bf16")
    assert full.per_token_bytes == 2 * half.per_token_bytes
    assert full.mha_per_token_bytes == 2 * half.mha_per_token_bytes

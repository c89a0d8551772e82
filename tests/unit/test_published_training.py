"""Data, time, cost and memory as a public set of teaching notes has them, corrected where the notes are wrong."""

import pytest

import cardscope
from tests import facts


def plan(depth, **run):
    return cardscope.train(f"nanochat:d{depth}", **run)


@pytest.mark.parametrize(
    ("depth", "wrong", "right"), [(20, 6.76e9, 3_491_758_080), (26, 1.04e10, 6_900_940_800), (32, None, 12_079_595_520)]
)
def test_flops_per_token_and_what_the_notes_print(depth, wrong, right):
    """The notes print 6.76e9 and 1.04e10 for d20 and d26; their d32 is right."""
    found = plan(depth, device_batch=8).flops_per_token
    assert found == right
    assert wrong is None or abs(found / wrong - 1) > 0.3


def test_flops_per_token_leave_the_embedding_out_and_count_attention():
    """6·(total − embedding) + 12·layers·heads·head_dim·T."""
    assert plan(20).flops_per_token == 6 * (560_988_160 - 83_886_080) + 12 * 20 * 10 * 128 * 2048


@pytest.mark.parametrize(
    ("depth", "batch", "mfu", "hours", "whole"),
    [(20, 32, 0.4812, 171.99 / 60, 4), (26, 16, 0.5, None, 12), (32, 8, 0.5092, 31.3, 41.6)],
)
def test_pretraining_takes_part_of_a_published_run(depth, batch, mfu, hours, whole):
    """d20's report says 171.99 minutes at 48.12 %, d32's log 31.3 h; whole runs add midtraining and evaluation."""
    found = plan(depth, device_batch=batch, mfu=mfu).seconds / 3600
    assert found < whole
    assert hours is None or found == pytest.approx(hours, rel=0.01)


@pytest.mark.parametrize(("batch", "steps"), [(32, 1), (16, 2), (8, 4)])
def test_micro_steps_of_one_step_of_half_a_million_tokens(batch, steps):
    found = plan(20, device_batch=batch)
    assert (found.batch_tokens, found.accumulation) == (524_288, steps)


def test_240_shards_take_24_gigabytes():
    found = plan(20)
    assert found.shards == 216
    assert 240 * found.run.shard_bytes == 24_000_000_000


@pytest.mark.parametrize(
    ("config", "said", "tokens"),
    [
        (facts.gpt2(2048, 24, 24, 2048), 1e9, 20e9),
        (facts.LLAMA2_7B, 7e9, 140e9),
        (facts.LLAMA2_70B, 70e9, 1.4e12),
        (facts.gpt2(12_288, 96, 96, 2048), 175e9, 3.5e12),
    ],
)
def test_twenty_tokens_a_parameter(config, said, tokens):
    """1B → 20B, 7B → 140B, 70B → 1.4T, 175B → 3.5T, for models of about these sizes."""
    found = cardscope.train(config)
    assert found.tokens / found.parameters == tokens / said == 20


@pytest.mark.parametrize(
    ("config", "four_bits", "sixteen", "enough"),
    [
        (facts.LLAMA2_7B, 8e9, 16e9, True),
        (facts.LLAMA2_13B, 16e9, 32e9, True),
        (facts.LLAMA2_70B, 48e9, 140e9, True),
        (facts.LLAMA31_405B, 200e9, 800e9, False),
    ],
    ids=["7B", "13B", "70B", "405B"],
)
def test_the_rules_of_thumb_for_memory(config, four_bits, sixteen, enough):
    """8 and 16 GB for 7B, 16 and 32 for 13B, 48 and 140 for 70B hold the weights; 405B takes 200+ and 800+."""
    rows = {row.precision: row.bytes for row in cardscope.inspect(config, exact=False, headers=False).weights}
    assert (rows["int4"] < four_bits) is enough
    assert (rows["bf16"] < sixteen) is enough


def test_the_largest_models_for_24_gigabytes_and_for_a_phone():
    """At a byte a parameter 24 GB hold 24B at most, at half a byte 48B; scales, cache and overhead take their part."""
    card = {room.precision: room.max_parameters for room in cardscope.largest("24GB").rooms}
    phone = {room.precision: room.max_parameters for room in cardscope.largest("4GB").rooms}
    assert 16e9 < card["int8"] < 24e9
    assert 30e9 < card["nf4"] < 48e9
    assert 2e9 < phone["nf4"] < 8e9


def test_activations_of_the_mini_gpt_in_numbers():
    """8 sequences of 32 tokens, width 64: 16,384 numbers of the residual stream, 49,152 of queries, keys and values."""
    mini = {
        "model_type": "arcee", "architectures": ["ArceeForCausalLM"], "vocab_size": 512, "hidden_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4, "intermediate_size": 256,
        "max_position_embeddings": 32, "tie_word_embeddings": True,
    }  # fmt: skip
    spec = cardscope.inspect(mini, exact=False, headers=False).spec
    tokens = 8 * 32
    assert tokens * spec.hidden_size == 16_384
    assert tokens * (spec.num_heads + 2 * spec.num_kv_heads) * spec.head_dim == 49_152

"""What a device holds while it trains, against reports of real runs; nanochat's own tokens and batches."""

import pytest

import cardscope
from cardscope.errors import UsageError
from tests import facts

MIB = 1 << 20


def memory(word, **run):
    return cardscope.train(word, **run).memory


# "Peak memory usage" of torch, as nanochat's own report.md prints it after a run on H100s (or, the third, an RTX 5090).
PEAKS = [
    ("nanochat:d20", {}, 75_422.02),
    ("nanochat:d8", {}, 19_176.26),
    ("nanochat:d20", {"devices": 1, "device_batch": 8}, 29_596.27),
    ("nanochat:d10,release=E3,vocab=65536", {"devices": 1}, 26_394.42),
    ("nanochat:d16,release=E4", {}, 48_352.75),
    ("nanochat:d16,release=E4", {"device_batch": 16}, 27_687.83),
    ("nanochat:d24,release=E4", {"device_batch": 16, "batch_tokens": 1_048_576}, 62_386.67),
    ("nanochat:d24,release=head", {"device_batch": 16, "batch_tokens": 1_048_576}, 52_705.69),
    ("nanochat:d18,release=head", {"device_batch": 16, "devices": 1, "batch_tokens": 1_048_576}, 32_421.59),
]


@pytest.mark.parametrize(("word", "run", "peak"), PEAKS)
def test_the_peak_of_reported_runs_within_thirteen_per_cent(word, run, peak):
    """No constant is fitted to them: the rule is what autograd must keep, bytes by dtype, and who shards what."""
    assert memory(word, **run).peak == pytest.approx(peak * MIB, rel=0.13)


def test_d32_at_eight_sequences_shows_78_gb_and_at_sixteen_does_not_fit():
    low, high = memory("nanochat:d32", device_batch=8).process
    assert low < 78e9 < high < 85e9
    assert memory("nanochat:d32", device_batch=16).peak > 85e9


def test_d26_at_sixteen_sequences_holds_about_70_gb():
    """The notes say 60 to 70; the allocated peak is at their upper end."""
    assert memory("nanochat:d26", device_batch=16).peak == pytest.approx(70e9, rel=0.02)


# -- any other model, by the rules that fit has for a training step ---------------------------------------------------


def test_mixed_precision_has_sixteen_bytes_a_parameter_and_a_copy_of_the_matrices():
    found = memory(facts.LLAMA3_8B, devices=1, device_batch=1)
    total = 8_030_261_248
    matrices = total - 128_256 * 4096 - (2 * 32 + 1) * 4096
    assert (found.gradients, found.optimizer) == (4 * total, 8 * total)
    assert found.weights == 4 * total + 2 * matrices


def test_bf16_has_eight_bytes_a_parameter():
    found = memory(facts.LLAMA3_8B, devices=1, device_batch=1, precision="bf16")
    assert found.weights + found.gradients + found.optimizer == 8 * 8_030_261_248


def test_each_stage_of_zero_holds_less():
    whole, one, three = (memory(facts.LLAMA3_8B, device_batch=1, sharding=name) for name in ("none", "zero1", "zero3"))
    assert whole.optimizer > one.optimizer == (4 + 8) * 8_030_261_248 // 8
    assert one.weights > three.weights
    assert whole.peak > one.peak > three.peak


def test_recomputing_keeps_less_and_so_does_a_loss_in_pieces():
    free = memory(facts.LLAMA2_7B, device_batch=8)
    assert memory(facts.LLAMA2_7B, device_batch=8, recompute="layers").activations < free.activations / 5
    assert memory(facts.LLAMA2_7B, device_batch=8, fused_loss=True).logits == 0 < free.logits


def test_nanochat_under_another_recipe_is_counted_as_any_other_model():
    own, other = memory("nanochat:d20"), memory("nanochat:d20", optimizer="adamw")
    assert other.optimizer == 8 * 560_988_160 > own.optimizer


def test_training_takes_four_to_twenty_times_inference():
    """The notes: weights, gradients, optimizer and activations are 4 to 20 times the bf16 weights."""
    found = memory(facts.LLAMA2_7B, device_batch=2)
    assert 4 < found.peak / (2 * 6_738_415_616) < 20


@pytest.mark.parametrize(
    "bad",
    [{"precision": "magic"}, {"sharding": "zero4"}, {"attention": "linear"}, {"recompute": "x"}, {"optimizer": "x"}],
)
def test_unknown_words_are_refused_with_a_way_out(bad):
    with pytest.raises(UsageError) as caught:
        cardscope.train("nanochat:d4", **bad)
    assert caught.value.hint


# -- nanochat's own tokens and batches -------------------------------------------------------------------------------

HEAD = [
    (12, 2_520, 524_288),
    (20, 4_980, 1_048_576),
    (24, 8_352, 1_048_576),
    (26, 10_510, 1_048_576),
    (32, 9_600, 2_097_152),
    (34, 11_462, 2_097_152),
]


@pytest.mark.parametrize(("depth", "steps", "batch"), HEAD)
def test_the_newest_release_trains_as_its_defaults_say(depth, steps, batch):
    found = cardscope.train(f"nanochat:d{depth},release=head", device_batch=16)
    assert (found.steps, found.batch_tokens) == (steps, batch)


@pytest.mark.parametrize(("release", "ratio"), [("E0", 20), ("E2", 8)])
def test_earlier_releases_count_all_parameters(release, ratio):
    found = cardscope.train(f"nanochat:d12,release={release}")
    assert (found.tokens, found.batch_tokens) == (ratio * found.parameters, 524_288)


def test_a_ratio_that_is_given_counts_all_parameters_of_any_release():
    found = cardscope.train("nanochat:d12,release=head", ratio=20)
    assert found.tokens == 20 * found.parameters


@pytest.mark.parametrize(
    ("config", "tokens"), [("nanochat:d20", 11_219_763_200), (facts.LLAMA2_7B, 20 * 6_738_415_616)]
)
def test_twenty_tokens_a_parameter_unless_told_otherwise(config, tokens):
    assert cardscope.train(config).tokens == tokens


def test_a_device_over_eighty_gigabytes_is_shown_leaner_ways():
    """Each named way is leaner than the one before and is what its options give."""
    full = cardscope.train(facts.LLAMA3_8B)
    sizes = [peak for _, peak in full.leaner]
    assert [full.memory.peak, *sizes] == sorted([full.memory.peak, *sizes], reverse=True)
    last = cardscope.train(facts.LLAMA3_8B, device_batch=1, recompute="layers", sharding="zero3")
    assert full.leaner[-1] == ("--device-batch 1 --recompute layers --sharding zero3", last.memory.peak)


def test_a_run_that_a_device_holds_needs_no_leaner_way():
    """GPT-2's step is under 80 GB."""
    assert cardscope.train(facts.GPT2).leaner == ()

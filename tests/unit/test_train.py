"""`cardscope train`: the published figures of nanochat's runs, and rules that hold for any model."""

import json

import pytest

import cardscope
from cardscope.cli import run
from cardscope.errors import UsageError
from cardscope.report.lines import WIDTH, columns, plain
from cardscope.training.render import lines
from tests import facts


@pytest.mark.parametrize(
    ("depth", "batch", "tokens", "flops", "total", "steps", "accumulation", "shards"),
    [
        (20, 32, 11_219_763_200, 3_491_758_080, 3.918e19, 21_400, 1, 216),
        (26, 16, 21_639_987_200, 6_900_940_800, 1.493e20, 41_275, 2, 416),
        (32, 8, 37_580_963_840, 12_079_595_520, 4.540e20, 71_680, 4, 722),
    ],
)
def test_published_runs_of_the_original_release(depth, batch, tokens, flops, total, steps, accumulation, shards):
    found = cardscope.train(f"nanochat:d{depth}", device_batch=batch)
    assert (found.tokens, found.flops_per_token, found.steps) == (tokens, flops, steps)
    assert (found.accumulation, found.shards) == (accumulation, shards)
    assert found.total_flops == pytest.approx(total, rel=5e-4)


def test_d32_takes_31_hours_and_750_dollars_at_the_published_utilization():
    found = cardscope.train("nanochat:d32", device_batch=8, mfu=0.5092, price=24)
    assert round(found.seconds / 3600, 1) == 31.3
    assert found.cost == pytest.approx(750, abs=2)


def test_d20_reads_54_billion_characters():
    found = cardscope.train("nanochat:d20")
    assert found.characters == pytest.approx(53.9e9, rel=1e-3)
    assert found.optimizers == (("Muon", 393_216_000), ("AdamW", 167_772_160))


def test_the_leaderboard_run_of_d24_has_its_recorded_flops():
    found = cardscope.train("nanochat:d24,release=E4", tokens=16_704 * 524_288)
    assert (found.steps, found.total_flops) == (16_704, 43_307_841_312_289_456_128)


def test_gpt2_follows_nanogpt_s_estimate():
    found = cardscope.train(facts.GPT2, sequence=1024)
    assert found.flops_per_token == 855_166_464


def test_experts_that_do_not_fire_cost_nothing():
    mixtral = facts.llama(4096, 32, 32, 8, 14_336, 32_000, 32_768) | {
        "architectures": ["MixtralForCausalLM"],
        "model_type": "mixtral",
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
    }
    found = cardscope.train(mixtral)
    assert found.flops_per_token_6n == 6 * found.active < 6 * found.parameters


def test_windows_lower_the_cost_of_attention():
    full = cardscope.train("nanochat:d20,release=head,window_pattern=L").flops_per_token
    assert cardscope.train("nanochat:d20,release=head").flops_per_token < full


@pytest.mark.parametrize(
    "bad", [{"device_batch": 24}, {"device_batch": 64}, {"tokens": 1000}], ids=["uneven", "too large", "too few"]
)
def test_runs_that_mean_nothing_are_refused_with_a_way_out(bad):
    with pytest.raises(UsageError) as caught:
        cardscope.train("nanochat:d20", **bad)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("word", "run", "held", "batch"),
    [
        ("nanochat:d20", {}, 32, 524_288),
        ("nanochat:d4,release=head", {}, 16, 262_144),
        ("nanochat:d20", {"sequence": 3000}, 16, 384_000),
        ("nanochat:d20", {"batch_tokens": 3 * 8 * 2048}, 3, 49_152),
        ("nanochat:d20", {"devices": 1000}, 1, 2_048_000),
    ],
)
def test_without_a_device_batch_a_step_is_whole_micro_batches(word, run, held, batch):
    found = cardscope.train(word, **run)
    assert (found.run.device_batch, found.batch_tokens) == (held, batch)
    assert found.batch_tokens == found.accumulation * found.run.devices * held * found.sequence


def test_json_on_the_command_line(capsys):
    assert run(["train", "nanochat:d32", "--device-batch", "8", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["steps"]) == ("cardscope.train/1", 71_680)


def test_text_keeps_to_eighty_columns():
    assert max(columns(row) for row in plain(lines(cardscope.train(facts.LLAMA31_405B))).split("\n")) <= WIDTH


def test_the_function_stays_callable_after_its_package_is_imported():
    cardscope.train("nanochat:d4")
    assert callable(cardscope.train)

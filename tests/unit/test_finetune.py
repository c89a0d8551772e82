"""Memory of training: identities of the fixed part, adapters, optimizers, sharding, and what never needs less."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardscope.assemble import assemble
from cardscope.errors import UsageError
from cardscope.fitting.adapters import adapters
from cardscope.fitting.answer import target
from cardscope.fitting.finetune import Recipe, largest_layer, training
from cardscope.fitting.precisions import sizes
from cardscope.model import RawConfig
from tests import facts

FULL = Recipe()
N = 8_030_261_248


def model(config=facts.LLAMA3_8B):
    raw = RawConfig(data=config, id="x", source="object")
    return target(raw, assemble(raw))


def run(recipe, config=facts.LLAMA3_8B, quant=None):
    found = model(config)
    return training(found.inventory, found.facts, recipe, sizes(found, quant).total)


def step(recipe, config=facts.LLAMA3_8B):
    return run(recipe, config).stages[-1]


@pytest.mark.parametrize(
    ("recipe", "per_parameter"),
    [
        (FULL, 8),
        (replace(FULL, precision="fp32"), 16),
        (replace(FULL, optimizer="sgd"), 4),
        (replace(FULL, optimizer="lion"), 6),
        (replace(FULL, optimizer="paged-adamw"), 4),
    ],
)
def test_bytes_a_parameter_before_any_batch(recipe, per_parameter):
    """bf16: weights 2, gradients 2, two states of 2; fp32 twice that; paged states wait on the host."""
    assert step(recipe).total == per_parameter * N


def test_autocast_keeps_a_cast_copy_of_every_matrix():
    """18 bytes a parameter in all: 4 + 2 weights, 4 gradients, 8 states; norms and the table are not multiplied."""
    table = 128_256 * 4096
    norms = 65 * 4096
    assert step(replace(FULL, precision="mixed")).total == 18 * N - 2 * (table + norms)


def test_eight_bit_states_take_a_byte_and_a_scale_for_each_256():
    small = 65 * 4096
    expected = 2 * (N + N // 64)
    assert step(replace(FULL, optimizer="adamw-8bit")).optimizer == pytest.approx(expected, rel=1e-3)
    assert small < N


def test_adafactor_keeps_rows_and_columns():
    """GPT-2's largest matrix, the table, leaves 50,257 + 768 numbers."""
    kept = step(replace(FULL, optimizer="adafactor"), facts.GPT2).optimizer
    assert 2 * (50_257 + 768) < kept < 2 * 124_439_808 / 50


def test_muon_keeps_one_state_for_matrices_of_the_blocks():
    adam, muon = (step(replace(FULL, optimizer=name)).optimizer for name in ("adamw", "muon"))
    blocks = N - 2 * 128_256 * 4096 - 65 * 4096
    assert adam - muon == 2 * blocks


@pytest.mark.parametrize(
    ("targets", "rank", "expected"),
    [
        ("qv", 8, 32 * 8 * (2 * 4096 + 4096 + 1024)),
        ("q,k,v,o", 16, 32 * 16 * (2 * 8192 + 2 * 5120)),
        ("all-linear", 16, 41_943_040),
    ],
)
def test_adapters_of_llama_3_8b(targets, rank, expected):
    """peft prints 41,943,040 trainable parameters for rank 16 on every projection of Llama-3-8B."""
    assert sum(n * t.numel for n, t in adapters(model().inventory, targets, rank)) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_type": "phi", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 24,
          "num_attention_heads": 32, "vocab_size": 51_200}, 1_572_864),
        ({**facts.LLAMA3_8B, "num_key_value_heads": 32, "vocab_size": 32_000, "intermediate_size": 11_008}, 4_194_304),
    ],
)  # fmt: skip
def test_adapters_litgpt_prints(config, expected):
    """Rank 8 on queries and values: litgpt's tables of phi-1.5 and Llama 2 7B."""
    assert run(Recipe(method="lora", targets="qv", rank=8), config).trainable == expected


def test_routed_experts_get_no_adapter():
    inventory = model(facts.MIXTRAL_8X7B).inventory
    assert all(t.component != "experts" for _, t in adapters(inventory, "all-linear", 8))


def test_unknown_targets_name_those_there_are():
    with pytest.raises(UsageError, match="no projection") as caught:
        run(Recipe(method="lora", targets="wqkv"))
    assert "down" in (caught.value.hint or "")


def test_unknown_optimizers_name_those_there_are():
    with pytest.raises(UsageError, match="no rules for the optimizer"):
        run(replace(FULL, optimizer="sgdd"))


@pytest.mark.parametrize(
    ("recipe", "per_gpu"),
    [
        (Recipe(sharding="zero2", devices=8), 4 * N + 16 * N // 8),
        (Recipe(sharding="zero2", devices=8, offload="optimizer"), 2 * N),
        (Recipe(sharding="zero3", devices=8), 18 * N // 8),
    ],
)
def test_zero_is_what_deepspeed_estimates(recipe, per_gpu):
    """4N + 16N/g for stage 2, 2N with the optimizer on the host; 18N/g and 4 bytes of the largest block for stage 3."""
    block = 4 * largest_layer(model().inventory) if recipe.sharding == "zero3" else 0
    assert step(recipe).total == pytest.approx(per_gpu + block, rel=1e-6)


def test_sharding_over_more_devices_never_needs_more():
    for kind in ("zero1", "zero2", "zero3", "fsdp"):
        peaks = [run(Recipe(sharding=kind, devices=n)).peak.total for n in (2, 4, 8, 64)]
        assert peaks == sorted(peaks, reverse=True)


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
@pytest.mark.parametrize("recompute", ["none", "selective", "layers"])
def test_longer_sequences_and_more_of_them_never_need_less(method, recompute):
    base = Recipe(method=method, recompute=recompute)
    peaks = [run(replace(base, sequence=n)).peak.total for n in (1, 512, 4096, 65_536)]
    assert peaks == sorted(peaks)
    peaks = [run(replace(base, micro_batch=n)).peak.total for n in (1, 2, 64)]
    assert peaks == sorted(peaks)


def test_running_blocks_again_saves_memory():
    none, some, most = (run(Recipe(sequence=8192, recompute=r)).peak.total for r in ("none", "selective", "layers"))
    assert most < some < none


def test_adapters_need_less_than_everything_and_four_bits_less_still():
    full, lora = run(FULL).peak.total, run(Recipe(method="lora")).peak.total
    assert run(Recipe(method="qlora"), quant="nf4").peak.total < lora < full


def test_logits_are_fourteen_bytes_each_where_the_loss_starts_back():
    loss = next(stage for stage in run(FULL).stages if stage.name == "loss")
    assert loss.logits == 14 * 2048 * 128_256
    assert run(replace(FULL, fused_loss=True)).stages[1].logits == 0


def test_accumulated_gradients_are_there_from_the_start():
    first, second = (run(Recipe(accumulation=n)).stages[1].gradients for n in (1, 2))
    assert (first, second) == (0, 2 * N)

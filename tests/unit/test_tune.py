"""`cardscope fit --train` and `cardscope.finetune`: verdicts, limits, what would fit, and what is refused."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import cardscope
from cardscope.cli.commands import cli
from cardscope.errors import UsageError
from tests import facts

QUANTIZED = {**facts.LLAMA3_8B, "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}


def tune(gpu=None, config=facts.LLAMA3_8B, **given):
    return cardscope.finetune(config, gpu, headers=False, **given)


@pytest.mark.parametrize(
    ("gpu", "method", "verdict"),
    [("24GB", "full", "does_not_fit"), ("192GB", "full", "fits"), ("80GB", "qlora", "fits"), (None, "lora", "unknown")],
)
def test_a_verdict(gpu, method, verdict):
    assert tune(gpu, method=method).verdict == verdict


def test_within_the_uncertainty_it_is_marginal():
    size = tune(method="lora").per_device_bytes
    assert tune(f"{size / 2**30 + 0.01:.3f}GiB", method="lora").verdict == "marginal"


def test_the_longest_sequence_fits_and_one_more_token_does_not():
    found = tune("80GB", method="lora")
    longest = found.max_sequence
    assert tune("80GB", method="lora", sequence=longest).headroom_bytes >= 0
    assert tune("80GB", method="lora", sequence=longest + 1).headroom_bytes < 0


def test_the_largest_micro_batch_fits_and_one_more_sequence_does_not():
    widest = tune("80GB", method="lora", sequence=512).max_micro_batch
    assert tune("80GB", method="lora", sequence=512, micro_batch=widest).headroom_bytes >= 0
    assert tune("80GB", method="lora", sequence=512, micro_batch=widest + 1).headroom_bytes < 0


@pytest.mark.parametrize("gpu", ["24GB", "48GB", "8x24GB", "80GB"])
def test_what_would_fit_is_said_with_its_own_size(gpu):
    """Every change but another GPU stays within this one."""
    found = tune(gpu, sequence=4096)
    assert found.alternatives
    limit = found.devices.smallest.usable
    assert all(change.per_device_bytes <= limit or "--gpu" in change.text for change in found.alternatives)


def test_adapters_over_quantized_weights_keep_them_as_they_are():
    plain, packed = (tune(config=config, method="lora").training.stages[0].weights for config in
                     (facts.LLAMA3_8B, QUANTIZED))  # fmt: skip
    assert packed < 0.6 * plain


def test_what_learns_of_quantized_weights_is_counted_in_bf16():
    found = tune(config=QUANTIZED)
    assert found.training.stages[0].weights == 2 * 8_030_261_248
    assert any("bf16" in note for note in found.notes)


def test_casting_up_adds_two_bytes_for_what_is_not_packed():
    low, high = (tune(method="qlora", options={"upcast": on}).training.stages[0].weights for on in (False, True))
    assert high - low == 2 * (2 * 128_256 * 4096 + 65 * 4096)


def test_several_devices_hold_all_of_it_unless_it_is_sharded():
    copies, shards = (tune("8x80GB", options={"sharding": kind}) for kind in ("none", "fsdp"))
    assert shards.per_device_bytes < copies.per_device_bytes / 2
    assert any("sharding=fsdp" in note for note in copies.notes)


def test_experts_without_adapters_still_weigh():
    found = tune(config=facts.MIXTRAL_8X7B, method="lora")
    assert found.training.stages[0].weights > 2 * 46_702_792_704


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "prefix"}, "no way to train"),
        ({"options": {"optimzer": "sgd"}}, "no option optimzer"),
        ({"options": {"optimizer": "nosuch"}}, "no rules for the optimizer"),
        ({"options": {"precision": "int3"}}, "precision is"),
        ({"options": {"sharding": "zero9"}}, "sharding is"),
        ({"options": {"offload": "optimizer"}}, "ZeRO offloads"),
        ({"options": {"offload": "all", "sharding": "zero2"}}, "stage 3 alone"),
        ({"options": {"rank": 0}, "method": "lora"}, "rank 0"),
        ({"options": {"targets": "wqkv"}, "method": "lora"}, "no projection"),
        ({"options": {"targets": "a b;c"}, "method": "lora"}, "names no projections"),
        ({"options": {"upcast": True}}, "cast up"),
        ({"quant": "nf4"}, "do not learn"),
        ({"sequence": 0}, "no micro-batch"),
        ({"micro_batch": 1 << 20}, "no micro-batch"),
    ],
)
def test_recipes_that_cannot_be_meant(given, message):
    with pytest.raises(UsageError, match=message):
        tune(**given)


def test_json_holds_every_stage_and_its_sum():
    words = ["fit", "nanochat:d20", "--gpu", "24GB", "--train", "full", "--json"]
    body = json.loads(CliRunner().invoke(cli, words, standalone_mode=False).output)
    assert body["schema"] == "cardscope.finetune/1"
    parts = ("weights", "gradients", "optimizer", "activations", "logits")
    assert all(sum(stage[name] for name in parts) == stage["total"] for stage in body["stages"])
    assert body["per_device_bytes"] == max(s["total"] for s in body["stages"]) + body["overhead_bytes"]


@pytest.mark.parametrize("form", ["human", "markdown", "html", "json", "quiet"])
def test_every_form_is_written(form):
    words = ["fit", "gpt2", "--offline", "--gpu", "24GB", "--train", "lora", "--format", form]
    result = CliRunner().invoke(cli, words, standalone_mode=False, catch_exceptions=False)
    assert ("fits" in result.output, result.return_value) == (True, 0)


@pytest.mark.parametrize(
    "words",
    [
        ["gpt2", "--train-option", "rank=8"],
        ["gpt2", "--train", "lora", "--engine", "vllm"],
        ["gpt2", "--train", "lora", "--kv-dtype", "fp8"],
        ["--train", "lora", "--largest", "--gpu", "24GB"],
        ["gpt2", "--train", "lora", "--train-option", "rank"],
    ],
)
def test_words_that_do_not_go_together(words):
    with pytest.raises(UsageError):
        CliRunner().invoke(cli, ["fit", "--offline", *words], standalone_mode=False, catch_exceptions=False)

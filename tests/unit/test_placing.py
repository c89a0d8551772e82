"""Several devices: device maps, hosts that help, pipeline stages, whole layers."""

from __future__ import annotations

import pytest

import cardscope
from cardscope.errors import UsageError
from cardscope.fitting.engines.vllm import stage_layers
from tests import facts

GIB = 1 << 30


def fit(gpu, engine="transformers", model=facts.LLAMA3_8B, **options):
    return cardscope.fit(model, gpu, engine=engine, headers=False, engine_options=options)


@pytest.mark.parametrize("gpu", ["2x24GB", "24GB + 12GB", "3x10GB", "4x4090"])
@pytest.mark.parametrize("kind", ["auto", "sequential"])
def test_no_byte_of_the_weights_is_lost_between_devices(gpu, kind):
    found = fit(gpu, device_map=kind)
    assert found.need.weights == 16_060_522_496
    assert sum(found.need.settings["layers"]) == 32


def test_what_finds_no_place_counts_against_the_last_device():
    found = fit("2x4GB")
    assert found.verdict == "does_not_fit"
    assert found.need.weights == 16_060_522_496
    assert any("find no place" in note for note in found.notes)


def test_a_host_takes_what_the_gpu_does_not():
    """With 8 GiB of the GPU for weights the rest is on the host, room for the largest part stays on the GPU."""
    found = fit("16GB", max_memory="8GiB", cpu_memory="64GB")
    assert found.verdict == "fits"
    largest = 2 * 128_256 * 4096
    assert found.need.weights - largest + found.need.host == 16_060_522_496
    assert found.need.weights - largest <= 8 * GIB - largest


def test_a_disk_takes_what_neither_holds():
    found = fit("16GB", max_memory="6GiB", cpu_memory="4GiB", disk="on")
    assert found.verdict == "fits"
    assert any("on the disk" in note for note in found.notes)


def test_offloading_is_proposed_where_it_would_do():
    found = cardscope.fit(facts.LLAMA3_8B, "12GB", headers=False)
    text = next(item.text for item in found.alternatives if item.kind == "offload")
    options = dict(word.split("=") for word in text.split() if "=" in word)
    assert fit("12GB", **options).headroom_bytes >= 0


@pytest.mark.parametrize(
    ("layers", "stages", "expected"),
    [
        (32, 1, (32,)),
        (32, 4, (8, 8, 8, 8)),
        (31, 4, (7, 8, 8, 8)[:0] or (8, 8, 8, 7)),
        (61, 8, (7, 7, 8, 8, 8, 8, 8, 7)),
    ],
)
def test_pipeline_stages_hold_what_is_left_over_before_the_last(layers, stages, expected):
    assert stage_layers(layers, stages) == expected


@pytest.mark.parametrize("stages", [1, 2, 4])
def test_pipeline_stages_lose_no_weights(stages):
    """Only the rotary table is kept by every rank."""
    found = fit("4xH100", "vllm", pipeline_parallel_size=stages)
    rotary = 8192 * 128 * 2
    norms = 2 * 65 * 4096
    ranks = 4 // stages
    assert found.need.weights == pytest.approx(16_060_522_496 + 4 * rotary + (ranks - 1) * norms, abs=2 * 4096 * 8)


def test_pipeline_stages_are_in_the_command_line():
    found = fit("4xH100", "vllm", pipeline_parallel_size=2)
    assert "--tensor-parallel-size 2 --pipeline-parallel-size 2" in found.command


@pytest.mark.parametrize(
    ("gpu", "engine", "options"),
    [
        ("4xH100", "vllm", {"pipeline_parallel_size": 3}),
        ("H100", "transformers", {"device_map": "nonsense"}),
        ("H100", "transformers", {"cpu_memory": "much"}),
        ("2xH100", "transformers", {"max_memory": "-1GB"}),
    ],
)
def test_what_cannot_be_meant_is_refused(gpu, engine, options):
    with pytest.raises(UsageError):
        fit(gpu, engine, **options)


def test_llama_cpp_puts_whole_layers_and_the_output_on_the_last_device():
    """32 layers over two equal cards and an output: the first half more on the first, the head on the second."""
    one, two = (fit(gpu, "llama.cpp").need for gpu in ("80GB", "2x80GB"))
    assert one.weights == two.weights
    low, high = sorted(two.each)
    assert high - low < 2 * 128_256 * 4096


def test_devices_that_work_one_after_another_do_not_add_up():
    """Two cards of one kind decode no faster than one where each holds half of the layers; with vLLM they do."""
    one, two, both = (
        fit(gpu, engine).speed.decode_tokens_per_second
        for gpu, engine in (("H100", "transformers"), ("2xH100", "transformers"), ("2xH100", "vllm"))
    )
    assert two == pytest.approx(one)
    assert both == pytest.approx(2 * one)


@pytest.mark.parametrize(("model", "score"), [(facts.LLAMA3_8B, 10), (facts.GPT_OSS_20B, 6)])
def test_eager_attention_holds_so_many_bytes_a_score(model, score):
    """Softmax in fp32 takes ten; attention with sinks stays in bf16. The mask is there once."""
    tokens = 4096
    eager, plain = (
        cardscope.fit(model, context=tokens, headers=False, engine_options={"attn_implementation": kind}).need
        for kind in ("eager", "sdpa")
    )
    heads = model["num_attention_heads"]
    assert eager.activations - plain.activations == tokens**2 * (score * heads + 2)

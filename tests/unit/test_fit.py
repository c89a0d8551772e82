"""`cardscope fit`: verdicts, the engines' identities, searches, and what is refused."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import cardscope
from cardscope.cli import run
from cardscope.cli.commands import cli
from cardscope.errors import UsageError
from cardscope.fitting.precisions import names
from tests import facts

GIB = 1 << 30
ENGINES = ("transformers", "vllm", "llama.cpp", "generic")
MODELS = ("LLAMA3_8B", "DEEPSEEK_V3", "GEMMA3_27B", "JAMBA_MINI")
LLAMA31_8B = {**facts.LLAMA3_8B, "max_position_embeddings": 131072}


def fit(model, gpu=None, **options):
    return cardscope.fit(model, gpu, headers=False, **options)


def test_the_function_is_still_the_function_after_a_call():
    """No module of the package may take its name."""
    fit(facts.GPT2, "24GB")
    assert callable(cardscope.fit)


def test_without_a_gpu_the_verdict_is_unknown_and_the_need_is_there():
    found = fit(facts.LLAMA3_8B)
    assert (found.verdict, found.need.weights) == ("unknown", 16_060_522_496)
    assert found.to_dict()["device"] is None


def test_json_has_the_keys_of_the_contract():
    found = fit(facts.LLAMA3_8B, "RTX 4090", engine="vllm").to_dict()
    assert found["schema"] == "cardscope.fit/1"
    assert set(found["device"]) == {"name", "count", "memory_bytes", "usable_bytes"}
    assert set(found["need"]) == {"weights", "kv_cache", "activations", "overhead", "total"}
    assert sum(value for key, value in found["need"].items() if key != "total") == found["need"]["total"]
    assert {
        "verdict", "reason", "engine", "precision", "context", "batch", "per_device_bytes", "headroom_bytes",
        "max_context", "max_batch", "kv_cache_tokens", "uncertainty", "alternatives",
    } <= set(found)  # fmt: skip
    json.dumps(found, allow_nan=False)


def test_defaults_are_those_of_the_contract():
    found = fit(facts.GPT2, "24GB")
    assert (found.engine, found.load.context, found.load.batch, found.precision) == ("transformers", 1024, 1, "bf16")


@pytest.mark.parametrize(("gpu", "verdict"), [("8GB", "does_not_fit"), ("80GB", "fits")])
def test_a_verdict(gpu, verdict):
    assert fit(facts.LLAMA3_8B, gpu).verdict == verdict


def test_within_the_uncertainty_the_verdict_is_marginal():
    found = fit(facts.LLAMA3_8B)
    near = fit(facts.LLAMA3_8B, f"{found.per_device_bytes / GIB + 0.001:.4f}GiB")
    assert near.verdict == "marginal"
    assert "%" in (near.reason or "")


def test_vllm_weights_are_parameters_and_the_rotary_table():
    """Llama-3.1-8B: vLLM prints 14.9888 GiB."""
    found = fit(LLAMA31_8B, "24GB", engine="vllm")
    assert found.need.weights / GIB == pytest.approx(14.98878, abs=1e-4)


def test_vllm_cache_is_what_the_budget_leaves():
    found = fit(LLAMA31_8B, "24GiB", engine="vllm", engine_options={"gpu_memory_utilization": 0.9})
    left = int(0.9 * 24 * GIB) - found.need.weights - found.need.activations - found.need.overhead
    assert found.need.kv_cache_tokens == left // (16 * 131072) * 16


def test_more_ranks_than_kv_heads_replicate_them():
    two = fit(facts.LLAMA3_8B, "8xH100", engine="vllm").need.kv_cache
    assert fit(facts.LLAMA3_8B, "16xH100", engine="vllm").need.kv_cache == 2 * two


def test_latents_are_replicated_on_every_rank():
    one = fit(facts.DEEPSEEK_V3, engine="vllm").need.kv_cache
    assert fit(facts.DEEPSEEK_V3, engine="vllm", tp=8).need.kv_cache == 8 * one


def test_llamacpp_cache_is_padded_to_256_cells():
    assert fit(facts.LLAMA3_8B, engine="llama.cpp", context=1000).need.kv_cache == 1024 * 131072


def test_llamacpp_keeps_layers_that_are_not_offloaded_on_the_host():
    whole = fit(facts.LLAMA3_8B, "24GB", engine="llama.cpp", quant="q4_k_m")
    half = fit(facts.LLAMA3_8B, "24GB", engine="llama.cpp", quant="q4_k_m", engine_options={"n_gpu_layers": 16})
    assert half.need.weights < whole.need.weights
    assert half.need.host > whole.need.host


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", MODELS)
def test_more_context_or_batch_never_needs_less(engine, name):
    config = getattr(facts, name)
    needs = [fit(config, engine=engine, context=n).need.total for n in (1, 100, 1000, 5000, 40000)]
    needs_by_batch = [fit(config, engine=engine, context=1000, batch=n).need.total for n in (1, 2, 7, 300, 2000)]
    assert needs == sorted(needs)
    assert needs_by_batch == sorted(needs_by_batch)


@pytest.mark.parametrize("name", MODELS)
def test_splits_never_lose_bytes(name):
    needs = [fit(getattr(facts, name), engine="vllm", tp=tp).need for tp in (1, 2, 4, 8, 16)]
    assert [need.weights for need in needs] == sorted(need.weights for need in needs)
    assert [need.total for need in needs] == sorted(need.total for need in needs)


@pytest.mark.parametrize("quant", names())
@pytest.mark.parametrize("name", MODELS)
def test_quantized_is_never_larger_than_bf16(name, quant):
    config = getattr(facts, name)
    if quant != "fp32":
        plain, small = fit(config, quant="bf16").need, fit(config, quant=quant).need
        assert 0 < small.weights <= plain.weights * 1.01


def test_the_longest_context_fits_and_one_more_block_does_not():
    found = fit(LLAMA31_8B, "20GB")
    most = found.max_context
    assert fit(LLAMA31_8B, "20GB", context=most).headroom_bytes >= 0
    assert fit(LLAMA31_8B, "20GB", context=most + 1).headroom_bytes < 0


def test_the_largest_batch_fits_and_one_more_does_not():
    most = fit(facts.LLAMA3_8B, "RTX 4090", context=2048).max_batch
    assert fit(facts.LLAMA3_8B, "RTX 4090", context=2048, batch=most).headroom_bytes >= 0
    assert fit(facts.LLAMA3_8B, "RTX 4090", context=2048, batch=most + 1).headroom_bytes < 0


def test_what_does_not_fit_gets_alternatives_that_do():
    found = fit(facts.LLAMA3_8B, "12GB")
    kinds = {item.kind: item for item in found.alternatives}
    assert fit(facts.LLAMA3_8B, "12GB", quant=kinds["precision"].precision).headroom_bytes >= 0
    assert fit(facts.LLAMA3_8B, kinds["gpu"].gpu).headroom_bytes >= 0


def test_cards_of_different_sizes_share_by_their_memory():
    """llama.cpp deals whole layers out by memory; a sequential device map fills the first card first."""
    for engine, options in (("llama.cpp", {}), ("transformers", {"device_map": "sequential"})):
        found = fit(facts.LLAMA3_8B, "4090 + 3060", engine=engine, engine_options=options)
        assert found.need.each[0] > found.need.each[1]


def test_new_tokens_come_on_top_of_the_context():
    assert (
        fit(facts.LLAMA3_8B, context=1, new_tokens=2047).need.kv_cache
        == fit(facts.LLAMA3_8B, context=2048).need.kv_cache
    )


@pytest.mark.parametrize(
    "options",
    [
        {"engine": "magic"}, {"quant": "int3.5"}, {"batch": 0}, {"context": 0}, {"context": 1 << 50}, {"tp": 0},
        {"engine_options": {"n_ubatch": 1}}, {"engine": "vllm", "engine_options": {"gpu_memory_utilization": 3}},
        {"engine": "vllm", "engine_options": {"max_model_len": "long"}}, {"gpu": "2xH100", "tp": 4},
        {"engine": "vllm", "context": 4096, "engine_options": {"max_model_len": 1024}},
        {"engine": "llama.cpp", "kv_dtype": "q3"}, {"engine": "llama.cpp", "engine_options": {"flash_attn": "maybe"}},
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_an_error_with_a_hint(options):
    with pytest.raises(UsageError) as caught:
        fit(facts.LLAMA3_8B, **options)
    assert caught.value.hint


@pytest.fixture
def model(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(facts.LLAMA3_8B))
    return str(tmp_path)


@pytest.mark.parametrize(
    ("words", "code"), [(["--gpu", "80GB"], 0), (["--gpu", "8GB"], 1), ([], 2), (["--gpu", "H999"], 2)]
)
def test_exit_codes(model, words, code):
    assert run(["fit", model, *words]) == code


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("gpu", ["RTX 4090", "2x24GB", "8GB"])
def test_what_is_printed_fits_eighty_columns(model, engine, gpu):
    done = CliRunner().invoke(cli, ["fit", model, "--gpu", gpu, "--engine", engine], standalone_mode=False)
    assert done.exception is None
    assert max(len(line) for line in done.output.splitlines()) <= 80


@pytest.mark.parametrize("form", ["json", "markdown", "quiet"])
def test_the_other_forms(model, form):
    done = CliRunner().invoke(cli, ["fit", model, "--gpu", "80GB", "--format", form], standalone_mode=False)
    assert "fits" in done.output

"""`cardscope fit --largest`: the most parameters at each precision, and which known models fit."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import cardscope
from cardscope.cli.commands import cli
from cardscope.errors import UsageError
from cardscope.fitting.largest import known_models

ENGINES = ("transformers", "vllm", "llama.cpp", "generic")


@pytest.mark.parametrize("engine", ENGINES)
def test_what_it_names_fits(engine):
    """Every model it lists is one of which `fit` says so."""
    found = cardscope.largest("24GB", engine=engine)
    assert found.best
    for item in found.best:
        asked = None if _packed(item.id) else item.precision
        again = cardscope.fit(item.id, "24GB", engine=engine, context=8192, quant=asked, headers=False, offline=True)
        assert (again.verdict, again.need.total) == ("fits", item.need_bytes)


def _packed(name):
    return next(model for _, model in known_models() if model.id == name).packed


def test_one_more_step_of_width_would_not_fit():
    """The largest shape fills what the uncertainty leaves: 256 more of feed-forward width is too much."""
    found = cardscope.largest("24GB", quant="bf16")
    room = found.rooms[0]
    config = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": room.hidden_size,
        "intermediate_size": room.intermediate_size, "num_hidden_layers": room.num_layers, "head_dim": 128,
        "num_attention_heads": room.num_layers, "vocab_size": 128_256, "max_position_embeddings": 131_072,
        "num_key_value_heads": next(n for n in range(8, 0, -1) if room.num_layers % n == 0),
        "tie_word_embeddings": room.hidden_size <= 3072, "torch_dtype": "bfloat16",
    }  # fmt: skip
    assert cardscope.fit(config, "24GB", context=8192, headers=False).verdict == "fits"
    config["intermediate_size"] += 256
    assert cardscope.fit(config, "24GB", context=8192, headers=False).verdict != "fits"


def test_fewer_bits_hold_more():
    rooms = cardscope.largest("16GB", engine="llama.cpp").rooms
    counts = [room.max_parameters for room in rooms]
    assert counts == sorted(counts)
    assert rooms[-1].precision == "q2_k"


def test_more_memory_holds_no_less():
    small, large = cardscope.largest("8GB"), cardscope.largest("80GB")
    assert all((a.max_parameters or 0) < (b.max_parameters or 0) for a, b in zip(small.rooms, large.rooms, strict=True))


def test_models_made_for_less_context_are_left_out():
    """Llama 2 was made for 4,096 tokens."""
    rooms = cardscope.largest("24GB", context=65_536, quant="bf16").rooms
    named = {item.id for room in rooms for item in room.models}
    assert all((model.facts.max_positions or 65_536) >= 65_536 for _, model in known_models() if model.id in named)


def test_where_nothing_fits_it_says_so_and_exits_1():
    result = CliRunner().invoke(cli, ["fit", "--gpu", "50MB", "--largest"], standalone_mode=False)
    assert (result.return_value, "nothing in the catalogue fits" in result.output) == (1, True)


def test_a_phone_has_half_its_memory_and_no_host_beside_it():
    """The embeddings that llama.cpp leaves on the host count against a phone's own memory."""
    found = cardscope.fit("Qwen/Qwen2.5-0.5B-Instruct", "4GB phone", engine="llama.cpp", quant="q4_k_m",
                          context=2048, headers=False, offline=True)  # fmt: skip
    beside = cardscope.fit("Qwen/Qwen2.5-0.5B-Instruct", "2GB", engine="llama.cpp", quant="q4_k_m",
                           context=2048, headers=False, offline=True)  # fmt: skip
    assert found.need.limits == (2_000_000_000,)
    assert found.need.host == 0
    assert found.need.weights == beside.need.weights + beside.need.host


def test_json_holds_every_precision_and_what_fits():
    result = CliRunner().invoke(cli, ["fit", "--gpu", "2x24GB", "--largest", "--json"], standalone_mode=False)
    body = json.loads(result.output)
    assert body["schema"] == "cardscope.largest/1"
    assert [row["precision"] for row in body["precisions"]] == ["bf16", "fp8", "int8", "awq", "nf4"]
    assert body["device"]["count"] == 2
    assert all(row["share"] < 1 for row in body["best"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--largest"], "none was named"),
        (["gpt2", "--largest", "--gpu", "24GB"], "no single model"),
        (["--gpu", "24GB"], "no MODEL"),
        (["--gpu", "24GB", "--largest", "--engine", "nosuch"], "no rules for the engine"),
        (["--gpu", "24GB", "--largest", "--quant", "q99"], "no known precision"),
    ],
)
def test_words_that_do_not_go_together(words, message):
    with pytest.raises(UsageError, match=message):
        CliRunner().invoke(cli, ["fit", *words], standalone_mode=False, catch_exceptions=False)


@pytest.mark.parametrize("form", ["human", "markdown", "html", "json", "quiet"])
def test_every_form_names_the_best_model(form):
    result = CliRunner().invoke(cli, ["fit", "--gpu", "24GB", "--largest", "--format", form], standalone_mode=False)
    assert cardscope.largest("24GB").best[0].id in result.output

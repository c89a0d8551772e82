"""The command line that `fit` prints, and what has to exist before it runs."""

from __future__ import annotations

import pytest

import cardscope
from tests.facts import LLAMA3_8B


def said(quant: str, engine: str) -> tuple[str, str]:
    fit = cardscope.fit(LLAMA3_8B, gpu="RTX 4090", engine=engine, quant=quant, context=1024)
    return fit.to_dict()["command"], " ".join(fit.notes)


@pytest.mark.parametrize(
    ("quant", "engine", "flag"),
    [
        ("nf4", "transformers", "--quantization bnb-4bit"),
        ("int8", "transformers", "--quantization bnb-8bit"),
        ("fp16", "transformers", "--dtype float16"),
        ("nf4", "vllm", "--quantization bitsandbytes"),
        ("fp8", "vllm", "--quantization fp8"),
        ("fp16", "vllm", "--dtype float16"),
    ],
)
def test_a_precision_made_on_loading_is_asked_for(quant: str, engine: str, flag: str) -> None:
    """The line loads the model as the answer counted it."""
    command, notes = said(quant, engine)
    assert command.endswith(flag)
    assert "stands for" not in notes


@pytest.mark.parametrize(("quant", "engine"), [("awq", "transformers"), ("gptq", "vllm"), ("int8", "vllm")])
def test_a_precision_the_engine_does_not_make_needs_its_own_repository(quant: str, engine: str) -> None:
    """Without such a repository the line would load more than was counted."""
    command, notes = said(quant, engine)
    assert "--quantization" not in command
    assert f"stored in {quant}: {engine} does not make that on loading" in notes


@pytest.mark.parametrize("engine", ["transformers", "vllm"])
def test_the_own_precision_needs_no_flag(engine: str) -> None:
    """bfloat16 weights in bfloat16."""
    command, notes = said("bf16", engine)
    assert "--dtype" not in command
    assert "stands for" not in notes

"""What explain, compare, fit, train and design print, as it was last agreed upon, and that it agrees with itself.

`pytest tests/golden --update-golden` rewrites fixtures/commands; the differences are for a person to read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cardscope
from cardscope.comparison import render as compared
from cardscope.derivation import render as derived
from cardscope.designing import render as designed
from cardscope.fitting import render as fitted
from cardscope.fitting import show_tune as tuned
from cardscope.report.lines import columns, plain
from cardscope.training import render as trained
from tests import facts

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "commands"
FORMS = ("txt", "json", "md")
QWEN3_8B = {
    "model_type": "qwen3", "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "head_dim": 128,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 151_936, "max_position_embeddings": 40_960,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip


def _fit(config: dict[str, Any] | str, gpu: str | None, **options: Any) -> Any:
    return cardscope.fit(config, gpu, headers=False, **options)


def _tune(config: dict[str, Any] | str, gpu: str | None, **options: Any) -> Any:
    return cardscope.finetune(config, gpu, headers=False, **options)


MADE: dict[str, tuple[Callable[[], Any], Any]] = {
    "explain-nanochat-d20": (lambda: cardscope.explain("nanochat:d20"), derived),
    "explain-mixtral": (lambda: cardscope.explain(facts.MIXTRAL_8X7B), derived),
    "compare-nanochat": (lambda: cardscope.compare([], families=["nanochat"], headers=False), compared),
    "compare-what-ifs": (
        lambda: cardscope.compare(["nanochat:d20", "nanochat:d20,kv_heads=1", facts.GPT2], headers=False),
        compared,
    ),
    "train-nanochat-d32": (lambda: cardscope.train("nanochat:d32", device_batch=8, mfu=0.5092, price=24), trained),
    "train-gpt2": (lambda: cardscope.train(facts.GPT2, device_batch=8, devices=1), trained),
    "design-thirds": (lambda: cardscope.design(params="38M", split="1:1:1", price=24), designed),
    "fit-4090": (lambda: _fit(QWEN3_8B, "RTX 4090"), fitted),
    "fit-3060-offload": (lambda: _fit(QWEN3_8B, "RTX 3060 12GB"), fitted),
    "fit-two-sizes": (
        lambda: _fit(QWEN3_8B, "RTX 4090 + RTX 3060 12GB", context=32_768, engine_options={"device_map": "sequential"}),
        fitted,
    ),
    "fit-nowhere": (lambda: _fit(facts.GPT2, None), fitted),
    "fit-vllm-stages": (
        lambda: _fit(facts.DEEPSEEK_V3, "16xH100", engine="vllm", engine_options={"pipeline_parallel_size": 2}),
        fitted,
    ),
    "fit-phone": (
        lambda: _fit("nanochat:d20", "4GB phone", engine="llama.cpp", quant="q4_k_m", context=2048),
        fitted,
    ),
    "fit-gemma-llama-cpp": (
        lambda: _fit(facts.GEMMA3_27B, "M3 Max 64GB", engine="llama.cpp", quant="q4_k_m", context=65_536),
        fitted,
    ),
    "finetune-full": (lambda: _tune(QWEN3_8B, "RTX 4090"), tuned),
    "finetune-qlora": (lambda: _tune(QWEN3_8B, "RTX 4090", method="qlora", options={"recompute": "layers"}), tuned),
    "finetune-fsdp": (
        lambda: _tune(
            QWEN3_8B,
            "8xH100",
            sequence=8192,
            options={"sharding": "fsdp", "precision": "mixed", "recompute": "selective"},
        ),
        tuned,
    ),
    "design-llama": (lambda: cardscope.design(params="125M", family="llama", gqa=(1, 3), limit=4), designed),
}


@pytest.fixture(scope="module", params=MADE)
def made(request) -> tuple[str, dict[str, str]]:
    """A case's name and its answer in each form."""
    make, render = MADE[request.param]
    found = make()
    text = json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return request.param, {"txt": plain(render.lines(found)), "json": text, "md": render.markdown(found)}


@pytest.mark.parametrize("form", FORMS)
def test_the_answer_is_the_one_agreed_upon(made, form, request):
    name, forms = made
    path = FOLDER / f"{name}.{form}"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(forms[form], encoding="utf-8")
    assert forms[form] == path.read_text(encoding="utf-8")


def test_every_file_belongs_to_a_case():
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.{form}" for name in MADE for form in FORMS}


def test_no_line_is_longer_than_eighty_columns_or_ends_in_blanks(made):
    _, forms = made
    rows = forms["txt"].split("\n")
    assert max(columns(row) for row in rows) <= 80
    assert [row for row in rows if row != row.rstrip()] == []


def test_every_large_count_of_the_text_stands_in_another_form(made):
    """No form rounds what another prints in full; what explain multiplies out in the text are sums of JSON's steps."""
    name, forms = made
    shown = set(re.findall(r"\d{1,3}(?:,\d{3}){3,}", forms["txt"]))
    told = set(re.findall(r"\d{10,}", forms["json"]))
    if not name.startswith("explain"):
        assert {number for number in shown if number.replace(",", "") not in told} == set()
        return
    sections = json.loads(forms["json"])["sections"]
    sums = {section["count"] * step["parameters"] for section in sections for step in section["steps"]}
    assert {
        number for number in shown if int(number.replace(",", "")) not in sums and number not in forms["md"]
    } < shown


def test_every_table_of_the_markdown_has_as_many_cells_in_each_row(made):
    _, forms = made
    for block in re.findall(r"(?:^\|.*\n)+", forms["md"], re.MULTILINE):
        rows = block.strip().split("\n")
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1

"""Reports as they were last agreed upon, which must also agree with themselves.

`pytest tests/golden --update-golden` rewrites fixtures/golden; the differences are for a person to read.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from cardscope.assemble import Options, assemble
from cardscope.model import HubFacts
from cardscope.report.lines import columns
from cardscope.report.model import Exact, Report
from cardscope.report.render import render
from cardscope.source import resolve
from tests import facts

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "golden"
FORMS = {"txt": "human", "json": "json", "md": "markdown"}
NOT_ASKED = Exact(None, reason="not asked for")


@dataclass(frozen=True)
class Case:
    """One model: its config, its name, and what the other witnesses said."""

    config: dict[str, Any] | str
    id: str
    exact: Exact = NOT_ASKED
    hub: HubFacts | None = None
    options: Options = field(default_factory=Options)
    sets: tuple[str, ...] = ()


def _hub(**counts: int) -> HubFacts:
    return HubFacts(safetensors_total=sum(counts.values()), safetensors_dtypes=counts)


NEWCOMER = {
    "model_type": "newcomer",
    "architectures": ["NewcomerForCausalLM"],
    "hidden_size": 64,
    "torch_dtype": "float16",
}
CASES = {
    "gpt2": Case(
        facts.GPT2, "openai-community/gpt2", Exact(124_439_808, 0, "GPT2LMHeadModel", "ok"), _hub(F32=137_022_720)
    ),
    "llama-3-8b": Case(
        facts.LLAMA3_8B,
        "meta-llama/Meta-Llama-3-8B",
        Exact(8_030_261_248, 0, "LlamaForCausalLM", "ok"),
        _hub(BF16=8_030_261_248),
    ),
    "llama-3-8b-what-if": Case(
        facts.LLAMA3_8B,
        "meta-llama/Meta-Llama-3-8B",
        options=Options(context=1_000_000, batch=4, kv_dtype="fp8"),
        sets=("num_key_value_heads=32", "tie_word_embeddings=true"),
    ),
    "mistral-7b": Case(facts.MISTRAL_7B, "mistralai/Mistral-7B-v0.1"),
    "mixtral-8x7b": Case(facts.MIXTRAL_8X7B, "mistralai/Mixtral-8x7B-v0.1"),
    "deepseek-v3": Case(
        {**facts.DEEPSEEK_V3, "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}},
        "deepseek-ai/DeepSeek-V3",
        hub=_hub(BF16=3_918_786_560, F8_E4M3=680_571_043_840, F32=41_555_600),
    ),
    "gemma-2-2b": Case(facts.GEMMA2_2B, "google/gemma-2-2b"),
    "gemma-3-1b": Case(facts.GEMMA3_1B, "google/gemma-3-1b-it"),
    "gemma-3-27b-wrapper": Case(
        facts.GEMMA3_27B, "google/gemma-3-27b-it", Exact(27_432_406_640, 0, "Gemma3ForConditionalGeneration", "ok")
    ),
    "gpt-oss-20b": Case(facts.GPT_OSS_20B, "openai/gpt-oss-20b"),
    "qwen3-next-80b": Case(facts.QWEN3_NEXT_80B, "Qwen/Qwen3-Next-80B-A3B-Instruct"),
    "falcon-7b": Case(facts.FALCON_7B, "tiiuae/falcon-7b"),
    "mamba-130m": Case(facts.MAMBA_130M, "state-spaces/mamba-130m-hf"),
    "jamba-1.5-mini": Case(facts.JAMBA_MINI, "ai21labs/AI21-Jamba-1.5-Mini"),
    "gpt-3-13b-as-printed": Case(facts.gpt2(5140, 40, 40, 2048), "GPT-3 13B"),
    "nanochat-d20": Case("nanochat:d20", "nanochat:d20"),
    "unknown-type": Case(
        NEWCOMER,
        "someone/newcomer",
        Exact(None, None, "NewcomerForCausalLM", "unavailable", "transformers has no class NewcomerForCausalLM"),
        _hub(F16=1_234_567),
    ),
}


def report(case: Case) -> Report:
    """The report of a case, as if its config had come from the Hub (or from a file, where no total is given)."""
    raw = resolve(case.config, sets=case.sets)
    if not isinstance(case.config, str):
        raw = replace(raw, id=case.id, source="hub" if case.hub else "file", where="config.json", hub=case.hub)
    return assemble(raw, exact=case.exact, options=case.options)


@pytest.fixture(scope="module", params=CASES)
def made(request) -> tuple[str, dict[str, str]]:
    """A case's name and its report in each form."""
    found = report(CASES[request.param])
    return request.param, {suffix: render(found, form) for suffix, form in FORMS.items()}


@pytest.mark.parametrize("suffix", FORMS)
def test_the_report_is_the_one_agreed_upon(made, suffix, request):
    name, forms = made
    path = FOLDER / f"{name}.{suffix}"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(forms[suffix], encoding="utf-8")
    assert forms[suffix] == path.read_text(encoding="utf-8")


def test_every_golden_file_belongs_to_a_case():
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.{suffix}" for name in CASES for suffix in FORMS}


# -- the reports against themselves -----------------------------------------------------------------------------------


def number(text: str) -> int:
    """A count as it is printed."""
    return int(text.replace(",", "").replace("−", "-").replace(" ", "").replace("+", ""))


def section(text: str, head: str) -> list[str]:
    """The lines of a text report's section."""
    found = re.search(rf"^{head}[^\n]*\n(.*?)(?:\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1].split("\n") if found else []


def table(text: str, head: str) -> list[list[str]]:
    """The rows of a Markdown report's table."""
    found = re.search(rf"^### {head}[^\n]*\n(.*?)(?:\n### |\Z)", text, re.MULTILINE | re.DOTALL)
    rows = [row for row in (found[1] if found else "").split("\n") if row.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


def components(forms: dict[str, str]) -> dict[str, tuple[int, float]]:
    """Component → (count, per cent), as the text shows them."""
    rows = (re.match(r"  (\w+) +([\d,]+) +([\d.]+) %", row) for row in section(forms["txt"], "WHERE THEY LIVE"))
    return {row[1]: (number(row[2]), float(row[3])) for row in rows if row}


def test_components_sum_to_the_total_and_shares_to_a_hundred(made):
    _, forms = made
    analytic = json.loads(forms["json"])["parameters"]["analytic"]
    found = components(forms)
    assert {name: count for name, (count, _) in found.items()} == analytic["components"]
    if found:
        assert sum(count for count, _ in found.values()) == analytic["total"]
        assert sum(share for _, share in found.values()) == pytest.approx(100, abs=0.05 * len(found) + 1e-9)


def test_markdown_lists_the_same_components(made):
    _, forms = made
    rows = {row[0]: (number(row[1]), float(row[2].removesuffix(" %"))) for row in table(forms["md"], "Where they live")}
    assert rows == components(forms)


def test_text_and_markdown_print_the_counts_of_the_json(made):
    _, forms = made
    parameters = json.loads(forms["json"])["parameters"]
    stored = parameters["checkpoint"]["stored_numbers"]
    wanted = [stored, *(parameters[name]["total"] for name in ("exact", "analytic", "heuristic"))]
    rows = section(forms["txt"], "PARAMETERS")
    shown = []
    for name in ("stored", "exact", "analytic", "12·L·d²"):
        row = next(row for row in rows if row.startswith(f"  {name} "))
        found = re.match(r".{37}\s*([\d,]+)(?:   |$)", row)
        shown.append(number(found[1]) if found else None)
    assert shown == wanted
    cells = [row[1] for row in table(forms["md"], "Parameters")]
    assert [None if cell == "unknown" else number(cell) for cell in cells] == wanted


def test_printed_terms_sum_to_the_difference(made):
    _, forms = made
    differences = [item for item in json.loads(forms["json"])["parameters"]["differences"] if item["terms"]]
    text = " ".join(" ".join(section(forms["txt"], "PARAMETERS")).split())
    shown = re.split(r"(?:the rule|analytic|exact) → (?:analytic|exact|stored): ", text)[1:]
    assert len(shown) == len(differences)
    for row, item in zip(shown, differences, strict=True):
        assert sum(number(sign + value) for sign, value in re.findall(r"([+−]) \D+?([\d,]+)", row)) == item["delta"]
    for row, item in zip(table(forms["md"], "Why they differ"), differences, strict=True):
        assert number(row[1]) == item["delta"]
        assert sum(number(value) for value in re.findall(r" ([+−-][\d,]+?)(?=,|$)(?!,\d)", row[3])) == item["delta"]


def test_memory_rows_say_the_same_in_every_form(made):
    """Markdown holds every row of the JSON; the text some of them, in the same order, and how many it leaves out."""
    _, forms = made
    rows = {row["precision"]: row for row in json.loads(forms["json"])["memory"]["weights"]}
    lines = section(forms["txt"], "MEMORY")
    text = [re.split(r"\s{2,}", row.strip())[:3] for row in lines if "by a rule" not in row and "more prec" not in row]
    shown = [row[0] for row in text]
    assert shown == [name for name in rows if name in shown]
    assert {"bf16", "fp32"} & set(rows) <= set(shown)
    assert [float(row[1]) for row in text] == [round(rows[row[0]]["bits_per_weight"], 2) for row in text]
    left = [int(row.split()[0]) for row in lines if "more precisions" in row]
    assert sum(left) == len(rows) - len(shown)
    markdown = {row[0]: (row[1], row[2]) for row in table(forms["md"], "Memory of the weights")}
    assert list(markdown) == list(rows)
    assert [float(bits) for _, bits in markdown.values()] == [round(row["bits_per_weight"], 2) for row in rows.values()]
    assert [markdown[row[0]][0] for row in text] == [row[2].removeprefix("~") for row in text]


def test_cache_rows_of_the_text_are_rows_of_the_markdown(made):
    _, forms = made
    text = [re.split(r"\s{2,}", row.strip()) for row in section(forms["txt"], "CACHE")[1:]]
    markdown = {row[0]: row[1] for row in table(forms["md"], "KV cache")}
    assert all(markdown[row[0]] == row[1] for row in text if row[0] != "any")


def test_no_line_of_the_text_is_longer_than_eighty_columns(made):
    _, forms = made
    assert max(columns(row) for row in forms["txt"].split("\n")) <= 80


def test_no_line_ends_in_blanks(made):
    _, forms = made
    assert not [row for row in forms["txt"].split("\n") if row != row.rstrip()]


def test_the_headline_is_the_same_number_everywhere(made):
    _, forms = made
    headline = json.loads(forms["json"])["headline"]
    first = forms["txt"].split("\n")[1]
    assert first.split(" · ")[0] in forms["md"]
    if headline["total"] is None:
        assert "parameters" not in first.split(" · ")[0]
    else:
        shown, unit = re.match(r"([\d.]+) ([KMBT]) parameters", first).groups()
        scale = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}[unit]
        assert float(shown) == pytest.approx(headline["total"] / scale, abs=0.005)

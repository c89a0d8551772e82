"""Every finding: a config that has it and one, as like it as can be, that has not."""

from __future__ import annotations

from typing import Any

import pytest

from cardscope.assemble import assemble
from cardscope.findings import RULES, Finding
from cardscope.model import HubFacts, RawConfig
from cardscope.report.model import Exact
from tests import facts

Config = dict[str, Any]
LLAMA = facts.LLAMA3_8B
GPT2 = {**facts.GPT2, "torch_dtype": "float32"}
DEEPSEEK_V2 = {"model_type": "deepseek_v2", "torch_dtype": "bfloat16"}
DISTILBERT = {"model_type": "distilbert", "torch_dtype": "float32"}
LONGCAT = {"model_type": "longcat_flash", "torch_dtype": "bfloat16"}
T5 = {"model_type": "t5", "torch_dtype": "float32", "architectures": ["T5ForConditionalGeneration"]}
HUNYUAN = {"model_type": "hy_v4", "torch_dtype": "bfloat16"}


def findings(config: Config, **rest: Any) -> tuple[Finding, ...]:
    """The findings of a config, with what other witnesses said."""
    exact = rest.pop("exact", Exact(None, reason="not asked for"))
    return assemble(RawConfig(config, "org/name", "hub", **rest), exact=exact).findings


def without(config: Config, *keys: str) -> Config:
    """The config with keys left out."""
    return {key: value for key, value in config.items() if key not in keys}


PAIRS: dict[str, tuple[Config, Config]] = {
    "CS102": (
        {**GPT2, "n_embd": 5140, "n_head": 40},
        {**GPT2, "n_embd": 5120, "n_head": 40},
    ),
    "CS110": ({**LLAMA, "mm_hidden_size": 1024}, {**LLAMA, "rope_theta": 500_000.0}),
    "CS111": (
        {**DEEPSEEK_V2, "transformers_version": "4.57.6"},
        {**DEEPSEEK_V2, "transformers_version": "5.23.0"},
    ),
    "CS112": ({**LLAMA, "auto_map": {"AutoModel": "modeling.Model"}}, {**LLAMA, "auto_map": {}}),
    "CS113": (without(GPT2, "model_type"), GPT2),
    "CS114": (without(LLAMA, "torch_dtype"), {**without(LLAMA, "torch_dtype"), "dtype": "bfloat16"}),
    "CS115": ({**GPT2, "num_hidden_layers": 6}, {**GPT2, "num_hidden_layers": 12}),
    "CS116": (DISTILBERT, {**DISTILBERT, "architectures": ["DistilBertModel"]}),
    "CS117": ({**LONGCAT, "zero_expert_num": 256}, {**LONGCAT, "zero_expert_num": 0}),
    "CS118": ({**T5, "tie_word_embeddings": False}, {**T5, "tie_word_embeddings": True}),
    "CS119": (
        {**LLAMA, "architectures": ["MedusaLlamaForCausalLM"]},
        {**LLAMA, "architectures": ["LlamaForCausalLM"]},
    ),
    "CS120": ({**HUNYUAN, "num_nextn_predict_layers": 1}, {**HUNYUAN, "num_nextn_predict_layers": 0}),
    "CS121": ({**LLAMA, "model_type": "Yi"}, LLAMA),
}
"""Code → (a config that has it, a config that has not)."""


@pytest.mark.parametrize("code", PAIRS)
def test_the_finding_is_there(code):
    found = [item for item in findings(PAIRS[code][0]) if item.code == code]
    assert found
    assert found[0].severity == RULES[code][0]
    assert found[0].message
    assert found[0].where.startswith("config.json")


@pytest.mark.parametrize("code", PAIRS)
def test_the_finding_is_not_there(code):
    assert code not in {item.code for item in findings(PAIRS[code][1])}


def test_a_count_that_differs_from_the_empty_models():
    wrong = findings(LLAMA, exact=Exact(8_030_261_000, 0, "LlamaForCausalLM", "ok"))
    assert [(item.code, item.severity) for item in wrong] == [("CS201", "error")]
    assert "+248" in wrong[0].message
    assert findings(LLAMA, exact=Exact(8_030_261_248, 0, "LlamaForCausalLM", "ok")) == ()


def test_a_hub_total_without_a_reason():
    wrong = findings(LLAMA, hub=HubFacts(safetensors_total=8_030_261_300))
    assert [(item.code, item.severity) for item in wrong] == [("CS202", "warning")]
    assert "+52" in wrong[0].message
    assert findings(LLAMA, hub=HubFacts(safetensors_total=8_030_261_248)) == ()


@pytest.mark.parametrize(
    ("config", "where"),
    [
        (PAIRS["CS102"][0], "config.json:num_attention_heads"),
        (PAIRS["CS110"][0], "config.json:mm_hidden_size"),
        (PAIRS["CS112"][0], "config.json:auto_map"),
        (PAIRS["CS115"][0], "config.json:n_layer"),
    ],
)
def test_a_finding_says_which_key_it_is_about(config, where):
    assert where in [item.where for item in findings(config)]


@pytest.mark.parametrize("code", ["CS110", "CS111", "CS112", "CS119"])
def test_what_may_change_a_count_lowers_the_confidence(code):
    doubtful, sure = (assemble(RawConfig(config, "x", "file")).parameters.analytic for config in PAIRS[code])
    assert (doubtful.confidence, sure.confidence) == ("declared-unseen", "declared")

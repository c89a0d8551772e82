"""Every rule of the audit: something it finds, and something as like it as can be, in which it finds nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import cardscope
from cardscope.auditing.analyse import Analyst
from cardscope.model import HubFacts, RawConfig
from cardscope.rules import RULES, Repository, of_config, of_repository
from tests import facts

ROOT = Path(__file__).resolve().parents[2]
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8192}
CAUSAL = {"architectures": ["LlamaForCausalLM"]}
CONFIGS = {
    "CS301": (
        {"max_position_embeddings": 65536, "rope_scaling": YARN},
        {"max_position_embeddings": 32768, "rope_scaling": YARN},
    ),
    "CS302": ({"rope_scaling": {"factor": 2.0}}, {"rope_scaling": {"factor": 2.0, "type": "linear"}}),
    "CS303": (
        {"rope_scaling": {"type": "yarn", "rope_type": "linear"}},
        {"rope_scaling": {"type": "yarn", "rope_type": "yarn"}},
    ),
    "CS304": (
        {"sliding_window": 8192, "max_position_embeddings": 4096},
        {"sliding_window": 4096, "max_position_embeddings": 4096},
    ),
    "CS305": (
        {"use_sliding_window": True, "sliding_window": None},
        {"use_sliding_window": False, "sliding_window": None},
    ),
    "CS306": ({"vocab_size": 100, "eos_token_id": [2, 100]}, {"vocab_size": 100, "eos_token_id": [2, 99]}),
    "CS307": ({"pad_token_id": -1}, {"pad_token_id": None}),
    "CS308": ({"dtype": "bfloat16", "torch_dtype": "float16"}, {"dtype": "bfloat16", "torch_dtype": "bfloat16"}),
    "CS309": ({"quantization_config": {"bits": 4}}, {"quantization_config": {"bits": 4, "quant_method": "awq"}}),
    "CS310": ({"transformers_version": "4.50.0.dev0"}, {"transformers_version": "4.50.0"}),
    "CS311": ({"architectures": ["A", "B"]}, {"architectures": ["A"]}),
    "CS312": ({"_name_or_path": "/home/me/model"}, {"_name_or_path": "org/model"}),
    "CS313": ({"head_dim": 127}, {"head_dim": 128}),
    "CS314": ({"rms_norm_eps": 0.0}, {"rms_norm_eps": 1e-6}),
    "CS315": ({"rope_theta": 1.0}, {"rope_theta": 10000.0}),
    "CS316": ({"attention_dropout": 1.5}, {"attention_dropout": 0.1}),
}


def repo(*files: str, name: str = "org/m", config=None, parameters=None, **rest) -> Repository:
    """A repository with these files."""
    return Repository(name, config or {}, parameters, HubFacts(files=tuple((file, 1) for file in files), **rest))


REPOSITORIES = {
    "CS401": (repo(name="org/m-AWQ"), repo(name="org/m-AWQ", config={"quantization_config": {"quant_method": "awq"}})),
    "CS402": (repo(name="org/m-7B", parameters=1_100_000_000), repo(name="org/m-7B", parameters=6_738_415_616)),
    "CS403": (repo("pytorch_model.bin"), repo("pytorch_model.bin", "model.safetensors")),
    "CS404": (
        repo("model.safetensors.index.json"),
        repo("model.safetensors.index.json", "model-00001-of-00001.safetensors"),
    ),
    "CS405": (
        repo("model-00001-of-00002.safetensors"),
        repo("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
    ),
    "CS406": (repo("config.json", config=CAUSAL), repo("config.json", "generation_config.json", config=CAUSAL)),
    "CS407": (repo("config.json", config=CAUSAL), repo("config.json", "tokenizer.json", config=CAUSAL)),
    "CS501": (repo("config.json"), repo("config.json", license="mit")),
    "CS502": (repo(license="other"), repo(license="mit")),
    "CS503": (repo("config.json"), repo("config.json", pipeline_tag="text-generation")),
    "CS504": (repo("config.json"), repo("config.json", "README.md")),
}


def codes(found) -> set[str]:
    """The codes of findings."""
    return {each.code for each in found}


@pytest.mark.parametrize("code", CONFIGS)
def test_a_rule_of_configs_tells_the_two_apart(code):
    bad, good = CONFIGS[code]
    assert code in codes(of_config(bad, "config.json"))
    assert code not in codes(of_config(good, "config.json"))


@pytest.mark.parametrize("code", REPOSITORIES)
def test_a_rule_of_repositories_tells_the_two_apart(code):
    bad, good = REPOSITORIES[code]
    assert code in codes(of_repository(bad))
    assert code not in codes(of_repository(good))


@pytest.mark.parametrize(
    "about",
    [
        repo(name="org/m-1_6b", parameters=1_644_515_328),
        repo(name="org/m-17B-128E", parameters=401_583_781_376)._replace(active=17_170_000_000),
        repo(name="org/m-8x7B", parameters=46_702_792_704),
        repo(name="org/m-30B-A3B", parameters=30_532_122_624),
    ],
)
def test_sizes_that_are_meant_otherwise_are_no_finding(about):
    assert "CS402" not in codes(of_repository(about))


def test_every_rule_is_tried():
    from tests.unit import test_rules_cards as cards
    from tests.unit import test_rules_more as more

    assert {*CONFIGS, *REPOSITORIES, *more.CONFIGS, *more.REPOSITORIES, *cards.CARDS} == set(RULES)


def test_the_text_model_of_a_wrapper_is_looked_at():
    (found,) = of_config({"text_config": {"head_dim": 127}}, "config.json")
    assert (found.code, found.where) == ("CS313", "config.json:text_config.head_dim")


def test_an_audit_applies_them():
    (row,) = cardscope.audit([{**facts.LLAMA3_8B, "pad_token_id": 128_256}])
    assert ("CS306", "error") in [(found.code, found.severity) for found in row.findings]


def test_the_name_counts_even_where_the_config_was_seen_before():
    analyst = Analyst()
    rows = [analyst.row(name, RawConfig(facts.LLAMA3_8B, name, "file")) for name in ("org/l-8B", "org/l-70B")]
    assert [codes(row.findings) for row in rows] == [set(), {"CS402"}]


def test_the_pages_are_fresh():
    done = subprocess.run([sys.executable, "tools/rules.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

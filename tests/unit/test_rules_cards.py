"""The rules over a card's metadata and sections: found in one card, not found in one as like it as can be."""

import json

import pytest

import cardscope
from cardscope.carding.lint import findings
from cardscope.rules import Card, of_card
from tests import facts
from tests.unit.test_rules import codes

GPTQ = {"quantization_config": {"quant_method": "gptq", "bits": 4}}
MASKED = {"architectures": ["BertForMaskedLM"], "model_type": "bert"}
RESULT = {"task": {"type": "text-generation"}, "dataset": {"name": "d", "type": "d"}}
METRIC = {"type": "accuracy", "value": 0.5}
CARDS = {
    "CS450": (Card(present=False), Card(data={"license": "mit"})),
    "CS451": (Card(error="the metadata block is not YAML at line 3"), Card()),
    "CS452": (Card(data={"license": "Apache 2.0"}), Card(data={"license": "apache-2.0"})),
    "CS453": (
        Card(data={"license": "other"}),
        Card(data={"license": "other", "license_name": "own", "license_link": "LICENSE"}),
    ),
    "CS454": (Card(config=GPTQ), Card(config=GPTQ, data={"base_model": "org/base"})),
    "CS455": (Card(data={"base_model": "Base 7B"}), Card(data={"base_model": "org/Base-7B"})),
    "CS456": (
        Card(name="org/own", data={"base_model": "org/own"}),
        Card(name="org/own", data={"base_model": "org/other"}),
    ),
    "CS457": (
        Card(data={"base_model": "org/b", "base_model_relation": "quantized"}, config={"model_type": "llama"}),
        Card(data={"base_model": "org/b", "base_model_relation": "quantized"}, config=GPTQ),
    ),
    "CS458": (Card(data={"pipeline_tag": "chatting"}), Card(data={"pipeline_tag": "text-generation"})),
    "CS459": (
        Card(data={"pipeline_tag": "text-generation"}, config=MASKED),
        Card(data={"pipeline_tag": "fill-mask"}, config=MASKED),
    ),
    "CS460": (Card(data={"license": "mit"}), Card(data={"license": "mit", "library_name": "transformers"})),
    "CS461": (Card(data={"language": ["en", "german"]}), Card(data={"language": ["en", "de", "zh-Hant", "yue"]})),
    "CS462": (
        Card(data={"datasets": ["https://example.org/data"]}),
        Card(data={"datasets": ["wikipedia", "org/data"]}),
    ),
    "CS463": (
        Card(results=[{"name": "m", "results": [{**RESULT, "metrics": [{"type": "accuracy"}]}]}]),
        Card(results=[{"name": "m", "results": [{**RESULT, "metrics": [METRIC]}]}]),
    ),
    "CS464": (
        Card(data={"tags": ["mistral"]}, config={"model_type": "llama"}),
        Card(data={"tags": ["mistral", "llama"]}, config={"model_type": "llama"}),
    ),
    "CS465": (
        Card(data={"extra_gated_fields": ["Name", "Country"]}),
        Card(data={"extra_gated_fields": {"Name": "text", "Country": "country"}}),
    ),
    "CS466": (Card(headings=("Evaluation",)), Card(headings=("Intended uses",))),
    "CS467": (Card(headings=("Evaluation",)), Card(headings=("Limitations and bias",))),
    "CS468": (Card(headings=("Evaluation",)), Card(headings=("Training data",))),
}


@pytest.mark.parametrize("code", CARDS)
def test_a_rule_of_cards_tells_the_two_apart(code):
    bad, good = CARDS[code]
    assert code in codes(of_card(bad))
    assert code not in codes(of_card(good))


@pytest.mark.parametrize(
    ("relation", "bases", "files"),
    [("parent", ["org/a"], ()), ("merge", ["org/a"], ()), ("adapter", ["org/a"], ("config.json",))],
)
def test_relations_that_cannot_be(relation, bases, files):
    card = Card(data={"base_model": bases, "base_model_relation": relation}, files=files)
    assert "CS457" in codes(of_card(card))


def test_an_unquoted_no_is_norwegian_misread():
    assert any("Norwegian" in found.message for found in findings("---\nlanguage:\n- no\n---\n", None))


def test_an_adapter_without_a_base_is_found():
    assert "CS454" in codes(of_card(Card(files=("adapter_config.json",))))


@pytest.mark.parametrize("results", ["x", [], [{}], [{"name": "m"}], [{"name": "m", "results": [1]}]])
def test_any_other_shape_of_results_is_found(results):
    assert "CS463" in codes(of_card(Card(results=results)))


def test_a_finding_says_where():
    (found,) = [each for each in findings("---\nlicense: gpl3\n---\n", None) if each.code == "CS452"]
    assert (found.where, found.severity) == ("README.md:license", "warning")


CARD = "---\nlicense: Apache 2.0\n---\n# A model\n"


def test_a_card_in_a_folder_is_part_of_the_report_and_of_the_audit_s_row(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(facts.LLAMA3_8B))
    assert "CS452" not in codes(cardscope.inspect(tmp_path, exact=False).findings)
    (tmp_path / "README.md").write_text(CARD)
    assert "CS452" in codes(cardscope.inspect(tmp_path, exact=False).findings)
    (row,) = cardscope.audit([tmp_path])
    assert "CS452" in codes(row.findings)
    assert "CS452" in codes(cardscope.card(tmp_path).findings)

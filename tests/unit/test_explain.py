"""`cardscope explain`: the derivation's lines sum to the total, in every form."""

import json

import pytest

import cardscope
from cardscope.cli import run
from cardscope.derivation.render import lines
from cardscope.errors import NotModelled
from cardscope.report.lines import WIDTH, columns, plain
from cardscope.source import catalog
from tests import facts

MINI = facts.llama(64, 2, 4, 4, 256, 512, 32) | {"tie_word_embeddings": True}
SAMPLE = sorted(catalog.ids())[::12]


@pytest.mark.parametrize("name", SAMPLE)
def test_lines_sum_to_sections_and_sections_to_the_total(name):
    config = dict(catalog.lookup(name).config)
    report = cardscope.inspect(config, exact=False, headers=False)
    if report.parameters.analytic.total is None:
        pytest.skip("not modelled as a whole")
    found = cardscope.explain(config)
    assert sum(section.total for section in found.sections) == found.total == report.parameters.analytic.total
    components = {}
    for section in found.sections:
        for component, each in section.by_component().items():
            components[component] = components.get(component, 0) + section.count * each
    assert {k: v for k, v in components.items() if v} == {
        k: v for k, v in report.parameters.analytic.components.items() if v
    }


@pytest.mark.parametrize("name", SAMPLE)
def test_text_keeps_to_eighty_columns(name):
    config = dict(catalog.lookup(name).config)
    try:
        found = cardscope.explain(config)
    except NotModelled:
        pytest.skip("not modelled as a whole")
    assert max(columns(row) for row in plain(lines(found)).split("\n")) <= WIDTH


def test_nanochat_d20_step_by_step():
    found = cardscope.explain("nanochat:d20")
    steps = {step.name: step.parameters for section in found.sections for step in section.steps}
    assert [steps[f"{name}.weight"] for name in ("q", "k", "v", "o", "up", "down")] == [1_638_400] * 4 + [6_553_600] * 2
    assert (found.total, found.blocks) == (560_988_160, 393_216_000)
    assert found.short[0].parameters == 393_216_000
    assert found.short[1].percent_off == 0
    assert {fact.name: fact.value for fact in found.facts} == {
        "Muon": 393_216_000,
        "AdamW": 167_772_160,
        "scaling parameters": 477_102_080,
        "FLOPs per token": 3_491_758_080,
    }


def test_doubling_the_vocabulary_of_d20_adds_one_embedding_and_one_head():
    scaled = {item.name: item.total for item in cardscope.explain("nanochat:d20").scaling}
    assert scaled["twice the vocabulary"] == 560_988_160 + 2 * 65_536 * 1280
    assert scaled["twice the depth"] == 560_988_160 + 393_216_000
    assert scaled["twice the width (and the heads)"] == 4 * 393_216_000 + 2 * 167_772_160


def test_doubling_gpt2_finds_the_sizes_under_its_own_keys():
    scaled = {item.name: item.total for item in cardscope.explain(facts.GPT2).scaling}
    assert scaled["twice the vocabulary"] == 124_439_808 + 50_257 * 768


def test_a_tied_head_is_a_line_of_its_own_that_adds_nothing():
    (head,) = [s for section in cardscope.explain(MINI).sections for s in section.steps if s.component == "head"]
    assert (head.parameters, "tied" in head.why) == (0, True)


def test_grouped_heads_are_told_in_the_reason():
    steps = [s for section in cardscope.explain(facts.LLAMA3_8B).sections for s in section.steps]
    assert next(s.why for s in steps if s.name == "k.weight") == "keys: 8 heads of 128, each for 4 query heads"


def test_what_is_not_modelled_has_no_derivation():
    with pytest.raises(NotModelled, match="nothing to derive"):
        cardscope.explain({"model_type": "unheard_of", "hidden_size": 8})


def test_the_function_stays_callable_after_its_package_is_imported():
    cardscope.explain("nanochat:d4")
    assert callable(cardscope.explain)


@pytest.mark.parametrize("form", ["human", "markdown", "json"])
def test_every_form_carries_the_total(form, capsys):
    assert run(["explain", "nanochat:d20,release=head", "--format", form]) == 0
    assert "896,533,746" in capsys.readouterr().out.replace("896533746", "896,533,746")


def test_json_sections_sum_and_a_what_if_is_applied(capsys):
    assert run(["explain", "nanochat:d20", "--set", "num_key_value_heads=1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "cardscope.explain/1"
    assert sum(section["total"] for section in found["sections"]) == found["total"] == 502_005_760

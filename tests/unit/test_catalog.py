"""The bundled catalogue."""

import json
from datetime import date

import pytest

from cardscope.source import catalog, shape

LINES = [json.loads(line) for line in catalog.PATH.read_text(encoding="utf-8").splitlines()]


def test_an_entry_is_found_by_id_whatever_the_case():
    assert catalog.lookup("META-llama/meta-llama-3-8b").total == 8_030_261_248


def test_an_entry_is_found_by_its_alias():
    assert catalog.lookup("gpt2").id == "openai-community/gpt2"


@pytest.mark.parametrize("name", ["model_type", "mistral", "gpt3", '","', "LlamaForCausalLM", ""])
def test_other_text_of_the_file_is_no_entry(name):
    assert catalog.lookup(name) is None


def test_an_entry_like_another_has_its_fields():
    one, other = catalog.lookup("meta-llama/Meta-Llama-3-8B"), catalog.lookup("meta-llama/Meta-Llama-3-8B-Instruct")
    assert one.config == other.config
    assert one.id != other.id


def test_an_entry_is_like_one_that_has_fields_of_its_own():
    own = {line["id"] for line in LINES if "config" in line}
    assert {line["like"] for line in LINES if "config" not in line} <= own


def test_every_line_is_found_by_its_own_id():
    assert [catalog.lookup(name).id for name in catalog.ids()] == [line["id"] for line in LINES]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["id"])
def test_every_line_states_its_facts(line):
    assert next(iter(line)) == "id"
    assert date.fromisoformat(f"{line['date']}-01-01"[:10])
    assert line["source"]
    assert catalog.lookup(line["id"]).total_source
    assert line["total"] > 0
    assert set(line) <= {
        "id",
        "aliases",
        "revision",
        "gated",
        "date",
        "source",
        "total",
        "total_source",
        "config",
        "like",
    }
    shape.check(catalog.lookup(line["id"]).config, line["id"])


def test_a_misspelled_id_finds_its_neighbours():
    assert catalog.nearest("meta-lama/Meta-Llama-3-8b")[0] == "meta-llama/Meta-Llama-3-8B"
    assert catalog.nearest("completely-different") == ()

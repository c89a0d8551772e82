"""Cards that mean harm, and any text at all: read within bounds, no exception, nothing wrong without a witness."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cardscope
from cardscope.carding.answer import analyse
from cardscope.carding.metadata import load, split
from cardscope.carding.model import KINDS
from cardscope.carding.numbers import quantities
from cardscope.carding.read import MAX_BODY, read
from cardscope.carding.render import lines, markdown
from cardscope.report.lines import WIDTH, columns, plain
from tests import facts

WORDS = st.sampled_from(
    [
        "8B", "128K", "8,030,261,248", "1.280", "720亿", "parameters", "layers", "context length", "of", "is",
        "the model", "GQA", "experts", "tokens", "trained on", "| a | b |", "|---|---|", "- ", "# ", "> ", "```", "---",
        "\n", "\n\n", "**", "[x](y)", "<b>", "<table>", "<tr><td>", "</table>", "license: mit", "&amp;", "\t", "+",
        "https://img.shields.io/badge/Params-8B-blue", "Llama-2-7B", "fine-tuned from", "BF16", "~", "%", "GB",
    ]
)  # fmt: skip
CARDS = st.lists(WORDS, max_size=60).map(" ".join) | st.text(max_size=400)
REPORT = cardscope.inspect(facts.LLAMA3_8B, exact=False, headers=False)
BOMBS = {
    "quotes": "> " * 100_000,
    "lists": "\n".join(" " * n + "- a" for n in range(500)),
    "brackets": "[" * 100_000,
    "links": "[a](" * 50_000,
    "images": "![" * 50_000,
    "tags": "<a " * 50_000,
    "tables": "<table><tr><td>" * 20_000,
    "comments": "<!--" * 50_000,
    "stars": "*a **b _c " * 20_000,
    "numbers": "1,000,000,000,000,000,000 " * 5_000,
    "digits": "9" * 200_000,
    "label": ("a" * 60 + ": ") * 5_000,
    "cells": "|" * 50_000 + "\n" + "|-" * 50_000,
    "flow": "---\na: " + "[" * 50_000 + "\n---\n",
    "blocks": "---\n" + "- " * 30_000 + "\n---\n",
    "aliases": "---\na0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(60)) + "---\n",
    "circle": "---\na: &a [*a]\n---\n",
    "tag": "---\na: !!python/object/apply:os.system ['true']\n---\n",
    "results": "---\nmodel-index:\n" + "- name: x\n" * 50_000 + "---\n",
    "nothing": "\0" * 10_000 + "\ufeff\u202e",
}


@given(CARDS)
def test_any_text_is_answered_and_drawn_within_eighty_columns(text):
    found = analyse(text, None, None, "README.md")
    assert {item.verdict for item in found.claims} <= {"cannot be checked", "agrees"}
    assert all(columns(row) <= WIDTH for row in plain(lines(found)).splitlines())
    assert markdown(found).startswith("## ")
    found.to_dict()


@given(CARDS)
def test_a_claim_s_line_lies_in_the_card(text):
    document = read(text)
    for item in analyse(text, None, None, "README.md").claims:
        assert item.claim.kind in KINDS
        assert item.claim.line is None or 1 <= item.claim.line <= document.lines


@given(st.lists(WORDS, max_size=30).map(" ".join))
def test_whatever_disagrees_names_witness_and_reason(text):
    for item in analyse(f"# A card\n\n{text}", None, REPORT, "README.md").wrong:
        assert item.witness
        assert item.reason


@given(st.integers(1, 10**14))
def test_a_written_number_is_read_as_itself(number):
    for text in (f"{number:,}", f"{number}", f"{number:,}".replace(",", " ")):
        (found,) = quantities(text)
        assert number in [reading.value for reading in found.readings]


@given(st.decimals(1, 999, places=2), st.sampled_from(["B", " billion", "B ", " Milliarden", " milliards"]))
def test_a_short_form_holds_what_rounds_to_it(number, unit):
    (found,) = quantities(f"{number}{unit}")
    assert found.readings[0].holds(float(number) * 1e9)
    assert not found.readings[0].holds(float(number) * 1e9 + 6e6 + 0.06 * float(number) * 1e9)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_and_goes_off_nowhere(name):
    found = analyse(BOMBS[name], None, None, "README.md")
    assert found.wrong == ()


def test_no_object_is_ever_built_from_metadata():
    data, error = load("a: !!python/object/apply:os.system ['true']")
    assert data == {}
    assert error is not None


def test_what_is_cut_off_is_said():
    document = read("word " * MAX_BODY)
    assert any("characters of the body" in note for note in document.notes)


@given(
    st.dictionaries(
        st.text(st.characters(categories=["L"]), min_size=1, max_size=8), st.integers() | st.text(max_size=9)
    )
)
def test_metadata_survive_being_written_and_read(data):
    from cardscope.carding.metadata import dump

    metadata, body, _ = split(f"---\n{dump(data)}---\n# A card\n")
    assert dict(metadata.data) == data
    assert body == "# A card\n"

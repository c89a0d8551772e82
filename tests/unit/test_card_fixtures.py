"""The labelled cards of fixtures/cards: what is found, and that nothing is called wrong which is not."""

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from benchmarks import cards
from cardscope.carding.metadata import split

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "cards"
ENTRIES = [json.loads(line) for line in (FOLDER / "labels.jsonl").read_text(encoding="utf-8").splitlines()]


def test_there_are_forty_cards_at_least_and_each_is_labelled():
    assert len(ENTRIES) >= 40
    assert {entry["file"] for entry in ENTRIES} == {path.name for path in FOLDER.glob("*.md")}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_a_card_is_read_as_it_is_labelled(entry):
    wanted = {cards.key(*claim[:3]): claim[3] for claim in entry["claims"]}
    assert dict(cards.judged(entry, FOLDER, None)) == wanted


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_metadata_are_huggingface_hub_s(entry):
    text = (FOLDER / entry["file"]).read_text(encoding="utf-8")
    theirs = {key: value for key, value in ModelCard(text).data.to_dict().items() if value is not None}
    assert {key: value for key, value in split(text)[0].data.items() if value is not None} == theirs

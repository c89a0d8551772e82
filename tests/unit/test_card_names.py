"""Which model a card in a folder is about, where its heading does not tell."""

from __future__ import annotations

import json

import pytest

import cardscope
from tests.facts import LLAMA2_7B

FAMILY = "# Llama 2\nA collection of models.\n\nBigger models - 70B -- use Grouped-Query Attention (GQA).\n"


def verdicts(folder, text: str) -> dict[str, str]:
    """Kind → verdict of each claim of a card beside Llama 2 7B's config."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(LLAMA2_7B))
    (folder / "README.md").write_text(text)
    return {item.claim.kind: item.verdict for item in cardscope.card(str(folder)).claims}


@pytest.mark.parametrize("name", ["Llama-2-7b-hf", "models--meta-llama--Llama-2-7b-hf/snapshots/0f3a", "checkpoint"])
def test_what_is_said_of_a_larger_sister_is_no_claim(tmp_path, name):
    """The folder's name, the cache's, or the count itself tells that 70B is another model."""
    assert "attention" not in verdicts(tmp_path / name, FAMILY)


@pytest.mark.parametrize("name", ["Llama-2-7b-hf", "checkpoint"])
@pytest.mark.parametrize(
    "said", ["This is a 13B parameter model.", "- Parameters: 13B", "It has 13 billion parameters."]
)
def test_a_false_size_of_this_model_is_wrong_all_the_same(tmp_path, name, said):
    """A size that is not the name's is a claim where the sentence speaks of this model."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA2_7B))
    (folder / "README.md").write_text(f"# A model\n\n{said}\n")
    wrong = cardscope.card(str(folder)).wrong
    assert [item.claim.kind for item in wrong] == ["parameters"]

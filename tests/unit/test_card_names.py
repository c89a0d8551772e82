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


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("It has 6.7B total parameters but only uses 2.1B parameters per token.", "active_parameters", 2.1e9),
        ("We pre-train Foo-V3 on 14.8 trillion diverse and high-quality tokens.", "training_tokens", 14.8e12),
        ("- Number of Paramaters (Non-Embedding): 6.48B", "non_embedding_parameters", 6.48e9),
    ],
)
def test_what_published_cards_write_is_found(tmp_path, text, kind, value):
    """Words as cards have them, a misspelling among them."""
    (tmp_path / "config.json").write_text(json.dumps(LLAMA2_7B))
    (tmp_path / "README.md").write_text(f"# Foo-V3\n\n{text}\n")
    found = {item.claim.kind: item.claim.said.value for item in cardscope.card(str(tmp_path)).claims}
    assert found.get(kind) == pytest.approx(value)


def test_a_context_that_rope_scaling_reaches_is_not_wrong(tmp_path):
    """A longer context beside instructions for YaRN is not what the config sets, and no untruth."""
    text = "- Context Length: Full 131,072 tokens\n\nTo go beyond 4,096 tokens, add YaRN to the config.\n"
    assert verdicts(tmp_path / "Foo-7B", text)["context_length"] == "ambiguous"


def test_the_largest_model_of_a_family_is_another_one(tmp_path):
    """Layers and heads of the largest sister are no claims."""
    assert not verdicts(tmp_path / "Foo-7B", "Our largest model has 126 layers and 128 heads.\n").keys() & {
        "num_layers"
    }

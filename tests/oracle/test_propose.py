"""The proposing tool explains the axes of a type it has never been told about."""

import pytest

pytestmark = pytest.mark.exact
pytest.importorskip("torch")


def test_axes_are_explained_and_the_nearest_declaration_found():
    """Mistral's projections are products of heads and head_dim, and Llama's declaration gives its total."""
    from tools import propose

    found = propose.samples("mistral", 3)
    text = "\n".join(propose.explain(found))
    assert "axis 0: head_dim·num_key_value_heads" in text
    assert "unexplained" not in text
    near, gap = propose.nearest("mistral")
    assert gap == 0
    assert "llama" in near
    assert "@arch(" in propose.draft("mistral", near, gap)


def test_the_class_is_called_as_the_other_type_calls_it():
    """An encoder's config names its class; read as another type, the class has that type's name."""
    from tools import propose

    config = {"model_type": "camembert", "architectures": ["CamembertForMaskedLM"]}
    assert propose.as_another(config, "camembert", "roberta")["architectures"] == ["RobertaForMaskedLM"]
    near, gap = propose.nearest("camembert")
    assert gap == 0
    assert "roberta" in near

"""What a what-if changes, as the report shows it."""

import pytest

import cardscope
from cardscope.report.lines import WIDTH, columns
from cardscope.report.render import render


def inspect(word, **sets):
    return cardscope.inspect(word, exact=False, headers=False, sets=sets)


def changed(report):
    return {effect.name: (effect.before, effect.after) for effect in report.effects if effect.before != effect.after}


@pytest.mark.parametrize(
    ("key", "value", "after"),
    [
        ("num_key_value_heads", 1, 502_005_760),
        ("num_key_value_heads", 2, 508_559_360),
        ("vocab_size", 256_000, 1_048_576_000),
        ("vocab_size", 262_144, 1_064_304_640),
    ],
)
def test_d20_before_and_after(key, value, after):
    assert changed(inspect("nanochat:d20", **{key: value}))["total"] == (560_988_160, after)


def test_component_changes_sum_to_the_change_of_the_total():
    report = inspect("nanochat:d20", vocab_size=256_000, num_key_value_heads=2)
    parts = [e.delta for e in report.effects if e.unit == "parameters" and e.name != "total"]
    assert sum(parts) == report.effects[0].delta == report.parameters.analytic.total - 560_988_160


def test_one_kv_head_shrinks_the_cache_tenfold():
    before, after = changed(inspect("nanochat:d20", num_key_value_heads=1))["cache per token"]
    assert before == 10 * after


def test_without_a_what_if_there_is_nothing_to_show():
    assert inspect("nanochat:d20").effects == ()


@pytest.mark.parametrize("form", ["human", "markdown", "json"])
def test_every_form_shows_the_difference(form):
    text = render(inspect("nanochat:d20", num_key_value_heads=1), form)
    assert "58,982,400" in text or "-58982400" in text
    if form == "human":
        assert "560,988,160 →        502,005,760" in text
        assert max(columns(row) for row in text.split("\n")) <= WIDTH


def test_a_config_that_only_the_what_if_completes_has_no_before():
    config = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": -1, "vocab_size": 100}
    assert inspect(config, num_hidden_layers=2).effects == ()


def test_a_component_that_goes_is_counted_as_gone_and_not_as_unknown():
    report = inspect("nanochat:d20", tie_word_embeddings=True)
    assert changed(report)["head"] == (83_886_080, 0)

"""`cardscope compare`: one column a model, rows that differ marked."""

import json

import pytest

import cardscope
from cardscope.cli import run
from cardscope.comparison.render import lines, markdown
from cardscope.errors import UsageError
from cardscope.report.lines import WIDTH, columns, plain
from tests import facts


def family(name):
    return cardscope.compare([], families=[name])


def totals(found):
    return [column.total for column in found.columns]


def test_nanochat_by_depth_is_the_published_scaling_table():
    found = cardscope.compare([f"nanochat:d{depth}" for depth in (4, 8, 12, 16, 20, 26, 32)])
    rows = [(c.hidden_size, c.num_heads, c.block, c.blocks, c.rest, c.total) for c in found.columns]
    assert rows == [
        (256, 2, 786_432, 3_145_728, 33_554_432, 36_700_160),
        (512, 4, 3_145_728, 25_165_824, 67_108_864, 92_274_688),
        (768, 6, 7_077_888, 84_934_656, 100_663_296, 185_597_952),
        (1024, 8, 12_582_912, 201_326_592, 134_217_728, 335_544_320),
        (1280, 10, 19_660_800, 393_216_000, 167_772_160, 560_988_160),
        (1664, 13, 33_226_752, 863_895_552, 218_103_808, 1_081_999_360),
        (2048, 16, 50_331_648, 1_610_612_736, 268_435_456, 1_879_048_192),
    ]


def test_gpt2_family_has_its_true_totals_and_shares_of_the_rule_of_thumb():
    found = family("gpt2")
    assert totals(found) == [124_439_808, 354_823_168, 774_030_080, 1_557_611_200]
    assert [round(c.heuristic_share, 3) for c in found.columns] == [0.683, 0.851, 0.914, 0.947]


def test_gpt3_family_counts_the_paper_s_5140_and_finds_that_its_heads_do_not_divide_it():
    found = family("gpt3")
    assert totals(found) == [
        125_226_240, 355_871_744, 760_300_032, 1_315_723_264,
        2_651_553_280, 6_658_404_352, 12_952_938_780, 174_604_259_328,
    ]  # fmt: skip
    assert [row.cells[6] for row in found.rows if row.name == "CS102"] == [1]


def test_llama_family_has_its_published_totals():
    assert totals(family("llama")) == [
        6_738_415_616, 13_015_864_320, 68_976_648_192, 8_030_261_248, 70_553_706_496, 405_853_388_800,
    ]  # fmt: skip


def test_what_ifs_stand_beside_the_model_and_only_what_differs_is_marked():
    found = cardscope.compare(["nanochat:d20", "nanochat:d20,num_key_value_heads=1"])
    rows = {(row.section, row.name): row for row in found.rows}
    assert rows["parameters", "total"].cells == (560_988_160, 502_005_760)
    assert rows["specification", "num_kv_heads"].differs
    assert not rows["specification", "hidden_size"].differs


def test_components_of_each_column_sum_to_its_total():
    found = cardscope.compare([facts.LLAMA3_8B, facts.GPT2, "nanochat:d4,release=head"])
    parts = [row.cells for row in found.rows if row.section == "components" and row.unit == "number"]
    assert [sum(cells) for cells in zip(*parts, strict=True)] == totals(found)


@pytest.mark.parametrize("name", ["nanochat", "llama"])
def test_text_keeps_to_eighty_columns(name):
    assert max(columns(row) for row in plain(lines(family(name))).split("\n")) <= WIDTH


def test_markdown_escapes_what_it_names():
    found = cardscope.compare([{**facts.GPT2, "model_type": "gpt2"}, "nanochat:d4,window_pattern=a|b"])
    assert "a\\|b" in markdown(found)


def test_json_on_the_command_line(capsys):
    assert run(["compare", "nanochat:d4", "nanochat:d8", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "cardscope.compare/1"
    assert [model["total"] for model in found["models"]] == [36_700_160, 92_274_688]


def test_nothing_to_compare_is_a_usage_error(capsys):
    assert run(["compare"]) == 2
    assert "nothing to compare" in capsys.readouterr().err


def test_an_unknown_family_names_the_known_ones():
    with pytest.raises(UsageError, match="no family") as caught:
        family("bert")
    assert "gpt2" in caught.value.hint


def test_the_function_stays_callable_after_its_package_is_imported():
    cardscope.compare(["nanochat:d4"])
    assert callable(cardscope.compare)

"""The figures of a public set of teaching notes on counting parameters, corrected where the notes are wrong."""

from __future__ import annotations

import pytest

import cardscope
from cardscope.report.model import Report
from tests import facts


def inspect(model, **options) -> Report:
    """The analytic report alone."""
    return cardscope.inspect(model, exact=False, headers=False, **options)


def parts(model) -> dict[str, int]:
    """Parameters by component."""
    return dict(inspect(model).parameters.analytic.components)


# -- nanochat, original release: untied, no biases, norms without weights, a ReLU² MLP of four times the width ---------

DEPTHS = [
    # depth, width, heads, one block, all blocks, embedding and head, total
    (4, 256, 2, 786_432, 3_145_728, 33_554_432, 36_700_160),
    (8, 512, 4, 3_145_728, 25_165_824, 67_108_864, 92_274_688),
    (12, 768, 6, 7_077_888, 84_934_656, 100_663_296, 185_597_952),
    (16, 1024, 8, 12_582_912, 201_326_592, 134_217_728, 335_544_320),
    (20, 1280, 10, 19_660_800, 393_216_000, 167_772_160, 560_988_160),
    (26, 1664, 13, 33_226_752, 863_895_552, 218_103_808, 1_081_999_360),
    (32, 2048, 16, 50_331_648, 1_610_612_736, 268_435_456, 1_879_048_192),
]


@pytest.mark.parametrize(("depth", "width", "heads", "block", "blocks", "ends", "total"), DEPTHS)
def test_nanochat_by_depth(depth, width, heads, block, blocks, ends, total):
    """Every parameter column of the table, and a block of 12·D² is all the rule of thumb needs here."""
    found = inspect(f"nanochat:d{depth}")
    components = found.parameters.analytic.components
    assert found.parameters.analytic.total == total
    assert (found.spec.hidden_size, found.spec.num_heads, found.spec.num_layers) == (width, heads, depth)
    assert components["attention"] + components["mlp"] == blocks == depth * block
    assert components["embedding"] + components["head"] == ends
    assert found.parameters.heuristic.total == blocks
    assert (found.spec.vocab_size, found.spec.max_positions) == (65_536, 2048)


def test_nanochat_d20_spends_two_thirds_of_a_block_on_its_mlp():
    components = parts("nanochat:d20")
    assert 2 * components["attention"] == components["mlp"]
    assert components["attention"] == 20 * 4 * 1_638_400
    assert components["mlp"] == 20 * 2 * 6_553_600
    assert components.get("norm", 0) == 0


def test_nanochat_d20_has_matrices_for_muon_and_tables_for_adamw():
    components = parts("nanochat:d20")
    assert components["attention"] + components["mlp"] == 393_216_000
    assert components["embedding"] + components["head"] == 167_772_160


@pytest.mark.parametrize(
    ("change", "total"),
    [
        ("kv_heads=1", 502_005_760),
        ("kv_heads=2", 508_559_360),
        ("vocab=256000", 1_048_576_000),
        ("vocab=262144", 1_064_304_640),
    ],
)
def test_nanochat_d20_what_if(change, total):
    """The notes print 501M for one KV head and ~535M for two; these are the right values."""
    assert inspect(f"nanochat:d20,{change}").parameters.analytic.total == total


@pytest.mark.parametrize(("kv_heads", "saved"), [(1, 58_982_400), (2, 52_428_800)])
def test_nanochat_d20_saves_by_grouping(kv_heads, saved):
    found = inspect(f"nanochat:d20,kv_heads={kv_heads}")
    assert found.attention.parameters_saved == saved
    assert found.parameters.analytic.total == 560_988_160 - saved


def test_nanochat_d20_with_one_kv_head_saves_a_tenth():
    assert round(100 * 58_982_400 / 560_988_160, 1) == 10.5
    assert inspect("nanochat:d20,kv_heads=1").attention.kind == "mqa"


# -- mini-GPT, derived layer by layer ------------------------------------------------------------------------------

MINI = {
    "model_type": "arcee",
    "architectures": ["ArceeForCausalLM"],
    "vocab_size": 512,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "intermediate_size": 256,
    "max_position_embeddings": 32,
    "tie_word_embeddings": True,
}
"""RMSNorm with weights before each block, rotary positions, tied head, no biases, an MLP of two matrices."""


def test_mini_gpt_layer_by_layer():
    found = inspect(MINI)
    assert found.parameters.analytic.components == {
        "embedding": 32_768,
        "attention": 2 * 16_384,
        "mlp": 2 * 32_768,
        "norm": 2 * 128 + 64,
    }
    assert found.parameters.analytic.total == 131_392
    assert [group.parameters for group in found.inventory.groups if group.layers] == [49_280]


def test_mini_gpt_in_shares():
    """24.9 : 37.5 : 37.5 per cent for the embedding and the two blocks."""
    assert [round(100 * part / 131_392, 1) for part in (32_768, 49_280, 49_280)] == [24.9, 37.5, 37.5]


def test_mini_gpts_short_form_leaves_the_norms_out():
    """V·d + L·12·d² gives 131,072; the account names the norms as what is missing, and only them beside the table."""
    found = inspect(MINI)
    (difference,) = found.parameters.differences
    assert found.parameters.heuristic.total + 512 * 64 == 131_072
    assert {term.name: term.delta for term in difference.terms} == {"embedding": 32_768, "norms": 320}


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ({"attention_bias": True}, 2 * 256),
        ({"mlp_bias": True}, 2 * 320),
        ({"tie_word_embeddings": False}, 32_768),
    ],
)
def test_mini_gpt_variants(change, more):
    assert inspect({**MINI, **change}).parameters.analytic.total == 131_392 + more


def test_mini_gpt_at_half_the_width():
    small = {**MINI, "hidden_size": 32, "intermediate_size": 128}
    assert inspect(small).parameters.analytic.total == 41_120


def test_learned_positions_add_a_row_for_each():
    """T·d = 2,048 for 32 positions of width 64, in a model that learns its positions."""
    found = parts({**facts.gpt2(64, 2, 4, 32), "vocab_size": 512})
    assert found["position"] == 2048


def test_cross_attention_adds_four_squares_a_layer():
    """12·d² becomes 16·d² (and, in GPT-2, biases and one more norm)."""
    small = {**facts.gpt2(64, 2, 4, 32), "vocab_size": 512}
    gap = inspect({**small, "add_cross_attention": True}).parameters.analytic.total
    gap -= inspect(small).parameters.analytic.total
    assert gap == 2 * (4 * 64**2 + 4 * 64 + 2 * 64)


def test_mini_gpt_in_bytes():
    """525,568 B in fp32 and 262,784 B in bf16: 640 B more than the 256 KiB the notes put it in."""
    sizes = {row.precision: row.bytes for row in inspect(MINI).weights}
    assert (sizes["fp32"], sizes["bf16"]) == (525_568, 262_784)
    assert sizes["bf16"] - 256 * 1024 == 640


# -- the rule of thumb against real models -------------------------------------------------------------------------

REAL = [
    # name, config, 12·L·d², true total, the ratio as the notes round it
    ("GPT-2", facts.GPT2, 84_934_656, 124_439_808, 0.683),
    ("GPT-2 medium", facts.gpt2(1024, 24, 16), 301_989_888, 354_823_168, 0.851),
    ("GPT-2 large", facts.gpt2(1280, 36, 20), 707_788_800, 774_030_080, 0.914),
    ("GPT-2 XL", facts.gpt2(1600, 48, 25), 1_474_560_000, 1_557_611_200, 0.947),
    ("GPT-3 175B", facts.gpt2(12288, 96, 96, 2048), 173_946_175_488, 174_604_259_328, 0.996),
    ("Llama 2 7B", facts.LLAMA2_7B, 6_442_450_944, 6_738_415_616, 0.956),
    ("Llama 2 13B", facts.LLAMA2_13B, 12_582_912_000, 13_015_864_320, 0.967),
    ("Llama 2 70B", facts.LLAMA2_70B, 64_424_509_440, 68_976_648_192, 0.934),
    ("Llama 3 8B", facts.LLAMA3_8B, 6_442_450_944, 8_030_261_248, 0.802),
    ("Llama 3 70B", facts.LLAMA3_70B, 64_424_509_440, 70_553_706_496, 0.913),
    ("Llama 3.1 405B", facts.LLAMA31_405B, 405_874_409_472, 405_853_388_800, 1.000),
]


@pytest.mark.parametrize(("name", "config", "rule", "total", "ratio"), REAL, ids=[row[0] for row in REAL])
def test_the_rule_against_real_models(name, config, rule, total, ratio):
    found = inspect(config).parameters
    assert (found.heuristic.total, found.analytic.total) == (rule, total)
    assert round(rule / total, 3) == ratio


@pytest.mark.parametrize(("name", "config", "rule", "total", "ratio"), REAL, ids=[row[0] for row in REAL])
def test_what_the_rule_misses_has_a_name(name, config, rule, total, ratio):
    (difference,) = inspect(config).parameters.differences
    assert sum(term.delta for term in difference.terms) == total - rule
    assert difference.explained


def test_llama_2_does_not_tie_its_head():
    found = inspect(facts.LLAMA2_7B)
    assert found.spec.tied_embeddings is False
    assert found.parameters.analytic.components["head"] == 32_000 * 4096


GPT3 = [
    (768, 12, 12, 125_226_240),
    (1024, 24, 16, 355_871_744),
    (1536, 24, 16, 760_300_032),
    (2048, 24, 24, 1_315_723_264),
    (2560, 32, 32, 2_651_553_280),
    (4096, 32, 32, 6_658_404_352),
    (5120, 40, 40, 12_853_386_240),
]


@pytest.mark.parametrize(("width", "layers", "heads", "total"), GPT3)
def test_the_gpt_3_family(width, layers, heads, total):
    """Vocabulary 50,257, 2,048 learned positions, LayerNorm, biases, tied (Brown et al. 2020, table 2.1)."""
    assert inspect(facts.gpt2(width, layers, heads, 2048)).parameters.analytic.total == total


def test_gpt_3_13b_as_printed_has_heads_that_do_not_divide_its_width():
    """The paper prints a width of 5,140 and 40 heads of 128: counted all the same, and said."""
    found = inspect(facts.gpt2(5140, 40, 40, 2048))
    assert found.parameters.analytic.total == 12_952_938_780
    assert [item.message for item in found.findings if item.code == "CS102"] == [
        "40 attention heads do not divide hidden_size 5,140"
    ]


# -- memory -----------------------------------------------------------------------------------------------------------


def test_bytes_a_parameter():
    """4 and 2 bytes exactly; int8 and int4 take more than 1 and 0.5, for scales and what stays unquantized."""
    total = 70_553_706_496
    sizes = {row.precision: row.bytes / total for row in inspect(facts.LLAMA3_70B).weights}
    assert (sizes["fp32"], sizes["bf16"]) == (4.0, 2.0)
    assert 1.0 < sizes["int8"] < 1.1
    assert 0.5 < sizes["int4"] < 0.62


@pytest.mark.parametrize(
    ("precision", "low", "high"), [("fp32", 280, 285), ("bf16", 140, 142), ("int8", 70, 74), ("int4", 35, 41)]
)
def test_seventy_billion_parameters_in_gigabytes(precision, low, high):
    """280 / 140 / 70 / 35 GB by the rule; the honest figure is a little above it."""
    rows = {row.precision: row.bytes / 1e9 for row in inspect(facts.LLAMA3_70B).weights}
    assert low < rows[precision] < high


def test_grouped_queries_make_llama_3_70bs_cache_eight_times_smaller():
    found = inspect(facts.LLAMA3_70B)
    assert (found.attention.heads, found.attention.kv_heads, found.attention.group) == (64, 8, 8)
    assert found.kv_cache.mha_per_token_bytes == 8 * found.kv_cache.per_token_bytes


@pytest.mark.parametrize(("kv_heads", "kind"), [(64, "mha"), (1, "mqa"), (8, "gqa"), (2, "gqa"), (32, "gqa")])
def test_the_word_for_the_grouping_follows_from_the_kv_heads(kv_heads, kind):
    assert inspect({**facts.LLAMA3_70B, "num_key_value_heads": kv_heads}).attention.kind == kind


def test_the_exercise():
    """Width 2,048, 24 layers, vocabulary 32,000: 12·L·d² and, with one table, 1,273,495,552."""
    config = {**facts.gpt2(2048, 24, 16), "vocab_size": 32_000}
    found = inspect(config).parameters
    assert found.heuristic.total == 1_207_959_552
    assert found.heuristic.total + found.analytic.components["embedding"] == 1_273_495_552

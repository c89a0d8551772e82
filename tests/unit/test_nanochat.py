"""nanochat release by release: counts, FLOPs, optimizers and what a meta leaves open."""

import pytest

import cardscope
from cardscope.errors import BadField, UsageError
from cardscope.nanochat import counts
from cardscope.nanochat.epochs import BY_NAME, EPOCHS, Sizes, release, width_and_heads, windows
from cardscope.report.render import render
from cardscope.source import formula


def count(word):
    return cardscope.inspect(word, exact=False, headers=False).parameters.analytic.total


def sizes(depth, epoch, vocab=32_768):
    width = 64 * depth
    pattern = "SSSL" if BY_NAME[epoch].short_window else ""
    return Sizes(depth, width, width // 128, width // 128, vocab, 2048, pattern)


# Totals of each release's own gpt.py with a vocabulary of 32,768.
TOTALS = {
    "E1": {4: 19_922_944, 12: 135_266_304, 20: 477_102_080, 26: 972_947_456, 34: 2_074_476_544},
    "E2": {4: 19_922_952, 12: 135_266_328, 20: 477_102_120, 26: 972_947_508, 34: 2_074_476_612},
    "E3": {4: 19_922_952, 12: 135_266_328, 20: 477_102_120, 26: 972_947_508, 34: 2_074_476_612},
    "E4": {4: 36_700_296, 12: 286_262_424, 20: 896_535_720, 26: 1_681_790_292, 34: 3_286_639_716},
    "E5": {4: 78_643_340, 12: 412_091_556, 20: 1_106_250_940, 26: 1_954_420_078, 34: 3_643_155_590},
    "E6": {4: 36_700_296, 12: 286_262_424, 20: 896_535_720, 26: 1_681_790_292, 34: 3_286_639_716},
    "E7": {4: 36_700_216, 12: 286_261_704, 20: 896_533_720, 26: 1_681_786_912, 34: 3_286_633_936},
    "E8": {4: 36_700_242, 12: 286_261_730, 20: 896_533_746, 26: 1_681_786_938, 34: 3_286_633_962},
    "E9": {4: 36_700_242, 12: 286_261_730, 20: 896_533_746, 26: 1_681_786_938, 34: 3_286_633_962},
}
# FLOPs per token at 2,048 positions by each release's own estimate_flops.
FLOPS = {
    "E0": {4: 94_371_840, 12: 887_095_296, 20: 3_240_099_840, 34: 13_837_271_040},
    "E1": {4: 94_371_840, 12: 887_095_296, 20: 3_240_099_840, 34: 13_837_271_040},
    "E2": {4: 94_371_888, 12: 887_095_440, 20: 3_240_100_080, 34: 13_837_271_448},
    "E3": {4: 84_934_656, 12: 802_160_640, 20: 3_004_170_240, 34: 13_168_803_840},
    "E4": {4: 84_935_424, 12: 802_167_552, 20: 3_004_189_440, 34: 13_168_859_328},
    "E6": {4: 84_935_424, 12: 802_167_552, 20: 3_004_189_440, 34: 13_168_859_328},
    "E7": {4: 82_575_648, 12: 780_929_568, 20: 2_945_195_040, 34: 13_001_707_848},
    "E8": {4: 80_216_352, 12: 759_695_904, 20: 2_886_212_640, 34: 12_834_591_048},
    "E9": {4: 80_216_496, 12: 759_696_048, 20: 2_886_212_784, 34: 12_834_591_192},
}


@pytest.mark.parametrize(("epoch", "depth"), [(name, depth) for name, row in TOTALS.items() for depth in row])
def test_every_release_has_its_own_total_by_formula_and_by_tensors(epoch, depth):
    word = f"nanochat:d{depth},release={epoch},vocab=32768"
    assert count(word) == counts.total(BY_NAME[epoch], sizes(depth, epoch)) == TOTALS[epoch][depth]


@pytest.mark.parametrize(("epoch", "depth"), [(name, depth) for name, row in FLOPS.items() for depth in row])
def test_flops_per_token_are_what_each_release_estimates(epoch, depth):
    assert counts.flops_per_token(BY_NAME[epoch], sizes(depth, epoch)) == FLOPS[epoch][depth]


@pytest.mark.parametrize("epoch", EPOCHS, ids=lambda e: e.name)
def test_groups_optimizers_and_coarse_groups_all_sum_to_the_total(epoch):
    one = sizes(20, epoch.name)._replace(kv_heads=2, vocab=50_257)
    whole = counts.total(epoch, one)
    assert sum(counts.optimizers(epoch, one)) == sum(counts.coarse(epoch, one).values()) == whole


@pytest.mark.parametrize(
    ("epoch", "vocab", "split"),
    [("E0", 65_536, (393_216_000, 167_772_160)), ("E9", 32_768, (393_217_200, 503_316_546))],
)
def test_muon_has_the_block_matrices_of_d20_and_adamw_the_rest(epoch, vocab, split):
    assert counts.optimizers(BY_NAME[epoch], sizes(20, epoch, vocab)) == split


def test_grouped_heads_shrink_value_embeddings_too():
    assert count("nanochat:d20,release=head,kv_heads=1") == 460_062_906
    assert count("nanochat:d20,release=head,num_key_value_heads=2") == 508_559_666


def test_d34_checkpoint_of_the_original_release_has_its_published_size():
    assert counts.stored_bytes(BY_NAME["E0"], sizes(34, "E0", 65_536)) == 8_583_118_848


def test_a_vocabulary_is_padded_since_the_second_release():
    assert counts.padded(BY_NAME["E0"], 50_257) == 50_257
    assert count("nanochat:d4,release=E1,vocab=50257") - count("nanochat:d4,vocab=50257") == 47 * 2 * 256


@pytest.mark.parametrize(
    ("date", "name", "vocab"),
    [
        ("2025-10-13", "E0", 65_536), ("2025-12-23", "E1", 65_536), ("2026-01-07", "E1", 32_768),
        ("2026-01-11", "E3", 32_768), ("2026-01-27", "E5", 32_768), ("2026-01-28", "E4", 32_768),
        ("2026-03-14", "E8", 32_768), ("2026-07-03", "E9", 32_768),
    ],
)  # fmt: skip
def test_a_date_means_the_release_of_that_day(date, name, vocab):
    found = release(date)
    assert (found.epoch.name, found.vocab) == (name, vocab)


@pytest.mark.parametrize("word", ["2025-10-12", "E10", "newest", "2026-13-01"])
def test_words_that_name_no_release_are_refused(word):
    with pytest.raises(UsageError):
        release(word)


@pytest.mark.parametrize(
    ("depth", "rule", "expected"),
    [(11, "divisor", (704, 8)), (25, "divisor", (1600, 10)), (11, "rounded", (768, 6)), (25, "rounded", (1664, 13))],
)
def test_odd_depths_follow_the_rule_of_their_time(depth, rule, expected):
    assert width_and_heads(depth, rule) == expected


@pytest.mark.parametrize(("epoch", "short"), [("E3", 1024), ("E7", 768), ("E8", 512)])
def test_short_windows_by_release_and_a_last_layer_that_sees_all(epoch, short):
    assert windows(BY_NAME[epoch], 6, 2048, "SSSL") == (short, short, short, 2048, short, 2048)


def test_windows_stop_the_cache_from_growing_in_most_layers():
    found = cardscope.inspect("nanochat:d20,release=head", exact=False, headers=False)
    assert (found.attention.layers["sliding"], found.attention.layers["full"]) == (15, 5)


INNER = {"sequence_len": 2048, "vocab_size": 32768, "n_layer": 20, "n_head": 10, "n_kv_head": 10, "n_embd": 1280}
WINDOWED = INNER | {"window_pattern": "SSSL"}


def meta(inner, **user):
    return {"model_config": inner, "user_config": {"depth": 20, **user}}


@pytest.mark.parametrize(
    ("data", "total"),
    [
        (meta(INNER, scalar_lr=0.5), 477_102_120),
        (meta(WINDOWED, scalar_lr=0.5, fp8=False), 896_535_720),
    ],
)
def test_a_meta_whose_keys_settle_the_size_gives_one_number(data, total):
    found = cardscope.inspect(formula.from_meta(data, "meta.json"), exact=False, headers=False)
    assert found.parameters.analytic.total == total
    assert not [item for item in found.findings if item.code == "CS130"]


@pytest.mark.parametrize(
    ("data", "low", "high"),
    [
        (meta(WINDOWED, scalar_lr=0.5), "477,102,120", "1,106,250,940"),
        (meta(WINDOWED, scalar_lr=0.5, warmup_steps=40), "896,533,720", "896,533,746"),
        ({"model_config": INNER}, "477,102,080", "1,106,250,940"),
        ({"model_config": WINDOWED}, "477,102,120", "1,106,250,940"),
    ],
)
def test_a_meta_that_several_releases_fit_gives_a_range_and_its_reasons(data, low, high):
    found = cardscope.inspect(formula.from_meta(data, "meta.json"), exact=False, headers=False)
    (told,) = [item.message for item in found.findings if item.code == "CS130"]
    assert f"between {low} and {high}" in told
    assert found.parameters.analytic.confidence == "guess"
    assert "one of a range" in render(found, "human").partition("PARAMETERS")[0]


def test_a_config_in_nanochats_own_keys_is_not_read_as_transformers_defaults():
    found = cardscope.inspect({"model_type": "nanochat", **WINDOWED}, exact=False, headers=False)
    assert found.parameters.analytic.total != 229_638_144
    assert any("default sizes" in note for note in found.model.notes)


def test_an_export_of_a_later_release_is_said_to_have_lost_tensors():
    config = formula.native(sizes(20, "E0"))
    found = cardscope.inspect(config, exact=False, headers=False)
    assert found.parameters.analytic.total == 477_102_080
    assert "CS131" in {item.code for item in found.findings}


def test_a_window_pattern_of_other_letters_is_refused():
    with pytest.raises(BadField, match="window_pattern"):
        count("nanochat:d4,release=head,window_pattern=SX")


def test_the_gates_of_value_embeddings_have_their_name_in_the_account():
    (difference,) = cardscope.inspect("nanochat:d4,release=head", exact=False, headers=False).parameters.differences
    terms = {term.name: term.delta for term in difference.terms}
    assert (terms["gates"], terms["value embedding"]) == (2 * 2 * 12, 2 * 32_768 * 256)
    assert "head width" not in terms

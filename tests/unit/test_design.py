"""`cardscope design`: the designs of the published notes, budgets that hold, and errors that show a way out."""

import json
from itertools import product

import pytest

import cardscope
from cardscope.cli import run
from cardscope.designing import Ask
from cardscope.designing.closed import figures, form
from cardscope.designing.families import FAMILIES, Shape, family
from cardscope.designing.reasons import TOKENIZERS
from cardscope.designing.render import lines, markdown
from cardscope.designing.search import search
from cardscope.errors import UsageError
from cardscope.report.lines import WIDTH, columns, plain
from cardscope.source.catalog import ids, lookup


def sizes(found):
    """(layers, width, heads, vocabulary, parameters) of each design in order."""
    return [(d.shape.layers, d.shape.width, d.shape.heads, d.shape.vocab, d.parameters) for d in found.designs]


@pytest.fixture(scope="module")
def thirds():
    """38M parameters in equal thirds."""
    return cardscope.design(params="38M", head_dim=64, split="1:1:1")


def test_balanced_thirds_come_first_and_the_other_exact_thirds_behind_them(thirds):
    first, second = sizes(thirds)[:2]
    assert first == (4, 512, 8, 24_576, 37_748_736)
    assert second == (16, 256, 4, 49_152, 37_748_736)
    assert thirds.designs[0].off_split == thirds.designs[1].off_split == 0
    assert any("too narrow for its depth: 16 wide" in text for text in thirds.designs[1].objections)


@pytest.mark.parametrize(
    ("design", "shares"),
    [
        ((29, 192, 3, 65_536, 37_994_496), (33.12, 33.76, 33.12)),
        ((4, 512, 8, 24_576, 37_748_736), (33.33, 33.33, 33.33)),
        ((7, 384, 6, 32_768, 37_552_128), (33.51, 32.98, 33.51)),
    ],
)
def test_the_three_designs_of_the_notes_are_found(thirds, design, shares):
    place = sizes(thirds).index(design)
    assert tuple(round(100 * share, 2) for share in thirds.designs[place].shares) == shares


def test_the_balanced_design_tied_later_is_half_embedding(thirds):
    first = thirds.designs[0]
    assert first.tied_parameters == 25_165_824 == 2 * first.embedding == 2 * first.blocks


def test_the_data_of_the_balanced_design(thirds):
    """~755M tokens, ~3.6B characters, 15 shards, ~1.5 GB."""
    plan = thirds.designs[0].plan
    assert (plan.tokens, plan.shards, plan.disk_bytes) == (754_974_720, 15, 1_500_000_000)
    assert plan.characters == pytest.approx(3.6e9, rel=0.01)


@pytest.mark.parametrize(
    "design", [(3, 192, 3, 65_536, 26_492_928), (6, 384, 6, 16_384, 23_199_744), (7, 448, 7, 8_192, 24_199_168)]
)
def test_the_25m_set_of_the_notes_is_found_without_a_split(design):
    assert design in sizes(cardscope.design(params="25M"))


def test_without_a_split_fewer_objections_come_first():
    found = cardscope.design(params="25M").designs
    counted = [sum("tokenizer" not in text for text in one.objections) for one in found]
    assert counted == sorted(counted)
    assert any("embedding-heavy: 95%" in text for text in found[-1].objections)


def test_one_tokenizer_is_its_own_and_another_published(thirds):
    balanced, deep = thirds.designs[:2]
    assert any("needs its own tokenizer" in text for text in balanced.objections)
    assert any("SmolLM" in text for text in deep.merits)


def test_published_tokenizers_are_those_of_models_in_the_catalogue():
    known = {65_536, 32_768}  # nanochat's own, old and new
    for name in ids():
        entry = lookup(name)
        config = entry.config
        known |= {part.get("vocab_size") for part in (config, config.get("text_config", {}))}
    assert set(TOKENIZERS) <= known


# -- budgets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_every_design_shown_is_within_the_parameters(name):
    found = cardscope.design(params=60_000_000, family=name, tolerance=0.05)
    assert all(57_000_000 <= one.parameters <= 63_000_000 for one in found.designs)


def test_flops_are_a_most_and_are_nearly_used():
    found = cardscope.design(flops="1e18")
    assert all(0.9e18 <= one.plan.total_flops <= 1e18 for one in found.designs)


def test_memory_is_weights_and_one_cache_together():
    found = cardscope.design(memory="100MiB", family="llama", gqa=(1, 2))
    assert all(90 << 20 <= one.memory_bytes <= 100 << 20 for one in found.designs)
    first = found.designs[0]
    assert first.memory_bytes == 2 * first.parameters + first.cache_bytes


def test_a_second_budget_is_a_cap():
    free = cardscope.design(params="60M", family="llama")
    held = cardscope.design(params="60M", family="llama", gqa=(1, 2, 4, 8), cache="4MiB")
    assert max(one.cache_bytes for one in free.designs) > 4 << 20
    assert all(one.cache_bytes <= 4 << 20 for one in held.designs)


def test_the_cache_is_what_the_report_says_of_the_same_config():
    one = cardscope.design(params="60M", family="qwen3", gqa=2, limit=1).designs[0]
    report = cardscope.inspect(one.config, exact=False, headers=False)
    assert report.parameters.analytic.total == one.parameters
    assert report.kv_cache.per_token_bytes * 2048 == one.cache_bytes


def test_a_tied_split_gives_tied_designs():
    found = cardscope.design(params="25M", split="1:1:0")
    assert all(one.shape.tied and one.head == 0 for one in found.designs)
    assert (4, 512, 8, 24_576, 25_165_824) in sizes(found)


# -- the search --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["nanochat", "nanochat head", "nanochat E4", "gpt2", "llama", "qwen3"])
def test_the_closed_form_is_the_inventory_s_count_away_from_its_own_points(word):
    name, _, release = word.partition(" ")
    found = family(name, release or "original")
    closed = form(found, 32, 512, tied=False)
    for layers in range(1, 13):
        shape = Shape(
            layers, 320, 10, 2 if found.grouped else 10, 32, found.inner(320, found.mlp[0]), 8_192, False, 512
        )
        wanted, inventory = figures(found, shape)
        forms = closed.at(320, shape.kv_heads * 32, shape.inner)[layers % found.period]
        assert [at.one + at.layers * layers + (at.vocab + at.both * layers) * 8_192 for at in forms] == list(wanted)
        assert inventory.parameters == wanted.parameters


@pytest.mark.parametrize("budget", [{"params": 3_000_000}, {"cache": 1 << 20}, {"params": 400_000, "cache": 1 << 19}])
def test_nothing_within_the_budget_is_ruled_out_with_a_range(budget):
    """Every combination of a small grid, one by one, against what the search counts; narrow MLPs let wide ones in."""
    ask = Ask(
        head_dims=(16,),
        depth=(1, 6),
        vocabs=(256, 1024, 4096),
        family="llama",
        groups=(1, 7, 8),
        mlp_ratios=(0.125, 4),
        **budget,
    )
    slow = sum(_meets(ask, shape) for shape in _grid(ask))
    assert search(ask).within == slow > 10


def _grid(ask):
    kind = ask.kind
    for tied, width, group in product(ask.ties, range(16, 1536, 16), ask.groups):
        if width // 16 % group == 0:
            for layers, vocab, ratio in product(range(1, 7), ask.vocabs, ask.mlp_ratios):
                inner = kind.inner(width, ratio)
                yield Shape(layers, width, width // 16, width // 16 // group, 16, inner, vocab, tied, 2048)


def _meets(ask, shape):
    found, _ = figures(ask.kind, shape)
    sizes = {"params": found.parameters, "cache": 2 * found.cache}
    low, high = ask.band
    caps = ask.cache is None or sizes["cache"] <= ask.cache
    return low <= sizes[ask.budget[0]] <= high and caps


def test_with_a_split_one_depth_stands_for_each_width_and_vocabulary(thirds):
    pairs = [(one.shape.width, one.shape.vocab) for one in thirds.designs]
    assert len(set(pairs)) == len(pairs)
    assert len({vocab for _, vocab in pairs}) < len(pairs)


def test_a_million_combinations_are_covered():
    found = search(
        Ask(
            params=2_000_000_000,
            family="llama",
            head_dims=(64, 128),
            groups=(1, 2, 4),
            depth=(2, 96),
            vocabs=tuple(8192 * n for n in range(1, 17)),
        )
    )
    assert found.candidates > 1_000_000
    assert found.best()


# -- output ------------------------------------------------------------------------------------------------


def test_the_flags_build_the_same_width_by_nanochat_s_own_rule(thirds):
    for one in thirds.designs:
        words = dict(part.split("=") for part in one.flags.training.split() if "=" in part)
        depth, aspect, head_dim = (int(words[name]) for name in ("--depth", "--aspect-ratio", "--head-dim"))
        word = f"nanochat:d{depth},release=head,aspect_ratio={aspect},head_dim={head_dim},vocab={one.shape.vocab}"
        report = cardscope.inspect(word, exact=False, headers=False)
        assert report.spec.hidden_size == one.shape.width
        assert report.parameters.analytic.total == one.flags.builds


def test_the_newest_nanochat_is_designed_for_with_its_value_embeddings():
    found = cardscope.design(params="38M", release="head", limit=1).designs[0]
    assert found.parameters == found.flags.builds
    assert 34_200_000 <= found.parameters <= 41_800_000


def test_the_config_is_written_and_counts_as_shown(tmp_path, capsys):
    path = tmp_path / "config.json"
    assert run(["design", "--params", "38M", "--split", "1:1:1", "--pick", "2", "-o", str(path)]) == 0
    assert "design 2 is written" in capsys.readouterr().err
    report = cardscope.inspect(path, exact=False, headers=False)
    assert (report.spec.num_layers, report.parameters.analytic.total) == (16, 37_748_736)


def test_json_on_the_command_line(capsys):
    assert run(["design", "--params", "25M", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "cardscope.design/1"
    for one in found["designs"]:
        assert one["embedding"] + one["blocks"] + one["head"] == one["parameters"]


def test_flags_alone(capsys):
    assert run(["design", "--params", "38M", "--split", "1:1:1", "--flags"]) == 0
    out = capsys.readouterr().out.split("\n")
    assert out[0] == "python -m scripts.tok_train --vocab-size=24576"
    assert out[1] == "python -m scripts.base_train --depth=4 --aspect-ratio=128 --head-dim=64"


def test_text_keeps_to_eighty_columns_and_markdown_lists_every_design():
    found = cardscope.design(params="3B", family="qwen3", gqa=(1, 8), price=24, vocab=[151_936, 1_000_000])
    assert max(columns(row) for row in plain(lines(found)).split("\n")) <= WIDTH
    assert markdown(found).count("\n### ") == len(found.designs)


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"params": "x"},
        {"params": "38Q"},
        {"params": 1},
        {"params": "1e15"},
        {"flops": 1},
        {"flops": "1e29"},
        {"params": "30M", "gqa": 4000, "family": "llama"},
        {"params": "38M", "family": "bert"},
        {"params": "38M", "split": "1:1"},
        {"params": "38M", "split": "0:1:1"},
        {"params": "38M", "split": "8:1:1"},
        {"params": "3M", "split": "1:98:1"},
        {"params": "38M", "split": "1:1:1", "tied": True},
        {"params": "38M", "split": "1:1:0", "release": "head"},
        {"params": "38M", "depth": "9:2"},
        {"params": "38M", "depth": "2-9"},
        {"params": "38M", "vocab": "many"},
        {"params": "38M", "vocab": 0},
        {"params": "38M", "vocab": 50_257, "release": "head"},
        {"params": "38M", "gqa": 4},
        {"params": "38M", "mlp_ratio": 3},
        {"params": "38M", "head_dim": 64.5},
        {"params": "38M", "tolerance": "nan"},
        {"params": "38M", "memory": "1MB"},
        {"params": "38M", "release": "E5"},
        {"params": "38M", "release": "head", "family": "gpt2"},
        {"memory": "4 parsecs"},
        {"params": "38M", "precision": "fp3"},
        {"params": "38M", "limit": 0},
    ],
    ids=lambda bad: " ".join(f"{key}={value}" for key, value in bad.items()) or "nothing",
)
def test_what_cannot_be_met_is_refused_with_a_way_out(bad):
    with pytest.raises(UsageError) as caught:
        cardscope.design(**bad)
    assert caught.value.hint


def test_the_function_stays_callable_after_its_package_is_imported():
    cardscope.design(params="25M", limit=1)
    assert callable(cardscope.design)

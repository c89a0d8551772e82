"""The hardware table and a GPU's name as people type it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cardscope.cli.commands import cli
from cardscope.errors import UsageError
from cardscope.fitting.hardware import card, devices, table

CARDS, MACHINES = table()


@pytest.mark.parametrize("gpu", CARDS, ids=lambda gpu: gpu.name)
def test_every_name_and_alias_of_a_card_finds_it(gpu):
    for name in (gpu.name, *gpu.aliases, gpu.name.lower(), gpu.name.replace(" ", "")):
        assert devices(name).gpus == (gpu,), name


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_instance_finds_its_cards(machine):
    found = devices(machine.name)
    assert (found.count, found.smallest) == (machine.count, card(machine.card))


@pytest.mark.parametrize("gpu", CARDS, ids=lambda gpu: gpu.name)
def test_every_card_has_a_source_and_possible_figures(gpu):
    assert gpu.source.startswith("https://")
    assert 0 < gpu.usable <= gpu.memory <= 1 << 40
    assert gpu.bandwidth is None or 1e10 < gpu.bandwidth < 1e14


@pytest.mark.parametrize(
    ("typed", "name", "count"),
    [
        ("4090", "RTX 4090", 1),
        ("rtx 4090", "RTX 4090", 1),
        ("NVIDIA GeForce RTX 4090", "RTX 4090", 1),
        ("8xH100", "H100 SXM 80GB", 8),
        ("8 x h100", "H100 SXM 80GB", 8),
        ("4 A100", "A100 80GB", 4),
        ("2x3090", "RTX 3090", 2),
        ("M3 Max 64GB", "M3 Max 64GB", 1),
        ("A100-40GB", "A100 40GB", 1),
        ("a100 80g", "A100 80GB", 1),
        ("MI300X", "MI300X", 1),
        ("2xp5.48xlarge", "H100 SXM 80GB", 16),
    ],
)
def test_names_as_people_type_them(typed, name, count):
    found = devices(typed)
    assert (found.gpus[0].name, found.count) == (name, count)


@pytest.mark.parametrize(
    ("typed", "size"), [("24GB", 24 * 10**9), ("22.16GiB", int(22.16 * 2**30)), ("24 gb", 24 * 10**9)]
)
def test_memory_alone_is_taken_by_its_unit(typed, size):
    assert devices(typed).smallest.usable == size


def test_several_of_a_memory():
    assert [gpu.memory for gpu in devices("2x24GB").gpus] == [24 * 10**9] * 2


def test_cards_of_different_sizes():
    found = devices("4090 + 3060")
    assert (found.count, found.smallest.name) == (2, "RTX 3060 12GB")


def test_a_typo_gets_suggestions():
    with pytest.raises(UsageError) as caught:
        devices("RTX 4909")
    assert "RTX 4090" in (caught.value.hint or "")


@pytest.mark.parametrize("word", ["", "0xH100", "0GB", "99999999xH100", "x" * 500, "quantum", "1e9GB", "-24GB", "3x"])
def test_what_is_no_gpu_is_an_error_with_a_hint(word):
    with pytest.raises(UsageError) as caught:
        devices(word)
    assert caught.value.hint


def test_auto_finds_some_memory():
    assert devices("auto").smallest.usable > 0


@pytest.mark.parametrize("options", [[], ["--json"], ["--markdown"]])
def test_the_table_is_printed_whole(options):
    done = CliRunner().invoke(cli, ["gpus", *options])
    assert done.exit_code == 0
    assert all(gpu.name in done.output for gpu in CARDS)


def test_one_card_is_printed_alone():
    done = CliRunner().invoke(cli, ["gpus", "4090"])
    assert "RTX 4090" in done.output
    assert "3090" not in done.output

"""Native checkpoints of nanochat and nanoGPT: metas beside pickles that are never loaded, and model_args."""

import json
from pathlib import Path

import pytest

import cardscope
from cardscope.cli import run
from cardscope.errors import NotAConfig, NotFound
from cardscope.nanochat import counts
from cardscope.nanochat.epochs import BY_NAME, Sizes
from cardscope.nanochat.stored import layout, numbers
from tests.weights import nanochat_file, nanochat_storages

SIZES = Sizes(6, 256, 2, 2, 512, 2048, "SSSL")
INNER = {"sequence_len": 2048, "vocab_size": 512, "n_layer": 6, "n_head": 2, "n_kv_head": 2, "n_embd": 256}


def checkpoint(folder: Path, epoch: str, meta: dict[str, object], step: int = 650, sizes=SIZES) -> Path:
    """A meta with a model file beside it."""
    folder.joinpath(f"meta_{step:06d}.json").write_text(json.dumps(meta))
    path = folder / f"model_{step:06d}.pt"
    path.write_bytes(nanochat_file(nanochat_storages(BY_NAME[epoch], sizes)))
    return path


def inspect(model):
    return cardscope.inspect(model, exact=False, headers=False)


@pytest.mark.parametrize("epoch", BY_NAME)
def test_the_listed_tensors_are_the_release_s_own_count(epoch):
    found = list(numbers(BY_NAME[epoch], SIZES))
    assert sum(count * copies for count, _, copies in found) == counts.total(BY_NAME[epoch], SIZES)
    assert sum(copies for *_, copies in found) == counts.tensors(BY_NAME[epoch], SIZES)
    assert sum(nanochat_storages(BY_NAME[epoch], SIZES)) == counts.stored_bytes(BY_NAME[epoch], SIZES)


@pytest.mark.parametrize("epoch", ["E0", "E2", "E4", "E5", "E7", "E8"])
def test_the_weights_settle_what_a_fine_tuned_meta_leaves_open(tmp_path, epoch):
    """A meta of reinforcement learning holds sizes and nothing else."""
    checkpoint(tmp_path, epoch, {"model_config": INNER | {"window_pattern": "L"}})
    alone = inspect({"model_config": INNER | {"window_pattern": "L"}})
    found = inspect(str(tmp_path / "meta_000650.json"))
    assert "CS130" in {item.code for item in alone.findings}
    assert "CS130" not in {item.code for item in found.findings}
    assert found.parameters.analytic.total == counts.total(BY_NAME[epoch], SIZES)
    assert any("model_000650.pt holds" in note and epoch in note for note in found.model.notes)


def test_the_bytes_of_the_weights_are_a_witness(tmp_path):
    checkpoint(tmp_path, "E8", {"model_config": INNER | {"window_pattern": "L"}})
    checkpoint(tmp_path, "E8", {"model_config": INNER}, step=9)
    found = cardscope.inspect(str(tmp_path), exact=False).parameters.checkpoint
    assert (found.source, found.stored_bytes) == ("file-list", counts.stored_bytes(BY_NAME["E8"], SIZES))


def test_releases_of_equal_tensors_are_told_apart_by_the_meta(tmp_path):
    """E4 and E6 have the same tensors; a pretraining meta without fp8 is of January and February."""
    user = {"depth": 6, "scalar_lr": 0.5, "aspect_ratio": 64, "window_pattern": "SSSL"}
    checkpoint(tmp_path, "E4", {"model_config": INNER | {"window_pattern": "SSSL"}, "user_config": user})
    (note,) = inspect(str(tmp_path / "meta_000650.json")).model.notes
    assert "those of E4 in" in note


@pytest.mark.parametrize(("per", "words"), [((2, 4), "bf16 tables"), ((4, 4), "fp32"), ((2, 2), "bf16")])
def test_how_the_numbers_are_stored_is_told_too(per, words):
    assert layout(BY_NAME["E8"], SIZES, list(nanochat_storages(BY_NAME["E8"], SIZES, per))).startswith(words)


def test_a_file_of_other_sizes_is_said_and_leaves_the_meta_as_it_was(tmp_path):
    checkpoint(tmp_path, "E0", {"model_config": INNER}, sizes=SIZES._replace(width=128))
    found = inspect(str(tmp_path / "meta_000650.json"))
    assert any("of no release with the sizes" in note for note in found.model.notes)
    assert found.parameters.analytic.confidence == "guess"


def test_a_file_that_is_no_zip_is_a_note(tmp_path):
    checkpoint(tmp_path, "E0", {"model_config": INNER}).write_bytes(b"\x80\x02}q\x00.")
    assert any("the meta alone counts" in note for note in inspect(str(tmp_path / "meta_000650.json")).model.notes)


def test_a_model_file_stands_for_its_meta_and_a_folder_for_its_last_step(tmp_path):
    checkpoint(tmp_path, "E0", {"model_config": INNER | {"n_layer": 3}}, step=9, sizes=SIZES._replace(depth=3))
    weights = checkpoint(tmp_path, "E0", {"model_config": INNER}, step=10)
    assert inspect(str(weights)).spec.num_layers == 6
    assert inspect(str(tmp_path)).spec.num_layers == 6
    assert inspect(str(tmp_path / "model_000009.pt")).spec.num_layers == 3


def test_the_command_line_takes_a_checkpoint(tmp_path, capsys):
    weights = checkpoint(tmp_path, "E8", {"model_config": INNER | {"window_pattern": "SSSL"}})
    assert run([str(weights), "--no-exact"]) == 0
    assert "E8 and E9" in " ".join(capsys.readouterr().out.split())


def test_another_pickle_is_refused_with_a_way_out(tmp_path):
    (tmp_path / "ckpt.pt").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(NotAConfig) as caught:
        inspect(str(tmp_path / "ckpt.pt"))
    assert "never loaded" in caught.value.message
    assert "model_args" in caught.value.hint


def test_a_folder_of_nothing_is_still_refused(tmp_path):
    with pytest.raises(NotFound):
        inspect(str(tmp_path))


# -- nanoGPT ---------------------------------------------------------------------------------------------------------

ARGS = {"n_layer": 12, "n_head": 12, "n_embd": 768, "block_size": 1024, "bias": True, "vocab_size": 50_304}


@pytest.mark.parametrize(
    ("change", "total", "flops"),
    [
        ({}, 124_475_904, 855_383_040),
        ({"bias": False}, 124_373_760, 854_770_176),
        ({"vocab_size": 50_257}, 124_439_808, 855_166_464),
        ({"vocab_size": 50_257, "n_layer": 24, "n_head": 16, "n_embd": 1024}, 354_823_168, 2_424_637_440),
    ],
)
def test_model_args_of_nanogpt(change, total, flops):
    """Its own count, and its own estimate of FLOPs per token, for the configurations it is known for."""
    config = {"model_args": ARGS | {"dropout": 0.0} | change, "iter_num": 5}
    assert inspect(config).parameters.analytic.total == total
    assert cardscope.train(config, sequence=1024).flops_per_token == flops


def test_model_args_before_the_bias_option_have_biases(tmp_path):
    old = {key: value for key, value in ARGS.items() if key != "bias"}
    path = tmp_path / "args.json"
    path.write_text(json.dumps({"model_args": old}))
    assert inspect(path).parameters.analytic.total == 124_475_904

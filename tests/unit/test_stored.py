"""What is stored as a witness: local safetensors, whole and broken, against the config beside them."""

from __future__ import annotations

import json

import pytest

import cardscope
from cardscope.errors import NotAConfig
from tests import weights as w


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(w.LLAMA))
    return tmp_path


def inspect(path, exact=False):
    return cardscope.inspect(str(path), exact=exact)


def codes(report):
    return [item.code for item in report.findings]


def last(report):
    difference = report.parameters.differences[-1]
    assert sum(term.delta for term in difference.terms) == difference.delta
    return {term.name: term.delta for term in difference.terms}


@pytest.mark.parametrize("shards", [0, 1, 3])
@pytest.mark.parametrize("index", [True, False])
def test_a_folder_of_safetensors_is_the_headline(folder, shards, index):
    """One file, shards with an index and shards without give the same count."""
    if shards:
        w.shards(folder, w.llama(), shards, index=index)
    else:
        w.write(folder / "model.safetensors", w.llama())
    report = inspect(folder)
    assert (report.headline.total, report.headline.witness) == (w.TOTAL, "stored")
    stored = report.parameters.checkpoint
    assert (stored.total, stored.stored_numbers, stored.stored_bytes) == (w.TOTAL, w.TOTAL, 2 * w.TOTAL)
    assert (stored.source, stored.status, stored.dtypes) == ("headers", "ok", {"BF16": w.TOTAL})
    assert [f.code for f in report.findings if f.severity != "info"] == []


def test_headers_that_agree_spare_the_exact_count(folder):
    """With exact="auto" no child is started, and the report says why."""
    w.write(folder / "model.safetensors", w.llama())
    exact = inspect(folder, exact="auto").parameters.exact
    assert (exact.status, exact.total) == ("skipped", None)
    assert "agree" in exact.reason


def test_the_memory_row_of_the_stored_precision_is_what_is_stored(folder):
    """fp32 shards under a bf16 config are 32 bits wide."""
    w.write(folder / "model.safetensors", w.llama("F32"))
    report = inspect(folder)
    (row,) = [row for row in report.weights if row.basis == "stored"]
    assert (row.precision, row.bytes, row.bits_per_weight) == ("fp32", 4 * w.TOTAL, 32.0)
    assert (report.headline.bytes, report.headline.dtype) == (4 * w.TOTAL, "float32")


def test_a_tied_head_that_is_stored_is_no_parameter(folder):
    """The second copy is counted as a duplicate and named in the difference."""
    (folder / "config.json").write_text(json.dumps({**w.LLAMA, "tie_word_embeddings": True}))
    w.write(folder / "model.safetensors", w.llama())
    report = inspect(folder)
    assert report.headline.total == w.TOTAL - 256 * 64
    assert report.parameters.checkpoint.duplicates == 256 * 64
    assert last(report) == {"tied head stored": 256 * 64}


def test_buffers_are_no_parameters(folder):
    """Rotary frequencies of old Llama checkpoints are counted apart and named."""
    extra = {f"model.layers.{n}.self_attn.rotary_emb.inv_freq": ("F32", (8,)) for n in range(2)}
    w.write(folder / "model.safetensors", {**w.llama(), **extra})
    report = inspect(folder)
    assert (report.headline.total, report.parameters.checkpoint.buffers) == (w.TOTAL, 16)
    assert last(report) == {"rotary frequencies": 16}


def test_layers_behind_the_last_are_extra_prediction_layers(folder):
    """A layer the config does not count is neither the main model nor unexplained."""
    extra = {"model.layers.2.mlp.up_proj.weight": ("BF16", (128, 64)), "mtp.fc.weight": ("BF16", (64, 128))}
    w.write(folder / "model.safetensors", {**w.llama(), **extra})
    report = inspect(folder)
    assert (report.headline.total, report.parameters.checkpoint.mtp) == (w.TOTAL, 2 * 128 * 64)
    assert last(report) == {"extra prediction layers": 2 * 128 * 64}


def test_padded_rows_of_the_vocabulary_are_named(folder):
    """More rows than the vocabulary are padding, not a contradiction."""
    tensors = w.llama()
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        tensors[name] = ("BF16", (320, 64))
    w.write(folder / "model.safetensors", tensors)
    report = inspect(folder)
    assert last(report) == {"vocabulary padding": 2 * 64 * 64}
    assert "CS208" in codes(report)
    assert "CS203" not in codes(report)


def test_a_shape_that_contradicts_the_config_is_named(folder):
    """The finding says which tensor, what is stored and what the config gives."""
    tensors = w.llama()
    tensors["model.layers.1.self_attn.k_proj.weight"] = ("BF16", (64, 64))
    w.write(folder / "model.safetensors", tensors)
    report = inspect(folder)
    (found,) = [item for item in report.findings if item.code == "CS203"]
    assert found.message == "model.layers.1.self_attn.k_proj.weight is stored as 64 × 64; the config gives 32 × 64"
    assert last(report) == {"self_attn.k_proj.weight against the config": 32 * 64}


def test_a_missing_shard_leaves_no_count(folder):
    """Half a checkpoint is not counted as if it were the whole; the config still is."""
    w.shards(folder, w.llama(), 3)
    (folder / "model-00002-of-00003.safetensors").unlink()
    report = inspect(folder)
    stored = report.parameters.checkpoint
    assert (stored.total, stored.stored_numbers, stored.status) == (None, None, "failed")
    assert "model-00002-of-00003.safetensors" in stored.reason
    assert (report.headline.witness, report.headline.total) == ("analytic", w.TOTAL)
    assert "CS205" in codes(report)


def test_a_missing_shard_without_an_index_is_noticed_by_its_number(folder):
    """The names alone promise three."""
    w.shards(folder, w.llama(), 3, index=False)
    (folder / "model-00003-of-00003.safetensors").unlink()
    assert "model-00003-of-00003" in inspect(folder).parameters.checkpoint.reason


def test_an_index_with_another_size_is_a_finding(folder):
    """total_size is a claim, checked against the shards."""
    w.shards(folder, w.llama(), 2, total_size=17)
    report = inspect(folder)
    assert [f.message for f in report.findings if f.code == "CS204"] == [
        f"the index says 17 bytes, its shards hold {2 * w.TOTAL:,}"
    ]
    assert report.headline.total == w.TOTAL


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "a/b.safetensors", "", 7])
def test_an_index_that_leads_elsewhere_is_refused(folder, name):
    """Nothing outside the folder is opened; the config is reported all the same."""
    index = {"weight_map": {"a": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    report = inspect(folder)
    assert "CS210" in codes(report)
    assert "names a shard" in report.parameters.checkpoint.reason


def test_a_weight_file_alone_is_counted_without_a_config(tmp_path):
    """Its numbers and components are known, nothing else."""
    w.write(tmp_path / "weights.safetensors", w.llama())
    report = inspect(tmp_path / "weights.safetensors")
    assert (report.headline.total, report.headline.witness) == (w.TOTAL, "stored")
    assert report.inventory.parameters == w.TOTAL
    assert report.inventory.components()["attention"] == 2 * (2 * 64 * 64 + 2 * 32 * 64)


def test_a_damaged_weight_file_alone_is_an_error(tmp_path):
    """There is nothing else to report."""
    (tmp_path / "weights.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(NotAConfig, match="ends inside its header"):
        inspect(tmp_path / "weights.safetensors")


def test_a_named_shard_stands_for_its_set(folder):
    """The other shards are read too, and a finding says so."""
    w.shards(folder, w.llama(), 3)
    report = inspect(folder / "model-00002-of-00003.safetensors")
    assert report.headline.total == w.TOTAL
    assert any("one shard of 3" in f.message for f in report.findings)


def test_a_what_if_has_no_checkpoint(folder):
    """Stored tensors are of the model as it is."""
    w.write(folder / "model.safetensors", w.llama())
    report = cardscope.inspect(f"{folder},num_hidden_layers=3", exact=False)
    assert (report.headline.witness, report.parameters.checkpoint.status) == ("analytic", "skipped")


def test_headers_can_be_left_unread(folder):
    """headers=False leaves the files alone."""
    w.write(folder / "model.safetensors", w.llama())
    assert cardscope.inspect(str(folder), exact=False, headers=False).headline.witness == "analytic"


def test_the_stored_inventory_has_the_declared_one_s_shape(folder):
    """Layers of equal tensors are one group, and the components agree with the declaration's."""
    w.write(folder / "model.safetensors", w.llama())
    from cardscope.checkpoint.inventory import inventory
    from cardscope.checkpoint.local import read

    contents = read(str(folder), w.LLAMA)
    found = inventory(contents.pieces)
    assert [(group.count, group.layers) for group in found.groups] == [(1, ()), (2, (0, 1))]
    assert dict(found.components()) == inspect(folder).parameters.analytic.components


def test_a_checkpoint_that_lacks_layers_says_so(folder):
    """One layer's tensors short: a finding names what is not stored, and the model has no more active than stored."""
    tensors = {name: tensor for name, tensor in w.llama().items() if ".layers.1." not in name}
    w.write(folder / "model.safetensors", tensors)
    report = inspect(folder)
    assert report.headline.total == report.headline.active < w.TOTAL
    (item,) = (f for f in report.findings if f.code == "CS214")
    assert item.message.startswith(f"{w.TOTAL - report.headline.total:,} declared parameters are not stored: ")
    assert "attention" in item.message


def test_a_whole_checkpoint_lacks_nothing(folder):
    """No finding where all that is declared is stored."""
    w.write(folder / "model.safetensors", w.llama())
    assert "CS214" not in codes(inspect(folder))


def test_a_dense_module_beside_the_model_is_named(folder):
    """A sentence transformer's 2_Dense stores weights of its own, which are no part of the model's count."""
    w.write(folder / "model.safetensors", w.llama())
    before = inspect(folder).parameters.checkpoint.total
    (folder / "2_Dense").mkdir()
    w.write(folder / "2_Dense" / "model.safetensors", {"linear.weight": ("F32", (8, 8))})
    report = inspect(folder)
    assert report.parameters.checkpoint.total == before
    assert any(f.code == "CS209" and "2_Dense" in f.message for f in report.findings)

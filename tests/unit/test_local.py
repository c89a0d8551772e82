"""Files, folders and standard input."""

import io
import os

import pytest

from cardscope.errors import NotAConfig, NotFound, SourceError, TooLarge
from cardscope.source import local

CONFIG = b'{"model_type": "gpt2", "n_layer": 2}'


def test_a_folder_gives_its_config_and_names_its_weights(tmp_path):
    (tmp_path / "config.json").write_bytes(CONFIG)
    (tmp_path / "model.safetensors").write_bytes(b"12345678")
    found = local.load(str(tmp_path))
    assert (found.source, found.data["n_layer"], found.where) == ("file", 2, f"{tmp_path}/config.json")
    assert found.files == (("model.safetensors", 8),)


def test_a_file_of_any_name_is_read(tmp_path):
    (tmp_path / "other.json").write_bytes(CONFIG)
    assert local.load(str(tmp_path / "other.json")).data["n_layer"] == 2


def test_a_link_to_a_config_is_followed(tmp_path):
    (tmp_path / "real.json").write_bytes(CONFIG)
    (tmp_path / "config.json").symlink_to("real.json")
    assert local.load(str(tmp_path)).data["n_layer"] == 2


def test_a_file_of_200_megabytes_is_refused_by_its_size(tmp_path):
    with (tmp_path / "config.json").open("wb") as stream:
        stream.truncate(200_000_000)
    with pytest.raises(TooLarge, match="200,000,000 bytes"):
        local.load(str(tmp_path))


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(NotAConfig, match="a pipe"):
        local.load(str(tmp_path / "config.json"))


def test_a_device_is_refused():
    with pytest.raises(NotAConfig, match="a device"):
        local.load("/dev/zero")


def test_a_config_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / "config.json").mkdir()
    with pytest.raises(NotAConfig, match="a folder"):
        local.load(str(tmp_path))


def test_a_dangling_link_is_not_found(tmp_path):
    (tmp_path / "config.json").symlink_to("nowhere")
    with pytest.raises(NotFound):
        local.load(str(tmp_path))


def test_links_that_go_in_circles_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(SourceError, match="cannot be read"):
        local.load(str(tmp_path / "a"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(tmp_path):
    (tmp_path / "config.json").write_bytes(CONFIG)
    (tmp_path / "config.json").chmod(0)
    with pytest.raises(SourceError, match="permission denied"):
        local.load(str(tmp_path))


def test_a_missing_path_is_not_found():
    with pytest.raises(NotFound, match=r"no file or folder \./nothing-here"):
        local.load("./nothing-here")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("model.bin", "model.bin"), ("readme.txt", "give a folder")],
)
def test_a_folder_without_a_config_says_what_it_holds(tmp_path, name, hint):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(NotFound) as caught:
        local.load(str(tmp_path))
    assert hint in caught.value.hint


def test_a_weight_file_comes_with_the_config_beside_it(tmp_path):
    (tmp_path / "config.json").write_bytes(CONFIG)
    (tmp_path / "model.safetensors").write_bytes(b"")
    found = local.load(str(tmp_path / "model.safetensors"))
    assert (found.data["n_layer"], found.weights, found.folder) == (2, "model.safetensors", str(tmp_path))


def test_a_weight_file_alone_has_no_config(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    found = local.load(str(tmp_path / "model.safetensors"))
    assert (dict(found.data), found.weights) == ({}, "model.safetensors")


def test_a_native_nanochat_meta_gives_its_config(tmp_path):
    sizes = '"vocab_size": 65536, "n_layer": 4, "n_head": 2, "n_kv_head": 2, "n_embd": 256, "sequence_len": 1024'
    (tmp_path / "meta_000010.json").write_text(
        f'{{"step": 10, "val_bpb": Infinity, "model_config": {{{sizes}}}, "user_config": {{"depth": 4}}}}'
    )
    found = local.load(str(tmp_path / "meta_000010.json"))
    assert (found.data["model_type"], found.data["max_position_embeddings"]) == ("nanochat", 1024)


def test_standard_input_is_read():
    found = local.load_stdin(io.BytesIO(CONFIG))
    assert (found.source, found.data["n_layer"]) == ("stdin", 2)


def test_standard_input_is_read_to_one_byte_over_the_cap():
    stream = io.BytesIO(b" " * 10_000_100)
    with pytest.raises(TooLarge):
        local.load_stdin(stream)
    assert stream.tell() == 10_000_001


def test_closed_standard_input_is_an_error():
    with pytest.raises(NotAConfig, match="closed"):
        local.load_stdin(None)

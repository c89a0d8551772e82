"""The Hub's cache as it lies on disk."""

import os

import pytest

from cardscope.errors import NotAConfig
from cardscope.source import cache

OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture
def repo(hf_cache):
    """A cached repository: main at OLD, a tag at NEW, both with a config."""
    folder = hf_cache / "models--org--name"
    for commit, layers in ((OLD, 2), (NEW, 3)):
        (folder / "snapshots" / commit).mkdir(parents=True)
        (folder / "blobs").mkdir(exist_ok=True)
        (folder / "blobs" / f"etag{layers}").write_text(f'{{"model_type": "gpt2", "n_layer": {layers}}}')
        (folder / "snapshots" / commit / "config.json").symlink_to(f"../../blobs/etag{layers}")
    (folder / "refs" / "refs" / "pr").mkdir(parents=True)
    (folder / "refs" / "main").write_text(OLD)
    (folder / "refs" / "refs" / "pr" / "1").write_text(NEW)
    return folder


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize(("revision", "layers"), [(None, 2), ("main", 2), ("refs/pr/1", 3), (NEW, 3)])
def test_a_revision_leads_to_its_snapshot(revision, layers):
    found = cache.load("org/name", revision)
    assert (found.source, found.data["n_layer"], found.notes) == ("cache", layers, ())
    assert found.revision == (NEW if layers == 3 else OLD)


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("revision", ["v9", "c" * 40, "../../x"])
def test_an_unknown_revision_is_absent(revision):
    assert cache.load("org/name", revision) is None


def test_without_a_recorded_main_the_newest_snapshot_is_used_and_said(repo):
    (repo / "refs" / "main").unlink()
    os.utime(repo / "blobs" / "etag2", (1, 1))
    found = cache.load("org/name", None)
    assert found.revision == NEW
    assert "records no main" in found.notes[0]


def test_a_reference_that_holds_a_path_is_not_followed(repo):
    (repo / "refs" / "main").write_text("../../../../etc")
    assert cache.load("org/name", "main") is None


@pytest.mark.usefixtures("hf_cache")
def test_a_repository_never_cached_is_absent():
    assert cache.load("org/other", None) is None


def test_a_damaged_cached_config_is_an_error_offline_and_absent_online(repo):
    (repo / "blobs" / "etag2").write_text('{"model')
    with pytest.raises(NotAConfig, match="cached config"):
        cache.load("org/name", None)
    assert cache.read_commit("org/name", OLD) is None

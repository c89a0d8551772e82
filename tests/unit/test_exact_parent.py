"""The exact witness's parent side: what is refused, kept and said, without torch."""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import replace
from pathlib import Path

import pytest

from cardscope import exact
from cardscope.exact import cache
from cardscope.exact.answer import ExactCount, from_answer
from cardscope.exact.installed import find_extra
from cardscope.exact.limits import config_line
from cardscope.exact.process import environment

ROOT = Path(__file__).parents[2]
VERSIONS = {"transformers": "5.23.0", "torch": "2.13.0", "accelerate": "1.15.0"}
COUNT = ExactCount(124439808, 0, "GPT2LMHeadModel", "ok", None, VERSIONS)
GPT2 = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_layer": 12, "n_embd": 768}


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The folder a test's answers are kept in."""
    monkeypatch.setenv("CARDSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "exact"


def install(folder: Path, **versions: str) -> list[str]:
    for name, version in versions.items():
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return [str(folder)]


# what is refused before a child is started


@pytest.mark.parametrize(
    "config",
    [
        {"num_hidden_layers": 10**9},
        {"n_layer": 20_001},
        {"text_config": {"num_layers": 10**6}},
        {"encoder_layers": 1e12},
        {"depths": [2, 10**7]},
        {"num_local_experts": 10**6},
        {"n_routed_experts": 10**6},
        {"hidden_layers": ["attention"] * 20_001},
    ],
)
def test_a_config_with_absurdly_many_parts_is_refused(config):
    with pytest.raises(ValueError, match="more than the 20,000 a build is tried for"):
        config_line(config)


def test_large_sizes_that_repeat_nothing_are_let_through():
    config = {"block_size": 1 << 20, "vocab_size": 10**6, "num_experts_per_tok": 8, "sliding_window": 10**6}
    assert config_line(config)


def test_a_config_of_a_million_values_is_refused():
    with pytest.raises(ValueError, match="more than 1,000,000 values"):
        config_line({"a": [0] * 1_000_001})


def test_a_config_longer_than_the_cap_is_refused():
    with pytest.raises(ValueError, match="bytes long"):
        config_line({"a": "x" * (9 << 20)})


def test_a_config_nested_beyond_json_is_refused():
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(ValueError, match="nested too deeply"):
        config_line(deep)


def test_values_that_are_not_json_are_refused():
    with pytest.raises(ValueError, match="not JSON"):
        config_line({"a": object()})


def test_a_refused_config_is_answered_as_failed_at_once():
    found = exact.count({"model_type": "gpt2", "n_layer": 10**9})
    assert (found.status, found.total) == ("failed", None)
    assert found.reason == "n_layer is 1,000,000,000, more than the 20,000 a build is tried for"


# the disk cache


def test_key_order_does_not_change_the_entry(kept):
    backwards = dict(reversed(GPT2.items()))
    assert cache.entry(config_line(GPT2), VERSIONS) == cache.entry(config_line(backwards), VERSIONS)


def test_every_field_and_every_version_changes_the_entry(kept):
    entries = {cache.entry(config_line(GPT2), VERSIONS)}
    entries |= {cache.entry(config_line(GPT2 | {key: "other"}), VERSIONS) for key in GPT2}
    entries |= {cache.entry(config_line(GPT2), VERSIONS | {name: "9.9"}) for name in VERSIONS}
    assert len(entries) == 1 + len(GPT2) + len(VERSIONS)


def test_null_and_absent_are_different_entries(kept):
    assert cache.entry(config_line({"a": None}), VERSIONS) != cache.entry(config_line({}), VERSIONS)


def test_the_cache_follows_its_own_variable_then_xdg_then_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("CARDSCOPE_CACHE", raising=False)
    folders = [cache.folder()]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    folders.append(cache.folder())
    monkeypatch.setenv("CARDSCOPE_CACHE", str(tmp_path / "own"))
    folders.append(cache.folder())
    assert [str(folder.relative_to(tmp_path)) for folder in folders] == [
        "home/.cache/cardscope/exact",
        "xdg/cardscope/exact",
        "own/exact",
    ]


def test_what_is_written_is_read_back(kept):
    path = cache.entry("{}", VERSIONS)
    cache.write(path, COUNT)
    assert cache.read(path) == COUNT
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("status", ["failed", "unavailable", "skipped"])
def test_only_counts_are_kept(kept, status):
    path = cache.entry("{}", VERSIONS)
    cache.write(path, replace(COUNT, status=status, total=None, reason="it crashed"))
    assert not kept.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"status": "ok"}',
        b'{"status": "ok", "total": "9", "buffers": 0, "class": "X"}',
        b'{"status": "ok", "total": true, "buffers": 0, "class": "X"}',
        b'{"status": "ok", "total": -1, "buffers": 0, "class": "X"}',
        b'{"status": "ok", "total": 1, "buffers": 0, "class": "X", "versions": 3}',
        b'{"status": "failed", "reason": "no"}',
        b"[" * 100_000,
    ],
)
def test_an_entry_that_is_not_a_count_is_no_entry(kept, content):
    path = cache.entry("{}", VERSIONS)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert cache.read(path) is None


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("CARDSCOPE_CACHE", str(tmp_path / "file"))
    path = cache.entry("{}", VERSIONS)
    cache.write(path, COUNT)
    assert cache.read(path) is None


# what the child answers


def test_the_childs_answer_is_checked():
    for answer in (None, [], {}, {"status": "ok"}, {"status": "fine", "total": 1, "buffers": 0, "class": "X"}):
        with pytest.raises(ValueError, match=r"not an object|no count"):
            from_answer(answer)


def test_shapes_come_as_tuples():
    answer = {"status": "ok", "total": 6, "buffers": 2, "class": "X", "versions": VERSIONS}
    shapes = {"parameter_shapes": [["w", [2, 3]]], "buffer_shapes": [["b", [2]]]}
    found = from_answer(answer | shapes).tensors
    assert found == (exact.TensorShape("w", (2, 3), "parameter"), exact.TensorShape("b", (2,), "buffer"))


# the extra


def test_a_complete_extra_misses_nothing(tmp_path):
    path = install(tmp_path, transformers="5.23.0", torch="2.13.0+cpu", accelerate="1.15.0")
    assert find_extra(path) == ({"transformers": "5.23.0", "torch": "2.13.0+cpu", "accelerate": "1.15.0"}, None, ())


def test_an_absent_extra_is_told_how_to_install(tmp_path):
    reason = (
        "transformers and torch and accelerate are not installed: pip install 'cardscope[exact]' adds the exact count"
    )
    assert find_extra([str(tmp_path)]).missing == reason


def test_an_absent_package_is_named(tmp_path):
    found = find_extra(install(tmp_path, transformers="5.23.0", torch="2.13.0"))
    assert found.missing is not None
    assert found.missing.startswith("accelerate is not installed: pip install 'cardscope[exact]'")


@pytest.mark.parametrize(("version", "fits"), [("5.22.9", False), ("5.23.0", True), ("5.99", True), ("6.0.0", False)])
def test_transformers_must_be_a_release_the_counts_were_checked_with(tmp_path, version, fits):
    missing = find_extra(install(tmp_path, transformers=version, torch="2.13.0", accelerate="1.15.0")).missing
    assert (missing is None) is fits
    if missing is not None:
        assert missing.startswith(f"transformers {version} is installed, the exact count needs 5.23 or newer, below 6")


def test_without_the_extra_the_count_is_unavailable_with_a_hint(tmp_path):
    """In an environment that holds nothing, asked as a user would."""
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from cardscope import exact;"
        "found = exact.count({'model_type': 'gpt2'}); print(found.status, found.total, found.reason, sep='|')"
    )
    python = tmp_path / "bare" / "bin" / "python"
    answer = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    status, total, reason = answer.stdout.strip().split("|")
    assert (status, total) == ("unavailable", "None")
    assert "pip install 'cardscope[exact]'" in reason


# the child's surroundings


def test_the_child_gets_no_token_no_proxy_and_no_python_variable(tmp_path, monkeypatch):
    secrets = (
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "HTTPS_PROXY",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "AWS_SECRET_ACCESS_KEY",
    )
    for name in secrets:
        monkeypatch.setenv(name, "secret")
    given = environment(str(tmp_path))
    assert "secret" not in given.values()
    assert (given["HF_HUB_OFFLINE"], given["HOME"], given["HF_HOME"]) == ("1", str(tmp_path), str(tmp_path))


def test_asking_imports_neither_torch_nor_transformers():
    """A kept answer, a refusal or a missing extra must cost nothing."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from cardscope import exact;"
        "from cardscope.exact import cache, installed, process;"
        "exact.count({'num_layers': 10**9}); installed.find_extra();"
        "print({'torch', 'transformers', 'accelerate', 'numpy'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"

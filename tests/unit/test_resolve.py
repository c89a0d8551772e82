"""resolve(): dicts, paths, formulas, and what stands in when the Hub may not be asked."""

import os
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest

from cardscope.errors import NetworkError, NotAConfig, NotFound, TooLarge, UsageError
from cardscope.source import begin, resolve

LLAMA = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2}


def test_a_dict_is_copied_and_not_shared():
    data = {"model_type": "gpt2", "sizes": [1, 2]}
    found = resolve(data)
    data["sizes"].append(3)
    assert (found.source, found.data["sizes"]) == ("object", [1, 2])


def test_a_dict_may_hold_tuples_integer_keys_and_odd_mappings():
    found = resolve(OrderedDict(model_type="x", id2label={0: "a"}, pair=(1, 2)))
    assert found.data == {"model_type": "x", "id2label": {"0": "a"}, "pair": [1, 2]}


def test_a_dict_that_holds_itself_is_too_large():
    data = {"model_type": "gpt2"}
    data["again"] = data
    with pytest.raises(TooLarge):
        resolve(data)


@pytest.mark.parametrize("data", [{}, {"a": 1}, {"model_type": "x", "y": object()}, {"model_type": "x", "n": 10**40}])
def test_a_dict_that_is_no_config_is_refused(data):
    with pytest.raises(NotAConfig) as caught:
        resolve(data)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"peft_type": "LORA", "base_model_name_or_path": "org/base"}, "adapter"),
        ({"_class_name": "UNet2DConditionModel", "num_layers": 2}, "diffusers"),
        ({"metadata": {}, "weight_map": {}}, "index of weight files"),
        ({"tokenizer_class": "T"}, "tokenizer"),
        ({"bos_token_id": 1}, "generation config"),
    ],
)
def test_other_json_files_of_a_repository_are_named(data, said):
    with pytest.raises(NotAConfig, match=said):
        resolve(data)


def test_a_path_object_is_local(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    assert resolve(Path(tmp_path)).source == "file"


def test_a_folder_that_could_be_a_hub_id_says_that_it_was_local(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("gpt2").mkdir()
    Path("gpt2/config.json").write_text('{"model_type": "gpt2"}')
    assert resolve("gpt2").notes == ("gpt2 is a folder here; hf://gpt2 asks the Hub",)
    assert resolve("./gpt2").notes == ()


def test_changes_of_the_word_come_before_those_of_the_call():
    found = resolve("nanochat:d12,num_hidden_layers=3", sets=["num_hidden_layers=4"])
    assert found.data["num_hidden_layers"] == 4
    assert found.changes == (("num_hidden_layers", 12, 3), ("num_hidden_layers", 3, 4))


def test_a_change_reaches_gpt2_in_either_spelling():
    found = resolve({"model_type": "gpt2", "n_layer": 12}, sets=[("num_hidden_layers", "6")])
    assert found.data == {"model_type": "gpt2", "n_layer": 6}


def test_a_formula_is_named_with_its_options():
    found = resolve("nanochat:d20,vocab=32768")
    assert (found.source, found.id, found.data["vocab_size"]) == ("formula", "nanochat:d20,vocab=32768", 32768)


@pytest.mark.parametrize("word", ["nanochat:d20", "./x.json"])
def test_a_revision_of_what_has_none_is_refused(word):
    with pytest.raises(UsageError, match="no revisions"):
        resolve(word, revision="main")


def test_two_revisions_are_refused():
    with pytest.raises(UsageError, match="one revision"):
        resolve("gpt2@v1", revision="v2", offline=True)


@pytest.mark.usefixtures("hf_cache")
def test_offline_the_catalogue_answers_and_says_so():
    found = resolve("gpt2", offline=True)
    assert (found.source, found.id, found.data["n_layer"]) == ("catalog", "gpt2", 12)
    assert "bundled snapshot of" in found.notes[0]
    assert "without --offline" in found.notes[0]


def test_offline_the_cache_comes_before_the_catalogue(hf_cache):
    snapshot = hf_cache / "models--gpt2" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text('{"model_type": "gpt2", "n_layer": 3}')
    found = resolve("gpt2", offline=True)
    assert (found.source, found.data["n_layer"], found.revision) == ("cache", 3, "a" * 40)


@pytest.mark.usefixtures("hf_cache")
def test_the_catalogue_does_not_answer_for_another_revision():
    with pytest.raises(NetworkError, match="gpt2 at v9"):
        resolve("gpt2@v9", offline=True)


@pytest.mark.usefixtures("hf_cache")
def test_offline_an_unknown_id_suggests_its_neighbours():
    with pytest.raises(NetworkError) as caught:
        resolve("mistralai/Mistral-7B-v0.11", offline=True)
    assert "mistralai/Mistral-7B-v0.1" in caught.value.hint


def test_refresh_and_offline_exclude_each_other():
    with pytest.raises(UsageError):
        resolve("gpt2", offline=True, refresh=True)


def test_what_is_begun_without_the_hub_is_resolved_when_waited_for():
    assert begin("nanochat:d12")().data["num_hidden_layers"] == 12
    wait = begin("a b")
    with pytest.raises(UsageError):
        wait()


def test_a_missing_json_file_is_not_taken_for_a_hub_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFound, match="no file or folder confg"):
        resolve("confg.json")


def test_no_light_source_imports_an_http_client(tmp_path):
    """A file, a dict, a formula, an offline word from catalogue and cache: none may load a network library."""
    (tmp_path / "config.json").write_text('{"model_type": "gpt2", "n_layer": 2}')
    code = """
import sys
from cardscope.source import resolve
for word in ("./config.json", {"model_type": "x"}, "nanochat:d20", "gpt2", "gpt2,num_hidden_layers=2"):
    resolve(word, offline=True)
heavy = {"httpx", "httpx2", "requests", "ssl", "torch", "transformers", "huggingface_hub.hf_api", "rich"}
print(sorted(heavy & set(sys.modules)))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "HF_HOME": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")

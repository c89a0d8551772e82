"""Every spelling of MODEL."""

import pytest

from cardscope.errors import UsageError
from cardscope.source.words import parse, split_edits


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("word", "target", "revision"),
    [
        ("gpt2", "gpt2", None),
        ("meta-llama/Meta-Llama-3-8B", "meta-llama/Meta-Llama-3-8B", None),
        ("org/name@v1.0", "org/name", "v1.0"),
        ("org/name@refs/pr/1", "org/name", "refs/pr/1"),
        ("org/name@feature/x", "org/name", "feature/x"),
        ("hf://org/name", "org/name", None),
        ("hf://gpt2", "gpt2", None),
        ("hf://org/name@refs/pr/1", "org/name", "refs/pr/1"),
        ("hf://org/name@main/config.json", "org/name", "main"),
        ("https://huggingface.co/org/name", "org/name", None),
        ("https://huggingface.co/org/name/", "org/name", None),
        ("https://huggingface.co/gpt2", "gpt2", None),
        ("https://huggingface.co/gpt2/blob/main/config.json", "gpt2", "main"),
        ("https://huggingface.co/org/name/blob/main/config.json", "org/name", "main"),
        ("https://huggingface.co/org/name/resolve/abc123/config.json?download=true", "org/name", "abc123"),
        ("https://huggingface.co/org/name/tree/v2", "org/name", "v2"),
        ("https://huggingface.co/org/name/tree/refs%2Fpr%2F3", "org/name", "refs/pr/3"),
        ("https://huggingface.co/org/name/blob/refs/pr/3/config.json", "org/name", "refs/pr/3"),
        ("https://huggingface.co/org/name#usage", "org/name", None),
        ("https://huggingface.co/org/name.git", "org/name", None),
        ("https://huggingface.co/api/models/org/name/revision/dev", "org/name", "dev"),
        ("huggingface.co/org/name", "org/name", None),
        ("https://hf.co/org/name@dev", "org/name", "dev"),
    ],
)
def test_hub_words(word, target, revision):
    found = parse(word)
    assert (found.kind, found.target, found.revision) == ("hub", target, revision)


def test_an_address_of_the_configured_endpoint_is_a_hub_word(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://localhost:8080")
    assert parse("http://localhost:8080/org/name/tree/dev").revision == "dev"


@pytest.mark.parametrize(
    "word", ["./gpt2", "../x", "/abs/config.json", "~/models/x", ".", "a/b/c.json", "missing.safetensors"]
)
def test_words_spelled_as_paths_are_local_though_nothing_is_there(word):
    assert parse(word).kind == "local"


def test_a_folder_with_a_config_wins_over_the_hub_id_of_its_name(tmp_path):
    (tmp_path / "gpt2").mkdir()
    (tmp_path / "gpt2" / "config.json").write_text("{}")
    found = parse("gpt2,n_layer=2")
    assert (found.kind, found.explicit, found.edits) == ("local", False, (("n_layer", "2"),))


def test_hf_scheme_forces_the_hub_past_a_folder_of_that_name(tmp_path):
    (tmp_path / "gpt2").mkdir()
    (tmp_path / "gpt2" / "config.json").write_text("{}")
    assert parse("hf://gpt2").kind == "hub"


def test_a_folder_without_a_config_does_not_hide_the_hub_id(tmp_path):
    (tmp_path / "gpt2").mkdir()
    assert parse("gpt2").kind == "hub"


def test_a_revision_can_only_mean_the_hub(tmp_path):
    (tmp_path / "gpt2").mkdir()
    (tmp_path / "gpt2" / "config.json").write_text("{}")
    assert parse("gpt2@main").kind == "hub"


def test_a_file_whose_name_holds_at_and_comma_is_that_file(tmp_path):
    (tmp_path / "a@b,c=1.json").write_text("{}")
    found = parse("a@b,c=1.json")
    assert (found.kind, found.target, found.edits) == ("local", "a@b,c=1.json", ())


def test_dash_is_standard_input_with_changes():
    assert parse("-,a=1") == parse("-,a=1")
    assert (parse("-,a=1").kind, parse("-,a=1").edits) == ("stdin", (("a", "1"),))


def test_a_formula_keeps_its_options_as_edits():
    found = parse("nanochat:d20,vocab=32768,release=E0")
    assert (found.kind, found.target) == ("formula", "d20")
    assert found.edits == (("vocab", "32768"), ("release", "E0"))


@pytest.mark.parametrize(
    ("word", "edits"),
    [
        ("m,a=1,b=2", (("a", "1"), ("b", "2"))),
        ('m,layer_types=["a","b,c=1"],x=3', (("layer_types", '["a","b,c=1"]'), ("x", "3"))),
        ('m,rope={"a":1,"b":[1,2]}', (("rope", '{"a":1,"b":[1,2]}'),)),
        (r'm,s="a\",b=2",c=3', (("s", r'"a\",b=2"'), ("c", "3"))),
        ("m,text_config.num_hidden_layers=3", (("text_config.num_hidden_layers", "3"),)),
        ("m,a=", (("a", ""),)),
        ("m,a=b=c", (("a", "b=c"),)),
    ],
)
def test_changes_are_split_at_commas_outside_json(word, edits):
    assert split_edits(word) == ("m", edits)


@pytest.mark.parametrize(
    "word",
    [
        "", "   ", "a b", "org/name/file", "org//name", "-name", "org/na--me", "org/..", "a\nb", "name@", "name@a b",
        "name@-x", "name@a..b", "name@main@dev", "m,a=1,b", "m,b", "{}", "https://example.com/org/name", "https://huggingface.co",
        "https://huggingface.co/datasets/org/name", "https://huggingface.co/spaces/org/name", "https://[::1",
        "https://huggingface.co/org/name/blob/main/unet/config.json", "https://huggingface.co.evil.example/org/name",
        "ftp://huggingface.co/org/name", "hf://datasets/org/name", "x" * 200, "é/è",
    ],
)  # fmt: skip
def test_words_that_name_nothing_are_refused_with_a_hint(word):
    with pytest.raises(UsageError) as caught:
        parse(word)
    assert caught.value.hint
    assert "\n" not in str(caught.value)

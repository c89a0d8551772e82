"""The command line: exit codes, what goes to which stream, forms, what-ifs, and every way a config can be bad."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from cardscope.cli import run
from tests import facts

ROOT = Path(__file__).resolve().parents[2]
TOTAL = "8030261248"


@pytest.fixture
def llama(tmp_path) -> str:
    """A config.json of Llama-3-8B, as a path."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(facts.LLAMA3_8B))
    return str(path)


@pytest.fixture
def cardscope(capsys):
    """Runs the command line in this process: exit code, standard output, standard error."""

    def call(*words: str) -> tuple[int, str, str]:
        code = run([*words, "--no-exact"] if words and words[0] not in {"archs", "--help", "--version"} else words)
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def process(*words: str, cwd: Path, text: bool = True, **env: str) -> subprocess.CompletedProcess:
    """Runs it as a process of its own, with no Hub and no cache."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(cwd),
        **env,
    }
    command = [sys.executable, "-m", "cardscope", *words]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=text)


def refused(answer: tuple[int, str, str]) -> tuple[str, str]:
    """The error and the hint of an answer that must be an error: exit 2, two lines, nothing on standard output."""
    code, out, err = answer
    lines = err.splitlines()
    assert (code, out, len(lines)) == (2, "", 2), err
    assert lines[0].startswith("Error: ")
    assert lines[1].startswith("Hint: ")
    assert lines[0].isprintable()
    return lines[0].removeprefix("Error: "), lines[1].removeprefix("Hint: ")


# -- forms ----------------------------------------------------------------------------------------------------------


def test_a_report_goes_to_standard_output_and_nothing_to_standard_error(cardscope, llama):
    code, out, err = cardscope(llama)
    assert (code, err) == (0, "")
    assert "8.03 B parameters" in out
    assert "\x1b" not in out


def test_json_is_one_object(cardscope, llama):
    code, out, _ = cardscope(llama, "--json")
    found = json.loads(out)
    assert (code, found["schema"], found["headline"]["total"]) == (0, "cardscope.report/1", int(TOTAL))
    assert found["model"]["source"] == "file"


@pytest.mark.parametrize(
    ("form", "start"),
    [("json", "{"), ("markdown", "## "), ("html", "<!doctype html>"), ("quiet", TOTAL), ("human", "/")],
)
def test_each_form_starts_as_it_should(cardscope, llama, form, start):
    code, out, _ = cardscope(llama, "--format", form)
    assert code == 0
    assert out.startswith(start)
    assert out.endswith("\n")


def test_json_by_option_and_by_format_are_the_same(cardscope, llama):
    assert cardscope(llama, "--json") == cardscope(llama, "--format", "json")


@pytest.mark.parametrize(
    ("name", "start"),
    [("r.json", "{"), ("r.md", "## "), ("r.html", "<!doctype"), ("r.txt", "/"), ("R.JSON", "{"), ("r", "/")],
)
def test_a_file_takes_its_form_from_its_name(cardscope, llama, tmp_path, name, start):
    target = tmp_path / name
    assert cardscope(llama, "-o", str(target)) == (0, "", "")
    assert target.read_text(encoding="utf-8").startswith(start)


def test_a_form_that_is_asked_for_beats_the_files_name(cardscope, llama, tmp_path):
    target = tmp_path / "r.txt"
    cardscope(llama, "--format", "json", "-o", str(target))
    assert json.loads(target.read_text())["schema"] == "cardscope.report/1"


def test_a_file_that_cannot_be_written_is_one_error(cardscope, llama, tmp_path):
    error, _ = refused(cardscope(llama, "-o", str(tmp_path / "no" / "r.json")))
    assert "r.json" in error


# -- words and what-ifs ---------------------------------------------------------------------------------------------


def test_a_config_on_standard_input(cardscope, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(facts.LLAMA3_8B).encode())))
    code, out, _ = cardscope("-", "--json")
    assert code == 0
    assert json.loads(out)["model"]["source"] == "stdin"


def test_a_folder_that_holds_a_config(cardscope, llama):
    assert cardscope(str(Path(llama).parent), "--format", "quiet")[1] == f"{TOTAL}\n"


def test_the_word_report_may_be_said(cardscope, llama):
    assert cardscope("report", llama, "--format", "quiet")[1] == f"{TOTAL}\n"


def test_options_may_come_before_the_model(cardscope, llama):
    assert cardscope("--format", "quiet", llama)[1] == f"{TOTAL}\n"


@pytest.mark.parametrize("words", [("{},num_hidden_layers=33",), ("{}", "--set", "num_hidden_layers=33")])
def test_a_what_if_in_the_word_or_as_an_option(cardscope, llama, words):
    """One more layer of 218,112,000 parameters; the report says what was changed."""
    code, out, _ = cardscope(*(word.format(llama) for word in words), "--json")
    found = json.loads(out)
    assert code == 0
    assert found["headline"]["total"] == int(TOTAL) + 218_112_000
    assert found["model"]["changes"] == [["num_hidden_layers", 32, 33]]


def test_several_what_ifs_at_once(cardscope, llama):
    code, out, _ = cardscope(
        f"{llama},tie_word_embeddings=true", "--set", "num_key_value_heads=32", "--format", "quiet"
    )
    assert (code, int(out)) == (0, int(TOTAL) - 525_336_576 + 805_306_368)


def test_a_what_if_is_shown_to_people_too(cardscope, llama):
    assert "what if: num_hidden_layers = 33 (was 32)" in cardscope(f"{llama},num_hidden_layers=33")[1]


def test_a_layer_count_that_contradicts_a_list_says_what_to_set(cardscope, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(facts.GPT_OSS_20B))
    error, hint = refused(cardscope(f"{path},num_hidden_layers=12"))
    assert "layer_types has 24 entries and num_hidden_layers is 12" in error
    assert "a list of 12 entries" in hint


def test_a_formula_with_options(cardscope):
    assert cardscope("nanochat:d20,kv_heads=1", "--format", "quiet")[1] == "502005760\n"


def test_context_batch_and_dtype_reach_the_cache_table(cardscope, llama):
    _, out, _ = cardscope(llama, "--context", "5000", "--batch", "3", "--kv-dtype", "fp8", "--json")
    rows = {row["tokens"]: row["live_bytes"] for row in json.loads(out)["kv_cache"]["rows"]}
    assert rows[5000] == 3 * 5000 * 65_536


@pytest.mark.usefixtures("hf_cache")
def test_the_bundled_snapshot_answers_and_says_so(cardscope):
    code, out, err = cardscope("meta-llama/Meta-Llama-3-8B", "--offline")
    assert (code, err) == (0, "")
    assert "used the bundled snapshot of" in out
    assert "without --offline the live config is read" in " ".join(out.split())


def test_help_and_version_say_something(cardscope):
    code, out, err = cardscope("--help")
    assert (code, err) == (0, "")
    assert "MODEL" in out
    assert cardscope("--version")[1].startswith("cardscope ")


def test_no_word_at_all_shows_the_help(capsys):
    assert run([]) == 0
    assert "Usage: cardscope MODEL" in capsys.readouterr().out


# -- what is refused ------------------------------------------------------------------------------------------------

BAD_FILES = {
    "empty": (b"", "is empty", "again"),
    "blank": (b"  \n\t\n", "is empty", "again"),
    "cut off": (json.dumps(facts.LLAMA3_8B).encode()[:200], "is cut off", "again"),
    "not json": (b"hidden_size: 4096\n", "is not JSON", "JSON object"),
    "single quotes": (b"{'model_type': 'llama'}", "is not JSON", "double quotes"),
    "two objects": (b"{} {}", "is not JSON", "one JSON object"),
    "a list": (b"[1, 2]", "holds a list, not an object", "{"),
    "a number": (b"12", "holds a number", "{"),
    "an empty object": (b"{}", "none of the keys", "model_type"),
    "a web page": (b"<!doctype html><html></html>", "is an HTML or XML page", "/resolve/"),
    "a pickle": (b"\x80\x02}q\x00.", "pickle, which is never loaded", "config.json"),
    "a zip": (b"PK\x03\x04....", "never loaded", "config.json"),
    "a gguf": (b"GGUF\x03\x00\x00\x00", "GGUF", "config.json"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer", "config.json"),
    "not text": (b'{"model_type": "\xff\xfe"}', "is not UTF-8", "UTF-8"),
    "deep": (b'{"model_type": "llama", "a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "levels deep", "levels"),
    "deep and cut off": (b'{"a":' * 10_000, "levels deep", "levels"),
    "a huge number": (b'{"model_type": "llama", "hidden_size": ' + b"9" * 5000 + b"}", "digits", "config"),
    "the key twice": (b'{"model_type": "llama", "model_type": "gpt2"}', "twice", "file"),
    "a tokenizer": (b'{"tokenizer_class": "GPT2Tokenizer"}', "tokenizer", "model_type"),
    "an adapter": (b'{"peft_type": "LORA", "base_model_name_or_path": "org/base"}', "adapter", "org/base"),
    "an index": (b'{"weight_map": {}, "metadata": {}}', "index of weight files", "config.json"),
    "a pipeline": (b'{"_class_name": "UNet2DModel"}', "diffusers", "transformers"),
}


@pytest.mark.parametrize("name", sorted(BAD_FILES))
def test_a_file_that_is_no_config(cardscope, tmp_path, name):
    body, said, hinted = BAD_FILES[name]
    path = tmp_path / "config.json"
    path.write_bytes(body)
    error, hint = refused(cardscope(str(path)))
    assert said in error
    assert hinted in hint


@pytest.mark.parametrize("name", sorted(BAD_FILES))
def test_the_same_on_standard_input(cardscope, monkeypatch, name):
    body, said, _ = BAD_FILES[name]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))
    error, _ = refused(cardscope("-"))
    assert said in error
    assert "standard input" in error


BAD_VALUES = {
    "a billion layers": ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000"),
    "negative": ({"hidden_size": -1}, "hidden_size is -1, which is not at least 1"),
    "a string": ({"hidden_size": "4096"}, "hidden_size is '4096', which is not an integer"),
    "not a number": ({"hidden_size": float("nan")}, "hidden_size is nan"),
    "infinite": ({"vocab_size": float("inf")}, "vocab_size is inf"),
    "a fraction": ({"num_hidden_layers": 1.5}, "num_hidden_layers is 1.5"),
    "an object": ({"num_attention_heads": {}}, "num_attention_heads is {}"),
    "no divisor": ({"num_key_value_heads": 5}, "num_key_value_heads is 5, which is not a divisor of the 32"),
    "an unknown type": ({"model_type": "newcomer"}, "model type newcomer is not modelled"),
    "a type that is no string": ({"model_type": 5, "architectures": []}, "without model_type is not modelled"),
    "a type in control characters": ({"model_type": "a\x1b[31mb\n\x9b"}, "not modelled"),
    "an unknown head": ({"architectures": ["LlamaForRewardModel"]}, "LlamaForRewardModel has a head"),
}


@pytest.mark.parametrize("name", sorted(BAD_VALUES))
def test_a_value_that_cannot_be_meant(cardscope, tmp_path, name):
    change, said = BAD_VALUES[name]
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**facts.LLAMA3_8B, **change}))
    error, _ = refused(cardscope(str(path)))
    assert said in error


def test_a_field_that_is_missing_is_named_with_what_was_looked_for(cardscope, tmp_path):
    """A type of remote code has no class whose defaults could stand in."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "Yi", "hidden_size": 64}))
    error, hint = refused(cardscope(str(path)))
    assert "the config has no " in error
    assert "--set " in hint


def test_a_file_of_two_hundred_megabytes_is_refused_unread(cardscope, tmp_path):
    path = tmp_path / "config.json"
    with path.open("wb") as stream:
        stream.truncate(200_000_000)
    error, _ = refused(cardscope(str(path)))
    assert "200,000,000 bytes" in error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("./no-such-file.json",), "there is no file or folder ./no-such-file.json"),
        (("./no-such-folder",), "there is no file or folder ./no-such-folder"),
        (("a/b/c/d",), "names no model"),
        (("",), "empty"),
        (("gpt2@",), "revision"),
        (("gpt2@a b",), "revision"),
        (("gpt2,n_layer",), "names no model"),
        (("https://example.org/gpt2",), "not an address of the Hub"),
        (("nanochat:twenty",), "names no depth"),
        (("nanochat:d20,release=E12",), "names no release"),
        (("gpt2", "--set", "n_layer"), "KEY=VALUE"),
        (("gpt2", "--offline", "--refresh"), "offline"),
        (("gpt2", "--offline", "--set", "n_layer=abc"), "n_layer is 'abc'"),
        (("gpt2", "--offline", "--set", "a.b=1"), "leads nowhere"),
        (("gpt2", "--offline", "--kv-dtype", "bf17"), "bf17"),
        (("gpt2", "--offline", "--context", "0"), "0 is not in the range"),
        (("gpt2", "--offline", "--batch", "x"), "not a valid integer"),
        (("gpt2", "--format", "yaml"), "yaml"),
        (("gpt2", "--colour"), "No such option"),
        (("gpt2", "llama"), "unexpected extra argument"),
        (("--json",), "Missing argument"),
        (("nobody/nothing-like-it", "--offline"), "neither in the cache nor in the bundled catalogue"),
    ],
)
@pytest.mark.usefixtures("hf_cache")
def test_words_that_cannot_be_answered(cardscope, words, said):
    error, _ = refused(cardscope(*words))
    assert said in error


def test_what_is_not_foreseen_is_still_one_error_and_a_hint(capsys, monkeypatch):
    """A fault of our own shows a traceback only with HF_DEBUG=1."""

    def fault(*words, **options):
        raise ZeroDivisionError("by our own fault")

    monkeypatch.setattr("cardscope.api.inspect", fault)
    code = run(["gpt2"])
    error, hint = refused((code, *capsys.readouterr()))
    assert "ZeroDivisionError" in error
    assert "HF_DEBUG=1" in hint
    monkeypatch.setenv("HF_DEBUG", "1")
    assert run(["gpt2"]) == 2
    assert "Traceback" in capsys.readouterr().err


# -- as a process of its own ----------------------------------------------------------------------------------------


def test_an_error_as_a_process_sees_it(tmp_path):
    done = process("./nothing.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["Error", "Hint"]


def test_a_reader_that_leaves_early_hurts_nobody(llama, tmp_path):
    """`cardscope MODEL --json | head -1`: no traceback, no message."""
    command = f"{sys.executable} -m cardscope {llama} --no-exact --json | head -c 1; echo ${{PIPESTATUS[0]}}"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HF_HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("{0\n", "")


@pytest.mark.parametrize("form", ["human", "json", "markdown", "html"])
def test_a_stream_of_ascii_gets_ascii(llama, tmp_path, form):
    done = process(llama, "--no-exact", "--format", form, cwd=tmp_path, text=False, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    assert b"8030261248" in done.stdout.replace(b",", b"")


def _terminal(*words: str, cwd: Path, **env: str) -> str:
    """What a terminal of 80 columns is sent."""
    leader, follower = pty.openpty()
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HF_HOME": str(cwd), "TERM": "xterm-256color",
        "COLUMNS": "80", "PYTHONUTF8": "1", **env,
    }  # fmt: skip
    command = [sys.executable, "-m", "cardscope", *words]
    with subprocess.Popen(command, cwd=cwd, env=environment, stdout=follower, stderr=follower, stdin=follower) as child:
        os.close(follower)
        told = b""
        while chunk := _read(leader):
            told += chunk
        child.wait()
    os.close(leader)
    return told.decode().replace("\r\n", "\n")


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 65536)
    except OSError:  # Linux says EIO when the other end is closed
        return b""


def test_a_terminal_gets_colour(llama, tmp_path):
    assert "\x1b[" in _terminal(llama, "--no-exact", cwd=tmp_path)


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_that_wants_no_colour_gets_plain_text(llama, tmp_path, env):
    told = _terminal(llama, "--no-exact", cwd=tmp_path, **env)
    assert "\x1b" not in told
    assert told == process(llama, "--no-exact", cwd=tmp_path, PYTHONUTF8="1").stdout


def test_colour_changes_no_letter(llama, tmp_path):
    import re

    told = re.sub(r"\x1b\[[0-9;]*m", "", _terminal(llama, "--no-exact", cwd=tmp_path))
    piped = process(llama, "--no-exact", cwd=tmp_path, PYTHONUTF8="1").stdout
    assert [row.rstrip() for row in told.split("\n")] == piped.split("\n")

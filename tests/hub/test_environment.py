"""The environment as a process sees it: huggingface_hub reads its variables once, when it is imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub.hubserver import TOKEN

SCRIPT = """
import json, sys
from cardscope.errors import CardscopeError
from cardscope.source import resolve
try:
    found = resolve("org/" + sys.argv[1])
    told = [found.source, found.data["n_layer"]]
except CardscopeError as error:
    told = [type(error).__name__, error.message]
heavy = {"huggingface_hub.hf_api", "huggingface_hub.file_download", "requests", "torch", "transformers"}
print(json.dumps([*told, sorted(heavy & set(sys.modules))]))
"""


@pytest.fixture
def run(server, tmp_path):
    """resolve("org/NAME") in a process of its own, with these variables set; what it told, as a list."""
    server.requests.clear()

    def run(name, **variables):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        environment |= {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HF_ENDPOINT": server.url,
            "HF_HOME": str(tmp_path),
        }
        command = [sys.executable, "-c", SCRIPT, name]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment | variables, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.stderr == ""
        return json.loads(done.stdout)

    return run


def test_no_variable_set(run, server):
    assert run("ok") == ["hub", 3, []]
    assert "authorization" not in server.requests[0].headers


def test_hf_token_is_sent(run):
    assert run("gated", HF_TOKEN=f"{TOKEN}\n") == ["hub", 3, []]


def test_the_token_that_hf_auth_login_wrote_is_sent(run, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    assert run("gated")[:2] == ["hub", 3]


def test_a_forbidden_implicit_token_is_not_sent(run, server):
    assert run("private", HF_TOKEN=TOKEN, HF_HUB_DISABLE_IMPLICIT_TOKEN="1")[0] == "NotFound"
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_asks_nothing_of_the_hub(run, server, variable):
    assert run("ok", **{variable: "1"})[0] == "NetworkError"
    assert server.requests == []


def test_hf_hub_cache_is_where_the_config_is_kept(run, tmp_path):
    run("ok", HF_HUB_CACHE=str(tmp_path / "elsewhere"))
    assert len(list((tmp_path / "elsewhere").rglob("config.json"))) == 1


def test_a_name_that_does_not_resolve_is_a_network_error(run):
    kind, message, _ = run("ok", HF_ENDPOINT="http://hub.invalid")
    assert (kind, "hub.invalid" in message) == ("NetworkError", True)

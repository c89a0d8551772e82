"""A server with one repository of every kind, and resolve() pointed at it."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

from cardscope.nanochat.epochs import BY_NAME, Sizes
from tests.hub.hubserver import HubServer, Repo
from tests.weights import nanochat_file, nanochat_storages

CONFIG = json.dumps({"model_type": "gpt2", "n_layer": 3, "n_embd": 8, "n_head": 2, "vocab_size": 100}).encode()
INNER = {"n_layer": 2, "n_embd": 128, "n_head": 1, "n_kv_head": 1, "vocab_size": 256, "window_pattern": "L"}
META = json.dumps({"model_config": INNER}).encode()
MODEL = nanochat_file(nanochat_storages(BY_NAME["E7"], Sizes(2, 128, 1, 1, 256)))
FILES = {"config.json": CONFIG, "model.safetensors": b"x" * 100}
WEIGHTS = {"parameters": {"F32": 123}, "total": 123}
BRANCHES = ("main", "dev", "refs/pr/1")
ODD = {"sha": 5, "gated": [], "siblings": "x", "tags": 7, "safetensors": [], "cardData": 1}
FAULTS = (
    "429", "429-ratelimit", "500", "503", "slow", "truncated", "html", "huge", "lying-huge", "blackhole", "reset",
    "bomb", "gzip", "garbage", "list",
)  # fmt: skip


def _repos():
    repos = {
        "org/ok": Repo(FILES, safetensors=WEIGHTS, branches=BRANCHES, info={"cardData": {"license": "mit"}}),
        "org/gated": Repo(FILES, gated="manual", safetensors=WEIGHTS),
        "meta-llama/Meta-Llama-3-8B": Repo(FILES, gated="manual", safetensors=WEIGHTS),
        "org/private": Repo(FILES, private=True),
        "org/gguf": Repo({"m.gguf": b""}, info={"tags": ["base_model:quantized:org/ok"]}),
        "org/adapter": Repo({"adapter_config.json": b"{}"}, info={"tags": ["base_model:adapter:org/ok"]}),
        "org/pipeline": Repo({"model_index.json": b"{}"}),
        "org/native": Repo({"meta_000010.json": b"{}", "model_000010.pt": b""}),
        "org/nanochat": Repo({"meta_000010.json": META, "model_000010.pt": MODEL, "tokenizer.pkl": b""}),
        "org/empty": Repo({}),
        "org/old-name": Repo(FILES, renamed="org/ok"),
        "org/fat": Repo({"config.json": b" " * 10_000_001}),
        "org/odd": Repo(FILES, info=ODD),
        "gpt2": Repo(FILES, info_fault="503"),
        "mistralai/Mistral-7B-v0.1": Repo(FILES, info_fault="429"),
    }  # fmt: skip
    for fault in FAULTS:
        repos[f"org/{fault}-info"] = Repo(FILES, info_fault=fault)
        repos[f"org/{fault}-file"] = Repo(FILES, file_fault=fault)
    return repos


@pytest.fixture(scope="session")
def server():
    """One server for all tests of this folder; nothing changes it but its list of requests."""
    with HubServer(_repos()) as running:
        yield running


@pytest.fixture
def hub(server, hf_cache, monkeypatch, tmp_path):
    """The server as huggingface_hub's endpoint, with empty caches and no requests yet."""
    from huggingface_hub import constants

    monkeypatch.setenv("CARDSCOPE_CACHE", str(tmp_path / "cardscope"))

    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    server.requests.clear()
    return server


@pytest.fixture
def elsewhere(hf_cache, monkeypatch):
    """A server of one repository, org/many, as huggingface_hub's endpoint."""

    @contextmanager
    def serve(repo):
        from huggingface_hub import constants

        with HubServer({"org/many": repo}) as running:
            monkeypatch.setattr(constants, "ENDPOINT", running.url)
            yield running

    return serve

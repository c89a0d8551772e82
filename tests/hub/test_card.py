"""The card of a Hub repository: one request beside config.json, kept in the cache, and every way it can be missing."""

import json

import pytest

import cardscope
from cardscope.cli import run
from cardscope.errors import NetworkError, NotFound
from tests import facts
from tests.hub.hubserver import HubServer, Repo

CONFIG = json.dumps(facts.LLAMA3_8B).encode()
CARD = b"---\nlicense: mit\n---\n# Breeze-8B\n\n- Parameters: 8.03B\n- Layers: 33\n"
REPOS = {
    "org/Breeze-8B": Repo({"config.json": CONFIG, "README.md": CARD}, info={"cardData": {"license": "mit"}}),
    "org/bare-8B": Repo({"config.json": CONFIG}),
    "org/adapter": Repo({"adapter_config.json": b"{}", "README.md": CARD}),
    "org/broken-8B": Repo({"config.json": CONFIG, "README.md": CARD}, file_fault="503"),
}


@pytest.fixture
def hub(hf_cache, monkeypatch):
    """A Hub with cards, as huggingface_hub's endpoint, and an empty cache."""
    from huggingface_hub import constants

    with HubServer(REPOS) as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        yield running


def test_a_card_costs_one_request_beside_the_config(hub):
    found = cardscope.card("org/Breeze-8B", headers=False)
    commit = hub.repos["org/Breeze-8B"].commit
    assert hub.paths() == [
        "/api/models/org/Breeze-8B?blobs=true",
        f"/org/Breeze-8B/resolve/{commit}/config.json",
        f"/org/Breeze-8B/resolve/{commit}/README.md",
    ]
    assert [item.claim.kind for item in found.wrong] == ["num_layers"]
    assert found.revision == commit


def test_a_card_of_a_commit_seen_before_is_read_from_the_cache(hub):
    cardscope.card("org/Breeze-8B", headers=False)
    hub.requests.clear()
    cardscope.card("org/Breeze-8B", headers=False)
    assert hub.paths() == ["/api/models/org/Breeze-8B?blobs=true"]


def test_offline_the_cached_card_is_read(hub):
    cardscope.card("org/Breeze-8B", headers=False)
    hub.requests.clear()
    found = cardscope.card("org/Breeze-8B", headers=False, offline=True)
    assert (found.source, len(found.wrong)) == ("cache", 1)
    assert hub.paths() == []


@pytest.mark.usefixtures("hub")
def test_a_repository_without_a_card_is_not_found():
    with pytest.raises(NotFound, match=r"no README\.md"):
        cardscope.card("org/bare-8B", headers=False)


@pytest.mark.usefixtures("hub")
def test_a_card_without_a_config_is_read_and_not_judged():
    found = cardscope.card("org/adapter", headers=False)
    assert {item.verdict for item in found.claims} == {"cannot be checked"}
    assert "CS454" in {finding.code for finding in found.findings}


@pytest.mark.usefixtures("hub")
def test_a_hub_that_fails_is_told_in_one_line(capsys):
    with pytest.raises(NetworkError):
        cardscope.card("org/broken-8B", headers=False)
    assert run(["card", "org/broken-8B", "--no-headers"]) == 2
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.usefixtures("hub")
def test_a_file_of_one_s_own_is_checked_against_the_hub_s_model(tmp_path, capsys):
    card = tmp_path / "README.md"
    card.write_text("- Parameters: 8.03B\n- Layers: 32\n")
    assert run(["card", "org/Breeze-8B", "--check", str(card), "--no-headers"]) == 0
    card.write_text("- Parameters: 8.03B\n- Layers: 31\n")
    assert run(["card", "org/Breeze-8B", "--check", str(card), "--no-headers"]) == 1
    assert "1 wrong" in capsys.readouterr().out

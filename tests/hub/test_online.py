"""The Hub asked through huggingface_hub's session: what is requested, kept, and told of each failure."""

import pytest
from huggingface_hub import hf_hub_download, scan_cache_dir

import cardscope
from cardscope.errors import Gated, NetworkError, NotAConfig, NotFound, RateLimited, SourceError, TooLarge, UsageError
from cardscope.source import begin, resolve
from cardscope.source import hub as hub_source
from cardscope.source.transfer import Patience
from tests.hub.conftest import CONFIG
from tests.hub.hubserver import TOKEN, BlackHole, HubServer, Repo, refused_url

HASTY = Patience(0.4, 0.8)


def test_facts_and_config_come_with_two_requests(hub):
    found = resolve("org/ok")
    commit = hub.repos["org/ok"].commit
    assert (found.source, found.revision, found.data["n_layer"]) == ("hub", commit, 3)
    assert hub.paths() == ["/api/models/org/ok?blobs=true", f"/org/ok/resolve/{commit}/config.json"]


def test_the_facts_are_typed(hub):
    facts = resolve("org/ok").hub
    assert (facts.safetensors_total, facts.safetensors_dtypes, facts.license) == (123, {"F32": 123}, "mit")
    assert facts.files == (("config.json", len(CONFIG)), ("model.safetensors", 100))
    assert facts.gated is False


@pytest.mark.usefixtures("hub")
def test_facts_of_the_wrong_type_are_taken_as_absent():
    found = resolve("org/odd")
    assert found.data["n_layer"] == 3
    assert (found.revision, found.hub.files, found.hub.safetensors_total, found.hub.tags) == (None, (), None, ())


def test_a_config_cached_for_the_commit_needs_no_second_request(hub):
    resolve("org/ok")
    hub.requests.clear()
    assert resolve("org/ok").source == "hub"
    assert hub.paths() == ["/api/models/org/ok?blobs=true"]


def test_a_config_begun_ahead_is_the_same(hub):
    wait = begin("org/ok", sets=["n_layer=5"])
    assert wait().data["n_layer"] == wait().data["n_layer"] == 5
    assert len(hub.requests) == 2


@pytest.mark.usefixtures("hub")
def test_an_error_of_a_config_begun_ahead_is_raised_where_it_is_waited_for():
    wait = begin("org/nothing")
    with pytest.raises(NotFound):
        wait()


def test_refresh_fetches_again(hub):
    resolve("org/ok")
    hub.requests.clear()
    resolve("org/ok", refresh=True)
    assert len(hub.requests) == 2


def test_a_damaged_cached_config_is_fetched_again(hub, hf_cache):
    resolve("org/ok")
    next(hf_cache.rglob("config.json")).write_bytes(b'{"mod')
    assert resolve("org/ok").data["n_layer"] == 3


def test_what_huggingface_hub_downloaded_is_found(hub, hf_cache):
    hf_hub_download("org/ok", "config.json", cache_dir=hf_cache)
    hub.requests.clear()
    resolve("org/ok")
    assert hub.paths() == ["/api/models/org/ok?blobs=true"]
    assert resolve("org/ok", offline=True).source == "cache"


def test_what_was_fetched_is_found_by_huggingface_hub(hub, hf_cache):
    resolve("org/ok")
    path = hf_hub_download("org/ok", "config.json", cache_dir=hf_cache, local_files_only=True)
    assert path.endswith(f"/snapshots/{hub.repos['org/ok'].commit}/config.json")
    report = scan_cache_dir(hf_cache)
    assert ([repo.repo_id for repo in report.repos], report.warnings) == (["org/ok"], [])


def test_a_full_download_of_an_older_commit_stays_what_main_means(hub, hf_cache):
    repo = hf_cache / "models--org--ok"
    old = repo / "snapshots" / ("a" * 40)
    old.mkdir(parents=True)
    (old / "config.json").write_text('{"model_type": "gpt2"}')
    (old / "model.safetensors").write_text("")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("a" * 40)
    resolve("org/ok")
    assert (repo / "refs" / "main").read_text() == "a" * 40


@pytest.mark.usefixtures("hub")
def test_a_cache_that_cannot_be_written_is_no_obstacle(hf_cache):
    hf_cache.write_text("a file where the folder should be")
    assert resolve("org/ok").data["n_layer"] == 3


@pytest.mark.parametrize("revision", ["dev", "refs/pr/1"])
def test_a_revision_is_asked_for(hub, revision):
    assert resolve(f"org/ok@{revision}").revision == hub.repos["org/ok"].commit
    assert hub.paths()[0] == f"/api/models/org/ok/revision/{revision.replace('/', '%2F')}?blobs=true"


def test_a_renamed_repository_is_followed(hub):
    assert resolve("org/old-name").data["n_layer"] == 3
    assert "/api/models/org/ok?blobs=true" in hub.paths()


def test_a_compressed_answer_is_unpacked(hub):
    assert resolve("org/gzip-info").data["n_layer"] == resolve("org/gzip-file").data["n_layer"] == 3


def test_the_agent_is_named_and_no_token_is_sent(hub):
    resolve("org/ok")
    assert all(r.headers["user-agent"].startswith("cardscope; hf_hub/") for r in hub.requests)
    assert not any("authorization" in r.headers for r in hub.requests)


def test_a_given_token_is_sent_and_opens_a_private_repository(hub):
    assert resolve("org/private", token=TOKEN).data["n_layer"] == 3
    assert all(r.headers["authorization"] == f"Bearer {TOKEN}" for r in hub.requests)


@pytest.mark.usefixtures("hub")
def test_a_token_does_not_follow_a_redirect_to_another_host():
    with HubServer({"org/moved": Repo({"config.json": b'{"model_type": "gpt2"}'})}) as other:
        moved = Repo({"config.json": b'{"model_type": "gpt2"}'}, file_fault="redirect", redirect=other.url)
        with HubServer({"org/moved": moved}) as first, pytest.MonkeyPatch.context() as patch:
            patch.setattr("huggingface_hub.constants.ENDPOINT", first.url)
            assert resolve("org/moved", token=TOKEN).source == "hub"
            assert all("authorization" in r.headers for r in first.requests)
            assert [("authorization" in r.headers) for r in other.requests] == [False]


# -- what cannot be had ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("hub")
def test_a_gated_repository_names_its_licence_page_and_what_is_public():
    with pytest.raises(Gated, match="there is no token; its safetensors hold 123 numbers") as caught:
        resolve("org/gated")
    assert "/org/gated, then run hf auth login" in caught.value.hint
    assert caught.value.facts.safetensors_total == 123


@pytest.mark.usefixtures("hub")
def test_a_token_without_access_is_told_to_ask_for_it():
    with pytest.raises(Gated, match="this token has no access yet") as caught:
        resolve("org/gated", token="hf_stranger")
    assert "ask for access at" in caught.value.hint


@pytest.mark.usefixtures("hub")
def test_a_token_with_access_opens_a_gated_repository():
    assert resolve("org/gated", token=TOKEN).hub.gated == "manual"


@pytest.mark.usefixtures("hub")
def test_a_gated_model_of_the_catalogue_is_answered_by_it_and_keeps_the_live_facts():
    found = resolve("meta-llama/Meta-Llama-3-8B")
    assert (found.source, found.data["num_hidden_layers"], found.hub.safetensors_total) == ("catalog", 32, 123)
    assert "is gated: used the bundled snapshot of" in found.notes[0]
    assert "hf auth login" in found.notes[0]


@pytest.mark.usefixtures("hub")
def test_a_token_that_is_not_accepted_says_so_and_is_not_shown():
    with pytest.raises(SourceError, match="does not accept the token") as caught:
        resolve("org/ok", token="hf_secretsecret")
    assert "secret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.usefixtures("hub")
def test_a_token_that_cannot_be_sent_is_not_shown():
    with pytest.raises(UsageError, match="the token cannot be sent") as caught:
        resolve("org/ok", token="hf_secr\u00e9t")
    assert "hf_" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("word", "kind", "said", "hint"),
    [
        ("org/nothing", NotFound, "has no model org/nothing, or it is private", "check the spelling"),
        ("org/private", NotFound, "has no model org/private", "hf auth login"),
        ("meta-lama/Meta-Llama-3-8B", NotFound, "has no model", "did you mean meta-llama/Meta-Llama-3-8B"),
        ("org/ok@nope", NotFound, "org/ok has no revision nope", "leave it out for main"),
        ("org/gguf", NotAConfig, "ends inside its table", "truncated"),
        ("org/adapter", NotFound, "it is an adapter", "its base model: org/ok"),
        ("org/pipeline", NotFound, "diffusers pipeline", "counts its stored components"),
        ("org/native", NotFound, "native nanochat checkpoint", "nanochat:dN"),
        ("org/empty", NotFound, "may be empty", "give a model"),
        ("org/fat", TooLarge, "10,000,001 bytes long", "a few kilobytes"),
        ("org/429-info", RateLimited, "429", "try again in 7 s"),
        ("org/429-file", RateLimited, "429", "try again in 7 s"),
        ("org/429-ratelimit-info", RateLimited, "429", "try again in 55 s"),
        ("org/500-info", NetworkError, "answered 500", "try again later"),
        ("org/503-file", NetworkError, "answered 503", "try again later"),
        ("org/truncated-info", NetworkError, "cut its answer off", "try again"),
        ("org/truncated-file", NetworkError, "cut its answer off", "try again"),
        ("org/reset-info", NetworkError, "cut its answer off", "try again"),
        ("org/html-info", NetworkError, "a web page", "login page"),
        ("org/html-file", NetworkError, "a web page", "login page"),
        ("org/garbage-info", NetworkError, "not JSON", "HF_ENDPOINT"),
        ("org/list-info", NetworkError, "not JSON", "HF_ENDPOINT"),
        ("org/garbage-file", NotAConfig, "cut off", "download it again"),
        ("org/list-file", NotAConfig, "holds a list", "starts with {"),
        ("org/huge-info", TooLarge, "200,000,000 bytes long", "check which file"),
        ("org/huge-file", TooLarge, "200,000,000 bytes long", "check which file"),
        ("org/lying-huge-file", TooLarge, "longer than 10,000,000 bytes", "check which file"),
        ("org/bomb-file", TooLarge, "longer than 10,000,000 bytes", "check which file"),
    ],
)
def test_each_failure_is_one_sentence_with_a_hint(word, kind, said, hint):
    with pytest.raises(kind) as caught:
        resolve(word)
    assert said in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


@pytest.mark.usefixtures("hub")
def test_a_429_says_when_to_come_back():
    with pytest.raises(RateLimited) as caught:
        resolve("org/429-info")
    assert caught.value.retry_after == 7.0


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("word", ["org/slow-info", "org/slow-file", "org/blackhole-info", "org/blackhole-file"])
def test_an_answer_that_does_not_come_is_not_waited_for(word):
    with pytest.raises(NetworkError, match=r"too slow|did not answer within"):
        hub_source.load(word, None, patience=HASTY)


@pytest.mark.usefixtures("hub")
def test_an_address_that_swallows_packets_is_not_waited_for(monkeypatch):
    with BlackHole() as hole:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hole.url)
        with pytest.raises(NetworkError, match=r"did not answer within 0\.4 s"):
            hub_source.load("org/ok", None, patience=HASTY)


# -- what stands in --------------------------------------------------------------------------------------------


def test_a_refused_connection_is_answered_from_the_cache(hub, monkeypatch):
    resolve("org/ok")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", refused_url())
    found = resolve("org/ok")
    assert (found.source, found.revision) == ("cache", hub.repos["org/ok"].commit)
    assert "refused the connection: read from the cache at commit" in found.notes[0]


@pytest.mark.usefixtures("hub")
def test_a_refused_connection_is_answered_from_the_catalogue(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", refused_url())
    found = resolve("openai-community/gpt2")
    assert (found.source, found.data["n_layer"]) == ("catalog", 12)
    assert "refused the connection: used the bundled snapshot of" in found.notes[0]


@pytest.mark.usefixtures("hub")
def test_with_nothing_to_stand_in_the_error_says_so(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", refused_url())
    with pytest.raises(NetworkError, match="refused the connection") as caught:
        resolve("org/ok")
    assert "neither the cache nor the bundled catalogue has org/ok" in caught.value.hint


@pytest.mark.usefixtures("hub")
def test_a_hub_in_trouble_is_answered_from_the_catalogue():
    assert resolve("gpt2").source == "catalog"


@pytest.mark.usefixtures("hub")
def test_a_429_is_not_papered_over_by_the_catalogue():
    with pytest.raises(RateLimited):
        resolve("mistralai/Mistral-7B-v0.1")


@pytest.mark.usefixtures("hub")
def test_refresh_takes_no_stand_in():
    with pytest.raises(NetworkError, match="answered 503"):
        resolve("gpt2", refresh=True)


@pytest.mark.parametrize("endpoint", ["", "nothing", "ftp://x"])
def test_an_endpoint_that_is_no_address_is_a_usage_error(endpoint, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
    with pytest.raises(UsageError, match="HF_ENDPOINT is"):
        resolve("org/ok")


def test_a_native_nanochat_checkpoint_is_its_meta_and_the_directory_of_its_weights(hub):
    """Two small requests beside the facts: the meta, and the last kilobyte or so of the weights."""
    found = cardscope.inspect("org/nanochat", exact=False, headers=False)
    assert found.parameters.analytic.total == 2 * 256 * 128 + 12 * 2 * 128 * 128 + 4 + 256 * 128 + 12
    assert any("those of E7" in note for note in found.model.notes)
    assert not [item for item in found.findings if item.code == "CS130"]
    assert len(hub.paths("GET")) <= 4

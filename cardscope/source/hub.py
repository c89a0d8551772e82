"""The Hub, asked online: what it says of a repository, then its config at the commit it named.

One request for the facts (what huggingface_hub's `model_info` asks, with file sizes) settles the commit; a
config cached for that commit needs no second one. Session, token, endpoint and cache folder are
huggingface_hub's; HfApi and its downloads are left alone: slow to import, and they retry for 23 s.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cardscope.errors import CardscopeError, NetworkError, UsageError
from cardscope.model import HubFacts, RawConfig
from cardscope.source import cache, hubfacts, strictjson, transfer
from cardscope.source.transfer import Answer, Part, Patience

if TYPE_CHECKING:
    from cardscope.source.again import Store

MAX_INFO = 30_000_000
"""Bytes of the Hub's answer about one repository; one with 100,000 files needs about 20 MB."""
Beside = Callable[[RawConfig], None]
"""Is told of a repository whose config is still to come: everything is in place but `data`."""


@dataclass(frozen=True, slots=True)
class Client:
    """One conversation with one endpoint: session and headers of huggingface_hub, and when it began."""

    session: Any
    endpoint: str
    headers: Mapping[str, str]
    patience: Patience
    begun: float

    @property
    def has_token(self) -> bool:
        """Whether requests carry a token."""
        return "Authorization" in self.headers

    @property
    def host(self) -> str:
        """The endpoint as an error names it."""
        return self.endpoint.partition("://")[2]

    def get(self, path: str, cap: int, what: str, part: tuple[int, int] | None = None, **ask: str) -> Answer:
        """GET a path of the endpoint, or only some bytes of it; see `transfer.get` for what it raises.

        `ask` are headers of this request alone, with `_` for `-`.
        """
        return transfer.get(
            self.session,
            self.endpoint + path,
            self.headers,
            cap=cap,
            what=what,
            patience=self.patience,
            begun=self.begun,
            part=part,
            ask={name.replace("_", "-"): value for name, value in ask.items()},
        )

    def get_each(self, parts: Sequence[Part], lanes: int) -> list[Answer]:
        """Some bytes of many paths at once; see `transfer.many` for what it raises."""
        whole = [part._replace(url=self.endpoint + part.url) for part in parts]
        return transfer.many(self.session, whole, self.headers, patience=self.patience, begun=self.begun, lanes=lanes)


def load(
    name: str,
    revision: str | None,
    *,
    token: str | bool | None = None,
    refresh: bool = False,
    patience: Patience | None = None,
    beside: Beside | None = None,
    store: Store | None = None,
) -> RawConfig:
    """The config of a Hub id at the commit its revision names now.

    A `store` keeps what the Hub says, and configs, for the next of many; without one the cache does.
    `beside` is told of the repository as soon as the Hub has answered, before its config is fetched.
    Raises NotFound, Gated, RateLimited, NetworkError, TooLarge, NotAConfig, or UsageError for a bad endpoint.
    """
    client = connect(token, patience)
    facts = ask(client, name, revision, store)
    if beside is not None:
        beside(RawConfig(data={}, id=name, source="hub", revision=facts.commit, hub=facts, asked=revision))
    if facts.files and "config.json" not in dict(facts.files):
        return _without_config(client, name, revision, facts)
    data = None if refresh or facts.commit is None else cache.read_commit(name, facts.commit)
    if data is None:
        data = _fetch(client, name, revision, facts, None if refresh else store)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return RawConfig(data=data, id=name, source="hub", revision=facts.commit, fetched=now, hub=facts, asked=revision)


def _without_config(client: Client, name: str, revision: str | None, facts: HubFacts) -> RawConfig:
    """A repository of GGUF files, whose metadata are its config, or a native checkpoint. Raises NotFound for others."""
    from cardscope.checkpoint.gguf_files import pick, quants

    chosen = pick(quants(facts.files))
    if chosen is None:
        from cardscope.source import huberrors, native_remote

        found = native_remote.load(client, name, revision, facts)
        return found if found is not None else huberrors.no_config(name, facts)
    from cardscope.checkpoint import gguf_config, gguf_remote

    patient = replace(client, patience=client.patience._replace(total=max(60.0, client.patience.total)))
    tables = gguf_remote.tables(patient, name, facts.commit or revision, chosen.files)
    return RawConfig(
        data=gguf_config.config(next(iter(tables.values()))),
        id=name,
        source="hub",
        revision=facts.commit,
        fetched=datetime.now(UTC).isoformat(timespec="seconds"),
        where=chosen.files[0],
        hub=facts,
        asked=revision,
        weights=chosen.files[0],
    )


def connect(token: str | bool | None = None, patience: Patience | None = None) -> Client:
    """A client for the configured endpoint; a token is found as huggingface_hub finds it.

    Raises UsageError for an endpoint that is no address, or when a token is required and none is there.
    """
    begun = time.monotonic()
    from huggingface_hub import __version__, constants
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]

    if not constants.ENDPOINT.startswith(("http://", "https://")):
        raise UsageError(f"HF_ENDPOINT is {constants.ENDPOINT[:80]!r}, which is no address", hint="write https://host")
    wait = patience or default_patience()
    headers = {"User-Agent": f"cardscope; hf_hub/{__version__}"}
    found = _token(token, wait)
    if found:
        headers["Authorization"] = f"Bearer {found}"
    return Client(get_session(), constants.ENDPOINT, headers, wait, begun)


def _token(token: str | bool | None, wait: Patience) -> str | None:
    """The token to send: the one given, or huggingface_hub's own (variable, file, OIDC) unless it is forbidden.

    `build_hf_headers` is not used: to name a coding agent in the user agent it may first fetch a list from the
    Hub, which takes 3 s where the Hub does not answer.
    """
    from huggingface_hub import constants

    if isinstance(token, str):
        return token.strip()
    if token is False or (token is None and constants.HF_HUB_DISABLE_IMPLICIT_TOKEN):
        return None
    found = os.environ.get("HF_TOKEN", os.environ.get("HUGGING_FACE_HUB_TOKEN", "")).strip() or None
    if _stored_token_possible() and (found is None or "HF_OIDC_RESOURCE" in os.environ):
        found = _stored_token(wait)
    if found is None and token is True:
        raise UsageError("there is no token on this machine", hint="run hf auth login, or set HF_TOKEN")
    return found


def _stored_token_possible() -> bool:
    """Whether asking huggingface_hub for a token can find one; the import it takes is 20 ms."""
    from huggingface_hub import constants

    known = "HF_OIDC_RESOURCE" in os.environ or "google.colab" in sys.modules
    return known or Path(constants.HF_TOKEN_PATH).expanduser().is_file()


def _stored_token(wait: Patience) -> str | None:
    from huggingface_hub.utils import get_token  # type: ignore[attr-defined]

    try:
        return transfer.within(wait.first, get_token)
    except Exception as error:
        hint = "run hf auth login, or give --token"
        raise UsageError("the token of this machine cannot be read", hint=hint) from error


def ask(client: Client, name: str, revision: str | None, store: Store | None = None) -> HubFacts:
    """What the Hub says of a repository: one request, no file opened; of many, only whether it still holds."""
    at = f"/revision/{quoted(revision)}" if revision else ""
    path, what = f"/api/models/{name}{at}?blobs=true", f"the answer about {name}"
    if store is None:
        answer = client.get(path, MAX_INFO, what)
    else:
        from cardscope.source import again

        answer = again.get(client, store, path, MAX_INFO, what)
    if answer.status != 200:
        from cardscope.source import huberrors

        huberrors.refuse(answer, client, name, revision)
    _check_not_a_page(answer, client)
    try:
        found = strictjson.load(answer.body, "the answer", cap=MAX_INFO, longest=MAX_INFO)
    except CardscopeError:
        raise NetworkError(
            f"{client.host} gave an answer about {name} that is not JSON", hint="check HF_ENDPOINT"
        ) from None
    return hubfacts.read(found)


def _fetch(client: Client, name: str, revision: str | None, facts: HubFacts, store: Store | None) -> dict[str, object]:
    """Download config.json at the commit, keep it in the cache, and parse it."""
    where = f"the config.json of {name}"
    sizes = dict(facts.files)
    announced = sizes.get("config.json")
    if announced is not None and announced > strictjson.MAX_CONFIG:
        strictjson.too_large(where, announced, strictjson.MAX_CONFIG)
    at = facts.commit or revision or "main"
    path = f"/{name}/resolve/{quoted(at)}/config.json"
    place = None
    if store is not None and facts.commit is not None:
        from cardscope.source import again

        place = again.key(client, path)
        if (kept := store.get(place)) is not None:
            return strictjson.load(kept.body, where)
    answer = client.get(path, strictjson.MAX_CONFIG, where)
    if answer.status != 200:
        from cardscope.source import huberrors

        huberrors.refuse(answer, client, name, revision, facts)
    _check_not_a_page(answer, client)
    data = strictjson.load(answer.body, where)
    if facts.commit is not None and store is not None and place is not None:
        store.put(place, facts.commit, answer.body)
    elif facts.commit is not None:
        cache.store(name, revision, facts.commit, answer.body)
    return data


def _check_not_a_page(answer: Answer, client: Client) -> None:
    if answer.body[:64].lstrip().startswith(b"<"):
        raise NetworkError(
            f"{client.host} answered with a web page, not with JSON",
            hint="check HF_ENDPOINT, or whether a login page stands before the network",
        )


def default_patience() -> Patience:
    """The defaults, or what huggingface_hub's own timeout variables were set to."""
    waits = []
    for variable, default in (("HF_HUB_ETAG_TIMEOUT", 2.5), ("HF_HUB_DOWNLOAD_TIMEOUT", 10.0)):
        text = os.environ.get(variable, "")
        waits.append(float(text) if text.isdecimal() and 0 < int(text) < 3600 else default)
    return Patience(waits[0], max(waits))


def quoted(revision: str) -> str:
    """A revision as one segment of a URL's path."""
    from urllib.parse import quote

    return quote(revision, safe="")

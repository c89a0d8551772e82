"""What a refusal of the Hub means, by its status and its X-Error-Code header; no error body is ever read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from cardscope.errors import Gated, NetworkError, NotFound, RateLimited, SourceError
from cardscope.source import catalog

if TYPE_CHECKING:
    from cardscope.model import HubFacts
    from cardscope.source.hub import Client
    from cardscope.source.transfer import Answer

_BASE = ("base_model:adapter:", "base_model:quantized:", "base_model:finetune:", "base_model:")


def refuse(answer: Answer, client: Client, name: str, revision: str | None, facts: HubFacts | None = None) -> NoReturn:
    """Raise the error that an answer other than 200 stands for.

    An unknown repository is answered 401 to someone without a token, as a private one is.
    """
    status, host = answer.status, client.host
    code, message = (answer.headers.get(f"x-error-{part}", "") for part in ("code", "message"))
    if status == 429:
        _rate_limited(answer, host)
    if code == "GatedRepo" or (status in (401, 403) and facts is not None and facts.gated):
        gated(client, name, facts)
    if code == "RevisionNotFound":
        asked = revision or "main"
        see = f"{client.endpoint}/{name}/tree/main"
        raise NotFound(f"{name} has no revision {asked}", hint=f"leave it out for main, or see {see}", facts=facts)
    if code == "EntryNotFound" and facts is not None:
        no_config(name, facts)
    if status == 401 and message == "Invalid credentials in Authorization header":
        hint = "run hf auth login again, or check HF_TOKEN and --token"
        raise SourceError(f"{host} does not accept the token", hint=hint)
    if status == 401 or (status in (403, 404) and (code or message)):
        _no_repository(client, name, host, forbidden=status == 403)
    hint = "try again later" if status >= 500 else "check HF_ENDPOINT, or whether a proxy stands in the way"
    raise NetworkError(f"{host} answered {status} when asked for {name}", hint=hint, facts=facts)


def gated(client: Client, name: str, facts: HubFacts | None) -> NoReturn:
    """Raise Gated, with the licence page and what the Hub tells anyone."""
    page = f"{client.endpoint}/{name}"
    total = facts.safetensors_total if facts else None
    told = f"; its safetensors hold {total:,} numbers" if total is not None else ""
    if client.has_token:
        raise Gated(
            f"{name} is gated and this token has no access yet{told}", hint=f"ask for access at {page}", facts=facts
        )
    raise Gated(
        f"{name} is gated and there is no token{told}",
        hint=f"accept its licence at {page}, then run hf auth login",
        facts=facts,
    )


def no_config(name: str, facts: HubFacts) -> NoReturn:
    """Raise NotFound for a repository without a config.json, saying what it holds instead."""
    names = [file for file, _ in facts.files]
    base = next((t.removeprefix(p) for p in _BASE for t in facts.tags if t.startswith(p)), None)
    there = f"give its base model: {base}" if base else "give the model it was made from"
    if "adapter_config.json" in names:
        what, hint = "it is an adapter", there
    elif "model_index.json" in names:
        what, hint = "it is a diffusers pipeline", "`cardscope ID` alone counts its stored components"
    elif any(n.endswith(".gguf") for n in names):
        what, hint = "its GGUF files are no model of their own", there
    elif any(n.startswith("meta_") and n.endswith(".json") for n in names):
        what, hint = "it is a native nanochat checkpoint", "nanochat:dN counts the original release at a depth"
    elif "params.json" in names:
        what, hint = "it holds weights in their maker's own format", "look for the same model with -hf in its name"
    else:
        what, hint = (
            f"it holds {len(names)} other files" if names else "it may be empty",
            "give a model of transformers",
        )
    raise NotFound(f"{name} has no config.json: {what}", hint=hint, facts=facts)


def _no_repository(client: Client, name: str, host: str, *, forbidden: bool) -> NoReturn:
    near = catalog.nearest(name)
    if forbidden:
        raise NotFound(f"{host} forbids access to {name}", hint="check what the token may read")
    if catalog.lookup(name):
        hint = "the bundled catalogue has it: --offline uses that"
    elif near:
        hint = f"did you mean {' or '.join(near)}?"
    elif client.has_token:
        hint = "check the spelling, and that the token may read it"
    else:
        hint = "check the spelling; a private repository needs hf auth login"
    raise NotFound(f"{host} has no model {name}, or it is private", hint=hint)


def _rate_limited(answer: Answer, host: str) -> NoReturn:
    """Retry-After in seconds, or the `t` of the draft RateLimit header the Hub sends."""
    import re

    stated = answer.headers.get("retry-after", "").strip()
    found = re.search(r";\s*t\s*=\s*(\d{1,6})", answer.headers.get("ratelimit", ""))
    text = stated if stated.isdecimal() and len(stated) < 7 else found[1] if found else None
    seconds = float(text) if text is not None else None
    when = f"try again in {text} s" if text is not None else "try again in a few minutes"
    raise RateLimited(
        f"{host} answered 429: too many requests", hint=f"{when}; a token allows more", retry_after=seconds
    )

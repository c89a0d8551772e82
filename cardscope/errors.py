"""Everything cardscope raises on purpose.

CardscopeError                 one plain sentence, a hint, and where it was found
├─ UsageError                  the call's words are off
├─ SourceError                 the model could not be read
│  ├─ NotFound                 no such repository, revision, file or folder
│  ├─ Gated                    the repository asks for an accepted licence and a token
│  ├─ NetworkError             the Hub could not be reached, or did not answer in time
│  ├─ RateLimited              the Hub answered 429
│  ├─ TooLarge                 the input is over a cap
│  └─ NotAConfig               not JSON, not an object, or no config at all
├─ ConfigError                 the config was read but cannot be meant
│  ├─ MissingField             a field that shapes tensors is absent
│  └─ BadField                 a field has a value no model can have
└─ NotModelled                 no declaration for this model type, and no other count either
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cardscope.model import HubFacts


LONGEST = 800
"""Characters of a message or a hint."""


class CardscopeError(Exception):
    """Base of all errors raised on purpose: a sentence, a hint, and an audit kind."""

    kind = "internal"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        # What a config holds may be quoted in either, and has no end of its own.
        self.message = _short(message)
        self.hint = None if hint is None else _short(hint)
        super().__init__(self.message)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


class UsageError(CardscopeError):
    """The words of the call do not fit together."""

    kind = "not_a_config"


class SourceError(CardscopeError):
    """The model could not be read; `facts` is what the Hub still told of the repository, if it did."""

    kind = "not_found"

    def __init__(self, message: str, *, hint: str | None = None, facts: HubFacts | None = None) -> None:
        super().__init__(message, hint=hint)
        self.facts = facts


class NotFound(SourceError):
    """No such repository, revision, file or folder."""

    kind = "not_found"


class Gated(SourceError):
    """The repository is gated and the token at hand does not open it."""

    kind = "gated"


class NetworkError(SourceError):
    """The Hub could not be reached, or did not answer in time."""

    kind = "network"


class RateLimited(SourceError):
    """The Hub answered 429; `retry_after` is in seconds where it said so."""

    kind = "rate_limited"

    def __init__(self, message: str, *, hint: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class TooLarge(SourceError):
    """The input is larger or deeper than any real one."""

    kind = "too_large"


class NotAConfig(SourceError):
    """The input is not a model configuration."""

    kind = "not_a_config"


class ConfigError(CardscopeError):
    """The configuration was read, but a value in it cannot be meant."""

    kind = "not_a_config"


class MissingField(ConfigError):
    """A field that shapes tensors is absent and has no default."""

    def __init__(self, key: str, tried: Sequence[str] = (), *, hint: str | None = None) -> None:
        also = f" (looked for {', '.join(tried)})" if tried else ""
        super().__init__(f"the config has no {key}{also}", hint=hint or f"--set {key}=VALUE supplies one")
        self.key = key


class BadField(ConfigError):
    """A field holds a value that no model can have."""

    def __init__(self, key: str, value: object, wanted: str, *, hint: str | None = None) -> None:
        shown = repr(value)
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        super().__init__(f"{key} is {shown}, which is not {wanted}", hint=hint or f"--set {key}=VALUE tries another")
        self.key = key
        self.value = value


class NotModelled(CardscopeError):
    """No declaration exists for the model type and no other witness can count it."""

    kind = "not_modelled"

"""The Hub, asked online."""

from __future__ import annotations

from cardscope.errors import NetworkError
from cardscope.model import RawConfig


def load(name: str, revision: str | None, *, token: str | bool | None, refresh: bool) -> RawConfig:  # noqa: ARG001 - the client comes next
    """The config of a Hub id at the commit its revision names now."""
    raise NetworkError(f"{name} was not asked of the Hub, whose client is not there yet", hint="use --offline")

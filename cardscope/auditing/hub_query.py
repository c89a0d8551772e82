"""Which models the Hub lists for an author, a search or a filter, through huggingface_hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cardscope.auditing.inputs import Item
from cardscope.errors import NetworkError, RateLimited


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of the Hub's list of models."""

    author: str | None = None
    search: str | None = None
    filters: tuple[str, ...] = ()
    sort: Literal["created_at", "downloads", "last_modified", "likes", "trending_score"] | None = None
    limit: int | None = None

    def __bool__(self) -> bool:
        """Whether anything is asked."""
        return bool(self.author or self.search or self.filters)


def ask(query: Query, token: str | bool | None) -> Iterator[Item]:
    """The models listed, a page at a time. Raises RateLimited, NetworkError."""
    from huggingface_hub import HfApi, constants

    api = HfApi(endpoint=constants.ENDPOINT, token=token)
    host = constants.ENDPOINT.partition("://")[2]
    try:
        for found in api.list_models(
            author=query.author,
            search=query.search,
            filter=list(query.filters) or None,
            sort=query.sort,
            limit=query.limit,
        ):
            yield Item(found.id)
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status == 429:
            raise RateLimited(f"{host} answered 429 when asked for a list", hint="try again later") from error
        said = f"answered {status}" if status else "could not be reached"
        raise NetworkError(
            f"{host} {said} when asked for a list of models", hint="check the words asked for"
        ) from error

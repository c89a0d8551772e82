"""How every verb begins: the model's config, and what is stored beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from cardscope.checkpoint.look import Look
    from cardscope.checkpoint.remote import Ahead
    from cardscope.model import RawConfig

Model = str | PathLike[str] | Mapping[str, object]
Choice = bool | Literal["auto"]
Sets = Iterable[str | tuple[str, str]] | Mapping[str, object]


def begin(
    model: Model, headers: Choice, token: str | bool | None, refresh: bool, **options: Any
) -> tuple[RawConfig, Ahead | None]:
    """The config, and the headers under way beside it where they are wanted."""
    from cardscope.source import resolve

    if not headers:
        return resolve(model, token=token, refresh=refresh, **options), None
    from cardscope.checkpoint.remote import Ahead

    ahead = Ahead(token, refresh=refresh)
    return resolve(model, token=token, refresh=refresh, beside=ahead.begin, **options), ahead


def stored_beside(
    raw: RawConfig, headers: Choice, token: str | bool | None, ahead: Ahead | None, *, refresh: bool
) -> tuple[Look | None, bool]:
    """What is stored, and whether it is exactly what the config declares."""
    if not headers:
        return None, False
    from cardscope.assemble import outline
    from cardscope.checkpoint.look import look

    spec, inventory = outline(raw)
    found = look(raw, headers, spec, token=token, refresh=refresh, ahead=ahead)
    if found.error is not None and not raw.data:
        raise found.error  # a weight file alone is all there is to this model
    if found.contents is None:
        return found, False
    from cardscope.checkpoint.reconcile import agrees

    return found, agrees(found.contents, inventory)

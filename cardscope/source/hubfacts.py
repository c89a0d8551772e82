"""The Hub's answer about a repository, read without trusting it: a value of the wrong type is taken as absent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from cardscope.model import HubFacts

_COMMIT = re.compile(r"[0-9a-f]{40}")


def read(info: Mapping[str, object]) -> HubFacts:
    """HubFacts out of the JSON of `/api/models/ID?blobs=true`."""
    commit, gated = _text(info.get("sha")), info.get("gated")
    weights = info.get("safetensors")
    weights = weights if isinstance(weights, Mapping) else {}
    dtypes = weights.get("parameters")
    tags = info.get("tags")
    return HubFacts(
        commit=commit if commit and _COMMIT.fullmatch(commit) else None,
        gated=gated if isinstance(gated, bool | str) else False,
        safetensors_total=_count(weights.get("total")),
        safetensors_dtypes=_counts(dtypes) if isinstance(dtypes, Mapping) else {},
        files=_files(info.get("siblings")),
        blobs=dict(_blobs(info.get("siblings"))),
        license=_license(info),
        tags=tuple(t for t in tags if isinstance(t, str)) if isinstance(tags, list) else (),
        library=_text(info.get("library_name")),
        pipeline_tag=_text(info.get("pipeline_tag")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _counts(found: Mapping[str, object]) -> dict[str, int]:
    counted = ((name, _count(value)) for name, value in found.items())
    return {name: count for name, count in counted if count is not None}


def _files(found: object) -> tuple[tuple[str, int | None], ...]:
    if not isinstance(found, list):
        return ()
    entries = ((e.get("rfilename"), _count(e.get("size"))) for e in found if isinstance(e, Mapping))
    return tuple((name, size) for name, size in entries if isinstance(name, str))


def _blobs(found: object) -> Iterator[tuple[str, str]]:
    for entry in found if isinstance(found, list) else ():
        match entry:
            case {"rfilename": str(name), "blobId": str(blob)} if ".safetensors" in name and _COMMIT.fullmatch(blob):
                yield name, blob


def _license(info: Mapping[str, object]) -> str | None:
    card = info.get("cardData")
    stated = card.get("license") if isinstance(card, Mapping) else None
    if isinstance(stated, list):
        stated = ", ".join(s for s in stated if isinstance(s, str)) or None
    return _text(stated)

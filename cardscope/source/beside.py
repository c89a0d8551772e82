"""Small JSON files that lie beside a config, in its folder or in its repository, at the config's own commit."""

from __future__ import annotations

from pathlib import Path

from cardscope.model import RawConfig
from cardscope.source import cache, local, strictjson
from cardscope.source.transfer import Patience


def read(
    raw: RawConfig, file: str, token: str | bool | None = None, patience: Patience | None = None
) -> dict[str, object] | None:
    """The object a file holds; None where there is no such file, or nobody to ask.

    Raises NetworkError, RateLimited or Gated where the Hub does not give it, NotAConfig or TooLarge for what it is.
    """
    if raw.folder is not None:
        path = Path(raw.folder) / file
        return strictjson.load(local.read(path, file), file) if path.is_file() else None
    if raw.source != "hub" or raw.hub is None or raw.revision is None or file not in dict(raw.hub.files):
        return None
    kept = cache.read_commit(raw.id, raw.revision, file)
    return kept if kept is not None else _ask(raw, raw.revision, file, token, patience)


def _ask(
    raw: RawConfig, commit: str, file: str, token: str | bool | None, patience: Patience | None
) -> dict[str, object]:
    from cardscope.source import hub, huberrors

    client = hub.connect(token, patience)
    where = f"{file} of {raw.id}"
    answer = client.get(f"/{raw.id}/resolve/{commit}/{file}", strictjson.MAX_CONFIG, where)
    if answer.status != 200:
        huberrors.refuse(answer, client, raw.id, raw.asked)
    found = strictjson.load(answer.body, where)
    cache.store(raw.id, raw.asked, commit, answer.body, file)
    return found

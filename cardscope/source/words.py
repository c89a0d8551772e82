"""MODEL, the word every command takes: what it names, at which revision, with which changes.

A word is read in this order: what-ifs are cut off its end, then it is standard input (`-`), a formula
(`nanochat:`), a URL (`https://`, `hf://`), a local path by its spelling or because something is there,
and otherwise a Hub id.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from cardscope.errors import UsageError

WordKind = Literal["hub", "local", "stdin", "formula"]
Edit = tuple[str, str]
"""A what-if as written: (dotted key, text of the value)."""

MAX_WORD = 100_000
_EDIT = re.compile(r",\s*([A-Za-z_][\w.\-]*)\s*=")
_KEY = re.compile(r"[A-Za-z_][\w.\-]*")
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]{0,94}[A-Za-z0-9_])?"
_ID = re.compile(rf"(?:{_PART}/)?{_PART}")
_REVISION = re.compile(r"[^\s\x00-\x20\x7f~^:?*\[\\@]{1,255}")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co", "hf-mirror.com")
_NOT_MODELS = ("datasets", "spaces", "docs", "models", "collections", "papers", "blog", "buckets", "kernels")
_MARKS = ("tree", "blob", "resolve", "raw", "commit", "revision")
_FILES = (".json", ".safetensors", ".gguf")


@dataclass(frozen=True, slots=True)
class Word:
    """A MODEL word taken apart; `target` is a Hub id, a path, or the part of a formula after its colon.

    `explicit` says that the spelling alone decided (`./gpt2`, `hf://gpt2`, a URL), not what lies on disk.
    """

    text: str
    kind: WordKind
    target: str
    revision: str | None = None
    edits: tuple[Edit, ...] = ()
    explicit: bool = False


def parse(word: str) -> Word:
    """Read a MODEL word.

    Raises UsageError for a word that can name nothing. Looks at the disk only to see whether the word names
    a file, or a folder holding a config.json; it opens nothing.
    """
    if not word.strip() or len(word) > MAX_WORD or any(ord(c) < 32 for c in word):
        shown = "empty" if not word.strip() else "too long" if len(word) > MAX_WORD else "holding control characters"
        raise UsageError(
            f"the model's name is {shown}",
            hint="give a Hub id such as gpt2, a path such as ./config.json, or -",
        )
    if _is_here(word):
        return Word(word, "local", word, explicit=_spelled_local(word))
    head, edits = split_edits(word)
    if head == "-":
        return Word(word, "stdin", "-", edits=edits, explicit=True)
    if head.lower().startswith("nanochat:"):
        return Word(word, "formula", head[len("nanochat:") :], edits=edits, explicit=True)
    if "://" in head or head.partition("/")[0].lower() in _HUB_HOSTS:
        return _url(word, head, edits)
    if _spelled_local(head) or _is_here(head) or head.lower().endswith(_FILES):
        return Word(word, "local", head, edits=edits, explicit=_spelled_local(head))
    return _hub(word, head, edits, explicit=False)


def split_edits(word: str) -> tuple[str, tuple[Edit, ...]]:
    """Cut `,key=value,key=value` off a word; commas inside JSON brackets and quotes belong to the value."""
    first = _EDIT.search(word)
    if first is None:
        return word, ()
    pieces = _split_values(word[first.start() + 1 :])
    return word[: first.start()], tuple(edit(piece) for piece in pieces)


def edit(text: str) -> Edit:
    """`KEY=VALUE` as a pair; raises UsageError when it is not of that form."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not _KEY.fullmatch(key):
        raise UsageError(
            f"{_short(text)!r} is not KEY=VALUE",
            hint="a change is written num_hidden_layers=12 or text_config.vocab_size=32000",
        )
    return key, value.strip()


def _split_values(text: str) -> list[str]:
    pieces, start, depth, quoted, escaped = [], 0, 0, False, False
    for at, char in enumerate(text):
        if quoted:
            quoted = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char in "[{":
            depth += 1
        elif char in "]}":
            depth -= 1
        elif char == "," and depth <= 0:
            pieces.append(text[start:at])
            start = at + 1
    return [*pieces, text[start:]]


def _spelled_local(head: str) -> bool:
    return head in (".", "..", "~") or head.startswith(
        ("./", "../", "/", "~", ".\\", "..\\", "\\", "file://")
    ) or bool(_DRIVE.match(head))  # fmt: skip


def _is_here(head: str) -> bool:
    """Whether the word names an existing file, or a folder that holds a config.json."""
    path = local_path(head)
    return path.is_file() or (path / "config.json").is_file()


def local_path(target: str) -> Path:
    """The path a local word means: `~` expanded, `file://` taken off."""
    if target.startswith("file://"):
        from urllib.parse import unquote

        return Path(unquote(target[len("file://") :]))
    if not target.startswith("~"):
        return Path(target)
    try:
        return Path(target).expanduser()
    except RuntimeError:  # a home that does not exist: ~nobody-here
        return Path(target)


def _hub(word: str, head: str, edits: tuple[Edit, ...], *, explicit: bool) -> Word:
    name, at, revision = head.partition("@")
    name = name.removesuffix(".git")
    if at:
        check_revision(revision, word)
    if not _ID.fullmatch(name) or "--" in name or ".." in name:
        _bad_id(word, name)
    return Word(word, "hub", name, revision if at else None, edits, explicit)


def check_revision(revision: str, word: str) -> str:
    """A branch, tag or commit as git would take it; raises UsageError otherwise."""
    if not _REVISION.fullmatch(revision) or ".." in revision or revision[0] in "-/" or revision[-1] in "/.":
        raise UsageError(
            f"{_short(revision)!r} cannot be a revision",
            hint=f"write {_short(word.partition('@')[0])}@BRANCH, @TAG or @COMMIT",
        )
    return revision


def _bad_id(word: str, name: str) -> NoReturn:
    if "," in word:
        hint = "a change is written MODEL,key=value"
    elif name.count("/") > 1 or "\\" in name:
        hint = f"a Hub id is org/name; for a path write ./{name}"
    elif name.lstrip().startswith("{"):
        hint = "pipe a config in and name it -"
    else:
        hint = "a Hub id is org/name in letters, digits, . _ and -; a path starts with ./"
    raise UsageError(f"{_short(word)!r} names no model", hint=hint)


def _url(word: str, head: str, edits: tuple[Edit, ...]) -> Word:
    from urllib.parse import unquote, urlsplit

    try:
        parts = urlsplit(head if "://" in head else f"https://{head}")
    except ValueError:
        parts = urlsplit("")
    segments = [unquote(s) for s in parts.path.split("/") if s]
    if parts.scheme == "hf":
        segments = [unquote(parts.netloc), *segments]
    elif parts.scheme not in ("http", "https") or not _is_hub_host(parts.netloc):
        raise UsageError(
            f"{_short(head)!r} is not an address of the Hub",
            hint="give https://huggingface.co/org/name, or set HF_ENDPOINT to the Hub you mean",
        )
    segments = segments[2:] if segments[:2] == ["api", "models"] else segments
    if not segments or segments[0] in _NOT_MODELS:
        raise UsageError(
            f"{_short(head)!r} leads to {segments[0] if segments else 'no repository'}, not to a model",
            hint="a model's address is https://huggingface.co/org/name",
        )
    return _from_segments(word, segments, edits)


def _is_hub_host(host: str) -> bool:
    endpoint = os.environ.get("HF_ENDPOINT", "").partition("://")[2].partition("/")[0]
    return host.lower() in _HUB_HOSTS or (bool(endpoint) and host.lower() == endpoint.lower())


def _from_segments(word: str, segments: list[str], edits: tuple[Edit, ...]) -> Word:
    base, revision, file = _cut(segments)
    if len(file) > 1:
        raise UsageError(
            f"{_short(word)!r} leads into a folder of the repository",
            hint=f"only the config.json at its top is read: {base}",
        )
    if revision is not None:
        check_revision(revision, word)
    return Word(word, "hub", _hub(word, base, (), explicit=True).target, revision, edits, explicit=True)


def _cut(segments: list[str]) -> tuple[str, str | None, list[str]]:
    """`org/name`, its revision, and the file after it; a file at the top stands for its repository."""
    for at, segment in enumerate(segments[:3]):
        if at and segment in _MARKS and len(segments) > at + 1:
            return "/".join(segments[:at]), *_revision_first(segments[at + 1 :])
        name, mark, revision = segment.partition("@")
        if mark:
            return "/".join([*segments[:at], name]), *_revision_first([revision, *segments[at + 1 :]])
    return "/".join(segments[:2]), None, segments[2:]


def _revision_first(segments: list[str]) -> tuple[str, list[str]]:
    """A revision is one segment, except that refs/pr/N and refs/convert/X are three."""
    size = 3 if segments[0] == "refs" else 1
    return "/".join(segments[:size]), segments[size:]


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."

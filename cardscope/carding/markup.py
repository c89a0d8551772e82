"""Markdown and HTML inside a line → the words a reader sees. Every expression is linear in its text."""

from __future__ import annotations

import html
import re
from typing import Final, NamedTuple

_IMAGE = re.compile(r"!\[([^\[\]]{0,300})\]\(([^()\s]{0,1000})[^()]{0,200}\)")
_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]{0,200}\]){0,600})\]\((?:[^()]|\([^()]{0,300}\)){0,1500}\)")
_REFERENCE = re.compile(r"\[([^\[\]]{1,300})\]\[[^\[\]]{0,100}\]")
_AUTO = re.compile(r"<(https?://[^<>\s]{1,500})>")
_HTML_IMAGE = re.compile(r"<img\b([^<>]{0,3000})>", re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|/p|/div|/li|hr|/h\d|/td|/tr)\s?/?>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,3000}>")
_STRONG = re.compile(r"\*\*|__|(?<![A-Za-z0-9])[*_](?=\S)|(?<=\S)[*_](?![A-Za-z0-9_])|~~|`")
_SPACE = re.compile(r"[ \t\u00a0\u3000]{2,}|[\t\u00a0\u3000]")
_ATTRIBUTE = re.compile(r"\b(alt|src)\s?=\s?(?:\"([^\"]{0,2000})\"|'([^']{0,2000})')", re.IGNORECASE)
_BADGE = re.compile(
    r"https?://img\.shields\.io/(?:static/v1/?\?([^\s\"'<>)]{1,400})|badge/([^\s\"'<>)?]{1,400}))", re.IGNORECASE
)
_LEAD = re.compile(
    r"\s{0,8}(?:\*\*|__|<b>|<strong>)\s?([^*_<>]{1,80}?)\s?(?:\*\*|__|</b>|</strong>)\s?(:|：)?\s?", re.IGNORECASE
)
SUPERSCRIPT: Final = re.compile(r"<sup>([^<>]{0,40})</sup>", re.IGNORECASE)


class Badge(NamedTuple):
    """What a shield says: label and value."""

    label: str
    value: str


def without_comments(text: str) -> str:
    """The text with each HTML comment blanked, its lines kept."""
    kept, position = [], 0
    while (start := text.find("<!--", position)) >= 0:
        end = text.find("-->", start + 4)
        if end < 0:
            break
        kept += [text[position:start], "\n" * text.count("\n", start, end)]
        position = end + 3
    return "".join([*kept, text[position:]])


def plain(text: str) -> str:
    """The words of a line: links as their text, no emphasis, no tags, entities read."""
    if "<" in text:
        text = SUPERSCRIPT.sub(r"^\1", text)
        text = _HTML_IMAGE.sub(" ", text)
        text = _BREAK.sub("\n", text)
        text = _AUTO.sub(r"\1", text)
    if "[" in text:
        text = _LINK.sub(r"\1", _IMAGE.sub(" ", text))
        text = _REFERENCE.sub(r"\1", text)
    if "<" in text:
        text = _TAG.sub("", text)
    if "*" in text or "_" in text or "`" in text or "~" in text:
        text = _STRONG.sub("", text)
    if "&" in text:
        text = html.unescape(text)
    if "\\" in text:
        text = text.replace("\\_", "_").replace("\\-", "-").replace("\\|", "|")
    return _SPACE.sub(" ", text).strip()


def lead(text: str) -> tuple[str, str] | None:
    """(label, rest) of a line that begins in bold: `**License** Apache-2.0`, `**Layers:** 32`."""
    match = _LEAD.match(text)
    if not match:
        return None
    label, rest = match[1].strip(), text[match.end() :]
    return label.rstrip(":：").strip(), plain(rest).lstrip(":： ")


def badges(text: str) -> list[Badge]:
    """The shields in a piece of raw text."""
    if "shields.io" not in text:
        return []
    from urllib.parse import parse_qsl, unquote

    found = []
    for match in _BADGE.finditer(text):
        if match[1]:
            said = dict(parse_qsl(match[1]))
            found.append(Badge(said.get("label", ""), said.get("message", "")))
            continue
        path = unquote(match[2]).replace("--", "\0").replace("__", "\1")
        parts = [part.replace("_", " ").replace("\0", "-").replace("\1", "_") for part in path.split("-")]
        if len(parts) >= 3:
            found.append(Badge(parts[0], "-".join(parts[1:-1])))
    return found

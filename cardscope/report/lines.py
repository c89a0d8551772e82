"""Styled lines: what text and terminal output are made of, free of any terminal library."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple, TextIO
from unicodedata import east_asian_width

Style = Literal["", "title", "head", "strong", "dim", "good", "warn", "bad", "bar"]
WIDTH: Final = 80
LONGEST: Final = 1000
"""Characters of a foreign string that are shown."""

STYLES: Final = {
    "title": "bold",
    "head": "bold cyan",
    "strong": "bold",
    "dim": "dim",
    "good": "green",
    "warn": "yellow",
    "bad": "bold red",
    "bar": "cyan",
}
"""Style word → rich style."""

ASCII: Final = str.maketrans(
    {
        "█": "#",
        "▏": "#",
        "▌": "#",
        "·": "-",
        "×": "x",
        "−": "-",
        "–": "-",
        "²": "2",
        "…": "...",
        "→": "->",
        "≈": "~",
        "µ": "u",
    }
)


class Span(NamedTuple):
    """A piece of one line in one style."""

    text: str
    style: Style = ""


Line = tuple[Span, ...]


def line(*pieces: str | Span) -> Line:
    """One line of plain and styled pieces."""
    return tuple(piece if isinstance(piece, Span) else Span(piece) for piece in pieces)


def plain(rows: Iterable[Line]) -> str:
    """The lines as text without any control code."""
    return "\n".join("".join(span.text for span in row).rstrip() for row in rows) + "\n"


def safe(text: str) -> str:
    """A foreign string without control characters, so that a config cannot steer the terminal, and not without end."""
    short = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return short if short.isprintable() else "".join(char if char.isprintable() else "\ufffd" for char in short)


def spelled(value: object) -> str:
    """A config's value as JSON spells it, and as a what-if would."""
    import json

    return json.dumps(value, ensure_ascii=False, default=str)


def columns(text: str) -> int:
    """Cells a terminal needs for the text at most: two for each wide character."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def shorten(text: str, width: int) -> str:
    """The text in at most `width` columns, with an ellipsis where something is left out."""
    return text if columns(text) <= width else _head(text, width - 1) + "…"


def pad(text: str, width: int) -> str:
    """The text filled up to `width` columns."""
    return text + " " * (width - columns(text))


def _head(text: str, width: int) -> str:
    """As much of the text as `width` columns hold."""
    kept = text[: max(0, width)]
    while columns(kept) > width:
        kept = kept[:-1]
    return kept


def fit(row: Line) -> Line:
    """The line in at most WIDTH columns: absurd figures lose their end, visibly."""
    used = [columns(span.text) for span in row]
    if sum(used) <= WIDTH:
        return row
    room, kept = WIDTH, []
    for span, width in zip(row, used, strict=True):
        kept.append(Span(shorten(span.text, room), span.style))
        room -= width
        if room <= 0:
            break
    return tuple(kept)


def bar(share: float, width: int) -> str:
    """A bar of `share` of `width` cells, in eighths nowhere and halves at the end."""
    cells = max(0.0, min(1.0, share)) * width
    full = int(cells)
    return "█" * full + ("▌" if cells - full >= 0.5 else "" if full or share <= 0 else "▏")


def wrap(pieces: Sequence[str], indent: int, first: int, separator: str = "  ", width: int = WIDTH) -> list[str]:
    """Pieces joined and broken between them; the first line starts after `first` used columns."""
    rows, used = [""], first
    for piece in _chopped(pieces, width - indent):
        gap = separator if rows[-1] else ""
        if used + len(gap) + columns(piece) > width and (rows[-1] or used > indent):
            rows.append("")
            used, gap = indent, ""
        rows[-1] += gap + piece
        used += len(gap) + columns(piece)
    return [rows[0], *(" " * indent + row for row in rows[1:])]


def _chopped(pieces: Iterable[str], room: int) -> Iterator[str]:
    """Each piece, cut where it alone is wider than a line."""
    for piece in pieces:
        rest = piece
        while columns(rest) > room:
            head = _head(rest, room)
            yield head
            rest = rest[len(head) :]
        yield rest


def emit(rows: Sequence[Line], stream: TextIO) -> None:
    """Writes lines: styled through rich on a terminal, plain text everywhere else."""
    if _styled(stream):
        from rich.console import Console
        from rich.text import Text

        console = Console(file=stream, highlight=False, soft_wrap=True, no_color="NO_COLOR" in os.environ)
        for row in rows:
            console.print(Text.assemble(*((span.text, STYLES.get(span.style, "")) for span in row)))
        return
    stream.write(encodable(plain(rows), stream))


def _styled(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


def encodable(text: str, stream: TextIO) -> str:
    """The text, with the field's signs spelled in ASCII where the stream cannot hold them."""
    encoding = getattr(stream, "encoding", None) or sys.getdefaultencoding()
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(ASCII).encode(encoding, "replace").decode(encoding)
    return text

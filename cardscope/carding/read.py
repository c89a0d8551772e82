"""A README → metadata, and a body in pieces: headings, sentences, list items, table rows, code, badges.

Block structure is markdown-it's; what stands inside a block is read by `markup`. Nothing here trusts the file: it is
cut at caps, nesting is bounded by the parser, and reference definitions (quadratic on hostile input) are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from cardscope.carding import markup
from cardscope.carding.metadata import Metadata, split

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MAX_BODY: Final = 300_000
"""Characters of the body that are read; the largest real cards have about 100,000."""
MAX_LINE: Final = 20_000
MAX_LINES: Final = 8_000
MAX_PIECES: Final = 6_000
MAX_CELLS: Final = 60
MAX_NESTING: Final = 12
_TABLE = re.compile(r"<table\b", re.IGNORECASE)
_TABLE_END = re.compile(r"</table\s?>", re.IGNORECASE)
_ROW = re.compile(r"<tr\b[^<>]{0,2000}>", re.IGNORECASE)
_CELL = re.compile(r"<t[dh]\b[^<>]{0,2000}>", re.IGNORECASE)

Place = Literal["heading", "prose", "list", "code", "badge"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One block of text: its words, its first line in the file (from 1), the headings and list items it lies under."""

    place: Place
    text: str
    line: int
    section: tuple[str, ...] = ()
    under: tuple[str, ...] = ()
    raw: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: cells of each row with the row's line; the first row is the head."""

    rows: tuple[tuple[int, tuple[str, ...]], ...]
    section: tuple[str, ...] = ()
    before: str = ""
    """The text right before the table."""


@dataclass(frozen=True, slots=True)
class Document:
    """A card read: metadata, pieces and tables in order, and what was left out."""

    metadata: Metadata
    pieces: tuple[Piece, ...]
    tables: tuple[Table, ...]
    lines: int
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The first heading."""
        return next((piece.text for piece in self.pieces if piece.place == "heading"), "")

    @property
    def headings(self) -> tuple[str, ...]:
        """All headings, in order."""
        return tuple(piece.text for piece in self.pieces if piece.place == "heading")


@dataclass(slots=True)
class _Walk:
    """Where the walk over the blocks is."""

    offset: int
    section: list[tuple[int, str]] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(text for _, text in self.section)

    def add(self, place: Place, text: str, line: int, raw: str = "", language: str = "") -> None:
        if text.strip() or raw:
            under = tuple(self.items[:-1] if place == "list" else self.items)
            self.pieces.append(Piece(place, text, line + self.offset + 1, self.path, under, raw, language))


def read(text: str) -> Document:
    """The card in pieces. Never raises for what the text holds."""
    metadata, body, offset = split(text)
    notes = []
    if len(body) > MAX_BODY:
        body = body[:MAX_BODY]
        notes.append(f"only the first {MAX_BODY:,} characters of the body were read")
    body = markup.without_comments(body.replace("\r\n", "\n").replace("\r", "\n").replace("\0", " "))
    rows = body.split("\n")
    if len(rows) > MAX_LINES:
        notes.append(f"only the first {MAX_LINES:,} lines of the body were read")
    body = "\n".join(row[:MAX_LINE] for row in rows[:MAX_LINES])
    walk = _Walk(offset)
    body = _html_tables(body, walk)
    _walk(_parser().parse(body), walk)
    if len(walk.pieces) > MAX_PIECES:
        notes.append(f"only the first {MAX_PIECES:,} blocks were read")
    lines = text.count("\n") + 1
    return Document(metadata, tuple(walk.pieces[:MAX_PIECES]), tuple(walk.tables), lines, tuple(notes))


def _parser() -> MarkdownIt:
    """Blocks only: what stands inside them is read here, in linear time."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}).enable("table").disable("reference")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def _walk(tokens: Sequence[Token], walk: _Walk) -> None:
    at = 0
    while at < len(tokens):
        token = tokens[at]
        line = token.map[0] if token.map else 0
        if token.type == "heading_open":
            _heading(int(token.tag[1]), tokens[at + 1].content, line, walk)
            at += 2
        elif token.type == "table_open":
            at = _table(tokens, at, walk)
        elif token.type in {"fence", "code_block"}:
            walk.add("code", token.content, line + (token.type == "fence"), language=token.info.strip().lower()[:20])
        elif token.type == "html_block":
            _paragraph(token.content, line, walk)
        elif token.type == "list_item_open":
            walk.items.append("")
        elif token.type == "list_item_close":
            walk.items.pop()
        elif token.type == "inline":
            _paragraph(token.content, line, walk)
        at += 1


def _heading(level: int, text: str, line: int, walk: _Walk) -> None:
    while walk.section and walk.section[-1][0] >= level:
        walk.section.pop()
    words = markup.plain(text)
    walk.pieces.append(Piece("heading", words, line + walk.offset + 1, walk.path, raw=text))
    walk.section.append((level, words))


def _paragraph(raw: str, line: int, walk: _Walk) -> None:
    """A paragraph, or what a list item says: line by line where lines begin in bold, as one text otherwise."""
    for badge in markup.badges(raw):
        walk.add("badge", f"{badge.label}: {badge.value}", line, raw=f"{badge.label}\0{badge.value}")
    place: Place = "list" if walk.items else "prose"
    if walk.items and not walk.items[-1]:
        walk.items[-1] = markup.plain(raw)[:200]
    start, held = line, ""
    for number, row in enumerate(raw.split("\n")):
        if held and (_own_line(row) or _own_line(held.rpartition("\n")[2])):
            walk.add(place, markup.plain(held), start, held)
            held = ""
        if not held:
            start = line + number
        held = f"{held}\n{row}" if held else row
    if held:
        walk.add(place, markup.plain(held), start, held)


def _own_line(row: str) -> bool:
    """Whether a line of a paragraph speaks for itself: bold in front, or a bullet that Markdown did not see."""
    return row.lstrip().startswith(
        ("**", "__", "<b>", "<strong>", "•", "·", "- ", "<p", "<div", "<a ", "<img", "</", "<h", "<li")
    )


def _table(tokens: Sequence[Token], at: int, walk: _Walk) -> int:
    before = walk.pieces[-1].text[-300:] if walk.pieces else ""
    rows: list[tuple[int, tuple[str, ...]]] = []
    cells: list[str] = []
    line = 0
    while at < len(tokens) and tokens[at].type != "table_close":
        token = tokens[at]
        if token.type == "tr_open":
            cells, line = [], (token.map[0] if token.map else line)
        elif token.type == "inline" and len(cells) < MAX_CELLS:
            cells.append(markup.plain(token.content))
        elif token.type == "tr_close":
            rows.append((line + walk.offset + 1, tuple(cells)))
        at += 1
    walk.tables.append(Table(tuple(rows), walk.path, before))
    return at


def _html_tables(body: str, walk: _Walk) -> str:
    """Reads `<table>`s and blanks them, since Markdown would cut them at empty lines."""
    if "<table" not in body.lower():
        return body
    kept, position = [], 0
    for start in (match.start() for match in _TABLE.finditer(body)):
        end = _TABLE_END.search(body, start)
        if start < position or end is None:
            continue
        kept.append(body[position:start])
        text = body[start : end.end()]
        line = body.count("\n", 0, start)
        section = tuple(_headings_before(kept))
        walk.tables.append(Table(tuple(_html_rows(text, line + walk.offset)), section, markup.plain(kept[-1][-300:])))
        kept.append("\n" * text.count("\n"))
        position = end.end()
        if len(walk.tables) > 200:
            break
    return "".join([*kept, body[position:]])


def _headings_before(kept: Sequence[str]) -> Iterator[str]:
    """The last Markdown heading before a place."""
    for text in reversed(kept[-40:]):
        at = text.rfind("\n#")
        if at >= 0:
            yield markup.plain(text[at + 1 :].partition("\n")[0].lstrip("# "))
            return


def _html_rows(text: str, line: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    starts = [match.end() for match in _ROW.finditer(text)][:2000]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        row = text[start:end]
        cells = _CELL.split(row)[1 : MAX_CELLS + 1]
        yield line + 1 + text.count("\n", 0, start), tuple(markup.plain(cell).replace("\n", " ") for cell in cells)


def metadata_value(document: Document, key: str) -> Any:
    """A value of the metadata, None where it is not there."""
    return document.metadata.data.get(key)

"""Report → one self-contained HTML page: no script, no request, readable on a phone and in the dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from string import Template

from cardscope.report.lines import Line, Span, safe
from cardscope.report.model import Report
from cardscope.report.text import lines


def html(report: Report) -> str:
    """The page: the same lines as the terminal's, with bars drawn by the browser."""
    return page(report.model.id, lines(report))


def page(title: str, rows: Sequence[Line]) -> str:
    """Lines of any answer as a page of their own."""
    frame = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    return frame.substitute(title=escape(safe(title)), body="\n".join(_rows(rows)))


def _rows(rows: Sequence[Line]) -> Iterator[str]:
    for row in rows:
        yield "".join(_span(span) for span in row).rstrip()


def _span(span: Span) -> str:
    text = escape(span.text)
    return f'<span class="{span.style}">{text}</span>' if span.style else text

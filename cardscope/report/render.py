"""Report → bytes on a stream or in a file, in the form asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from cardscope.report.lines import emit, encodable, plain
from cardscope.report.model import Report

BY_SUFFIX = {".json": "json", ".md": "markdown", ".html": "html", ".htm": "html"}


def render(report: Report, form: str) -> str:
    """The report as text in one of the forms human, json, markdown, html, quiet."""
    if form == "json":
        return _json(report)
    if form == "markdown":
        from cardscope.report.markdown import markdown

        return markdown(report)
    if form == "html":
        from cardscope.report.html import html

        return html(report)
    if form == "quiet":
        return f"{report.headline.total if report.headline.total is not None else 'null'}\n"
    from cardscope.report.text import lines

    return plain(lines(report))


def _json(report: Report) -> str:
    """Readable JSON, in which what cannot be printed stays escaped, beyond what JSON itself asks for."""
    import json

    text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    lines = text.split("\n")
    if not all(row.isprintable() for row in lines):
        lines = ["".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in row) for row in lines]
    return "\n".join(lines) + "\n"


def write(report: Report, form: str, output: str | None, stream: TextIO) -> None:
    """Writes to `output` (form by its suffix when auto) or to the stream, coloured only on a terminal."""
    if output is not None:
        path = Path(output)
        chosen = BY_SUFFIX.get(path.suffix.lower(), "human") if form == "auto" else form
        path.write_text(render(report, chosen), encoding="utf-8")
        return
    if form in {"auto", "human"}:
        from cardscope.report.text import lines

        emit(lines(report), stream)
        return
    stream.write(encodable(render(report, form), stream))

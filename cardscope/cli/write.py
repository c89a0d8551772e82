"""How the commands beside the report write their answer: lines, Markdown or JSON, to a stream or a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import click

from cardscope.report.lines import Line, emit, encodable, plain

FORMS: Final = ("auto", "human", "json", "markdown")
_BY_SUFFIX: Final = {".json": "json", ".md": "markdown"}


def text_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How the answer is written, and where to."""
    for option in (
        click.option("-o", "--output", type=click.Path(dir_okay=False, writable=True), help="Write to a file."),
        click.option("--format", "form", type=click.Choice(FORMS), default="auto", help="How to write it."),
        click.option("--json", "as_json", is_flag=True, help="The same as --format json."),
    ):
        command = option(command)
    return command


def write(
    form: str,
    output: str | None,
    stream: TextIO,
    *,
    lines: Callable[[], Sequence[Line]],
    markdown: Callable[[], str],
    data: Callable[[], dict[str, object]],
) -> None:
    """Writes one answer in the form asked for; to a file, by its suffix unless a form is named."""
    if output is not None and form == "auto":
        form = _BY_SUFFIX.get(Path(output).suffix.lower(), "human")
    if output is None and form in {"auto", "human"}:
        emit(lines(), stream)
        return
    text = _json(data()) if form == "json" else markdown() if form == "markdown" else plain(lines())
    if output is None:
        stream.write(encodable(text, stream))
    else:
        Path(output).write_text(text, encoding="utf-8")


def _json(data: dict[str, object]) -> str:
    """Readable JSON; whatever a terminal could take for a command stays escaped."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    kept = (
        row if row.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in row)
        for row in text.split("\n")
    )
    return "\n".join(kept) + "\n"

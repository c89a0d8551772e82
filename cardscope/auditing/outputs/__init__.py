"""Rows into a file or onto a stream, in one of the audit's forms."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TextIO

from cardscope.auditing.rows import COLUMNS
from cardscope.errors import UsageError

FORMS: Final = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".md": "markdown", ".parquet": "parquet", ".html": "html",
    ".txt": "human",
}  # fmt: skip
"""Suffix of the result → its form."""
Dict = Mapping[str, Any]


def form_of(path: str, asked: str) -> str:
    """The form of a result by its suffix, unless one is asked for. Raises UsageError where neither says."""
    if asked != "auto":
        return asked
    found = FORMS.get(Path(path).suffix.lower())
    if found is None:
        raise UsageError(f"{path} does not say in which form to write", hint=f"end it with {', '.join(FORMS)}")
    return found


def check(form: str) -> None:
    """Say before the work, not after it, that a form cannot be written here. Raises UsageError."""
    if form == "parquet":
        from cardscope.auditing.parquet import arrow

        arrow()
    elif form == "html":
        from cardscope.auditing.outputs.plots import library

        library()
    elif form not in WRITERS:
        raise UsageError(f"an audit is not written as {form}", hint=f"end the file with {', '.join(FORMS)}")


def save(rows: Iterator[Dict], path: str, form: str) -> None:
    """Write the result whole or not at all: beside its place first, then renamed. Raises OSError, UsageError."""
    new = Path(f"{path}.part")
    try:
        if form == "parquet":
            from cardscope.auditing.parquet import write

            write(rows, str(new))
        else:
            with new.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
                for text in WRITERS[form](rows):
                    stream.write(text)
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise


def stream_to(rows: Iterable[Dict], form: str, stream: TextIO) -> None:
    """Write rows as they come."""
    from cardscope.report.lines import encodable

    for text in WRITERS[form](iter(rows)):
        stream.write(encodable(text, stream))
        stream.flush()


def _jsonl(rows: Iterator[Dict]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"


def flat(row: Dict) -> dict[str, Any]:
    """A row without nesting: `error_kind` and `error_message`, findings as their codes."""
    error = row["error"] or {}
    found = {name: row[name] for name in COLUMNS if name not in {"error", "findings"}}
    codes = " ".join(f["code"] for f in row["findings"])
    return {**found, "error_kind": error.get("kind"), "error_message": error.get("message"), "findings": codes}


class _Line:
    """What csv writes into: keeps the last line."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        """Takes one line."""
        self.text = text


def _csv(rows: Iterator[Dict]) -> Iterator[str]:
    line = _Line()
    heads = [*(c for c in COLUMNS if c not in {"error", "findings"}), "error_kind", "error_message", "findings"]
    writer = csv.DictWriter(line, heads, lineterminator="\n")
    writer.writeheader()
    yield line.text
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in flat(row).items()})
        yield line.text


def _cell(value: Any) -> Any:
    """A foreign text that a spreadsheet would take for a formula is kept from being one."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _markdown(rows: Iterator[Dict]) -> Iterator[str]:
    from cardscope.auditing.outputs.table import HEADS, cells
    from cardscope.report.markdown import escape

    yield "| " + " | ".join(HEADS) + " |\n|---|" + "---:|" * (len(HEADS) - 2) + "---|\n"
    for row in rows:
        yield "| " + " | ".join(escape(cell) for cell in cells(row)) + " |\n"


def _html(rows: Iterator[Dict]) -> Iterator[str]:
    from cardscope.auditing.outputs.html import page

    return page(rows)


def _human(rows: Iterator[Dict]) -> Iterator[str]:
    from cardscope.auditing.outputs.table import lines
    from cardscope.report.lines import plain

    return (plain([row]) for row in lines(rows))


WRITERS: Final[Mapping[str, Callable[[Iterator[Dict]], Iterator[str]]]] = {
    "jsonl": _jsonl,
    "json": _jsonl,
    "csv": _csv,
    "markdown": _markdown,
    "human": _human,
    "html": _html,
}

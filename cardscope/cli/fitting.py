"""What `cardscope fit` is asked and writes: options, forms, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

from cardscope.errors import UsageError
from cardscope.report.lines import Line, emit, encodable, plain

BY_SUFFIX: Final = {".json": "json", ".md": "markdown", ".html": "html"}


class Forms(NamedTuple):
    """One answer in every form it may be written in."""

    title: str
    lines: Callable[[], Sequence[Line]]
    markdown: Callable[[], str]
    data: Callable[[], Mapping[str, Any]]
    quiet: str


def parse_options(pairs: Sequence[str], example: str = "--engine-option max_num_seqs=64") -> dict[str, object]:
    """KEY=VALUE words as a dict. Raises UsageError."""
    found: dict[str, object] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise UsageError(f"{pair[:60]!r} is not KEY=VALUE", hint=example)
        found[key.strip()] = value.strip()
    return found


def exit_code(verdict: str, *, strict: bool) -> int:
    """0 fits, 1 does not (or is marginal under --strict), 2 cannot say."""
    return {"fits": 0, "marginal": int(strict), "does_not_fit": 1}.get(verdict, 2)


def write(forms: Forms, form: str, output: str | None, stream: TextIO) -> None:
    """Writes to `output` (form by its suffix when auto) or to the stream."""
    if output is not None:
        chosen = BY_SUFFIX.get(Path(output).suffix.lower(), "human") if form == "auto" else form
        Path(output).write_text(render(forms, chosen), encoding="utf-8")
    elif form in {"auto", "human"}:
        emit(forms.lines(), stream)
    else:
        stream.write(encodable(render(forms, form), stream))


def render(forms: Forms, form: str) -> str:
    """The answer as text in one of the forms human, json, markdown, html, quiet."""
    if form == "json":
        return json.dumps(forms.data(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if form == "markdown":
        return forms.markdown()
    if form == "quiet":
        return f"{forms.quiet}\n"
    if form == "html":
        from cardscope.report.html import page

        return page(forms.title, forms.lines())
    return plain(forms.lines())

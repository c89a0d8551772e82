"""What `cardscope fit` writes, where to, and its exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from cardscope.errors import UsageError

if TYPE_CHECKING:
    from cardscope.fitting.answer import Fit

BY_SUFFIX = {".json": "json", ".md": "markdown"}


def parse_options(pairs: Sequence[str]) -> dict[str, object]:
    """KEY=VALUE words as a dict. Raises UsageError."""
    found: dict[str, object] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise UsageError(f"{pair[:60]!r} is not KEY=VALUE", hint="--engine-option max_num_seqs=64")
        found[key.strip()] = value.strip()
    return found


def exit_code(verdict: str, *, strict: bool) -> int:
    """0 fits, 1 does not (or is marginal under --strict), 2 cannot say."""
    return {"fits": 0, "marginal": int(strict), "does_not_fit": 1}.get(verdict, 2)


def write(fit: Fit, form: str, output: str | None, stream: TextIO) -> None:
    """Writes to `output` (form by its suffix when auto) or to the stream."""
    from cardscope.fitting.render import lines
    from cardscope.report.lines import emit, encodable

    if output is not None:
        chosen = BY_SUFFIX.get(Path(output).suffix.lower(), "human") if form == "auto" else form
        Path(output).write_text(render(fit, chosen), encoding="utf-8")
    elif form in {"auto", "human"}:
        emit(lines(fit), stream)
    else:
        stream.write(encodable(render(fit, form), stream))


def render(fit: Fit, form: str) -> str:
    """The answer as text in one of the forms human, json, markdown, quiet. Raises UsageError for html."""
    from cardscope.fitting.render import lines, markdown
    from cardscope.report.lines import plain

    if form == "json":
        import json

        return json.dumps(fit.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if form == "markdown":
        return markdown(fit)
    if form == "quiet":
        return f"{fit.verdict}\n"
    if form == "html":
        raise UsageError("fit has no HTML form", hint="--format markdown or --json")
    return plain(lines(fit))

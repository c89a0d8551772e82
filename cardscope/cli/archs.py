"""`cardscope archs`."""

from __future__ import annotations

import sys
from typing import Any

import click


@click.command("archs")
@click.argument("types", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--markdown", is_flag=True, help="As a Markdown table.")
def command(types: tuple[str, ...], *, as_json: bool, markdown: bool) -> None:
    """The architectures modelled, and how each was checked: all of them, or the TYPES named."""
    from cardscope.archs.coverage import coverage
    from cardscope.errors import NotFound
    from cardscope.report.lines import emit, encodable, line

    found = coverage()
    unknown = next((name for name in types if name not in {row.model_type for row in found.rows}), None)
    if unknown is not None:
        raise NotFound(f"{unknown} is not modelled", hint="`cardscope archs` lists the types that are")
    rows = [row for row in found.rows if not types or row.model_type in types]
    if as_json:
        sys.stdout.write(_json({"transformers": list(found.transformers), "types": [row._asdict() for row in rows]}))
    elif markdown:
        from cardscope.report.markdown import table

        body = [[row.model_type, row.class_name or "remote code", row.family, row.basis] for row in rows]
        sys.stdout.write(
            encodable("\n".join(table(["type", "class", "family", "checked by"], body)) + "\n", sys.stdout)
        )
    else:
        lines = [
            line(f"{row.model_type:<26} {(row.class_name or 'remote code'):<28} {row.basis}"[:110]) for row in rows
        ]
        emit([*lines, *(line(row) for row in found.sentence.splitlines())], sys.stdout)


def _json(value: Any) -> str:
    import json

    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"

"""`cardscope explain`."""

from __future__ import annotations

import sys
from typing import Any

import click

from cardscope.cli.options import source_options
from cardscope.cli.write import text_options, write


@click.command("explain")
@click.argument("model")
@source_options
@text_options
def command(model: str, *, form: str, as_json: bool, output: str | None, **options: Any) -> None:
    """The count derived step by step, with the numbers put in."""
    from cardscope.api import explain
    from cardscope.derivation.render import lines, markdown

    found = explain(model, **options)
    write(
        "json" if as_json else form,
        output,
        sys.stdout,
        lines=lambda: lines(found),
        markdown=lambda: markdown(found),
        data=found.to_dict,
    )

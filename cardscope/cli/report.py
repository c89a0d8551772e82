"""`cardscope MODEL`."""

from __future__ import annotations

import sys
from typing import Any

import click

from cardscope.cli.options import measure_options, output_options, source_options


@click.command("report")
@click.argument("model")
@source_options
@measure_options
@output_options
def command(model: str, *, form: str, as_json: bool, output: str | None, **options: Any) -> None:
    """The report of one model; `cardscope MODEL` is the same."""
    from cardscope.api import inspect
    from cardscope.report.render import write

    for witness in ("exact", "headers"):
        if options[witness] is None:
            options[witness] = "auto"
    write(inspect(model, **options), "json" if as_json else form, output, sys.stdout)

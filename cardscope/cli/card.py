"""`cardscope card`."""

from __future__ import annotations

import sys
from typing import Any

import click

from cardscope.cli.options import source_options
from cardscope.cli.write import text_options, write


@click.command("card")
@click.argument("model")
@click.option(
    "--check", "check", metavar="README.md", help="Hold this file's claims against MODEL; exit 1 if one is wrong."
)
@click.option("--headers/--no-headers", default=True, help="Read stored tensors' headers.")
@source_options
@text_options
def command(model: str, *, check: str | None, form: str, as_json: bool, output: str | None, **options: Any) -> int:
    """What the model card claims against what config and weights say.

    MODEL may be a card too: `cardscope card ./README.md` reads the config beside it.
    """
    from cardscope.api import card
    from cardscope.carding.render import lines, markdown

    options["headers"] = "auto" if options["headers"] else False
    found = card(model, readme=check, **options)
    write(
        "json" if as_json else form,
        output,
        sys.stdout,
        lines=lambda: lines(found),
        markdown=lambda: markdown(found),
        data=found.to_dict,
    )
    return 1 if check is not None and found.wrong else 0

"""`cardscope card`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from cardscope.cli.options import source_options
from cardscope.cli.write import text_options, write
from cardscope.errors import UsageError


@click.command("card")
@click.argument("model")
@click.option("--check", metavar="README.md", help="Hold this file's claims against MODEL; exit 1 if one is wrong.")
@click.option("--block", is_flag=True, help="Print a specification in Markdown for the card, with witnesses.")
@click.option("--metadata", is_flag=True, help="Print the YAML block the card should have.")
@click.option("--headers/--no-headers", default=True, help="Read stored tensors' headers.")
@source_options
@text_options
def command(
    model: str,
    *,
    check: str | None,
    form: str,
    as_json: bool,
    output: str | None,
    block: bool,
    metadata: bool,
    **options: Any,
) -> int:
    """What the model card claims against what config and weights say.

    MODEL may be a card too: `cardscope card ./README.md` reads the config beside it.
    """
    options["headers"] = "auto" if options["headers"] else False
    if block or metadata:
        if check is not None or as_json or form not in {"auto", "human", "markdown"} or (block and metadata):
            raise UsageError(
                "--block and --metadata print one text each", hint="give one of them, without --check or --json"
            )
        return _prepared("block" if block else "metadata", model, output, options)
    from cardscope.api import card
    from cardscope.carding.render import lines, markdown

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


def _prepared(what: str, model: str, output: str | None, options: dict[str, Any]) -> int:
    from cardscope.carding.prepare import prepared
    from cardscope.report.lines import encodable

    text = prepared(what, model, options)
    if output is None:
        sys.stdout.write(encodable(text, sys.stdout))
    else:
        Path(output).write_text(text, encoding="utf-8")
    return 0

"""`cardscope compare`."""

from __future__ import annotations

import sys
from typing import Any

import click

from cardscope.cli.options import measure_options
from cardscope.cli.write import text_options, write
from cardscope.errors import UsageError


@click.command("compare")
@click.argument("models", nargs=-1)
@click.option("--family", "families", multiple=True, metavar="NAME", help="All of nanochat, gpt2, gpt3 or llama.")
@click.option("--refresh", is_flag=True, help="Ask the Hub even where a fresh answer is cached.")
@click.option("--offline", is_flag=True, help="Use the cache and the bundled catalogue only.")
@click.option("--token", help="Hub token; by default the one `hf auth login` stored, or HF_TOKEN.")
@measure_options
@text_options
def command(
    models: tuple[str, ...], *, families: tuple[str, ...], form: str, as_json: bool, output: str | None, **options: Any
) -> None:
    """Models, revisions and what-ifs side by side."""
    from cardscope.api import compare
    from cardscope.comparison.render import lines, markdown

    if not models and not families:
        raise UsageError("there is nothing to compare", hint="name two models, or --family gpt2")
    for witness, usual in (("exact", False), ("headers", "auto")):
        if options[witness] is None:
            options[witness] = usual
    found = compare(models, families=families, **options)
    write(
        "json" if as_json else form,
        output,
        sys.stdout,
        lines=lambda: lines(found),
        markdown=lambda: markdown(found),
        data=found.to_dict,
    )

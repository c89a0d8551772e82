"""The commands: each translates its words into one library call."""

from __future__ import annotations

import sys
from typing import Any

import click

from cardscope import __version__
from cardscope.cli.options import measure_options, output_options, source_options

EPILOG = """MODEL is a Hub id or URL, a folder, a config.json, - for standard input, or nanochat:d20.
MODEL@revision and MODEL,key=value work everywhere.

\b
  cardscope meta-llama/Meta-Llama-3-8B
  cardscope ./my-model --json
  cardscope gpt2,n_layer=24
"""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    options_metavar="",
    subcommand_metavar="MODEL | COMMAND",
    epilog=EPILOG,
)
@click.version_option(__version__, prog_name="cardscope", message="%(prog)s %(version)s")
def cli() -> None:
    """What a model is, how many parameters it has, and what it costs to run.

    `cardscope MODEL` prints the report: four parameter counts and why they differ, KV cache, memory at each
    precision, findings. Nothing is downloaded but a few kilobytes of JSON.
    """


@cli.command()
@click.argument("model")
@source_options
@measure_options
@output_options
def report(model: str, *, form: str, as_json: bool, output: str | None, **options: Any) -> None:
    """The report of one model; `cardscope MODEL` is the same."""
    from cardscope.api import inspect
    from cardscope.report.render import write

    for witness in ("exact", "headers"):
        if options[witness] is None:
            options[witness] = "auto"
    write(inspect(model, **options), "json" if as_json else form, output, sys.stdout)

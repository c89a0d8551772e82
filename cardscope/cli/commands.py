"""The list of commands; each is a module of its own, imported only when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from cardscope import __version__

COMMANDS: Final = {
    "report": "The report of one model; `cardscope MODEL` is the same.",
    "fit": "Will it run on this GPU, before anything is downloaded.",
    "gpus": "The hardware table: memory, bandwidth, throughput, sources.",
    "audit": "Many models: one row each, findings, resumable.",
    "card": "What the model card claims, against config and weights.",
    "compare": "Models, revisions and what-ifs side by side.",
    "explain": "The count derived step by step, with the numbers put in.",
    "train": "Tokens, FLOPs, steps, time, cost and data of training it.",
    "design": "Small architectures that meet a budget.",
    "archs": "The architectures modelled, and how each was checked.",
}
"""Command → what it does; the module `cardscope.cli.<command>` holds a click command named `command`."""

EPILOG = """MODEL is a Hub id or URL, a folder, a config.json, a .safetensors or .gguf file,
- for standard input, or nanochat:d20.
MODEL@revision and MODEL,key=value work everywhere.

\b
  cardscope meta-llama/Meta-Llama-3-8B
  cardscope ./my-model --json
  cardscope gpt2,n_layer=24
"""


class Commands(click.Group):
    """A group that knows its commands' names and one-line helps without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of COMMANDS."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports one command's module."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f"cardscope.cli.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands under --help, from COMMANDS alone."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
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

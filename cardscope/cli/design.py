"""`cardscope design`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cardscope.cli.write import text_options, write
from cardscope.errors import UsageError

if TYPE_CHECKING:
    from cardscope.designing import Design, Designs

_POSITIVE = click.FloatRange(min=0, min_open=True, max=1e30)
EPILOG = """For instance:

\b
  cardscope design --params 38M --split 1:1:1
  cardscope design --params 125M --family llama --gqa 1,3 -o config.json
"""


def budget_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What the design must meet."""
    for option in (
        click.option("--tolerance", default="10%", show_default=True, help="How far from the budget it may be."),
        click.option("--precision", default="bf16", help="Of the weights under --memory: fp32, bf16, int8, int4."),
        click.option("--context", type=int, default=2048, show_default=True, help="Tokens a sequence."),
        click.option("--split", metavar="A:B:C", help="Shares of embedding, blocks and head; 1:1:0 is tied."),
        click.option("--cache", metavar="SIZE", help="Cache of one sequence in bf16, at most: 16MiB."),
        click.option("--memory", metavar="SIZE", help="Weights and one sequence's cache, at most: 4GB."),
        click.option("--flops", metavar="COUNT", help="FLOPs of training in all, at most: 1e18."),
        click.option("--params", metavar="COUNT", help="Parameters, from below and above: 38M."),
    ):
        command = option(command)
    return command


def shape_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What may vary; several values stand behind commas."""
    for option in (
        click.option("--tied/--untied", default=None, help="One table for embedding and head, or two."),
        click.option("--mlp-ratio", metavar="LIST", help="MLP width over width; else the family's."),
        click.option("--gqa", metavar="LIST", default="1", show_default=True, help="Query heads to one KV head."),
        click.option("--vocab", metavar="LIST", help="Vocabularies to try; else seven from 8,192 to 65,536."),
        click.option("--width-multiple", type=int, help="Of the width; else the head dimension."),
        click.option("--depth", metavar="LOW:HIGH", default="2:64", show_default=True, help="Layers, from and to."),
        click.option("--head-dim", metavar="LIST", default="64", show_default=True, help="Width of a head."),
        click.option("--release", default="original", help="Of nanochat: original, E0 to E9, head, a date."),
        click.option("--family", default="nanochat", show_default=True, help="nanochat, gpt2, llama or qwen3."),
    ):
        command = option(command)
    return command


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How it would be trained."""
    for option in (
        click.option("--price", type=_POSITIVE, help="Of all devices together, an hour."),
        click.option("--mfu", type=click.FloatRange(0, 100, min_open=True), default=50.0, help="Percent of the peak."),
        click.option("--peak-tflops", type=_POSITIVE, default=989.0, help="Dense bf16 of one device."),
        click.option("--devices", type=click.IntRange(1, 1_000_000), default=8, help="How many train it."),
        click.option("--ratio", type=_POSITIVE, default=20.0, show_default=True, help="Tokens a parameter."),
    ):
        command = option(command)
    return command


@click.command("design", epilog=EPILOG)
@budget_options
@shape_options
@run_options
@click.option("--limit", type=int, default=10, show_default=True, help="Designs to show.")
@click.option(
    "--pick", type=click.IntRange(min=1), default=1, show_default=True, help="The design -o and --flags mean."
)
@click.option("--flags", is_flag=True, help="Print nothing but nanochat's own commands for it.")
@text_options
def command(form: str, as_json: bool, output: str | None, pick: int, *, flags: bool, **options: Any) -> None:
    """Small architectures that meet a budget, best first.

    -o writes the config.json of the best (or of --pick), which transformers builds.
    """
    from cardscope.api import design
    from cardscope.designing.render import lines, markdown

    options["peak_flops"] = options.pop("peak_tflops") * 1e12
    options["mfu"] /= 100
    found = design(**options)
    if flags:
        click.echo(_flags(_picked(found, pick)))
        return
    if output is not None and form == "auto" and not as_json:
        _save(_picked(found, pick), output)
        click.echo(f"design {pick} is written to {output}", err=True)
        output = None
    write(
        "json" if as_json else form,
        output,
        sys.stdout,
        lines=lambda: lines(found),
        markdown=lambda: markdown(found),
        data=found.to_dict,
    )


def _picked(found: Designs, pick: int) -> Design:
    if pick > len(found.designs):
        raise UsageError(f"there is no design {pick}", hint=f"--pick 1 to {len(found.designs)}")
    return found.designs[pick - 1]


def _flags(one: Design) -> str:
    if one.flags is None:
        raise UsageError("nanochat's options reach no such design", hint="-o config.json writes it for transformers")
    return f"{one.flags.tokenizer}\n{one.flags.training}"


def _save(one: Design, output: str) -> None:
    if "architectures" not in one.config:
        raise UsageError(
            "transformers has no class for this release of nanochat", hint="--flags, or --release original"
        )
    Path(output).write_text(json.dumps(one.config, indent=2) + "\n", encoding="utf-8")

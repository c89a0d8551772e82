"""`cardscope train`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from cardscope.cli.options import source_options
from cardscope.cli.write import text_options, write

_POSITIVE = click.FloatRange(min=0, min_open=True, max=1e30)


def memory_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a device keeps, and how."""
    for option in (
        click.option("--fused-loss", is_flag=True, help="The loss is computed in pieces; logits are never whole."),
        click.option("--attention", help="sdpa (default), flash_attention_2 or eager."),
        click.option("--recompute", help="Activations computed again: none (default), layers, selective."),
        click.option("--sharding", help="none (default), zero1, zero2, zero3 or fsdp."),
        click.option("--optimizer", help="adamw (default), adamw-8bit, lion, muon, adafactor, sgd and more."),
        click.option("--precision", help="mixed (default: fp32 weights under autocast), bf16 or fp32."),
    ):
        command = option(command)
    return command


@click.command("train")
@click.argument("model")
@click.option("--tokens", type=click.IntRange(1, 1 << 60), help="Tokens to train on; else by --ratio.")
@click.option("--ratio", type=_POSITIVE, help="Tokens per parameter; else 20, or nanochat's own.")
@click.option("--sequence", type=click.IntRange(1, 1 << 30), help="Tokens a sequence; else the context, to 2,048.")
@click.option(
    "--batch-tokens", type=click.IntRange(1, 1 << 40), help="Tokens a step; else 524,288, or nanochat's rule."
)
@click.option("--device-batch", type=click.IntRange(1, 1 << 20), help="Sequences a device at once; else 32 or fewer.")
@click.option(
    "--devices", type=click.IntRange(1, 1_000_000), default=8, help="How many devices train it.", show_default=True
)
@click.option("--peak-tflops", type=_POSITIVE, default=989.0, help="Dense bf16 of one device.", show_default=True)
@click.option(
    "--mfu", type=click.FloatRange(0, 100, min_open=True), default=50.0, help="Percent of the peak.", show_default=True
)
@click.option("--price", type=_POSITIVE, help="Of all devices together, an hour.")
@click.option("--chars-per-token", type=_POSITIVE, default=4.8, help="Of the tokenizer on the data.", show_default=True)
@memory_options
@source_options
@text_options
def command(model: str, *, form: str, as_json: bool, output: str | None, **options: Any) -> None:
    """Tokens, FLOPs, steps, time, cost, data and memory of training it."""
    from cardscope.api import train
    from cardscope.training.render import lines, markdown

    options["peak_flops"] = options.pop("peak_tflops") * 1e12
    options["mfu"] /= 100
    found = train(model, **options)
    write(
        "json" if as_json else form,
        output,
        sys.stdout,
        lines=lambda: lines(found),
        markdown=lambda: markdown(found),
        data=found.to_dict,
    )

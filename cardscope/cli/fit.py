"""`cardscope fit`."""

from __future__ import annotations

import sys
from typing import Any

import click

from cardscope.cli.options import output_options, source_options


@click.command("fit")
@click.argument("model")
@click.option("--gpu", help='What it should run on: "RTX 4090", 8xH100, 24GB, "4090 + 3060", auto.')
@click.option("--engine", default="transformers", help="transformers, vllm, llama.cpp or generic.")
@click.option("--engine-option", "pairs", multiple=True, metavar="KEY=VALUE", help="An option of the engine's own.")
@click.option("--context", type=click.IntRange(1, 1 << 30), help="Tokens a sequence; at most 8,192 by default.")
@click.option("--batch", type=click.IntRange(1, 1 << 20), default=1, help="Sequences at once.")
@click.option("--new-tokens", type=click.IntRange(0, 1 << 30), help="Tokens generated after the context.")
@click.option("--quant", help="Precision to load in; the repository's own by default.")
@click.option("--kv-dtype", help="Dtype of the KV cache.")
@click.option("--tp", type=click.IntRange(1, 1024), default=1, help="Tensor parallelism, where no GPUs are named.")
@click.option("--headers/--no-headers", default=None, help="Read stored tensors' headers.")
@click.option("--strict", is_flag=True, help="A marginal verdict exits 1.")
@source_options
@output_options
def command(model: str, *, form: str, as_json: bool, output: str | None, strict: bool, **options: Any) -> int:
    """Will it run on this GPU, before anything is downloaded."""
    from cardscope.api import fit
    from cardscope.cli.fitting import exit_code, parse_options, write

    options["engine_options"] = parse_options(options.pop("pairs"))
    options["headers"] = "auto" if options["headers"] is None else options["headers"]
    found = fit(model, **options)
    write(found, "json" if as_json else form, output, sys.stdout)
    return exit_code(found.verdict, strict=strict)

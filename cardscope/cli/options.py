"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
FORMATS: Final = ("auto", "human", "json", "markdown", "html", "quiet")


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which revision, with which token, from where, and with what changed."""
    for option in (
        click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="What if: change a config key."),
        click.option("--refresh", is_flag=True, help="Ask the Hub even where a fresh answer is cached."),
        click.option("--offline", is_flag=True, help="Use the cache and the bundled catalogue only."),
        click.option("--token", help="Hub token; by default the one `hf auth login` stored, or HF_TOKEN."),
        click.option("--revision", help="Branch, tag or commit."),
    ):
        command = option(command)
    return command


def measure_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which witnesses to ask, and for which context, batch and cache dtype."""
    for option in (
        click.option("--headers/--no-headers", default=None, help="Read stored tensors' headers."),
        click.option("--exact/--no-exact", default=None, help="Build the empty model (needs the `exact` extra)."),
        click.option("--kv-dtype", help="Dtype of the KV cache: bf16, fp16, fp32, fp8."),
        click.option("--batch", type=click.IntRange(1, 1_000_000), default=1, help="Sequences held at once."),
        click.option("--context", type=click.IntRange(1, 1 << 40), help="Tokens a sequence; adds a row."),
    ):
        command = option(command)
    return command


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How the answer is written, and where to."""
    for option in (
        click.option("-o", "--output", type=click.Path(dir_okay=False, writable=True), help="Write to a file."),
        click.option("--format", "form", type=click.Choice(FORMATS), default="auto", help="How to write it."),
        click.option("--json", "as_json", is_flag=True, help="The same as --format json."),
    ):
        command = option(command)
    return command

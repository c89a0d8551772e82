"""`cardscope gpus`."""

from __future__ import annotations

import sys

import click


@click.command("gpus")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--markdown", is_flag=True, help="As a Markdown table.")
def command(names: tuple[str, ...], *, as_json: bool, markdown: bool) -> None:
    """The hardware table: memory, bandwidth, throughput, sources."""
    from cardscope.fitting.hardware import devices, table
    from cardscope.fitting.show import gpus_dict, gpus_lines, gpus_markdown
    from cardscope.report.lines import emit, encodable

    cards, machines = table()
    if names:
        found = [gpu for name in names for gpu in devices(name).gpus]
        cards, machines = tuple(dict.fromkeys(found)), ()
    if as_json:
        import json

        sys.stdout.write(json.dumps(gpus_dict(cards, machines), indent=2, ensure_ascii=False) + "\n")
    elif markdown:
        sys.stdout.write(encodable(gpus_markdown(cards, machines), sys.stdout))
    else:
        emit(gpus_lines(cards, machines), sys.stdout)

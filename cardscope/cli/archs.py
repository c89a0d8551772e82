"""`cardscope archs`."""

from __future__ import annotations

import click


@click.command("archs")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(*, as_json: bool) -> None:
    """The architectures modelled, and how each was checked."""
    from cardscope.archs import declared_types
    from cardscope.harvest import declared, versions

    rows = [
        {"model_type": name, "class": known.cls if (known := declared(name)) else None} for name in declared_types()
    ]
    if as_json:
        import json

        click.echo(json.dumps({"transformers": versions()[0], "types": rows}, indent=2))
        return
    for row in rows:
        click.echo(f"{row['model_type']:<28} {row['class'] or 'remote code'}")
    click.echo(f"{len(rows)} model types, checked against transformers {versions()[0]}")

"""`cardscope fit`."""

from __future__ import annotations

import sys
from typing import Any

import click

from cardscope.cli.fitting import Forms, exit_code, parse_options, write
from cardscope.cli.options import output_options, source_options
from cardscope.errors import UsageError


@click.command("fit")
@click.argument("model", required=False)
@click.option("--gpu", help='What it should run on: "RTX 4090", 8xH100, 24GB, "4090 + 3060", auto.')
@click.option("--largest", is_flag=True, help="No MODEL: the largest models that the GPU holds.")
@click.option("--train", type=click.Choice(["full", "lora", "qlora"]), help="Will fine-tuning fit; --batch per device.")
@click.option(
    "--train-option",
    "recipe",
    multiple=True,
    metavar="KEY=VALUE",
    help="optimizer, precision, recompute, sharding, rank, targets, accumulation, fused_loss, attention, offload, …",
)
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
def command(
    model: str | None, *, largest: bool, form: str, as_json: bool, output: str | None, strict: bool, **options: Any
) -> int:
    """Will it run on this GPU, before anything is downloaded."""
    options["engine_options"] = parse_options(options.pop("pairs"))
    train, recipe = options.pop("train"), parse_options(options.pop("recipe"), "--train-option rank=16")
    form = "json" if as_json else form
    if recipe and train is None:
        raise UsageError("--train-option goes with --train", hint="--train full, lora or qlora")
    if largest:
        if model is not None or train is not None:
            model = model or f"--train {train}"
            raise UsageError(f"--largest asks about no single model, and {model[:60]} is one", hint="leave one out")
        return _largest(options, form, output)
    if model is None:
        raise UsageError("no MODEL was named", hint="`cardscope fit MODEL --gpu 24GB`, or --gpu 24GB --largest")
    if train is not None:
        return _tune(model, train, recipe, options, form, output, strict=strict)
    return _fit(model, options, form, output, strict=strict)


def _tune(
    model: str,
    method: str,
    recipe: dict[str, object],
    options: dict[str, Any],
    form: str,
    output: str | None,
    *,
    strict: bool,
) -> int:
    from cardscope.api_fit import finetune
    from cardscope.fitting.show_tune import lines, markdown

    for key, usual in (("engine_options", {}), ("kv_dtype", None), ("new_tokens", None), ("engine", "transformers")):
        if options[key] != usual:
            word = "--" + key.replace("_", "-").removesuffix("s")
            raise UsageError(f"{word} is about running, not training", hint="leave it out, or leave --train out")
    taken = ("gpu", "quant", "revision", "token", "offline", "refresh", "sets")
    given = {key: options[key] for key in taken}
    given |= {"sequence": options["context"], "micro_batch": options["batch"], "devices": options["tp"]}
    found = finetune(model, method=method, options=recipe, headers=_headers(options["headers"]), **given)
    forms = Forms(found.model, lambda: lines(found), lambda: markdown(found), found.to_dict, found.verdict)
    write(forms, form, output, sys.stdout)
    return exit_code(found.verdict, strict=strict)


def _headers(given: bool | None) -> Any:
    return "auto" if given is None else given


def _fit(model: str, options: dict[str, Any], form: str, output: str | None, *, strict: bool) -> int:
    from cardscope.api_fit import fit
    from cardscope.fitting.render import lines, markdown

    options["headers"] = _headers(options["headers"])
    found = fit(model, **options)
    forms = Forms(found.model, lambda: lines(found), lambda: markdown(found), found.to_dict, found.verdict)
    write(forms, form, output, sys.stdout)
    return exit_code(found.verdict, strict=strict)


def _largest(options: dict[str, Any], form: str, output: str | None) -> int:
    from cardscope.api_fit import largest
    from cardscope.fitting.show_largest import lines, markdown

    taken = ("gpu", "engine", "context", "batch", "quant", "kv_dtype", "tp", "engine_options")
    given = {key: options[key] for key in taken if options[key] is not None}
    if "gpu" not in given:
        raise UsageError("--largest asks what a GPU holds, and none was named", hint="--gpu 24GB --largest")
    found = largest(**given)
    names = "\n".join(item.id for item in found.best)
    forms = Forms(f"on {found.devices.name}", lambda: lines(found), lambda: markdown(found), found.to_dict, names)
    write(forms, form, output, sys.stdout)
    return 0 if found.fits else 1

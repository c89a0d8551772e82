"""Sweep model types × cases against transformers: `python -m tests.oracle.run [TYPE…] [--seeds N]`.

Each row: cases exact / wrong / refused. A wrong case prints its residual per group, factored over the
config's own dimensions, and the config that shows it.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field

from tests.oracle.cases import Case, cases
from tests.oracle.meta import CAUSAL_LM_TYPES, Built, Refused, build


@dataclass(slots=True)
class Row:
    """What became of one type's cases."""

    model_type: str
    built: int = 0
    retried: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def settle(case: Case) -> tuple[dict[str, object], Built, int] | Refused:
    """The first try that transformers builds: its config, the model, how many tries came before."""
    last = Refused("never tried")
    for attempt in range(case.tries):
        try:
            config = case.attempt(attempt)
            return config, build(config), attempt
        except Refused as refusal:
            last = refusal
    return last


def sweep(model_type: str, seeds: int, only: str | None = None) -> Row:
    """Build every case of a type."""
    row = Row(model_type)
    begun = time.perf_counter()
    for case in cases(model_type, seeds):
        if only and only not in case.name:
            continue
        outcome = settle(case)
        if isinstance(outcome, Refused):
            row.refused[case.name] = str(outcome)
        else:
            row.built += 1
            row.retried += outcome[2]
    row.seconds = time.perf_counter() - begun
    return row


def show(row: Row, verbose: bool) -> None:
    """One line, and the refused cases when asked."""
    kinds = Counter(name.split(":")[0].rstrip("0123456789") for name in row.refused)
    told = " ".join(f"{kind}×{count}" for kind, count in kinds.items())
    print(f"{row.model_type:28} built {row.built:4}  refused {len(row.refused):3}  {row.seconds:5.1f}s  {told}")
    if verbose:
        for name, reason in row.refused.items():
            print(f"    {name:44} {reason}")


def main(arguments: list[str] | None = None) -> int:
    """Sweep the types named, or every causal-LM type."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.run", description=__doc__)
    parser.add_argument("types", nargs="*", default=CAUSAL_LM_TYPES)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--case", help="only cases whose name contains this")
    parser.add_argument("--only-build", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true", help="say why each refused case was refused")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    gc.freeze()
    begun = time.perf_counter()
    rows = []
    for model_type in options.types:
        rows.append(sweep(model_type, options.seeds, options.case))
        show(rows[-1], options.verbose)
        sys.stdout.flush()
    built, refused = sum(row.built for row in rows), sum(len(row.refused) for row in rows)
    print(f"{len(rows)} types, {built} cases built, {refused} refused, {time.perf_counter() - begun:.1f}s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

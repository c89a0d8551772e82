"""Sweep model types × cases against transformers: `python -m tests.oracle.run [TYPE…] [--seeds N]`.

Each row: cases exact / wrong / refused by transformers, tries it took. A wrong case prints where the difference sits,
factored over the config's own dimensions, and with -c the config that shows it.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cardscope.archs import declared_types, find
from tests.oracle.cases import cases, keys_never_varied
from tests.oracle.compare import judge
from tests.oracle.meta import CAUSAL_LM_TYPES, Refused, build, classes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.oracle.cases import Case
    from tests.oracle.compare import Verdict
    from tests.oracle.meta import Built

DECLARED = tuple(name for name in declared_types() if classes_of(name))


@dataclass(slots=True)
class Row:
    """What became of one type's cases."""

    model_type: str
    exact: int = 0
    built: int = 0
    tries: int = 0
    wrong: dict[str, tuple[Verdict, dict[str, object]]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    declined: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether cardscope counted, and counted right, wherever it did not decline."""
        return not self.wrong and self.exact > 0


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


def sweep(model_type: str, seeds: int = 20, only: str = "", verdict: Callable[..., Verdict] | None = judge) -> Row:
    """Build every case of a type, and hold cardscope's count against it."""
    row = Row(model_type)
    begun = time.perf_counter()
    for case in cases(model_type, seeds):
        if only not in case.name:
            continue
        outcome = settle(case)
        if isinstance(outcome, Refused):
            row.refused[case.name] = str(outcome)
            row.tries += case.tries
            continue
        config, built, attempt = outcome
        row.built += 1
        row.tries += attempt
        judged = verdict(config, built) if verdict else None
        if judged and judged.exact:
            row.exact += 1
        elif judged and judged.state == "declined":
            row.declined[case.name] = judged.why[0]
        elif judged:
            row.wrong[case.name] = (judged, config)
    row.seconds = time.perf_counter() - begun
    return row


def table_line(row: Row, *, judged: bool) -> str:
    """One type, one line."""
    silent = sum(not verdict.flagged for verdict, _ in row.wrong.values())
    told = (
        f"exact {row.exact:3}/{row.built:<3} declined {len(row.declined):2} wrong {len(row.wrong):3}" if judged else ""
    )
    told += f" ({silent} silent)" if silent else ""
    kinds = Counter(name.split(":")[0].rstrip("0123456789") for name in row.refused)
    refused = " ".join(f"{kind}×{count}" for kind, count in kinds.items())
    told = told or f"built {row.built:3}"
    return f"{row.model_type:26} {told}  refused {len(row.refused):2}  {row.seconds:4.1f}s  {refused}"


def details(row: Row, most: int, *, configs: bool, reasons: bool) -> list[str]:
    """The first wrong cases, alike ones counted together; refused ones when asked."""
    lines: list[str] = []
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, (verdict, _) in row.wrong.items():
        alike.setdefault(verdict.why, []).append(name)
    for why, names in list(alike.items())[:most]:
        lines.append(f"    ✗ {', '.join(names[:6])}{f' … ({len(names)})' if len(names) > 6 else ''}")
        lines += [f"        {line}" for line in why]
        if configs:
            lines.append(f"        {json.dumps(row.wrong[names[0]][1])}")
    if len(alike) > most:
        lines.append(f"    … {len(alike) - most} more kinds of difference")
    if reasons:
        lines += [f"    declined {name:43} {reason}" for name, reason in row.declined.items()]
        lines += [f"    refused {name:44} {reason}" for name, reason in row.refused.items()]
    return lines


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.run", description=__doc__)
    parser.add_argument("types", nargs="*", help="model types (default: every causal-LM type)")
    parser.add_argument("--seeds", type=int, default=20, help="random configs for each type")
    parser.add_argument("--case", default="", help="only cases whose name contains this")
    parser.add_argument("--declared", action="store_true", help="only types cardscope declares")
    parser.add_argument("--only-build", action="store_true", help="do not compare, only build")
    parser.add_argument("-n", "--most", type=int, default=6, help="kinds of difference shown for each type")
    parser.add_argument("-c", "--configs", action="store_true", help="print the config of each difference")
    parser.add_argument("--never", action="store_true", help="list the keys that no case of a type varies")
    parser.add_argument("-v", "--verbose", action="store_true", help="say why each refused case was refused")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Sweep the types named; 1 where a declared type has a wrong case."""
    options = options_of(arguments)
    warnings.simplefilter("ignore")
    gc.freeze()
    begun = time.perf_counter()
    rows = []
    for model_type in options.types or (DECLARED if options.declared else CAUSAL_LM_TYPES):
        judged = find(model_type) is not None and not options.only_build
        row = sweep(model_type, options.seeds, options.case, judge if judged else None)
        rows.append(row)
        print(table_line(row, judged=judged), flush=True)
        if options.never:
            print(f"    never varied: {', '.join(keys_never_varied(model_type)) or 'none'}")
        for line in details(row, options.most, configs=options.configs, reasons=options.verbose):
            print(line)
    print(summary(rows, time.perf_counter() - begun))
    return int(any(row.wrong for row in rows))


def summary(rows: list[Row], seconds: float) -> str:
    """The whole sweep in one line."""
    built, exact = sum(row.built for row in rows), sum(row.exact for row in rows)
    declined, wrong = sum(len(row.declined) for row in rows), sum(len(row.wrong) for row in rows)
    refused, clean = sum(len(row.refused) for row in rows), sum(row.clean for row in rows)
    return (
        f"{len(rows)} types ({clean} exact in all), {built} cases built: {exact} exact, {declined} declined, "
        f"{wrong} wrong; {refused} refused by transformers; {seconds:.1f}s"
    )


if __name__ == "__main__":
    raise SystemExit(main())

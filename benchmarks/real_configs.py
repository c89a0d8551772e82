"""Every config in a folder: modelled or not, equal to the exact count, equal to the published one.

    python benchmarks/real_configs.py FOLDER [--published FILE.csv] [--no-exact] [--out FILE.md]

FOLDER holds ORG__NAME.json files; FILE.csv has the columns model_id, exact_params, kind.  A published number counts
stored numbers: what our parameters leave of it is printed with the reason that fits, or as unexplained.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


class Outcome(NamedTuple):
    """What became of one config."""

    name: str
    model_type: str
    analytic: int | None
    confidence: str
    reason: str
    exact: int | None
    published: tuple[tuple[int, str], ...]


def published(path: Path | None) -> dict[str, list[int]]:
    """Hub totals (stored numbers) by model id."""
    found: dict[str, list[int]] = defaultdict(list)
    if path is None:
        return found
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if row["kind"] == "safetensors_total":
                found[row["model_id"]].append(int(row["exact_params"]))
    return found


def outcome(path: Path, totals: dict[str, list[int]], worker: object) -> Outcome:
    """Reads one file and counts it by every means there is."""
    from cardscope.assemble import assemble
    from cardscope.errors import CardscopeError
    from cardscope.exact import count
    from cardscope.model import HubFacts, RawConfig
    from cardscope.source import strictjson

    name = path.stem.replace("__", "/")
    config = strictjson.load(path.read_bytes(), path.name)
    counted = count(config, worker=worker).total if worker else None  # type: ignore[arg-type]
    try:
        report = assemble(RawConfig(config, name, "file"))
    except CardscopeError as error:
        return Outcome(name, str(config.get("model_type")), None, "none", error.message, counted, ())
    analytic, surplus = report.parameters.analytic, []
    for total in totals.get(name, ()):
        raw = RawConfig(config, name, "file", hub=HubFacts(safetensors_total=total))
        last = assemble(raw).parameters.differences
        terms = [term.name for item in last if item.to == "checkpoint" for term in item.terms]
        surplus.append((total - (analytic.total or 0), ", ".join(terms) or "equal"))
    reason = analytic.reason or ""
    kind = str(config.get("model_type"))
    return Outcome(name, kind, analytic.total, analytic.confidence, reason, counted, tuple(surplus))


def _kind(why: str) -> str:
    """Equal, a surplus with a name, or one without."""
    return why if why == "equal" else "unexplained" if "unexplained" in why else "named"


def _published(found: list[Outcome]) -> list[tuple[str, int, str]]:
    """(model, published minus ours, why) of every published number."""
    return [(item.name, delta, why) for item in found for delta, why in item.published]


def report(found: list[Outcome]) -> str:
    """Totals first, then every exception."""
    modelled = [item for item in found if item.analytic is not None]
    both = [item for item in modelled if item.exact is not None]
    wrong = [item for item in both if item.exact != item.analytic]
    reasons = Counter(_kind(why) for item in modelled for _, why in item.published)
    lines = [
        "# Real configs",
        "",
        f"- modelled: {len(modelled)} of {len(found)}",
        *(
            [f"- equal to the exact count: {len(both) - len(wrong)} of {len(both)} that transformers builds"]
            if both
            else []
        ),
        f"- confidence: {dict(Counter(item.confidence for item in modelled))}",
        f"- published stored numbers: {dict(reasons)}",
        "",
        "## Not modelled",
        "",
        *[f"- {item.name} ({item.model_type}): {item.reason}" for item in found if item.analytic is None],
        "",
        *(["## Different from the exact count", ""] if both else []),
        *[
            f"- {item.name} ({item.model_type}, {item.confidence}): {item.analytic:,} against {item.exact:,}"
            for item in wrong
        ],
        "",
        "## Published numbers explained by name",
        "",
        *[f"- {name}: {delta:+,} ({why})" for name, delta, why in _published(modelled) if _kind(why) == "named"],
        "",
        "## Published numbers not explained",
        "",
        *[f"- {name}: {delta:+,}" for name, delta, why in _published(modelled) if _kind(why) == "unexplained"],
        "",
        "## Files used",
        "",
        ", ".join(f"{item.name}" for item in modelled if item.published) or "none",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs over the folder and prints or writes the table."""
    from cardscope.exact import warm

    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
    options.add_argument("--published", type=Path)
    options.add_argument("--no-exact", action="store_true")
    options.add_argument("--out", type=Path)
    chosen = options.parse_args()
    totals = published(chosen.published)
    worker = None if chosen.no_exact else warm()
    found = [outcome(path, totals, worker) for path in sorted(chosen.folder.glob("*.json"))]
    if worker is not None:
        worker.close()
    text = report(found)
    names = {item.name for item in found if item.analytic is not None}
    absent = sorted(totals.keys() - names)
    if absent:
        text += f"\n## Published models whose config is not at hand, or not modelled ({len(absent)})\n\n"
        text += ", ".join(absent) + "\n"
    print(text)
    if chosen.out:
        chosen.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

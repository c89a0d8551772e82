"""Precision and recall of `cardscope card` on labelled cards, and the time a card takes.

    python benchmarks/cards.py [FOLDER] [--configs FOLDER] [--time] [--write]

FOLDER holds cards and `labels.jsonl`: one object a card with `file`, `id`, `config` and `claims`. The config is an id
of the bundled catalogue, or of `--configs`, where ORG__NAME.json lies; or the config itself; null for none. A claim is
[place, kind, value, verdict], place being `name` (of the repository) or `card`. One that was found is right where
place, kind and value are labelled; a verdict where the label has it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cardscope.assemble import assemble  # noqa: E402 - found on the path set above
from cardscope.carding.answer import analyse  # noqa: E402
from cardscope.errors import CardscopeError  # noqa: E402
from cardscope.model import RawConfig  # noqa: E402
from cardscope.source import catalog, resolve  # noqa: E402

RESULTS = ROOT / "benchmarks" / "RESULTS-cards.md"
RUNS = 5
HOSTILE = {
    "quotes": ">" * 2_500_000 + "\n" + "> " * 1_250_000,
    "nested lists": "\n".join(" " * (n % 400) + "- a" for n in range(25_000)),
    "brackets": "[" * 2_500_000 + "[a](" * 600_000,
    "tags": "<" * 2_500_000 + "<table><tr><td>" * 160_000,
    "comments": "<!--" * 1_250_000,
    "table": "|a|b|\n|-|-|\n" + "| 8B parameters | 32 layers |\n" * 170_000,
    "sentences": "This model has 8B parameters, 32 layers and a context length of 8192 tokens. " * 65_000,
    "digits": "1,000 " * 830_000,
    "metadata": "---\n" + "a: [" * 1_250_000 + "\n---\n",
    "emphasis": "*a _b " * 830_000,
}  # fmt: skip


class Score(NamedTuple):
    """Claims found and labelled, those in both, and verdicts of these."""

    found: int
    labelled: int
    both: int
    verdicts: int
    wrong_disagrees: int
    missed: tuple[str, ...]
    extra: tuple[str, ...]
    other: tuple[str, ...]


def raw(entry: dict[str, Any], configs: Path | None) -> RawConfig:
    """The config behind a labelled card, under the card's id; an empty one where there is none."""
    name = entry["config"]
    empty = RawConfig(data={}, id=entry["id"], source="hub", where="no config.json")
    if name is None:
        return empty
    if isinstance(name, dict):
        return RawConfig(data=name, id=entry["id"], source="hub")
    path = configs / f"{name.replace('/', '__')}.json" if configs else None
    data = resolve(path).data if path and path.is_file() else None
    known = None if data is not None else catalog.lookup(name)
    if data is None and known is None:
        return empty
    return RawConfig(data=data if data is not None else known.config, id=entry["id"], source="hub")


def key(place: str, kind: str, value: Any) -> tuple[str, str, str]:
    """A claim as it is compared."""
    if isinstance(value, list | tuple):
        value = ",".join(sorted(map(str, value)))
    return (
        ("name" if place == "name" else "card"),
        kind,
        f"{value:.10g}" if isinstance(value, int | float) else str(value).lower(),
    )


def judged(entry: dict[str, Any], folder: Path, configs: Path | None) -> list[tuple[tuple[str, str, str], str]]:
    """(claim, verdict) of one card."""
    config, report, reason = raw(entry, configs), None, None
    if config.data:
        try:
            report = assemble(config)
        except CardscopeError as error:
            reason = error.message
    text = (folder / entry["file"]).read_text(encoding="utf-8")
    found = analyse(text, config, report, entry["file"], reason)
    return [(key(item.claim.where, item.claim.kind, item.claim.said.value), item.verdict) for item in found.claims]


def score(entries: list[dict[str, Any]], folder: Path, configs: Path | None) -> Score:
    """Sums over all cards."""
    totals: Counter[str] = Counter()
    missed, extra, other = [], [], []
    for entry in entries:
        wanted = {key(*claim[:3]): claim[3] for claim in entry["claims"]}
        got = dict(judged(entry, folder, configs))
        both = wanted.keys() & got.keys()
        totals.update(found=len(got), labelled=len(wanted), both=len(both))
        totals["verdicts"] += sum(wanted[each] == got[each] for each in both)
        totals["wrong"] += sum(got[each] == "disagrees" and wanted.get(each) != "disagrees" for each in got)
        missed += [f"{entry['file']}: {' '.join(each)}" for each in sorted(wanted.keys() - got.keys())]
        extra += [f"{entry['file']}: {' '.join(each)} ({got[each]})" for each in sorted(got.keys() - wanted.keys())]
        other += [
            f"{entry['file']}: {' '.join(e)}: {got[e]}, not {wanted[e]}" for e in sorted(both) if wanted[e] != got[e]
        ]
    return Score(
        totals["found"],
        totals["labelled"],
        totals["both"],
        totals["verdicts"],
        totals["wrong"],
        tuple(missed),
        tuple(extra),
        tuple(other),
    )


def times(entries: list[dict[str, Any]], folder: Path, configs: Path | None) -> Iterator[tuple[str, float]]:
    """(file, milliseconds of processor): the least of a few runs, the config's own report left aside."""
    for entry in entries:
        config = raw(entry, configs)
        try:
            report = assemble(config) if config.data else None
        except CardscopeError:
            report = None
        text = (folder / entry["file"]).read_text(encoding="utf-8")
        taken = []
        for _ in range(RUNS):
            start = time.process_time()
            analyse(text, config, report, entry["file"])
            taken.append(time.process_time() - start)
        yield entry["file"], 1000 * min(taken)


def hostile() -> Iterator[tuple[str, float]]:
    """(what, milliseconds) of cards of about 5 MB that mean harm."""
    for name, text in HOSTILE.items():
        start = time.process_time()
        analyse(text, None, None, name)
        yield name, 1000 * (time.process_time() - start)


def rows(entries: list[dict[str, Any]], found: Score, timed: bool, folder: Path, configs: Path | None) -> Iterator[str]:
    """The results as Markdown."""
    precision, recall = found.both / max(1, found.found), found.both / max(1, found.labelled)
    yield f"| cards | {len(entries)} |"
    yield f"| claims labelled, found, in both | {found.labelled}, {found.found}, {found.both} |"
    yield f"| precision of claims | {precision:.3f} |"
    yield f"| recall of claims | {recall:.3f} |"
    yield f"| verdicts as labelled | {found.verdicts} of {found.both} ({found.verdicts / max(1, found.both):.3f}) |"
    yield f"| wrong `disagrees` | {found.wrong_disagrees} |"
    if timed:
        taken = [ms for _, ms in times(entries, folder, configs)]
        yield f"| a card analysed, median / worst | {statistics.median(taken):.1f} / {max(taken):.1f} ms |"
        for name, ms in hostile():
            yield f"| 5 MB of {name} | {ms:.0f} ms |"


def main() -> int:
    """Prints, and with --write keeps, the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=str(ROOT / "fixtures" / "cards"))
    parser.add_argument("--configs")
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    folder, configs = Path(asked.folder), Path(asked.configs) if asked.configs else None
    entries = [json.loads(line) for line in (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()]
    found = score(entries, folder, configs)
    for title, listed in (("missed", found.missed), ("not labelled", found.extra), ("another verdict", found.other)):
        print("".join(f"{title}: {each}\n" for each in listed), end="")
    body = "\n".join(rows(entries, found, asked.time, folder, configs))
    print(body)
    if asked.write:
        head = f"# Cards read and judged\n\n`python benchmarks/cards.py --time --write`, {os.cpu_count()} cores.\n\n"
        head += "| what | result |\n|---|---|\n"
        RESULTS.write_text(head + body + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

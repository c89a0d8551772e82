"""The distributions of an audit as SVG, drawn by matplotlib, in the colours of the page around them."""

from __future__ import annotations

import io
import math
import re
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cardscope.errors import UsageError
from cardscope.report.lines import safe
from cardscope.units import format_bytes

COLOURS: Final = {
    "ink": "#010203", "dim": "#010204", "head": "#010205", "error": "#010206", "warning": "#010207", "info": "#010208",
}  # fmt: skip
"""Names of the page's colours, and the unlikely ones they are drawn in, to be exchanged afterwards."""
BARS: Final = 14
"""Bars of a plot at most; what is left is one bar more."""
SIZE: Final = (5.2, 3.0)
"""Inches of one plot, which the page scales."""
_NOISE = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)


@dataclass(slots=True)
class Spread:
    """What the plots are drawn from: eight bytes a model and figure, and counts."""

    sizes: array[float] = field(default_factory=lambda: array("d"))
    caches: array[float] = field(default_factory=lambda: array("d"))
    precisions: Counter[str] = field(default_factory=Counter)
    findings: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, row: Mapping[str, Any]) -> None:
        """One row more."""
        if row["parameters"]:
            self.sizes.append(min(float(row["parameters"]), 1e30))
        if row["kv_per_token_bytes"]:
            self.caches.append(min(float(row["kv_per_token_bytes"]), 1e30))
        if not row["error"]:
            self.precisions[row["quantization"] or row["dtype"] or "not stated"] += 1
        self.findings.update({(found["code"], found["severity"]) for found in row["findings"]})


def library() -> Any:
    """matplotlib, or a UsageError that names the extra."""
    try:
        import matplotlib as mpl
        import matplotlib.figure
    except ImportError:
        hint = "pip install 'cardscope[html]', or write .md, .csv or .jsonl"
        raise UsageError("plots on an HTML page need matplotlib", hint=hint) from None
    return mpl


def draw(spread: Spread) -> list[tuple[str, str]]:
    """(what it shows, SVG) of each distribution that has something in it."""
    mpl = library()
    style = {
        "svg.fonttype": "none", "svg.hashsalt": "cardscope", "font.family": "sans-serif", "font.size": 9,
        "text.color": COLOURS["ink"], "axes.labelcolor": COLOURS["ink"], "axes.edgecolor": COLOURS["dim"],
        "xtick.color": COLOURS["ink"], "ytick.color": COLOURS["ink"],
        "axes.spines.top": False, "axes.spines.right": False,
    }  # fmt: skip
    colours = {name: COLOURS["head"] for name, _ in spread.precisions.most_common()}
    codes = {f"{code}": COLOURS[severity] for code, severity in spread.findings}
    counted = Counter({code: count for (code, _), count in spread.findings.most_common()})
    with mpl.rc_context(style):
        found = [
            ("Parameters of a model", _histogram(mpl, spread.sizes, _count)),
            ("KV cache per token", _histogram(mpl, spread.caches, format_bytes, base=2)),
            ("Precision or quantization", _bars(mpl, spread.precisions, colours)),
            ("Models with a finding", _bars(mpl, counted, codes)),
        ]
    return [(title, svg) for title, svg in found if svg]


def _count(value: float) -> str:
    step, letter = next(((s, c) for s, c in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")) if value >= s), (1.0, ""))
    return f"{value / step:.3g}{letter}"


def _histogram(mpl: Any, values: Sequence[float], label: Any, base: float = math.sqrt(10)) -> str:
    """How many models lie in each step of a logarithmic scale; marks at the steps' edges."""
    if not values:
        return ""
    low, high = math.floor(math.log(min(values), base)), math.floor(math.log(max(values), base)) + 1
    wide = max(1, math.ceil((high - low) / 24))
    edges = [base**step for step in range(low, high + wide, wide)]
    figure = mpl.figure.Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.hist(list(values), bins=edges, color=COLOURS["head"], rwidth=0.9)
    axes.set_xscale("log")
    every = max(1, math.ceil(len(edges) / 7))
    axes.set_xticks(edges[::every], [label(edge) for edge in edges[::every]])
    axes.minorticks_off()
    axes.set_ylabel("models")
    axes.yaxis.get_major_locator().set_params(integer=True)
    return _svg(figure)


def _bars(mpl: Any, counts: Counter[str], colours: Mapping[str, str]) -> str:
    """The most frequent, the longest bar on top."""
    if not counts:
        return ""
    shown = counts.most_common(BARS)
    rest = counts.total() - sum(count for _, count in shown)
    shown += [("others", rest)] if rest else []
    names = [_plain(name) for name, _ in reversed(shown)]
    figure = mpl.figure.Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    fills = [colours.get(name, COLOURS["dim"]) for name, _ in reversed(shown)]
    drawn = axes.barh(range(len(names)), [count for _, count in reversed(shown)], color=fills)
    axes.set_yticks(range(len(names)), names)
    axes.bar_label(drawn, [f"{count:,}" for _, count in reversed(shown)], padding=3)
    axes.margins(x=0.12)
    axes.set_xlabel("models")
    axes.xaxis.get_major_locator().set_params(integer=True)
    return _svg(figure)


def _plain(name: str) -> str:
    """A foreign string as a label: short, and without the signs that would start a formula."""
    return safe(name)[:24].replace("$", r"\$")


def _svg(figure: Any) -> str:
    """The figure as an element of a page, its colours those of the page."""
    stream = io.StringIO()
    figure.savefig(
        stream, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
    )
    text = _NOISE.sub("", stream.getvalue())
    for name, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{name})")
    return text[text.index("<svg") :]

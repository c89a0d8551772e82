"""Rows as one HTML page: plots, a table to sort and filter, a section a model; nothing is loaded from anywhere."""

from __future__ import annotations

import tempfile
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from pathlib import Path
from string import Template
from typing import IO, Any, Final

from cardscope.auditing.outputs import plots
from cardscope.auditing.outputs.table import short_count
from cardscope.report.lines import safe
from cardscope.units import format_bytes

MOST: Final = 20_000
"""Models that are listed one by one: a browser holds no more with ease. Sums and plots are of all."""
CHUNK: Final = 1 << 20
Dict = Mapping[str, Any]
HEADS: Final = (
    ("Model", "text"), ("Type", "text"), ("Parameters", "number"), ("Active", "number"), ("Weights", "number"),
    ("Precision", "text"), ("KV/token", "number"), ("Context", "number"), ("Attention", "text"), ("Licence", "text"),
    ("Findings", "number"),
)  # fmt: skip
RANKS: Final = {"error": 10_000, "warning": 100, "info": 1}
"""What a finding weighs when models are sorted by theirs."""


def page(rows: Iterator[Dict]) -> Iterator[str]:
    """The page in pieces. Table and sections wait on disk until the plots above them are known."""
    template = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    before, _, rest = template.partition("<!-- rows -->")
    between, _, after = rest.partition("<!-- sections -->")
    spread, kinds, codes, count = plots.Spread(), Counter[str](), dict[str, str](), 0
    with _spool() as table, _spool() as sections:
        for count, row in enumerate(rows, start=1):
            spread.add(row)
            kinds[row["error"]["kind"] if row["error"] else "ok"] += 1
            codes.update({found["code"]: found["severity"] for found in row["findings"]})
            if count <= MOST:
                table.write(_row(count, row))
                sections.write(_section(count, row))
        yield Template(before).substitute(_head(template, spread, kinds, codes, count))
        yield from _again(table)
        yield between
        yield from _again(sections)
    yield after


def _spool() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace", newline="")


def _again(stream: IO[str]) -> Iterator[str]:
    stream.seek(0)
    while text := stream.read(CHUNK):
        yield text


def _head(
    template: str, spread: plots.Spread, kinds: Counter[str], codes: Mapping[str, str], count: int
) -> dict[str, str]:
    script = template.partition("<script>")[2].partition("</script>")[0]
    errors = "".join(f"<option>{escape(kind)}</option>" for kind in sorted(kinds) if kind != "ok")
    found = "".join(f"<option>{code}</option>" for code in sorted(codes))
    named = sorted(name for name, _ in spread.precisions.most_common(200))
    return {
        "script_hash": b64encode(sha256(script.encode()).digest()).decode(),
        "summary": escape(_summary(kinds, count)),
        "plots": "\n".join(
            f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>" for title, svg in plots.draw(spread)
        ),
        "kinds": errors,
        "precisions": "".join(f"<option>{_text(name)}</option>" for name in named),
        "codes": found,
        "heads": "".join(
            f'<th scope="col" data-kind="{kind}"><button type="button">{name}</button></th>' for name, kind in HEADS
        ),
    }


def _summary(kinds: Counter[str], count: int) -> str:
    bad = ", ".join(f"{kind} {n:,}" for kind, n in kinds.most_common() if kind != "ok")
    wrong = count - kinds["ok"]
    said = f"{count:,} models: {kinds['ok']:,} ok, {wrong:,} error{'s' * (wrong != 1)}" + (f" ({bad})" if bad else "")
    return said + (f". The first {MOST:,} are listed; plots and sums are of all." if count > MOST else ".")


def _text(value: object) -> str:
    return escape(safe(str(value)))


def _cell(shown: str, value: object = None) -> str:
    return f"<td>{shown}</td>" if value is None else f'<td data-v="{value}">{shown}</td>'


def _number(value: int | None, shown: str | None) -> str:
    return "<td></td>" if value is None else f'<td class="n" data-v="{value}">{shown}</td>'


def _bytes(value: int | None) -> str | None:
    return None if value is None else format_bytes(value)


def _row(number: int, row: Dict) -> str:
    """One model in the table; what it is filtered by stands in its attributes."""
    kind = row["error"]["kind"] if row["error"] else ""
    precision = "" if kind else row["quantization"] or row["dtype"] or "not stated"
    codes = dict.fromkeys(found["code"] for found in row["findings"])
    weight = sum(RANKS[found["severity"]] for found in row["findings"])
    cells = [
        f'<th scope="row"><a href="#m{number}">{_text(row["id"])}</a></th>',
        _cell(_text(row["model_type"] or "")),
        _number(row["parameters"], short_count(row["parameters"])),
        _number(row["active"], short_count(row["active"])),
        _number(row["weight_bytes"], _bytes(row["weight_bytes"])),
        _cell(_text(precision)),
        _number(row["kv_per_token_bytes"], _bytes(row["kv_per_token_bytes"])),
        _number(row["context"], f"{row['context'] or 0:,}"),
        _cell(_text(row["attention"] or "")),
        _cell(_text(row["license"] or "")),
        _cell(f'<span class="error">{kind}</span>' if kind else _badges(row), weight or None),
    ]
    return f'<tr data-e="{kind}" data-p="{_text(precision)}" data-c="{" ".join(codes)}">{"".join(cells)}</tr>\n'


def _badges(row: Dict) -> str:
    """Each code once, by severity."""
    seen = {found["code"]: found["severity"] for found in row["findings"]}
    return " ".join(f'<span class="{severity}">{code}</span>' for code, severity in seen.items())


FACTS: Final = (
    ("Type", "model_type"), ("Class", "architecture"), ("Revision", "revision"), ("Parameters", "parameters"),
    ("Active", "active"), ("Counted by", "witness"), ("Confidence", "confidence"), ("Weights", "weight_bytes"),
    ("Dtype", "dtype"), ("Quantization", "quantization"), ("KV cache per token", "kv_per_token_bytes"),
    ("Context", "context"), ("Attention", "attention"), ("Licence", "license"),
)  # fmt: skip


def _section(number: int, row: Dict) -> str:
    """All that is known of one model."""
    facts = "".join(
        f"<div><dt>{label}</dt><dd>{_fact(key, row[key])}</dd></div>" for label, key in FACTS if row[key] is not None
    )
    error = row["error"]
    failure = f'<p class="error">{_text(error["kind"])}: {_text(error["message"])}</p>' if error else ""
    found = "".join(
        f'<li><span class="{f["severity"]}">{f["code"]}</span> {_text(f["message"])} <i>{_text(f["where"])}</i></li>'
        for f in row["findings"]
    )
    listed = f"<ul>{found}</ul>" if found else ""
    return f'<section id="m{number}"><h3>{_text(row["id"])}</h3>{failure}<dl>{facts}</dl>{listed}</section>\n'


def _fact(key: str, value: Any) -> str:
    if key.endswith("bytes"):
        return f"{format_bytes(value)} ({value:,} bytes)"
    return f"{value:,}" if isinstance(value, int) else _text(value)

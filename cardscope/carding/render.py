"""Answer → text, Markdown and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cardscope.carding.model import KINDS, SCHEMA, Answer, Claim, Judged, Value, Verdict
from cardscope.report.lines import WIDTH, Line, Span, Style, fit, line, pad, safe, shorten, wrap
from cardscope.report.markdown import escape, table

_ORDER: Final[tuple[Verdict, ...]] = ("disagrees", "ambiguous", "agrees", "cannot be checked")
_STYLE: Final[dict[str, Style]] = {
    "disagrees": "bad",
    "ambiguous": "warn",
    "agrees": "good",
    "cannot be checked": "dim",
}
_LABEL: Final = 22


def headline(found: Answer) -> str:
    """Claims found, checked, wrong."""
    count, wrong = len(found.claims), len(found.wrong)
    if not count:
        return "no claims found"
    end = "none wrong" if not wrong else f"{wrong:,} wrong"
    unclear = len(found.of("ambiguous"))
    middle = f", {unclear:,} ambiguous" if unclear else ""
    return f"{count:,} claim{'s' * (count != 1)} found, {found.checked:,} checked, {end}{middle}"


def shown(value: Value | None) -> str:
    """A value in words: digits grouped, lists joined."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(value[:12]) + (", …" if len(value) > 12 else "")
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) or value < 1e16 else f"{value:.3g}"


def place(claim: Claim) -> str:
    """Where a claim stands: its lines, or the name."""
    if claim.line is None:
        return "in the name"
    lines = [claim.line, *claim.also[:3]]
    return f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines))}"


def because(item: Judged) -> str:
    """Witness and reason of a verdict, in one sentence."""
    actual = shown(item.actual)
    held = f"{item.witness}: {actual}" if item.witness and actual else item.witness or ""
    if item.reason and actual and actual in item.reason and not isinstance(item.actual, int | float):
        held = ""
    return "; ".join(part for part in (held, item.reason) if part)


def lines(found: Answer) -> list[Line]:
    """The answer as lines of at most 80 columns."""
    rows = [line(Span(shorten(safe(found.id), WIDTH), "title"))]
    rows.append(line(Span(headline(found), "bad" if found.wrong else "strong")))
    rows += [line(Span(safe(row), "warn")) for note in found.notes for row in wrap(safe(note).split(" "), 0, 0, " ")]
    for verdict in _ORDER:
        items = found.of(verdict)
        if items:
            rows += [line(), line(Span(verdict.capitalize(), "head"))]
            for item in items:
                rows += _claim(item)
    if found.unstated:
        rows += [line(), line(Span("Not stated", "head"))]
        rows += [
            line(f"  {pad(KINDS[kind], _LABEL)} ", shown(value), Span(f"  {witness}", "dim"))
            for kind, value, witness in found.unstated
        ]
    rows += _listed("What it implies", found.implications)
    if found.findings:
        rows += [line(), line(Span("Findings", "head"))]
        for each in found.findings:
            rows += _wrapped(
                f"  {each.code} {each.severity}: ", f"{each.message}", "warn" if each.severity != "info" else ""
            )
    return [fit(row) for row in rows]


def _claim(item: Judged) -> Iterator[Line]:
    said = item.claim.said
    words = shorten(safe(said.words.replace("\n", " ")), 26)
    yield line(
        f"  {pad(KINDS[item.claim.kind], _LABEL)} ",
        Span(words, _STYLE[item.verdict]),
        Span(f"  {place(item.claim)}", "dim"),
    )
    reason = because(item)
    if reason:
        yield from _wrapped(
            " " * (_LABEL + 3), safe(reason), "dim" if item.verdict in {"agrees", "cannot be checked"} else ""
        )
    if item.verdict in {"disagrees", "ambiguous"} and item.claim.where != "name":
        quote = shorten(safe(" ".join(item.claim.quote.split())), 2 * (WIDTH - _LABEL - 5))
        yield from _wrapped(" " * (_LABEL + 3), f"“{quote}”", "dim")


def _wrapped(start: str, text: str, style: Style) -> Iterator[Line]:
    first, *rest = wrap(text.split(" "), len(start), len(start), " ")
    yield line(start, Span(first, style))
    for row in rest:
        yield line(Span(row, style))


def _listed(title: str, texts: Sequence[str]) -> list[Line]:
    if not texts:
        return []
    rows = [line(), line(Span(title, "head"))]
    for text in texts:
        rows += _wrapped("  ", safe(text), "")
    return rows


def markdown(found: Answer) -> str:
    """The answer as Markdown tables."""
    rows = [f"## What the card of {escape(found.id)} claims", "", f"**{headline(found)}**", ""]
    rows += [f"> {escape(note)}\n" for note in found.notes]
    body = [
        [
            escape(KINDS[item.claim.kind]),
            escape(shorten(item.claim.said.words, 60)),
            place(item.claim),
            item.verdict,
            escape(because(item)),
        ]
        for verdict in _ORDER
        for item in found.of(verdict)
    ]
    rows += list(table(["claim", "the card", "where", "verdict", "witness"], body)) if body else []
    if found.unstated:
        rows += [
            "",
            "### Not stated",
            "",
            *table(["fact", "value", "witness"], [[KINDS[k], escape(shown(v)), w] for k, v, w in found.unstated]),
        ]
    for title, texts in (
        ("What it implies", [escape(text) for text in found.implications]),
        ("Findings", [f"**{each.code}** {each.severity}: {escape(each.message)}" for each in found.findings]),
    ):
        if texts:
            rows += ["", f"### {title}", "", *(f"- {text}" for text in texts)]
    return "\n".join(rows) + "\n"


def to_dict(found: Answer) -> dict[str, object]:
    """The JSON of `cardscope card --json`; counts are integers, sizes bytes, null is unknown."""
    return {
        "schema": SCHEMA,
        "model": {"id": found.id, "source": found.source, "revision": found.revision, "card": found.where},
        "headline": {
            "found": len(found.claims),
            "checked": found.checked,
            "wrong": len(found.wrong),
            "ambiguous": len(found.of("ambiguous")),
            "cannot_be_checked": len(found.of("cannot be checked")),
        },
        "claims": [_judged(item) for item in found.claims],
        "not_stated": [
            {"kind": kind, "value": _json(value), "witness": witness} for kind, value, witness in found.unstated
        ],
        "implications": list(found.implications),
        "findings": [
            {"code": f.code, "severity": f.severity, "message": f.message, "where": f.where} for f in found.findings
        ],
        "notes": list(found.notes),
    }


def _json(value: Value | None) -> object:
    return list(value) if isinstance(value, tuple) else value


def _judged(item: Judged) -> dict[str, object]:
    claim = item.claim
    return {
        "kind": claim.kind,
        "value": _json(claim.said.value),
        "words": claim.said.words,
        "qualifier": claim.said.loose or None,
        "detail": claim.said.detail or None,
        "quote": claim.quote,
        "line": claim.line,
        "also": list(claim.also),
        "place": claim.where,
        "verdict": item.verdict,
        "witness": item.witness,
        "actual": _json(item.actual),
        "reason": item.reason or None,
    }

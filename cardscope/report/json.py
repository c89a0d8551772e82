"""Report → plain JSON values, as the contract spells them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from math import isfinite, isnan
from operator import attrgetter
from typing import Any

from cardscope.measures.differences import Difference
from cardscope.measures.kvcache import RESERVED_RULE, AttentionFacts, KvCache
from cardscope.report.model import SCHEMA, Parameters, Report


def to_dict(report: Report) -> dict[str, object]:
    """Every figure of the report; counts are integers, sizes bytes, unknown is null beside its reason."""
    return {
        "schema": SCHEMA,
        "model": _plain(report.model),
        "headline": _plain(report.headline),
        "spec": _spec(report),
        "parameters": _parameters(report.parameters),
        "attention": _attention(report.attention),
        "kv_cache": _cache(report.kv_cache),
        "memory": {"weights": [_plain(row) for row in report.weights], "reason": report.weights_reason},
        "layers": [{"tower": tower, "count": count, "label": label} for tower, count, label in report.groups],
        "findings": [_plain(item) for item in report.findings],
        **_what_if(report),
    }


def _what_if(report: Report) -> dict[str, object]:
    """Figures before and after, only where a what-if was made."""
    if not report.effects:
        return {}
    return {"what_if": [{**_plain(item), "delta": item.delta} for item in report.effects]}


def _plain(value: Any) -> dict[str, Any]:
    """One flat dataclass as a dict; tuples become lists, mappings dicts."""
    kind: type = type(value)
    names, get = _reader(kind)
    found = dict(zip(names, get(value), strict=True))
    for name, item in found.items():
        kind = type(item)
        if kind not in _SCALARS and not (kind is float and isfinite(item)):
            found[name] = _value(item)
    return found


@cache
def _reader(kind: type) -> tuple[tuple[str, ...], Callable[[object], tuple[Any, ...]]]:
    """A dataclass's field names, and what reads them all at once."""
    names = tuple(item.name for item in fields(kind))
    return names, attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)


_SCALARS = frozenset({int, str, bool, type(None)})


def _value(value: Any) -> Any:
    """A value in JSON's own types; NaN and the infinities, which JSON has no word for, as strings."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, tuple | list):
        return [_value(item) for item in value]
    if hasattr(value, "items"):
        return {str(key): _value(item) for key, item in value.items()}
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _spec(report: Report) -> dict[str, object] | None:
    if report.spec is None:
        return None
    reads = [
        {"name": read.name, "value": _value(read.value), "key": read.key, "from": read.origin} for read in report.fields
    ]
    return {**_plain(report.spec), "fields": reads}


def _parameters(parameters: Parameters) -> dict[str, object]:
    exact = _plain(parameters.exact)
    exact["class"] = exact.pop("class_name")
    checkpoint = _plain(parameters.checkpoint)
    if not checkpoint["parts"]:
        del checkpoint["parts"]  # of one model, as most are
    return {
        "heuristic": _plain(parameters.heuristic),
        "analytic": _plain(parameters.analytic),
        "exact": exact,
        "checkpoint": checkpoint,
        "differences": [_difference(item) for item in parameters.differences],
    }


def _difference(item: Difference) -> dict[str, object]:
    terms = [{"name": term.name, "delta": term.delta} for term in item.terms]
    return {"from": item.from_, "to": item.to, "delta": item.delta, "percent": item.percent, "terms": terms}


def _attention(facts: AttentionFacts | None) -> dict[str, object] | None:
    return None if facts is None else _plain(facts)


def _cache(cache: KvCache | None) -> dict[str, object] | None:
    if cache is None:
        return None
    rows = [{**_plain(row), "reserved_rule": RESERVED_RULE} for row in cache.rows]
    return {**_plain(cache), "rule": "live", "rows": rows}

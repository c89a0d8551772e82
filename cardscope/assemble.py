"""RawConfig and witnesses → Report: the straight line, in order, without touching network or disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from cardscope.archs import find, interpret
from cardscope.checkpoint.look import Look
from cardscope.errors import ConfigError, NotModelled, UsageError
from cardscope.fields import Fields, Log, Read, open_fields
from cardscope.findings import Finding, finding
from cardscope.harvest import declared
from cardscope.identify import Identity, config_dtype, identify, text_key
from cardscope.inventory import Inventory, take
from cardscope.measures.before import Effect, effects
from cardscope.measures.differences import Difference, difference
from cardscope.measures.facts import describe
from cardscope.measures.heuristic import account, heuristic
from cardscope.measures.kvcache import attention_facts, kv_cache, row_lengths
from cardscope.measures.precision import Scheme, WeightRow, plain_rows, weight_bytes, weight_rows
from cardscope.measures.quantized import published
from cardscope.model import RawConfig
from cardscope.parts import Spec
from cardscope.report.model import (
    Analytic,
    Confidence,
    Exact,
    Headline,
    Heuristic,
    Parameters,
    Report,
    Subject,
)
from cardscope.stored import Stored, merge, surplus, view
from cardscope.units import BITS, dtype_name

UNREAD_SHOWN = 40
"""Unread keys that are named one by one."""
MAX_CONTEXT = 1 << 40
MAX_BATCH = 1_000_000
KV_DTYPES = ("bfloat16", "float16", "float32", "float8_e4m3fn", "float8_e5m2", "int8")
SKIPPED = Exact(None, status="skipped", reason="not asked for")


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller may vary without changing the model: tokens, sequences and dtype of the cache table.

    Raises UsageError for what no cache can have.
    """

    context: int | None = None
    batch: int = 1
    kv_dtype: str | None = None
    lean: bool = False
    """Only what one row of an audit needs: no other precisions, no table of cache sizes, no rule of thumb explained."""

    def __post_init__(self) -> None:
        context = 1 if self.context is None else self.context
        for name, value, high in (("context", context, MAX_CONTEXT), ("batch", self.batch, MAX_BATCH)):
            if type(value) is not int or not 1 <= value <= high:
                raise UsageError(f"{name} is {value!r}", hint=f"{name} is a whole number from 1 to {high:,}")
        if self.kv_dtype is not None and dtype_name(str(self.kv_dtype)) not in KV_DTYPES:
            raise UsageError(f"a cache in {self.kv_dtype} is not known", hint=f"it may be in {', '.join(KV_DTYPES)}")


class Reading(NamedTuple):
    """What became of the config: a spec (of the whole model, or of a wrapper's text model only), or a reason."""

    spec: Spec | None
    whole: bool
    reason: str | None
    log: Log
    unread: tuple[str, ...]


def read(config: Mapping[str, object], identity: Identity) -> Reading:
    """Config → Spec. Raises ConfigError where a value cannot be meant; an unknown type or head is a reason."""
    log = Log()
    fields = open_fields(config, identity.model_type or "", log=log)
    if find(fields.model_type) is not None:
        try:
            return Reading(interpret(fields), whole=True, reason=None, log=log, unread=fields.unread())
        except NotModelled as unknown:
            return Reading(None, whole=False, reason=unknown.message, log=log, unread=())
    shown = f"model type {identity.model_type}" if identity.model_type else "a config without model_type"
    reason = f"{shown} is not modelled"
    text = _text(config, fields)
    if text is None:
        return Reading(None, whole=False, reason=reason, log=log, unread=())
    try:
        spec = interpret(text)
    except (NotModelled, ConfigError) as unknown:
        # The wrapper's own code may build its text model otherwise: what cannot be read is a reason, not an error.
        return Reading(None, whole=False, reason=f"{reason}; its text model: {unknown.message}", log=log, unread=())
    return Reading(spec, whole=False, reason=f"{reason} as a whole; its text model is", log=log, unread=())


def _text(config: Mapping[str, object], fields: Fields) -> Fields | None:
    key = text_key(config)
    if key is None:
        return None
    inner = fields.sub(key)
    if find(inner.model_type) is not None:
        return inner
    nested = config[key]
    if isinstance(nested, Mapping) and text_key(nested) is not None:
        return _text(nested, inner)
    return None


def assemble(
    raw: RawConfig,
    *,
    exact: Exact = SKIPPED,
    stored: Look | None = None,
    options: Options | None = None,
) -> Report:
    """The report of one config. Raises ConfigError, or NotModelled where no witness can count it."""
    identity = identify(raw.data)
    reading = read(raw.data, identity)
    inventory = take(reading.spec) if reading.spec else None
    whole = inventory if reading.whole else None
    found = view(raw, stored, whole)
    options = options or Options()
    parameters = _parameters(reading, whole, exact, found, raw, identity, lean=options.lean)
    if reading.spec is None and exact.total is None and found.checkpoint.stored_numbers is None:
        raise NotModelled(reading.reason or "nothing here can be counted", hint=_not_modelled_hint(exact, identity))
    return _report(raw, identity, reading, inventory, whole, parameters, found, options)


def outline(raw: RawConfig) -> tuple[Spec | None, Inventory | None]:
    """The spec a config declares, whole or its text model's, and the inventory of the whole. Raises ConfigError."""
    reading = read(raw.data, identify(raw.data))
    return reading.spec, take(reading.spec) if reading.spec and reading.whole else None


def _not_modelled_hint(exact: Exact, identity: Identity) -> str:
    if identity.model_type is None:
        return "a config.json names its model_type or architectures; --set model_type=llama supplies one"
    why = f"; the exact count: {exact.reason}" if exact.reason else ""
    return f"`cardscope archs` lists the types that are modelled{why}"


def _report(
    raw: RawConfig,
    identity: Identity,
    reading: Reading,
    inventory: Inventory | None,
    whole: Inventory | None,
    parameters: Parameters,
    stored: Stored,
    options: Options,
) -> Report:
    most = _most(raw.hub.safetensors_dtypes if raw.hub else {})
    spec, dtype = reading.spec, config_dtype(raw.data) or stored.dtype or most
    kv_dtype = _kv_dtype(options.kv_dtype, dtype)
    rows, why = _weights(raw, whole or stored.inventory, parameters, lean=options.lean)
    rows = merge(stored.rows, rows)
    cache = None
    if spec and inventory:
        lengths = () if options.lean else row_lengths(spec.max_positions, options.context)
        cache = kv_cache(inventory, kv_dtype, lengths, options.batch)
    return Report(
        model=subject(raw, identity),
        headline=_headline(parameters, stored.dtype or dtype, rows),
        spec=describe(spec) if spec else None,
        fields=tuple(reading.log.reads.values()),
        parameters=parameters,
        attention=attention_facts(spec) if spec else None,
        kv_cache=cache,
        weights=rows,
        weights_reason=why,
        findings=(*_findings(raw, identity, reading, parameters, dtype), *stored.findings),
        groups=tuple((g.tower, g.count, g.label) for g in inventory.groups if g.layers) if inventory else (),
        inventory=inventory or stored.inventory,
        effects=_effects(raw, whole, kv_dtype),
    )


def _effects(raw: RawConfig, whole: Inventory | None, kv_dtype: str) -> tuple[Effect, ...]:
    """What the what-ifs changed. A config that could not be read before them has nothing to be compared with."""
    if raw.base is None or whole is None:
        return ()
    try:
        _, before = outline(replace(raw, data=raw.base))
    except ConfigError:
        return ()
    return effects(before, whole, kv_dtype) if before else ()


def subject(raw: RawConfig, identity: Identity) -> Subject:
    """Identity of the report's model."""
    return Subject(
        raw.id,
        raw.revision,
        raw.source,
        raw.fetched,
        identity.model_type,
        identity.architectures,
        bool(raw.hub and raw.hub.gated),
        raw.where,
        raw.notes,
        raw.changes,
    )


# -- witnesses ---------------------------------------------------------------------------------------------


def _parameters(
    reading: Reading,
    whole: Inventory | None,
    exact: Exact,
    found: Stored,
    raw: RawConfig,
    identity: Identity,
    *,
    lean: bool,
) -> Parameters:
    analytic = _analytic(reading, whole, exact, raw, identity)
    guess = heuristic(reading.spec) if reading.spec and not lean else None
    why = None if guess is not None else "no hidden size and layer count were read"
    differences = _differences(reading.spec, whole, guess, analytic, exact)
    base = ("exact", exact.total) if exact.total is not None else ("analytic", analytic.total)
    last, stored = surplus(reading.spec, whole, base, found, raw)
    return Parameters(Heuristic(guess, why), analytic, exact, stored, differences + last)


def _analytic(reading: Reading, whole: Inventory | None, exact: Exact, raw: RawConfig, identity: Identity) -> Analytic:
    if whole is None:
        return Analytic(None, confidence="none", reason=reading.reason)
    disagrees = exact.total is not None and exact.total != whole.parameters
    unheld = declared(identity.model_type) is None or identity.foreign
    own_code = raw.data.get("auto_map") or any(note.code == "CS112" for note in reading.log.notices)
    doubts = (reading.unread, _changed(reading.log, raw.data), own_code, unheld, disagrees)
    confidence: Confidence = "declared-unseen" if any(doubts) else "declared"
    if isinstance(raw.data.get("release_candidates"), list):
        confidence = "guess"
    active = whole.active
    return Analytic(
        whole.parameters,
        active,
        whole.buffers,
        whole.mtp_parameters,
        confidence,
        None if active is not None else "the config does not say how many experts fire",
        whole.components(),
    )


def _changed(log: Log, config: Mapping[str, object]) -> list[Read]:
    """Reads that fell back to a default which transformers 4 declared differently, unless 5 saved the file."""
    version = config.get("transformers_version")
    return [] if isinstance(version, str) and version.startswith("5") else log.changed_defaults


def _differences(
    spec: Spec | None, whole: Inventory | None, guess: int | None, analytic: Analytic, exact: Exact
) -> tuple[Difference, ...]:
    """Heuristic → analytic → exact, as far as they are known."""
    found: list[Difference] = []
    if spec and whole and guess is not None and analytic.total is not None:
        found.append(difference(("heuristic", guess), ("analytic", analytic.total), account(spec, whole)))
    if analytic.total is not None and exact.total is not None:
        found.append(difference(("analytic", analytic.total), ("exact", exact.total), ()))
    return tuple(found)


# -- bytes -------------------------------------------------------------------------------------------------


def _most(counts: Mapping[str, int]) -> str | None:
    """The dtype most stored numbers have."""
    return dtype_name(max(counts, key=lambda name: counts[name])) if counts else None


def _kv_dtype(asked: str | None, dtype: str | None) -> str:
    """The cache's dtype: as asked, else the weights' where that is a 16- or 32-bit float, else bf16."""
    if asked and (known := dtype_name(asked)):
        return known
    return dtype if dtype in {"float16", "bfloat16", "float32"} else "bfloat16"


def _weights(
    raw: RawConfig, whole: Inventory | None, parameters: Parameters, *, lean: bool
) -> tuple[tuple[WeightRow, ...], str | None]:
    """Rows by precision; the published quantization, where the config names one, comes first."""
    if whole is None:
        total = parameters.exact.total
        why = "quantized sizes need the tensors, and this model's are not declared"
        return (plain_rows(total) if total is not None else ()), why
    scheme = published(raw.data)
    rows = plain_rows(whole.parameters) if lean else weight_rows(whole)
    if isinstance(scheme, Scheme):
        size = weight_bytes(whole, scheme)
        bits = round(8 * size / whole.parameters, 3) if whole.parameters else 0.0
        rows = (WeightRow(f"{scheme.name} (published)", size, bits, "estimated", scheme.rule), *rows)
    return rows, scheme if isinstance(scheme, str) else None


_SHORT = {"float32": "fp32", "float16": "bf16", "bfloat16": "bf16"}


def _headline(parameters: Parameters, dtype: str | None, rows: tuple[WeightRow, ...]) -> Headline:
    """Headers, else exact, else analytic; a Hub total alone makes no headline stored."""
    stored, exact, analytic = parameters.checkpoint, parameters.exact, parameters.analytic
    headers = stored.source in {"headers", "gguf"}
    active = analytic.active
    if headers and stored.total is not None:
        active = stored.total if active == analytic.total else active
        return Headline(stored.total, active, stored.stored_bytes, dtype, "stored")
    size, dtype = _own_bytes(dtype, rows)
    if stored.stored_bytes is not None and stored.total is not None:
        size, held = stored.stored_bytes, _most(stored.dtypes)
        # The file's own dtype beats what the config says of it; packed words are named by their scheme.
        dtype = held if dtype in BITS and held and "float" in held else dtype
    if exact.total is not None:
        return Headline(exact.total, active, size, dtype, "exact")
    if analytic.total is not None:
        return Headline(analytic.total, active, size, dtype, "analytic")
    return Headline(None, None, stored.stored_bytes, dtype, "none")


def _own_bytes(dtype: str | None, rows: tuple[WeightRow, ...]) -> tuple[int | None, str | None]:
    """Bytes in the published precision: the quantization's row, else the dtype's (bf16 where none is stated)."""
    own = next((row for row in rows if row.precision.endswith("(published)")), None)
    if own:
        return own.bytes, own.precision.split()[0]
    name = _SHORT.get(dtype or "bfloat16")
    row = next((row for row in rows if row.precision == name), None)
    return (row.bytes if row else None), dtype or "bfloat16"


# -- findings ----------------------------------------------------------------------------------------------


def _findings(
    raw: RawConfig, identity: Identity, reading: Reading, parameters: Parameters, dtype: str | None
) -> tuple[Finding, ...]:
    where = raw.where
    found = [finding(n.code, n.message, f"{where}:{n.key}") for n in reading.log.notices]
    found += _unread(reading.unread, where)
    found += [_default_changed(item, where) for item in _changed(reading.log, raw.data)]
    if raw.data.get("auto_map"):
        found.append(
            finding("CS112", "the repository brings its own code, which is never run here", f"{where}:auto_map")
        )
    if reading.whole and declared(identity.model_type) is None:
        basis = "nanochat's own code" if identity.model_type == "nanochat-native" else "published layouts"
        message = f"transformers has no class for {identity.model_type}: declared from {basis}"
        found.append(finding("CS121", message, f"{where}:model_type"))
    if identity.inferred:
        stated = f"model_type says {identity.stated}" if identity.stated else "no model_type"
        message = f"{stated}; {identity.model_type} follows from {identity.architectures[0]}"
        found.append(finding("CS113", message, f"{where}:architectures"))
    if identity.foreign:
        message = f"transformers has no class {identity.architectures[0]}; what it may add is not counted"
        found.append(finding("CS119", message, f"{where}:architectures"))
    if dtype is None:
        found.append(finding("CS114", "the config states no dtype; bf16 is assumed", f"{where}:dtype"))
    found += [gap for d in parameters.differences if (gap := _disagreement(d, where))]
    return tuple(found)


def _unread(keys: tuple[str, ...], where: str) -> list[Finding]:
    """One finding a key, and one for all beyond the first few dozen."""
    found = [
        finding("CS110", f"{key[:200]} may shape tensors and nothing here reads it", f"{where}:{key[:200]}")
        for key in keys[:UNREAD_SHOWN]
    ]
    rest = len(keys) - UNREAD_SHOWN
    return [*found, finding("CS110", f"so may {rest:,} more keys", where)] if rest > 0 else found


def _default_changed(item: Read, where: str) -> Finding:
    message = f"{item.key} is left out; transformers 5 takes {item.value!r}, version 4 had another default"
    return finding("CS111", message, f"{where}:{item.key}")


def _disagreement(d: Difference, where: str) -> Finding | None:
    if d.delta == 0 or d.explained:
        return None
    if d.to == "exact":
        return finding("CS201", f"the declaration gives {-d.delta:+,} against the empty model's count", where)
    if d.to == "checkpoint":
        return finding("CS202", f"{d.delta:+,} of the stored numbers have no reason in the config", where)
    return None

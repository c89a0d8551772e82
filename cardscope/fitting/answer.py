"""A model, a load and an engine → the verdict, with what it needs and what would fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from cardscope.errors import NotModelled, UsageError
from cardscope.fitting.command_lines import command_line, made_first
from cardscope.fitting.engines import Engine
from cardscope.fitting.engines.options import check
from cardscope.fitting.precisions import BY_NAME, canonical, folded, own_scheme
from cardscope.fitting.search import Alternative, alternatives, max_batch, max_context
from cardscope.fitting.speed import Speed, speed
from cardscope.fitting.target import Load, Need, Target
from cardscope.fitting.verdict import Uncertainty, Verdict, headroom, judge, uncertainty
from cardscope.measures.precision import Scheme, weight_bytes
from cardscope.model import RawConfig
from cardscope.report.model import Report
from cardscope.units import short_dtype

SCHEMA: Final = "cardscope.fit/1"
CONTEXT: Final = 8192
MOST_TOKENS: Final = 1 << 30
MOST_BATCH: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Fit:
    """The verdict of `cardscope.fit`: sizes in bytes, over all devices unless they say otherwise."""

    model: str
    verdict: Verdict
    reason: str | None
    engine: str
    precision: str
    load: Load
    need: Need
    headroom_bytes: int | None
    max_context: int | None
    max_batch: int | None
    uncertainty: Uncertainty
    alternatives: tuple[Alternative, ...]
    command: str
    speed: Speed | None = None
    notes: tuple[str, ...] = ()

    @property
    def per_device_bytes(self) -> int:
        """Bytes on the fullest device."""
        return max(self.need.each)

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `cardscope fit --json`."""
        from cardscope.fitting.render import to_dict

        return to_dict(self)


def target(raw: RawConfig, report: Report) -> Target:
    """What the engines need of a report. Raises NotModelled where tensors or bytes are not known."""
    spec, inventory = report.spec, report.inventory
    if inventory is None or spec is None or report.kv_cache is None:
        raise NotModelled(
            report.parameters.analytic.reason or "the tensors and the cache of this model are not declared",
            hint="`cardscope archs` lists the types that are modelled",
        )
    scheme = own_scheme(raw.data)
    size, name = report.headline.bytes, report.headline.dtype or "bfloat16"
    known = scheme if isinstance(scheme, Scheme) else None
    if known is not None and report.headline.witness != "stored":
        name, size = known.name, folded(inventory, known)
    stored = report.parameters.checkpoint
    if size is not None and stored.stored_bytes == size and stored.mtp and stored.stored_numbers:
        # Engines leave the extra prediction layers out.
        size -= size * stored.mtp // stored.stored_numbers
    if size is None:
        size = weight_bytes(inventory, BY_NAME["bf16"])
    plain = {"float16": "bf16", "bfloat16": "bf16", "float32": "fp32"}.get(name)
    return Target(report.model.id, inventory, spec, plain or short_dtype(name), size, known, plain is None)


def default_context(found: Target) -> int:
    """The smaller of 8,192 and what the model was made for."""
    return min(CONTEXT, found.facts.max_positions or CONTEXT)


def answer(found: Target, load: Load, engine: Engine) -> Fit:
    """The verdict. Raises UsageError for a load that cannot be meant."""
    validate(load, engine)
    need = engine.need(found, load)
    sure = uncertainty(engine.name)
    verdict = judge(need, sure)
    context, batch = max_context(engine, found, load), max_batch(engine, found, load)
    others = tuple(alternatives(engine, found, load, context, batch))
    precision = canonical(load.quant) if load.quant else found.precision
    return Fit(
        found.id,
        verdict,
        _reason(verdict, need, sure),
        engine.name,
        precision,
        load,
        need,
        headroom(need),
        context,
        batch,
        sure,
        others,
        command_line(engine.name, found, load, need),
        speed(found, load, need.parts),
        (*_notes(found, load, engine), *need.notes),
    )


def validate(load: Load, engine: Engine) -> None:
    """Raises UsageError for a load that cannot be meant."""
    check(load.options, engine.options, engine.name)
    for name, value, most in (("context", load.tokens, MOST_TOKENS), ("batch", load.batch, MOST_BATCH)):
        if not 1 <= value <= most:
            raise UsageError(
                f"{name} {value:,} is not between 1 and {most:,}", hint=f"--{name} takes a number of tokens"
            )
    if load.new_tokens is not None and load.new_tokens < 0:
        raise UsageError("new_tokens is below 0", hint="leave it out, or say how many tokens are generated")
    if load.tp < 1 or (load.devices is not None and load.tp not in {1, load.devices.count}):
        raise UsageError(f"tp {load.tp} does not go with the GPUs given", hint=f'--gpu "{load.tp}xH100" has as many')
    if load.tp > 1024:
        raise UsageError(f"tp {load.tp:,} is more than any engine splits", hint="--tp 8 splits over eight GPUs")


def _reason(verdict: Verdict, need: Need, sure: Uncertainty) -> str | None:
    if verdict == "unknown":
        return "no GPU was named; --gpu says what it should run on"
    if verdict == "marginal":
        return f"the need is within {sure.percent:g} % of the limit, which is how far off the estimate may be"
    if verdict == "does_not_fit":
        return (
            "weights alone are over the limit" if _weights_alone(need) else "weights fit, cache and work space do not"
        )
    return None


def _weights_alone(need: Need) -> bool:
    return need.limits is not None and need.weights > sum(need.limits)


def _notes(found: Target, load: Load, engine: Engine) -> tuple[str, ...]:
    missing = made_first(engine.name, found, load)
    notes = [missing] if missing else []
    most = found.facts.max_positions
    if most and load.tokens > most:
        notes.append(f"{load.tokens:,} tokens are more than the {most:,} positions the model was made for")
    if load.devices:
        notes += [gpu.note for gpu in dict.fromkeys(load.devices.gpus) if gpu.note]
    return tuple(notes)

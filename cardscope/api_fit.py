"""The verbs about memory: will it run, will it train, what is the largest that would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from cardscope.begin import Choice, Model, Sets, begin, stored_beside

if TYPE_CHECKING:
    from cardscope.fitting.answer import Fit
    from cardscope.fitting.largest import Largest
    from cardscope.fitting.tune import Tuning


def fit(
    model: Model,
    gpu: str | None = None,
    *,
    engine: str = "transformers",
    context: int | None = None,
    batch: int = 1,
    quant: str | None = None,
    kv_dtype: str | None = None,
    tp: int = 1,
    new_tokens: int | None = None,
    engine_options: Mapping[str, object] | None = None,
    headers: Choice = "auto",
    revision: str | None = None,
    token: str | bool | None = None,
    offline: bool = False,
    refresh: bool = False,
    sets: Iterable[str | tuple[str, str]] = (),
) -> Fit:
    """Whether a model runs on a GPU under an engine, and what it needs in bytes; no GPU: "unknown".

    `context` is prompt and answer together, or, where `new_tokens` is given, the prompt those are added to; by default
    8,192 or what the model was made for.  `quant` is the repository's own where it is None.  Raises the
    CardscopeError family.
    """
    from cardscope.assemble import assemble
    from cardscope.fitting.answer import answer, default_context, target
    from cardscope.fitting.engines import engine as find_engine
    from cardscope.fitting.hardware import devices
    from cardscope.fitting.target import Load

    chosen, hardware = find_engine(engine), devices(gpu) if gpu is not None else None
    raw, ahead = begin(model, headers, token, refresh, revision=revision, offline=offline, sets=sets)
    look, _ = stored_beside(raw, headers, token, ahead, refresh=refresh)
    found = target(raw, assemble(raw, stored=look))
    tokens = default_context(found) if context is None else context
    return answer(found, Load(tokens, batch, new_tokens, quant, kv_dtype, tp, hardware, engine_options or {}), chosen)


def finetune(
    model: Model,
    gpu: str | None = None,
    *,
    method: str = "full",
    sequence: int | None = None,
    micro_batch: int = 1,
    quant: str | None = None,
    devices: int = 1,
    options: Mapping[str, object] | None = None,
    headers: Choice = "auto",
    revision: str | None = None,
    token: str | bool | None = None,
    offline: bool = False,
    refresh: bool = False,
    sets: Sets = (),
) -> Tuning:
    """Whether a fine-tuning step fits a GPU: stages in bytes, the longest sequence, the largest micro-batch.

    `method` is full, lora or qlora; `sequence` by default 2,048 or what the model was made for; `devices` counts where
    no GPU is named.  `options`: optimizer, precision, recompute, sharding, accumulation, rank, targets,
    adapter_precision, dropout, attention, fused_loss, offload, upcast.  Raises the CardscopeError family.
    """
    from cardscope.assemble import assemble
    from cardscope.fitting.answer import target
    from cardscope.fitting.hardware import devices as find_devices
    from cardscope.fitting.tune import plan_of, tune

    hardware = find_devices(gpu) if gpu is not None else None
    raw, ahead = begin(model, headers, token, refresh, revision=revision, offline=offline, sets=sets)
    look, _ = stored_beside(raw, headers, token, ahead, refresh=refresh)
    found = target(raw, assemble(raw, stored=look))
    count = hardware.count if hardware else devices
    plan = plan_of(found, raw.data, method, sequence, micro_batch, count, quant, options or {})
    return tune(found, plan, hardware)


def largest(
    gpu: str,
    *,
    engine: str = "transformers",
    context: int = 8192,
    batch: int = 1,
    quant: str | None = None,
    kv_dtype: str | None = None,
    tp: int = 1,
    engine_options: Mapping[str, object] | None = None,
) -> Largest:
    """The most parameters a GPU holds at each precision, and which models of the catalogue fit it best.

    Touches neither network nor disk beyond the package's own data.  Raises UsageError.
    """
    from cardscope.fitting.engines import engine as find_engine
    from cardscope.fitting.hardware import devices
    from cardscope.fitting.largest import find_largest
    from cardscope.fitting.target import Load

    chosen = find_engine(engine)
    return find_largest(
        chosen, Load(context, batch, None, quant, kv_dtype, tp, devices(gpu), options=engine_options or {})
    )

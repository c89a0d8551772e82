"""Which releases a native meta_*.json, or a config in nanochat's own keys, can be of: keys first, defaults as hints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

ALL: Final = tuple(f"E{number}" for number in range(10))


class Fit(NamedTuple):
    """The releases that fit, the likeliest of them, and the evidence in words."""

    candidates: tuple[str, ...]
    best: str
    reasons: tuple[str, ...]


def fit(inner: Mapping[str, object], meta: Mapping[str, object]) -> Fit:
    """The releases that can have written `meta`, whose model_config is `inner`.

    A user can change values but not which keys a script writes, so that presence decides and values only rank.
    """
    user = meta.get("user_config")
    if isinstance(user, Mapping) and "depth" in user:
        found, reasons = _base(inner, user, meta)
    else:
        found, reasons = _later_stage(inner)
    return Fit(found, _best(found, inner, user if isinstance(user, Mapping) else {}), reasons)


def _base(
    inner: Mapping[str, object], user: Mapping[str, object], meta: Mapping[str, object]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A pretraining meta: its script's options date it."""
    if "window_pattern" in inner or "window_pattern" in user:
        return _windowed(user)
    if "scalar_lr" in user:
        return ("E2",), ("scalar_lr without window_pattern: written on 2026-01-11",)
    if "aspect_ratio" in user:
        return ("E1",), ("aspect_ratio without scalar_lr: written from 2026-01-07 to 01-11",)
    if "resume_from_step" not in user and "dataloader_state_dict" not in meta and "device_type" not in user:
        return ("E0",), ("no device_type and no resume_from_step: written before 2025-10-21",)
    return ("E0", "E1"), ("no aspect_ratio and no scalar_lr: written before 2026-01-07",)


def _windowed(user: Mapping[str, object]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if "warmup_steps" in user:
        return ("E7", "E8", "E9"), ("warmup_steps: written since 2026-03-09",)
    if "fp8" in user:
        return ("E4", "E6"), ("fp8 without warmup_steps: written from 2026-02-03 to 03-08",)
    return ("E3", "E4", "E5"), ("window_pattern without fp8: written from 2026-01-11 to 02-03",)


def _later_stage(inner: Mapping[str, object]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Midtraining, fine-tuning, reinforcement: no script options date them, and the pattern may be filled in."""
    pattern = inner.get("window_pattern")
    if pattern is None:
        return ALL[:6], ("no pretraining options and no window_pattern, which metas to 2026-02-01 lose",)
    if pattern == "L":
        return ALL, ("no pretraining options; window_pattern L is also what the loader fills in",)
    return ALL[3:], ("no pretraining options; window_pattern says 2026-01-11 or later",)


def _best(found: tuple[str, ...], inner: Mapping[str, object], user: Mapping[str, object]) -> str:
    """The likeliest: by the default tokens per parameter of the time, by the default vocabulary, else the latest."""
    hinted = {8: "E3", 4: "E4", 10.5: "E4", 12: "E9"}.get(_ratio(user) or 0)
    if hinted is not None and hinted in found:
        return hinted
    if "E0" in found and inner.get("vocab_size") == 65_536:
        return "E0"
    kept = [name for name in found if name != "E5"]
    return kept[-1]


def _ratio(user: Mapping[str, object]) -> float | None:
    value = user.get("target_param_data_ratio")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

"""nanochat's own spellings: `nanochat:d20`, and the meta_*.json its training writes.

Transformers' model type `nanochat` (class NanoChatForCausalLM) is the original release (October 2025), so that
its keys are what that release produces here; later releases keep nanochat's own keys and the name of the release.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from cardscope.errors import BadField, UsageError
from cardscope.nanochat.counts import total
from cardscope.nanochat.epochs import BY_NAME, Epoch, Release, Sizes, release, width_and_heads
from cardscope.nanochat.meta import fit
from cardscope.nanochat.stored import Held, narrowed, said

_DEPTH = re.compile(r"d(\d{1,6})", re.IGNORECASE)
_OPTIONS = ("vocab", "release", "kv_heads", "head_dim", "aspect_ratio")
_META_KEYS = ("n_layer", "n_head", "n_embd", "vocab_size")


def config(body: str, edits: Iterable[tuple[str, str]]) -> tuple[dict[str, object], tuple[tuple[str, str], ...]]:
    """The config of `nanochat:BODY` and the edits that are not options of the formula.

    The original release gives the keys of transformers' class, which is that release; later ones nanochat's own.
    Raises UsageError for a word that is no depth, an option that is no number, a word that is no release, or a
    depth whose width its heads do not divide.
    """
    edits = tuple(edits)
    found = _DEPTH.fullmatch(body)
    depth = int(found[1]) if found else 0
    if depth == 0:
        raise UsageError(
            f"nanochat:{body[:40]} names no depth",
            hint="write nanochat:d20; the number is the count of layers",
        )
    options = {key: value for key, value in edits if key in _OPTIONS}
    chosen = release(options.get("release", "original"))
    sizes = _sizes(depth, chosen, options)
    rest = tuple((k, v) for k, v in edits if k not in _OPTIONS)
    return (native(sizes) if chosen.epoch.name == "E0" else own(sizes, chosen.epoch)), rest


def _sizes(depth: int, chosen: Release, options: Mapping[str, str]) -> Sizes:
    """Depth and options → sizes, by the rule of the release."""
    head_dim = _number(options, "head_dim", 128) or 128
    width, heads = width_and_heads(depth, chosen.rule, head_dim, _number(options, "aspect_ratio", 64) or 64)
    kv = _number(options, "kv_heads", None) or heads
    if heads % kv:
        raise UsageError(
            f"kv_heads={kv} does not divide the {heads} heads of nanochat:d{depth}",
            hint=f"leave kv_heads out for {heads}, or give a divisor",
        )
    window = "SSSL" if chosen.epoch.short_window else ""
    return Sizes(depth, width, heads, kv, _number(options, "vocab", None) or chosen.vocab, window=window)


def own(sizes: Sizes, epoch: Epoch) -> dict[str, object]:
    """The model_config a meta_*.json of this release holds, and the release's name."""
    found: dict[str, object] = {
        "model_type": "nanochat-native",
        "release": epoch.name,
        "sequence_len": sizes.positions,
        "vocab_size": sizes.vocab,
        "n_layer": sizes.depth,
        "n_head": sizes.heads,
        "n_kv_head": sizes.kv_heads,
        "n_embd": sizes.width,
        "dtype": "bfloat16",
    }
    return found | ({"window_pattern": sizes.window} if epoch.short_window else {})


def native(dims: Sizes) -> dict[str, object]:
    """The config.json transformers would write for these sizes (NanoChatConfig's own keys)."""
    return {
        "architectures": ["NanoChatForCausalLM"],
        "model_type": "nanochat",
        "vocab_size": dims.vocab,
        "hidden_size": dims.width,
        "intermediate_size": 4 * dims.width,
        "num_hidden_layers": dims.depth,
        "num_attention_heads": dims.heads,
        "num_key_value_heads": dims.kv_heads,
        "max_position_embeddings": dims.positions,
        "hidden_act": "relu2",
        "attention_bias": False,
        "final_logit_softcapping": 15.0,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"},
        "tie_word_embeddings": False,
        "dtype": "bfloat16",
    }


def is_native_meta(data: Mapping[str, object]) -> bool:
    """Whether this is a nanochat meta_*.json rather than a config.json."""
    inner = data.get("model_config")
    return isinstance(inner, Mapping) and "model_type" not in data and all(k in inner for k in _META_KEYS)


def from_meta(data: Mapping[str, object], where: str, held: Held | None = None) -> dict[str, object]:
    """The config of a native meta: of the release its keys date it to, or the likeliest of several.

    Where the releases that fit differ in size, the config carries them with the range of their totals and the
    reasons; the sizes of the stored tensors, where they are known, leave only releases that have such.
    Raises BadField for sizes no model has.
    """
    return of_keys(_inner(data), data, where, held)


def held_note(data: Mapping[str, object], held: Held) -> str:
    """What the weight file beside a meta settles."""
    sizes = _read_sizes(_inner(data))
    return said(narrowed(fit(_inner(data), data), sizes, held), sizes, held)


def _inner(data: Mapping[str, object]) -> Mapping[str, object]:
    inner = data["model_config"]
    assert isinstance(inner, Mapping)  # noqa: S101 - is_native_meta has looked
    return inner


def is_own_config(data: Mapping[str, object]) -> bool:
    """Whether a config.json says nanochat but holds nanochat's own keys, which transformers' class does not read."""
    return data.get("model_type") == "nanochat" and all(k in data for k in _META_KEYS)


def of_keys(
    inner: Mapping[str, object], meta: Mapping[str, object], where: str, held: Held | None = None
) -> dict[str, object]:
    """Sizes in nanochat's own keys, with what dates them, as a config; `where` is named in errors."""
    del where
    sizes = _read_sizes(inner)
    known = narrowed(fit(inner, meta), sizes, held)
    if set(known.candidates) <= {"E0", "E1"} and sizes.vocab % 64 == 0:
        return native(sizes)
    found = own(sizes, BY_NAME[known.best])
    if "window_pattern" in found:
        pattern = inner.get("window_pattern")
        found["window_pattern"] = pattern if isinstance(pattern, str) else "L"
    totals = [total(BY_NAME[name], sizes) for name in known.candidates]
    if min(totals) < max(totals):
        found |= {"release_candidates": list(known.candidates), "release_reasons": list(known.reasons)}
    return found


def _read_sizes(inner: Mapping[str, object]) -> Sizes:
    heads = _positive(inner, "n_head")
    kv = _positive(inner, "n_kv_head") if "n_kv_head" in inner else heads
    positions = _positive(inner, "sequence_len") if "sequence_len" in inner else 2048
    return Sizes(
        _positive(inner, "n_layer"), _positive(inner, "n_embd"), heads, kv, _positive(inner, "vocab_size"), positions
    )


def _positive(inner: Mapping[str, object], key: str) -> int:
    value = inner[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadField(f"model_config.{key}", value, "a positive whole number")
    return value


def _number(options: Mapping[str, str], key: str, default: int | None) -> int | None:
    text = options.get(key)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 12 or int(text) == 0:
        raise UsageError(f"{key}={text[:40]} is not a positive whole number", hint=f"write {key}=16")
    return int(text)

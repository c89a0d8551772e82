"""nanochat's own spellings: `nanochat:d20`, and the meta_*.json its training writes.

Only the original release is known here (October 2025, karpathy/nanochat 3a5e0bc): width 64·depth, heads of
128 or less, an MLP of four times the width, untied embeddings, no parameters in its norms. Transformers'
model type `nanochat` (class NanoChatForCausalLM) is that release, so its own keys are what both produce.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cardscope.errors import BadField, NotModelled, UsageError

_DEPTH = re.compile(r"d(\d{1,6})", re.IGNORECASE)
_OPTIONS = ("vocab", "release", "kv_heads", "head_dim", "aspect_ratio")
_RELEASES = re.compile(r"original|E\d|head|\d{4}-\d\d-\d\d")
_META_KEYS = ("n_layer", "n_head", "n_embd", "vocab_size")


@dataclass(frozen=True, slots=True)
class Dims:
    """The sizes that make a nanochat model; counts, and widths in elements."""

    depth: int
    width: int
    heads: int
    kv_heads: int
    vocab: int
    positions: int


def config(body: str, edits: Iterable[tuple[str, str]]) -> tuple[dict[str, object], tuple[tuple[str, str], ...]]:
    """The config of `nanochat:BODY` and the edits that are not options of the formula.

    Raises UsageError for a word that is no depth, an option that is no number, a release that is not modelled
    yet, or a depth whose width its heads do not divide.
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
    _check_release(options.get("release", "original"))
    dims = original(
        depth,
        vocab=_number(options, "vocab", 65_536),
        kv_heads=_number(options, "kv_heads", None),
        head_dim=_number(options, "head_dim", 128) or 128,
        aspect_ratio=_number(options, "aspect_ratio", 64) or 64,
    )
    return native(dims), tuple((k, v) for k, v in edits if k not in _OPTIONS)


def original(
    depth: int, *, vocab: int | None, kv_heads: int | None, head_dim: int = 128, aspect_ratio: int = 64
) -> Dims:
    """Depth → sizes as scripts/base_train.py of the original release does: H = max(1, ceil(D / 128)).

    Raises UsageError when the heads do not divide the width, as the script itself asserts.
    """
    width = aspect_ratio * depth
    heads = max(1, -(-width // head_dim))
    if width % heads:
        near = next(d for d in range(depth + 1, depth + 2 * head_dim) if aspect_ratio * d % head_dim == 0)
        raise UsageError(
            f"nanochat:d{depth} is {width:,} wide, which {heads} heads do not divide",
            hint=f"the original release refuses this depth; nanochat:d{near} is the next that it builds",
        )
    kv = heads if kv_heads is None else kv_heads
    if heads % kv:
        raise UsageError(
            f"kv_heads={kv} does not divide the {heads} heads of nanochat:d{depth}",
            hint=f"leave kv_heads out for {heads}, or give a divisor",
        )
    return Dims(depth, width, heads, kv, vocab or 65_536, 2048)


def native(dims: Dims) -> dict[str, object]:
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


def from_meta(data: Mapping[str, object], where: str) -> dict[str, object]:
    """The config of a native meta that is surely of the original release.

    A base meta of it has `user_config` without `scalar_lr` and `window_pattern`, which later releases write;
    their vocabulary is padded to 64, which a multiple of 64 leaves alone. Raises NotModelled for any other.
    """
    inner, user = data["model_config"], data.get("user_config")
    assert isinstance(inner, Mapping)  # noqa: S101 - is_native_meta has looked
    sure = isinstance(user, Mapping) and "depth" in user and "scalar_lr" not in user and "window_pattern" not in user
    vocab = _positive(inner, "vocab_size")
    if not sure or "window_pattern" in inner or vocab % 64:
        raise NotModelled(
            f"{where} is a nanochat meta not surely of the original release; later ones are not modelled yet",
            hint="nanochat:dN,vocab=V counts the original release at that depth",
        )
    kv = _positive(inner, "n_kv_head") if "n_kv_head" in inner else _positive(inner, "n_head")
    positions = _positive(inner, "sequence_len") if "sequence_len" in inner else 2048
    return native(
        Dims(
            _positive(inner, "n_layer"),
            _positive(inner, "n_embd"),
            _positive(inner, "n_head"),
            kv,
            vocab,
            positions,
        )
    )


def _positive(inner: Mapping[str, object], key: str) -> int:
    value = inner[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadField(f"model_config.{key}", value, "a positive whole number")
    return value


def _check_release(release: str) -> None:
    if not _RELEASES.fullmatch(release):
        raise UsageError(
            f"release={release[:40]} names no release",
            hint="release=original, E0 to E9, head, or a date such as 2026-01-18",
        )
    if release not in ("original", "E0"):
        raise UsageError(
            f"nanochat's release {release} is not modelled yet: it adds value embeddings, gates or windows",
            hint="release=original is modelled",
        )


def _number(options: Mapping[str, str], key: str, default: int | None) -> int | None:
    text = options.get(key)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 12 or int(text) == 0:
        raise UsageError(f"{key}={text[:40]} is not a positive whole number", hint=f"write {key}=16")
    return int(text)

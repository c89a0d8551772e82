"""A config, of transformers' class or in nanochat's own keys, as a release and sizes."""

from __future__ import annotations

from collections.abc import Mapping

from cardscope.nanochat.epochs import BY_NAME, Epoch, Sizes

KEYS = {
    "hidden_size": "n_embd",
    "num_hidden_layers": "n_layer",
    "num_attention_heads": "n_head",
    "num_key_value_heads": "n_kv_head",
    "max_position_embeddings": "sequence_len",
}
"""The field's name → nanochat's."""
_OWN = ("n_layer", "n_embd", "n_head", "n_kv_head", "vocab_size", "sequence_len")
_EXPORT = (
    "num_hidden_layers",
    "hidden_size",
    "num_attention_heads",
    "num_key_value_heads",
    "vocab_size",
    "max_position_embeddings",
)


def of_config(data: Mapping[str, object]) -> tuple[Epoch, Sizes] | None:
    """The release and the sizes, or None where the config is of another type or does not state every size.

    An export whose MLP is not four times as wide, or whose embeddings are tied, is no release's.
    """
    kind = data.get("model_type")
    if kind == "nanochat-native":
        epoch, sizes = BY_NAME.get(str(data.get("release", "E9")).upper()), _sizes(data, _OWN)
    elif kind == "nanochat":
        epoch, sizes = BY_NAME["E0"], _sizes(data, _EXPORT)
        if sizes is not None and (data.get("intermediate_size") != 4 * sizes.width or data.get("tie_word_embeddings")):
            return None
    else:
        return None
    return (epoch, sizes) if epoch is not None and sizes is not None else None


def _sizes(data: Mapping[str, object], keys: tuple[str, ...]) -> Sizes | None:
    values = [data.get(key) for key in keys]
    depth, width, heads, kv, vocab, positions = (
        value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0 for value in values
    )
    if not (depth and width and heads and vocab) or width % heads:
        return None
    pattern = data.get("window_pattern")
    return Sizes(
        depth, width, heads, kv or heads, vocab, positions or 2048, pattern if isinstance(pattern, str) else ""
    )

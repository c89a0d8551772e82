"""Rules over a config's keys: contradictions that every loader reads past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cardscope.identify import text_key
from cardscope.rules.rule import Found, Rule

Config = Mapping[str, Any]
TOKENS: Final = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")


def places(data: Config) -> Iterator[tuple[str, Config]]:
    """(prefix of its keys, part of the config): the whole, and the text model's."""
    yield "", data
    key = text_key(data)
    if key is not None:
        yield f"{key}.", data[key]


def number(config: Config, key: str) -> float | None:
    """A number under a key; None where there is none."""
    value = config.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def scaling(config: Config) -> Config:
    """The rope scaling, empty where there is none."""
    found = config.get("rope_scaling")
    return found if isinstance(found, Mapping) else {}


def tokens(config: Config) -> Iterator[tuple[str, int]]:
    """(key, id) of every special token."""
    for key in TOKENS:
        value = config.get(key)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, int) and not isinstance(each, bool):
                yield key, each


def rope_reach(config: Config) -> Found:
    """The rope scaling does not reach the stated context.

    `factor` times `original_max_position_embeddings` is less than `max_position_embeddings`, so that positions are
    promised for which the rotation was not stretched. Fix: raise the factor, or state the context it reaches.
    """
    rope, stated = scaling(config), number(config, "max_position_embeddings")
    factor, trained = number(rope, "factor"), number(rope, "original_max_position_embeddings")
    kind = rope.get("rope_type", rope.get("type"))
    if kind in {"yarn", "linear", "dynamic"} and factor and trained and stated and factor * trained < stated:
        yield "rope_scaling", f"{factor:g} × {trained:,.0f} positions are fewer than the {stated:,.0f} stated"


def rope_untyped(config: Config) -> Found:
    """The rope scaling does not say of which type it is.

    Without `rope_type` (or `type`) a loader ignores the scaling or refuses the file. Fix: add `rope_type`.
    """
    rope = scaling(config)
    if "factor" in rope and not {"rope_type", "type"} & set(rope):
        yield "rope_scaling", "a factor is given and no rope_type"


def rope_two_types(config: Config) -> Found:
    """The rope scaling names two types.

    Loaders differ in whether `type` or `rope_type` wins. Fix: keep `rope_type` alone.
    """
    rope = scaling(config)
    old, new = rope.get("type"), rope.get("rope_type")
    # Qwen-VL's mrope is written as type, and saved again as default.
    if isinstance(old, str) and isinstance(new, str) and old != new and old != "mrope":
        yield "rope_scaling", f"type is {old[:40]} and rope_type is {new[:40]}"


def window_beyond_context(config: Config) -> Found:
    """The sliding window is wider than the context.

    A window of more tokens than the model has positions never closes, so that the model attends in full. Fix: none
    is needed; leave the window out to say so.
    """
    window, stated = number(config, "sliding_window"), number(config, "max_position_embeddings")
    if window and stated and window > stated and config.get("use_sliding_window", True):
        yield "sliding_window", f"a window of {window:,.0f} never closes in {stated:,.0f} positions"


def window_missing(config: Config) -> Found:
    """A sliding window is switched on and none is given.

    `use_sliding_window` is true while `sliding_window` is null, and the loader falls back to full attention or
    fails. Fix: give the window or switch it off.
    """
    if config.get("use_sliding_window") is True and "sliding_window" in config and config["sliding_window"] is None:
        yield "sliding_window", "use_sliding_window is true and sliding_window is null"


def token_beyond_vocabulary(config: Config) -> Found:
    """A special token lies outside the vocabulary.

    An id at or above `vocab_size` has no embedding: generation that meets it fails with an index error. Fix: correct
    the id or the vocabulary.
    """
    size = number(config, "vocab_size")
    for key, token in tokens(config):
        if size is not None and token >= size:
            yield key, f"token {token:,} has no row in a vocabulary of {size:,.0f}"


def token_negative(config: Config) -> Found:
    """A special token has a negative id.

    -1 was written for "none"; as an index it means the last row of the embedding. Fix: null.
    """
    for key, token in tokens(config):
        if token < 0:
            yield key, f"token {token} is no row of an embedding"


def dtype_twice(config: Config) -> Found:
    """`dtype` and `torch_dtype` disagree.

    Versions of transformers before and after 5 then load different precisions. Fix: keep one of them.
    """
    new, old = config.get("dtype"), config.get("torch_dtype")
    if isinstance(new, str) and isinstance(old, str) and new.removeprefix("torch.") != old.removeprefix("torch."):
        yield "dtype", f"dtype is {new[:40]} and torch_dtype is {old[:40]}"


def quantization_unnamed(config: Config) -> Found:
    """A quantization is configured without its method.

    Loaders choose the kernels by `quant_method` and refuse or ignore the rest without it. Fix: add `quant_method`.
    """
    found = config.get("quantization_config")
    if "quantization" in config:
        return  # MLX writes both keys, and needs no method
    # bitsandbytes wrote two keys of its own before the method had a name.
    named = isinstance(found, Mapping) and set(found) & {"quant_method", "load_in_4bit", "load_in_8bit"}
    if isinstance(found, Mapping) and found and not named:
        yield "quantization_config", "no quant_method is named"


def version_of_development(config: Config) -> Found:
    """The file was saved by a development version of transformers.

    Keys of such a version may have been renamed before its release. Fix: save it with a released version.
    """
    version = config.get("transformers_version")
    if isinstance(version, str) and ".dev" in version:
        yield "transformers_version", f"saved by {version[:40]}"


def several_classes(config: Config) -> Found:
    """Several classes are named.

    Loaders take the first of `architectures`; readers may take another. Fix: name the class that was saved.
    """
    listed = config.get("architectures")
    if isinstance(listed, list) and len(listed) > 1:
        yield "architectures", f"{len(listed)} classes are named; the first is taken"


def path_left_over(config: Config) -> Found:
    """The file names a folder of the machine it was made on.

    `_name_or_path` holds an absolute path, which helps nobody and may tell a user's name. Fix: remove it.
    """
    path = config.get("_name_or_path")
    if isinstance(path, str) and path.startswith(("/", "~", "C:\\")):
        yield "_name_or_path", f"{path[:80]} is a path of its author's machine"


def odd_head(config: Config) -> Found:
    """The head size is odd.

    Rotary embeddings rotate pairs of numbers, and most kernels want multiples of eight. Fix: check `head_dim`.
    """
    size = number(config, "head_dim")
    if size and size % 2:
        yield "head_dim", f"{size:g} cannot be split into pairs"


def epsilon_out_of_range(config: Config) -> Found:
    """A norm's epsilon is not a small positive number.

    Zero or less divides by zero on a constant input; above 0.01 the norm no longer normalises. Fix: 1e-6 to 1e-5.
    """
    for key in ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_eps"):
        value = number(config, key)
        if value is not None and not 0 < value <= 0.01:
            yield key, f"{value:g} is no epsilon"


def theta_out_of_range(config: Config) -> Found:
    """The rotary base is too small to tell positions apart.

    Bases below 100 repeat within a sentence. Fix: 10,000 is usual, larger for longer contexts.
    """
    value = number(config, "rope_theta")
    if value is not None and value < 100:
        yield "rope_theta", f"a base of {value:g}"


def dropout_out_of_range(config: Config) -> Found:
    """A dropout is not a probability.

    Outside of 0 to 1 training fails. Fix: a number from 0 to 1.
    """
    for key in (
        "attention_dropout",
        "hidden_dropout_prob",
        "attention_probs_dropout_prob",
        "resid_pdrop",
        "embd_pdrop",
    ):
        value = number(config, key)
        if value is not None and not 0 <= value < 1:
            yield key, f"{value:g} is no probability"


RULES: Final = (
    Rule("CS301", "warning", rope_reach),
    Rule("CS302", "warning", rope_untyped),
    Rule("CS303", "warning", rope_two_types),
    Rule("CS304", "info", window_beyond_context),
    Rule("CS305", "warning", window_missing),
    Rule("CS306", "error", token_beyond_vocabulary),
    Rule("CS307", "info", token_negative),
    Rule("CS308", "warning", dtype_twice),
    Rule("CS309", "warning", quantization_unnamed),
    Rule("CS310", "info", version_of_development),
    Rule("CS311", "info", several_classes),
    Rule("CS312", "info", path_left_over),
    Rule("CS313", "warning", odd_head),
    Rule("CS314", "warning", epsilon_out_of_range),
    Rule("CS315", "warning", theta_out_of_range),
    Rule("CS316", "warning", dropout_out_of_range),
)

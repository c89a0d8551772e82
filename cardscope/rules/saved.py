"""Rules over what a config carries along: settings of a training run, and counts that cannot both be meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cardscope.rules.config import number, scaling
from cardscope.rules.rule import Found, Rule, generates

Config = Mapping[str, Any]
EXPERTS: Final = ("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts")
CHOSEN: Final = ("num_experts_per_tok", "num_experts_per_token", "moe_top_k", "top_k_experts")
LARGEST: Final = 1.0


def cache_switched_off(config: Config) -> Found:
    """The KV cache is switched off.

    `use_cache` is false, as gradient checkpointing leaves it after training: each new token then computes all the
    tokens before it again. Fix: true, or leave the key out.
    """
    if config.get("use_cache") is False and generates(config):
        yield "use_cache", "use_cache is false: generation recomputes every earlier token"


def more_experts_than_there_are(config: Config) -> Found:
    """More experts fire than there are.

    The router takes the best of fewer experts than it is asked for, and fails. Fix: correct either count.
    """
    for key in CHOSEN:
        fired = number(config, key)
        for name in EXPERTS:
            there = number(config, name)
            if fired is not None and there and fired > there:
                yield key, f"{fired:g} experts a token, and {name} is {there:g}"


def rope_shrinks(config: Config) -> Found:
    """The rope scaling shrinks the context.

    A factor below 1 presses positions apart instead of together; it is the inverse of the one that was meant. Fix:
    write how many times longer the context becomes.
    """
    factor = number(scaling(config), "factor")
    if factor is not None and 0 < factor < 1:
        yield "rope_scaling", f"a factor of {factor:g} shortens the context"


def trained_beyond_context(config: Config) -> Found:
    """The original context of the rope scaling is longer than the context.

    `original_max_position_embeddings` is what the model was trained on before its context was stretched; it cannot
    exceed what it was stretched to. Fix: check that the two are not exchanged.
    """
    trained = number(scaling(config), "original_max_position_embeddings")
    stated = number(config, "max_position_embeddings")
    if trained and stated and trained > stated:
        yield "rope_scaling", f"trained on {trained:,.0f} positions, and only {stated:,.0f} are stated"


def initializer_out_of_range(config: Config) -> Found:
    """The initializer's range is none.

    Weights that are drawn anew, as for a new head, all start at zero, or so large that training diverges. Fix: 0.02
    is usual.
    """
    value = number(config, "initializer_range")
    if value is not None and not 0 < value <= LARGEST:
        yield "initializer_range", f"{value:g} is no standard deviation of weights"


def kernel_pinned(config: Config) -> Found:
    """The file pins an attention kernel.

    `_attn_implementation` belongs to the run that saved it. Where that kernel is not installed the model does not
    load. Fix: remove the key, and choose the kernel when loading.
    """
    for key in ("_attn_implementation", "attn_implementation"):
        value = config.get(key)
        if isinstance(value, str) and value not in {"eager", "sdpa", ""}:
            yield key, f"{value[:60]} is needed to load it"


def bits_out_of_range(config: Config) -> Found:
    """The bits of a quantization are none that are in use.

    Kernels exist for 2, 3, 4, 6 and 8 bits, and 1.58 for ternary weights. Fix: check `bits`.
    """
    found = config.get("quantization_config")
    bits = number(found, "bits") if isinstance(found, Mapping) else None
    if bits is not None and not 1 <= bits <= 8 and bits != 16:
        yield "quantization_config", f"{bits:g} bits"


def two_quantizations(config: Config) -> Found:
    """Two quantizations are configured.

    `load_in_4bit` and `load_in_8bit` exclude each other, and the loader refuses both. Fix: keep the one that was used.
    """
    found = config.get("quantization_config")
    if isinstance(found, Mapping) and found.get("load_in_4bit") is True and found.get("load_in_8bit") is True:
        yield "quantization_config", "load_in_4bit and load_in_8bit are both true"


def no_end_token(config: Config) -> Found:
    """A model that generates names no token that ends its answer.

    Without `eos_token_id` here or in generation_config.json, generation stops at the length limit only. Fix: set it.
    """
    if generates(config) and "eos_token_id" in config and config["eos_token_id"] is None:
        yield "eos_token_id", "eos_token_id is null"


def checkpointing_left_on(config: Config) -> Found:
    """Gradient checkpointing is left on.

    The key belongs to the training run; versions of transformers since 4.11 warn of it or ignore it. Fix: remove it.
    """
    if config.get("gradient_checkpointing") is True:
        yield "gradient_checkpointing", "gradient_checkpointing is a setting of training"


def labels_disagree(config: Config) -> Found:
    """The two tables of labels disagree.

    `id2label` and `label2id` are each other's inverse; where they are not, a prediction is given another name than
    was trained. Fix: derive one from the other.
    """
    names, ids = config.get("id2label"), config.get("label2id")
    if not (isinstance(names, Mapping) and isinstance(ids, Mapping) and names and ids):
        return
    wrong = [key for key, name in names.items() if isinstance(name, str) and str(ids.get(name)) != str(key)]
    # Several ids with one name, as translations have, cannot be told apart by the inverse.
    if wrong and len({str(name) for name in names.values()}) == len(names):
        yield "label2id", f"label {str(wrong[0])[:40]} has another id in label2id"


RULES: Final = (
    Rule("CS317", "warning", cache_switched_off),
    Rule("CS318", "error", more_experts_than_there_are),
    Rule("CS319", "warning", rope_shrinks),
    Rule("CS320", "warning", trained_beyond_context),
    Rule("CS321", "info", initializer_out_of_range),
    Rule("CS322", "warning", kernel_pinned),
    Rule("CS323", "warning", bits_out_of_range),
    Rule("CS324", "error", two_quantizations),
    Rule("CS325", "info", no_end_token),
    Rule("CS326", "info", checkpointing_left_on),
    Rule("CS327", "warning", labels_disagree),
)

"""A real model of a tiny config, run in bf16 on the CPU, and the bytes its cache holds afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import DynamicCache, EncoderDecoderCache

from tests.oracle.meta import model_config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import transformers
    from transformers import Cache

STEPS = 2
CACHES = ("past_key_values", "cache_params", "state", "past_buckets_states", "mems")


def run(config: Mapping[str, object], tokens: int) -> tuple[object, list[object]]:
    """The cache after `tokens` tokens, and states that modules keep themselves.

    A prefill of all tokens but the last few, then one token at a time.
    """
    model_class, prepared = model_config(config)
    prepared._attn_implementation = "eager"
    # The grouped kernel wants widths in multiples of sixteen bytes.
    prepared._experts_implementation = "eager"
    torch.manual_seed(0)
    # Tensors this small lose more to threads than they gain.
    torch.set_num_threads(1)
    model = model_class(prepared).to(torch.bfloat16).eval()
    ids = torch.randint(4, 90, (1, tokens))
    own = given(prepared)
    cache: dict[str, object] = {} if own is None else {"past_key_values": own}
    with torch.no_grad():
        for piece in (ids[:, :-STEPS], *ids[:, -STEPS:].split(1, dim=1)):
            output = model(input_ids=piece, use_cache=True, **cache)
            name = next((name for name in CACHES if getattr(output, name, None) is not None), None)
            cache = {name: output[name]} if name and own is None else cache
    inside = [each for module in model.modules() for each in vars(module).values() if isinstance(each, torch.Tensor)]
    return next(iter(cache.values())), inside


def given(config: transformers.PreTrainedConfig) -> Cache | None:
    """A cache for the types that do not hand theirs back, or fail to make one for lack of a layer count."""
    if config.model_type == "recurrent_gemma":
        return DynamicCache(config=config)
    if config.model_type in {"blt", "prophetnet"}:
        return EncoderDecoderCache(DynamicCache(), DynamicCache())
    return None


def held(cache: object) -> int:
    """Bytes of every floating-point number kept in a cache or an attribute; counters and lengths do not count."""
    return sum(each.numel() * each.element_size() for each in {id(each): each for each in _tensors(cache)}.values())


def held_by_layer(cache: object) -> list[int]:
    """The same for each layer of a transformers Cache."""
    return [held(layer) for layer in cache.layers]  # type: ignore[attr-defined]


def _tensors(value: object) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)
    elif hasattr(value, "__dict__") and not isinstance(value, torch.dtype | torch.device | type):
        yield from _tensors({name: each for name, each in vars(value).items() if name != "config"})

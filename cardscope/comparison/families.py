"""Families of models as facts, so that comparing them asks nobody: name → configs in order of size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cardscope.errors import UsageError

Config = Mapping[str, object]

_NANOCHAT: Final = (4, 8, 12, 16, 20, 26, 32)
_GPT2: Final = {"gpt2": (768, 12, 12), "gpt2-medium": (1024, 24, 16), "gpt2-large": (1280, 36, 20)}
_GPT2_XL: Final = {"gpt2-xl": (1600, 48, 25)}
_GPT3: Final = {
    "gpt3-125m": (768, 12, 12),
    "gpt3-350m": (1024, 24, 16),
    "gpt3-760m": (1536, 24, 16),
    "gpt3-1.3b": (2048, 24, 24),
    "gpt3-2.7b": (2560, 32, 32),
    "gpt3-6.7b": (4096, 32, 32),
    "gpt3-13b": (5140, 40, 40),
    "gpt3-175b": (12_288, 96, 96),
}
"""Width, layers, heads as printed in Brown et al. 2020 (arXiv:2005.14165), table 2.1."""
_LLAMA: Final = {
    "llama-2-7b": (4096, 32, 32, 32, 11_008, 32_000, 4096),
    "llama-2-13b": (5120, 40, 40, 40, 13_824, 32_000, 4096),
    "llama-2-70b": (8192, 80, 64, 8, 28_672, 32_000, 4096),
    "llama-3-8b": (4096, 32, 32, 8, 14_336, 128_256, 8192),
    "llama-3-70b": (8192, 80, 64, 8, 28_672, 128_256, 8192),
    "llama-3.1-405b": (16_384, 126, 128, 8, 53_248, 128_256, 131_072),
}
"""Width, layers, heads, KV heads, MLP width, vocabulary, positions of meta-llama's repositories."""

FAMILIES: Final = ("nanochat", "gpt2", "gpt3", "llama")


def members(family: str) -> dict[str, str | Config]:
    """Name → a MODEL word or a config. Raises UsageError for a family that is not here."""
    if family == "nanochat":
        return {f"nanochat:d{depth}": f"nanochat:d{depth}" for depth in _NANOCHAT}
    if family in {"gpt2", "gpt3"}:
        rows, positions = (_GPT2 | _GPT2_XL, 1024) if family == "gpt2" else (_GPT3, 2048)
        return {name: _gpt(*sizes, positions) for name, sizes in rows.items()}
    if family == "llama":
        return {name: _llama(*sizes) for name, sizes in _LLAMA.items()}
    raise UsageError(f"no family is named {family[:40]}", hint=f"one of {', '.join(FAMILIES)}")


def _gpt(width: int, layers: int, heads: int, positions: int) -> Config:
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_embd": width,
        "n_layer": layers,
        "n_head": heads,
        "n_positions": positions,
        "vocab_size": 50_257,
    }


def _llama(width: int, layers: int, heads: int, kv: int, inner: int, vocab: int, positions: int) -> Config:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "intermediate_size": inner,
        "vocab_size": vocab,
        "max_position_embeddings": positions,
        "tie_word_embeddings": False,
        "dtype": "bfloat16",
    }

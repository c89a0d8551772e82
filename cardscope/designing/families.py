"""Families a design can be of: which of their sizes may vary, and the config each would write for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from cardscope.errors import UsageError
from cardscope.nanochat.epochs import BY_NAME, Sizes, release
from cardscope.source import formula

FAMILIES: Final = ("nanochat", "gpt2", "llama", "qwen3")
Config = dict[str, object]


class Shape(NamedTuple):
    """The sizes of one architecture."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    inner: int
    vocab: int
    tied: bool
    context: int


class Family(NamedTuple):
    """What may vary in a family, and its config from sizes."""

    name: str
    build: Callable[[Shape], Config]
    mlp: tuple[float, ...]
    """MLP width over width, unless asked otherwise."""
    inner_multiple: int = 1
    """The MLP's width is rounded up to a multiple of it."""
    fixed_mlp: bool = False
    grouped: bool = False
    ties: tuple[bool, ...] = (False,)
    may_tie: tuple[bool, ...] = (False, True)
    period: int = 1
    """After how many layers the pattern of the layers repeats."""
    padded: bool = False
    """Whether the tables' rows are the vocabulary rounded up to 64."""

    def inner(self, width: int, ratio: float) -> int:
        """The MLP's width."""
        step = self.inner_multiple
        return -(-round(width * ratio) // step) * step


def family(name: str, word: str = "original") -> Family:
    """The family of that name; `word` is a release of nanochat. Raises UsageError."""
    if name not in FAMILIES:
        raise UsageError(f"no family is named {name[:40]}", hint=f"one of {', '.join(FAMILIES)}")
    if name != "nanochat" and word != "original":
        raise UsageError(f"{name} has no releases", hint="leave --release out, or --family nanochat")
    if name == "gpt2":
        return Family("gpt2", _gpt2, (4.0,), ties=(True,))
    if name == "llama":
        return Family("llama", _llama, (8 / 3,), inner_multiple=64, grouped=True, ties=(True, False))
    if name == "qwen3":
        return Family("qwen3", _qwen3, (3.0,), inner_multiple=64, grouped=True, ties=(True, False))
    epoch = release(word).epoch
    if epoch.name == "E0":
        return Family("nanochat", _nanochat, (4.0,), fixed_mlp=True)
    if epoch.bigram:
        raise UsageError(
            "release E5 lasted one day, and its table of bigrams is not searched", hint="--release E4 or head"
        )
    build = partial(_later, epoch.name)
    return Family("nanochat", build, (4.0,), fixed_mlp=True, may_tie=(False,), period=4, padded=True)


def _nanochat(shape: Shape) -> Config:
    """The original release, which is transformers' class."""
    return formula.native(_sizes(shape, "")) | {
        "tie_word_embeddings": shape.tied,
        "max_position_embeddings": shape.context,
    }


def _later(name: str, shape: Shape) -> Config:
    """A later release, in nanochat's own keys."""
    epoch = BY_NAME[name]
    return formula.own(_sizes(shape, "SSSL" if epoch.short_window else ""), epoch)


def _sizes(shape: Shape, window: str) -> Sizes:
    return Sizes(shape.layers, shape.width, shape.heads, shape.kv_heads, shape.vocab, shape.context, window)


def _gpt2(shape: Shape) -> Config:
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_embd": shape.width,
        "n_head": shape.heads,
        "n_inner": shape.inner,
        "n_layer": shape.layers,
        "n_positions": shape.context,
        "vocab_size": shape.vocab,
        "tie_word_embeddings": shape.tied,
        "dtype": "bfloat16",
    }


def _llama(shape: Shape) -> Config:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": shape.width,
        "intermediate_size": shape.inner,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": shape.context,
        "vocab_size": shape.vocab,
        "tie_word_embeddings": shape.tied,
        "dtype": "bfloat16",
    }


def _qwen3(shape: Shape) -> Config:
    return _llama(shape) | {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "rms_norm_eps": 1e-6}

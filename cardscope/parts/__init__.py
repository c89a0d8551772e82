"""The vocabulary that declarations are written in."""

from cardscope.parts.attention import Attention, LatentAttention
from cardscope.parts.ffn import Mlp, Moe, activation
from cardscope.parts.mixer import DeltaNet, KimiDelta, Lightning, Mamba, Mamba2, ShortConv
from cardscope.parts.plain import BARE, LAYER, RMS, Bag, Head, Norm, Table, project
from cardscope.parts.recurrent import Memory, MLstm, Reused, RgLru, Rwkv, Rwkv5, rwkv_channel
from cardscope.parts.shared import Compressor, NgramMemory, SharedAttention
from cardscope.parts.spec import Layer, Spec, Tower
from cardscope.parts.tensor import CacheKind, Part, State, Tensor, linear, norm

__all__ = [
    "BARE",
    "LAYER",
    "RMS",
    "Attention",
    "Bag",
    "CacheKind",
    "Compressor",
    "DeltaNet",
    "Head",
    "KimiDelta",
    "LatentAttention",
    "Layer",
    "Lightning",
    "MLstm",
    "Mamba",
    "Mamba2",
    "Memory",
    "Mlp",
    "Moe",
    "NgramMemory",
    "Norm",
    "Part",
    "Reused",
    "RgLru",
    "Rwkv",
    "Rwkv5",
    "SharedAttention",
    "ShortConv",
    "Spec",
    "State",
    "Table",
    "Tensor",
    "Tower",
    "activation",
    "linear",
    "norm",
    "project",
    "rwkv_channel",
]

"""Checkpoints for tests: real headers over holes, so that a file of 16 GB takes no space."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from cardscope.checkpoint.header import DTYPE_BITS

Tensors = dict[str, tuple[str, tuple[int, ...]]]


def header(tensors: Tensors) -> tuple[bytes, int]:
    """The JSON of a safetensors header, and the bytes of data it describes."""
    at, entries = 0, {}
    for name, (dtype, shape) in tensors.items():
        count = 1
        for length in shape:
            count *= length
        size = (count * DTYPE_BITS[dtype] + 7) // 8
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    return json.dumps(entries).encode(), at


def write(path: Path, tensors: Tensors) -> int:
    """A safetensors file whose tensors are a hole; returns their bytes."""
    text, size = header(tensors)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + size)
    return size


def shards(folder: Path, tensors: Tensors, count: int, *, index: bool = True, **metadata: object) -> dict[str, object]:
    """The tensors in `count` shards, with their index unless told otherwise; returns the index."""
    names = [f"model-{n + 1:05}-of-{count:05}.safetensors" for n in range(count)]
    parts: list[Tensors] = [{} for _ in range(count)]
    for at, (name, tensor) in enumerate(tensors.items()):
        parts[at * count // len(tensors)][name] = tensor
    total = sum(write(folder / name, part) for name, part in zip(names, parts, strict=True))
    placed = {name: names[n] for n, part in enumerate(parts) for name in part}
    found: dict[str, object] = {"metadata": {"total_size": total, **metadata}, "weight_map": placed}
    if index:
        (folder / "model.safetensors.index.json").write_text(json.dumps(found))
    return found


def stub(tensors: Tensors) -> tuple[bytes, int]:
    """The start of a safetensors file, up to its data, and the whole file's length."""
    text, size = header(tensors)
    return struct.pack("<Q", len(text)) + text, 8 + len(text) + size


def repository(tensors: Tensors, count: int, **metadata: object) -> tuple[dict[str, bytes], dict[str, int]]:
    """Files of a sharded repository (index and the starts of its shards), and the shards' whole lengths."""
    names = [f"model-{n + 1:05}-of-{count:05}.safetensors" for n in range(count)]
    parts: list[Tensors] = [{} for _ in range(count)]
    for at, (name, tensor) in enumerate(tensors.items()):
        parts[at * count // len(tensors)][name] = tensor
    files, grown = {}, {}
    for name, part in zip(names, parts, strict=True):
        files[name], grown[name] = stub(part)
    total = sum(grown[n] - len(files[n]) for n in names)
    placed = {name: names[n] for n, part in enumerate(parts) for name in part}
    index = {"metadata": {"total_size": total, **metadata}, "weight_map": placed}
    return {**files, "model.safetensors.index.json": json.dumps(index).encode()}, grown


LLAMA = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 128,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 256,
    "max_position_embeddings": 512, "tie_word_embeddings": False, "torch_dtype": "bfloat16", "rms_norm_eps": 1e-5,
}  # fmt: skip
"""A small Llama: widths that every quantizer's groups divide."""
LINEARS = {
    "self_attn.q_proj": (64, 64), "self_attn.k_proj": (32, 64), "self_attn.v_proj": (32, 64),
    "self_attn.o_proj": (64, 64), "mlp.gate_proj": (128, 64), "mlp.up_proj": (128, 64), "mlp.down_proj": (64, 128),
}  # fmt: skip
"""Its linear layers, (out, in)."""
TOTAL = 2 * 256 * 64 + 64 + 2 * (sum(a * b for a, b in LINEARS.values()) + 2 * 64)


def llama(dtype: str = "BF16", pack=None) -> Tensors:
    """The tensors of LLAMA; `pack(path, out, in)` gives those of one linear layer."""
    found: Tensors = {"model.embed_tokens.weight": (dtype, (256, 64))}
    for layer in range(2):
        at = f"model.layers.{layer}"
        for path, shape in LINEARS.items():
            name = f"{at}.{path}"
            found |= pack(name, *shape) if pack else {f"{name}.weight": (dtype, shape)}
        for norm in ("input_layernorm", "post_attention_layernorm"):
            found[f"{at}.{norm}.weight"] = (dtype, (64,))
    found["model.norm.weight"] = (dtype, (64,))
    found["lm_head.weight"] = (dtype, (256, 64))
    return found

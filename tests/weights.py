"""Checkpoints for tests: real headers over holes, so that a file of 16 GB takes no space."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from cardscope.checkpoint.header import DTYPE_BITS
from cardscope.nanochat.epochs import Epoch, Sizes
from cardscope.nanochat.stored import numbers

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


def padded(start: bytes, more: int) -> bytes:
    """A stub whose header is longer by `more` spaces, as writers may align it."""
    return struct.pack("<Q", len(start) - 8 + more) + start[8:] + b" " * more


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


def gguf(tensors: dict[str, tuple[int, tuple[int, ...]]], architecture: str = "llama", **values: object) -> bytes:
    """A GGUF file up to its tensors: `values` are the architecture's own (integers, or lists of strings).

    A tensor is (ggml's number of its type, shape in torch's order).
    """

    def text(word: str) -> bytes:
        return struct.pack("<Q", len(word)) + word.encode()

    pairs: list[tuple[str, bytes]] = [("general.architecture", struct.pack("<I", 8) + text(architecture))]
    for key, value in values.items():
        name = key.replace("__", ".")
        name = name if name.startswith(("tokenizer.", "split.", "general.")) else f"{architecture}.{name}"
        if isinstance(value, int):
            pairs.append((name, struct.pack("<II", 4, value)))
        elif isinstance(value, list):
            pairs.append((name, struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs))
    body = b"".join(text(name) + value for name, value in pairs)
    for name, (kind, shape) in tensors.items():
        body += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape), kind, 0)
    return head + body


GGUF_VALUES = {
    "block_count": 2, "embedding_length": 256, "feed_forward_length": 512, "context_length": 1024,
    "attention__head_count": 4, "attention__head_count_kv": 2, "rope__dimension_count": 64,
    "tokenizer__ggml__tokens": [f"<{n}>" for n in range(5000)],
}  # fmt: skip
_LAYER = {
    "attn_q": (12, (256, 256)), "attn_k": (12, (128, 256)), "attn_v": (14, (128, 256)), "attn_output": (12, (256, 256)),
    "ffn_gate": (12, (512, 256)), "ffn_up": (12, (512, 256)), "ffn_down": (14, (256, 512)), "attn_norm": (0, (256,)),
    "ffn_norm": (0, (256,)),
}  # fmt: skip
GGUF_TENSORS = {
    "token_embd.weight": (14, (512, 256)), "output.weight": (14, (512, 256)), "output_norm.weight": (0, (256,)),
    **{f"blk.{n}.{name}.weight": tensor for n in range(2) for name, tensor in _LAYER.items()},
}  # fmt: skip
GGUF_TOTAL = 1_443_072
GGUF_BYTES = 851_968 * 144 // 256 + 589_824 * 210 // 256 + 1_280 * 4
"""By hand: Q4_K, Q6_K and F32; gguf-py's writer makes the same file of 968,192 bytes of tensors."""


def nanochat_file(sizes: Iterable[int]) -> bytes:
    """A model_*.pt as torch.save lays it out: storages of these bytes, and a pickle that must never be loaded."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02cos\nsystem\n(S'false'\ntR.")
        for key, size in enumerate(sizes):
            archive.writestr(f"archive/data/{key}", bytes(size))
    return whole.getvalue()


def nanochat_storages(epoch: Epoch, sizes: Sizes, per: tuple[int, int] = (2, 4)) -> Iterator[int]:
    """Bytes of every tensor of a state dict: `per` number of a table, and of any other."""
    for count, table, copies in numbers(epoch, sizes):
        yield from [count * per[0 if table else 1]] * copies

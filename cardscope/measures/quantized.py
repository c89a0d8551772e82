"""The precision a config says its weights are published in, as a scheme of bits and scales."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from cardscope.inventory import Inventory
from cardscope.measures.heuristic import Term
from cardscope.measures.precision import NF4_NESTED, NF4_TABLE, Scheme, quantizable
from cardscope.parts import Tensor


def published(config: Mapping[str, object], *, strict: bool = True) -> Scheme | str | None:
    """The scheme of `quantization_config`, None where there is none, or a reason why it cannot be told.

    A list of modules that stay as they were is a reason, unless it names only what is never packed; with strict=False
    it is passed over.
    """
    found = settings(config)
    if found is None:
        return None
    method = str(found.get("quant_method", found.get("quant_type", "unnamed"))).lower()
    if method == "unnamed" and isinstance(found.get("quant_algo"), str):
        method = "modelopt"
    read = METHODS.get(method)
    if read is None:
        return f"the bytes of quantization {method!r} are told by the checkpoint's headers, not by the config"
    scheme = read(found)
    # Where experts alone are packed, a list of all the rest says nothing new.
    kept = "" if isinstance(scheme, str) or scheme.experts or not strict else _kept(found, _layers(config))
    return f"{kept} stays unpacked, so the headers tell the bytes, not the config" if kept else scheme


def settings(config: Mapping[str, object]) -> Mapping[str, object] | None:
    """The quantization a config states, its own or its text model's."""
    inner = config.get("text_config")
    for place in (config, inner if isinstance(inner, Mapping) else {}):
        for key in ("quantization_config", "compression_config"):
            found = place.get(key)
            if isinstance(found, Mapping):
                return found
    return None


_LISTS: Final = ("ignore", "modules_to_not_convert", "exclude_modules", "llm_int8_skip_modules")
_NEVER: Final = re.compile(
    r"lm_head|embed|norm|output_layer|vision|visual|audio|projector|merger|img|image|vit|aligner|patch|"
    r"(?:mlp|moe|ffn|block_sparse_moe|feed_forward)\W*\.?\W*(?:gate|router)\W*$|router|e_score|shared_expert_gate|"
    r"correction_bias|rotary|mtp|conv1d|head$"
)


_LAYER: Final = re.compile(r"(?:^|\.)layers\.(\d{1,6})(?:\.|$)")


def _layers(config: Mapping[str, object]) -> int | None:
    """The number of layers a config states, its own or its text model's; what is numbered behind them is extra."""
    inner = config.get("text_config")
    for place in (inner if isinstance(inner, Mapping) else {}, config):
        count = place.get("num_hidden_layers")
        if isinstance(count, int):
            return count
    return None


def _kept(found: Mapping[str, object], layers: int | None) -> str:
    """The first module that a list keeps out and that is packed otherwise, empty where there is none."""
    for key in _LISTS:
        listed = found.get(key)
        for name in listed if isinstance(listed, list) else ():
            if isinstance(name, str) and not _NEVER.search(name) and not _behind(name, layers):
                return name[:60]
    return ""


def _behind(name: str, layers: int | None) -> bool:
    numbered = _LAYER.search(name)
    return layers is not None and numbered is not None and int(numbered[1]) >= layers


def _grouped(found: Mapping[str, object], method: str) -> Scheme | str:
    bits, group = found.get("bits"), found.get("group_size")
    if not isinstance(bits, int) or not isinstance(group, int) or not 1 <= bits <= 8 or group < -1:
        return f"the {method} settings give no bits and group_size"
    rule = f"{bits} bits, an fp16 scale and a zero for each group of {group}"
    # GPTQ says of each input which group it belongs to, in 32 bits.
    return Scheme(method, bits, max(0, group), 16 + bits, rule, column=32 if method == "gptq" else 0, towers=False)


def _fp8(found: Mapping[str, object]) -> Scheme | str:
    match found.get("weight_block_size"):
        case [int(rows), int(columns)] if rows > 0 and columns > 0:
            rule = f"linear layers in 1 byte with one fp32 scale a block of {rows} × {columns}"
            return Scheme("fp8", 8, columns, 32, rule, rows=rows)
        case None:
            return Scheme("fp8", 8, 0, 0, "linear layers in 1 byte with one scale a matrix", each=64)
        case _:
            return "the fp8 settings give no block size"


def _bitsandbytes(found: Mapping[str, object]) -> Scheme:
    if found.get("load_in_8bit") is True:
        return Scheme("int8", 8, 0, 32, "linear layers in 1 byte with one fp32 scale a row", each=8)
    name = "fp4" if found.get("bnb_4bit_quant_type") == "fp4" else "nf4"
    if found.get("bnb_4bit_use_double_quant") is True:
        rule = "4 bits, an 8-bit scale for each 64, an fp32 one for each 256 of these"
        return Scheme(name, 4, 64, 8 + 32 / 256, rule, each=NF4_NESTED)
    return Scheme(name, 4, 64, 32, "4 bits and an fp32 scale for each 64 weights", each=NF4_TABLE)


def _modelopt(found: Mapping[str, object]) -> Scheme | str:
    algorithm = str(found.get("quant_algo", "")).upper()
    if algorithm == "NVFP4":
        return Scheme("nvfp4", 4, 16, 8, "4 bits, an fp8 scale for each 16, two fp32 ones a matrix", each=64)
    if algorithm == "FP8":
        return Scheme("fp8", 8, 0, 0, "1 byte, two fp32 scales a matrix", each=64)
    return f"ModelOpt's {algorithm[:40] or 'unnamed'} packs layers in different ways; the headers tell the bytes"


def _compressed(found: Mapping[str, object]) -> Scheme | str:
    """compressed-tensors with one group of layers; scales are bf16 (compressed_tensors/compressors)."""
    groups = found.get("config_groups")
    first = list(groups.values()) if isinstance(groups, Mapping) else []
    weights = first[0].get("weights") if len(first) == 1 and isinstance(first[0], Mapping) else None
    if not isinstance(weights, Mapping):
        return "several groups of layers are packed in different ways; the headers tell the bytes"
    form, bits, size = str(found.get("format")), weights.get("num_bits"), weights.get("group_size")
    if not isinstance(bits, int) or not 1 <= bits <= 16:
        return "the compressed-tensors settings give no bits"
    group = size if isinstance(size, int) and size > 0 else 0
    scale = 8 if form in {"nvfp4-pack-quantized", "mxfp4-pack-quantized"} else 16
    each, rows = {"nvfp4-pack-quantized": 32.0, "pack-quantized": 128.0}.get(form, 0.0), 1
    match weights.get("strategy"), weights.get("block_structure"):
        case "tensor", _:
            scale, each = 0, each + 16
        case "block", [int(rows), int(group)] if rows > 0 and group > 0:
            pass
        case _:
            pass
    zero = bits if form == "pack-quantized" and weights.get("symmetric") is False else 0
    stored = bits if "pack" in form else 8
    rule = f"{stored} bits and {scale + zero} more for each {group or 'row'}"
    return Scheme("compressed-tensors", stored, group, scale + zero, rule, rows=rows, each=each)


def _torchao(found: Mapping[str, object]) -> Scheme | str:
    """Torchao's configs as transformers writes them: `quant_type.default._type` and its `_data`."""
    kind = found.get("quant_type")
    default = kind.get("default") if isinstance(kind, Mapping) else None
    name = str(default.get("_type")) if isinstance(default, Mapping) else str(kind)
    if name in {"Int8WeightOnlyConfig", "Int8DynamicActivationInt8WeightConfig"}:
        return Scheme("int8", 8, 0, 40, "1 byte, an fp32 scale and a zero of 8 bits a row")
    if name in {"Float8WeightOnlyConfig", "Float8DynamicActivationFloat8WeightConfig"}:
        return Scheme("fp8", 8, 0, 32, "1 byte and an fp32 scale a row")
    return f"torchao's {name[:40]} is told by the checkpoint's headers, not by the config"


def _quanto(found: Mapping[str, object]) -> Scheme | str:
    weights = str(found.get("weights"))
    if weights in {"int8", "float8"}:
        return Scheme(weights, 8, 0, 16, "1 byte and a scale of 16 bits a row", each=32)
    bits = {"int4": 4, "int2": 2}.get(weights)
    if bits is None:
        return f"quanto's {weights[:20]} is not known"
    return Scheme(weights, bits, 128, 32, f"{bits} bits, a scale and a shift of 16 bits for each 128", each=32)


def _hqq(found: Mapping[str, object]) -> Scheme | str:
    inner = found.get("quant_config")
    told = inner.get("weight_quant_params") if isinstance(inner, Mapping) else found
    told = told if isinstance(told, Mapping) else {}
    bits, group = told.get("nbits", found.get("bits")), told.get("group_size", found.get("group_size"))
    if not isinstance(bits, int) or not isinstance(group, int) or not 1 <= bits <= 8 or group < 1:
        return "the hqq settings give no bits and group_size"
    rule = f"{bits} bits, a scale and a zero for each {group}"
    # Ten numbers of 3 bits share a word of 32; a matrix's settings are tensors of 69 bytes in all.
    return Scheme("hqq", 3.2 if bits == 3 else bits, group, 32, rule, each=8 * 69)


METHODS: Final[Mapping[str, Callable[[Mapping[str, object]], Scheme | str]]] = {
    "awq": lambda found: _grouped(found, "awq"),
    "gptq": lambda found: _grouped(found, "gptq"),
    "auto-round": lambda found: _grouped(found, "auto-round"),
    "fp8": _fp8,
    "fbgemm_fp8": lambda _found: Scheme("fp8", 8, 0, 32, "1 byte and an fp32 scale a row"),
    "bitsandbytes": _bitsandbytes,
    "bnb": _bitsandbytes,
    "mxfp4": lambda _found: Scheme(
        "mxfp4", 4, 32, 8, "routed experts in 4 bits with an 8-bit exponent for each 32 weights", experts=True
    ),
    "modelopt": _modelopt,
    "compressed-tensors": _compressed,
    "torchao": _torchao,
    "quanto": _quanto,
    "hqq": _hqq,
}
"""quant_method → what reads its settings."""


def packed_terms(config: Mapping[str, object], inventory: Inventory) -> tuple[Term, ...]:
    """What packing takes from the count of stored numbers, and what scales add, as far as the config tells.

    The Hub counts a word as one number in some formats and unpacks it in others, so each is a candidate of its own.
    """
    scales = block_scales(config, inventory)
    if scales:
        return (Term("quantization scales", scales),)
    mlx = config.get("quantization")
    if isinstance(mlx, Mapping):
        return _mlx(mlx, inventory)
    scheme = published(config, strict=False)
    if isinstance(scheme, Scheme) and scheme.bits == 8 and not scheme.group and scheme.overhead:
        rows = [sum(n * t.numel // t.shape[-1] for n, t in tensors if t.shape[-1]) for tensors in _chosen(inventory)]
        return tuple(Term(SCALES, count) for count in dict.fromkeys(rows))
    if isinstance(scheme, Scheme) and scheme.bits < 8 and scheme.group:
        word = 32 if scheme.name in {"gptq", "awq", "auto-round"} else 8
        only = {"experts"} if scheme.experts and "experts" in inventory.components() else None
        packed, groups = _packed(inventory, scheme.group, only)
        zeros = int(groups * scheme.bits / word) if word == 32 else 0
        return (
            Term(PACKED, int(packed * scheme.bits / word) - packed),
            Term(SCALES, groups),
            Term("zero points", zeros),
            *_routed_words(settings(config) or {}, scheme, inventory),
            *_halves(inventory),
        )
    return _halves(inventory)


SCALES: Final = "quantization scales"
SHAPES: Final = "shapes of packed matrices"


def _routed_words(found: Mapping[str, object], scheme: Scheme, inventory: Inventory) -> tuple[Term, ...]:
    """Routed experts alone in compressed-tensors' int32 words (pack-quantized), which the Hub unpacks.

    Each matrix's `weight_shape` is two int32 numbers as well, and is unpacked with them: 64 / bits for each.
    """
    if found.get("format") != "pack-quantized" or not scheme.group:
        return ()
    routed = [(n, t) for n, t in inventory.tensors() if t.copies > 1 and t.component == "experts" and quantizable(t)]
    groups = sum(n * t.numel // t.shape[-1] * -(-t.shape[-1] // scheme.group) for n, t in routed)
    return Term(SCALES, groups), Term(SHAPES, int(sum(n * t.copies for n, t in routed) * 64 / scheme.bits))


def _chosen(inventory: Inventory) -> list[list[tuple[int, Tensor]]]:
    """What tools pack: all linear layers; all but attention; these and attention's output; the experts."""
    linear = [(n, t) for n, t in inventory.tensors() if quantizable(t)]
    mlp = {"experts", "mlp", "shared experts"}
    return [
        linear,
        [(n, t) for n, t in linear if t.component in mlp],
        [(n, t) for n, t in linear if t.component in mlp or (t.component, t.name) == ("attention", "o.weight")],
        [(n, t) for n, t in linear if t.component == "experts"],
    ]


PACKED: Final = "packed words"


def _packed(inventory: Inventory, group: int, only: set[str] | None = None) -> tuple[int, int]:
    """Numbers of the matrices that are packed, and their groups."""
    packed = groups = 0
    for count, tensor in inventory.tensors():
        if quantizable(tensor) and (only is None or tensor.component in only):
            packed += count * tensor.numel
            groups += count * tensor.numel // tensor.shape[-1] * -(-tensor.shape[-1] // group)
    return packed, groups


def _halves(inventory: Inventory) -> tuple[Term, ...]:
    """Two numbers a byte for each choice of matrices, and a scale for each 16 of them, which the Hub may not count.

    ModelOpt keeps its settings in a file of its own (hf_quant_config.json), so the config is silent where the Hub's
    total is half.
    """
    counts = [sum(n * t.numel for n, t in tensors) for tensors in _chosen(inventory)]
    found = [count for count in dict.fromkeys(counts) if count]
    return (*(Term(PACKED, -(n // 2)) for n in found), *(Term(SCALES, n // 16) for n in found if not n % 16))


def _mlx(found: Mapping[str, object], inventory: Inventory) -> tuple[Term, ...]:
    """MLX packs every matrix, tables and head as well, into words of 32 bits; a scale and a bias for each group."""
    bits, group = found.get("bits"), found.get("group_size")
    if not isinstance(bits, int) or not isinstance(group, int) or not 1 <= bits <= 8 or group < 1:
        return ()
    matrices = [(n, t) for n, t in inventory.tensors() if t.kind in {"linear", "table"} and len(t.shape) > 1]
    packed = sum(n * t.numel for n, t in matrices)
    groups = sum(n * t.numel // t.shape[-1] * -(-t.shape[-1] // group) for n, t in matrices)
    return (
        Term(PACKED, packed * bits // 32 - packed), Term("quantization scales", groups), Term("zero points", groups),
    )  # fmt: skip


INDEX_WEIGHTS: Final = "index.weights.weight"
"""An indexer's weights of its heads stay in 16 or 32 bits (DeepSeek-V3.2-Exp, inference/model.py: weights_proj)."""


def block_scales(config: Mapping[str, object], inventory: Inventory) -> int:
    """Scales that fp8 in blocks stores: one for each block of each packed matrix, extra prediction layers included.

    DeepSeek-V3 (arXiv:2412.19437 §3.3): blocks of 128 × 128, 41,540,496 scales. Zero where the config names no blocks.
    """
    found = config.get("quantization_config")
    size = found.get("weight_block_size") if isinstance(found, Mapping) else None
    match size:
        case [int(rows), int(columns)] if rows > 0 and columns > 0:
            return sum(
                group.count * _blocks(tensor, rows, columns)
                for group in (*inventory.groups, *inventory.mtp)
                for part in group.parts
                for tensor in part.tensors()
                # What joins an extra layer to the main model stays in bf16, as do head, router and tables.
                if quantizable(tensor) and tensor.component != "mtp" and tensor.name != INDEX_WEIGHTS
            )
        case _:
            return 0


def _blocks(tensor: Tensor, rows: int, columns: int) -> int:
    width = tensor.shape[-1]
    height = tensor.numel // (width * tensor.copies) if width and tensor.copies else 0
    return tensor.copies * -(-height // rows) * -(-width // columns)

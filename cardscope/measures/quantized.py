"""The precision a config says its weights are published in, as a scheme of bits and scales."""

from __future__ import annotations

from collections.abc import Mapping

from cardscope.inventory import Inventory
from cardscope.measures.precision import Scheme, quantizable
from cardscope.parts import Tensor


def published(config: Mapping[str, object]) -> Scheme | str | None:
    """The scheme of `quantization_config`, None where there is none, or a reason why it cannot be told."""
    inner = config.get("text_config")
    found = config.get("quantization_config")
    if found is None and isinstance(inner, Mapping):
        found = inner.get("quantization_config")
    if not isinstance(found, Mapping):
        return None
    method = str(found.get("quant_method", found.get("quant_type", "unnamed"))).lower()
    if method in {"awq", "gptq"}:
        return _grouped(found, method)
    if method == "fp8":
        rule = "linear layers in 1 byte with one fp32 scale a block of 128 × 128"
        return Scheme("fp8", 8, 128, 32, rule, rows=128)
    if method in {"bitsandbytes", "bnb"}:
        return _bitsandbytes(found)
    if method == "mxfp4":
        rule = "routed experts in 4 bits with an 8-bit exponent for each 32 weights"
        return Scheme("mxfp4", 4, 32, 8, rule, experts=True)
    return f"the bytes of quantization {method!r} are told by the checkpoint's headers, not by the config"


def _grouped(found: Mapping[str, object], method: str) -> Scheme | str:
    bits, group = found.get("bits"), found.get("group_size")
    if not isinstance(bits, int) or not isinstance(group, int) or not 1 <= bits <= 8 or group < -1:
        return f"the {method} settings give no bits and group_size"
    size = max(0, group)
    return Scheme(method, bits, size, 16 + bits, f"{bits} bits, an fp16 scale and a zero for each group of {group}")


def _bitsandbytes(found: Mapping[str, object]) -> Scheme:
    if found.get("load_in_8bit") is True:
        return Scheme("int8", 8, 0, 32, "linear layers in 1 byte with one fp32 scale a row")
    if found.get("bnb_4bit_use_double_quant") is True:
        return Scheme(
            "nf4", 4, 64, 8 + 32 / 256, "4 bits, an 8-bit scale for each 64, an fp32 one for each 256 of these"
        )
    return Scheme("nf4", 4, 64, 32, "4 bits and an fp32 scale for each 64 weights")


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
                if quantizable(tensor) and tensor.component != "mtp"
            )
        case _:
            return 0


def _blocks(tensor: Tensor, rows: int, columns: int) -> int:
    width = tensor.shape[-1]
    height = tensor.numel // (width * tensor.copies) if width and tensor.copies else 0
    return tensor.copies * -(-height // rows) * -(-width // columns)

"""Logical parameters of every quantized format: the same small Llama, packed as each tool packs it.

Shapes follow the tools' own code, named in cardscope/checkpoint/formats; nothing here is read back by those tools.
"""

from __future__ import annotations

import json
import math

import pytest

import cardscope
from tests import weights as w

PACKED = sum(a * b for a, b in w.LINEARS.values()) * 2
NF4 = "weight.quant_state.bitsandbytes__nf4"


def gptq(bits, group, *, order=True):
    def pack(name, out, inputs):
        groups = inputs // group
        index = {f"{name}.g_idx": ("I32", (inputs,))} if order else {}
        return {
            f"{name}.qweight": ("I32", (inputs * bits // 32, out)),
            f"{name}.qzeros": ("I32", (groups, out * bits // 32)),
            f"{name}.scales": ("F16", (groups, out)),
            **index,
        }

    return pack


def awq(name, out, inputs):
    return {
        f"{name}.qweight": ("I32", (inputs, out // 8)),
        f"{name}.qzeros": ("I32", (inputs // 32, out // 8)),
        f"{name}.scales": ("F16", (inputs // 32, out)),
    }


def nf4(name, out, inputs):
    blocks = out * inputs // 64
    return {
        f"{name}.weight": ("U8", (out * inputs // 2, 1)),
        f"{name}.weight.absmax": ("U8", (blocks,)),
        f"{name}.weight.nested_absmax": ("F32", (-(-blocks // 256),)),
        f"{name}.weight.nested_quant_map": ("F32", (256,)),
        f"{name}.weight.quant_map": ("F32", (16,)),
        f"{name}.{NF4}": ("U8", (97,)),
    }


def int8(name, out, inputs):
    return {
        f"{name}.weight": ("I8", (out, inputs)),
        f"{name}.SCB": ("F32", (out,)),
        f"{name}.weight_format": ("U8", ()),
    }


def fp8_block(name, out, inputs):
    blocks = (-(-out // 128), -(-inputs // 128))
    return {f"{name}.weight": ("F8_E4M3", (out, inputs)), f"{name}.weight_scale_inv": ("F32", blocks)}


def fp8_tensor(name, out, inputs):
    return {
        f"{name}.weight": ("F8_E4M3", (out, inputs)),
        f"{name}.weight_scale": ("F32", ()),
        f"{name}.input_scale": ("F32", ()),
    }


def fp8_channel(name, out, inputs):
    return {f"{name}.weight": ("F8_E4M3", (out, inputs)), f"{name}.weight_scale": ("BF16", (out, 1))}


def pack_quantized(name, out, inputs):
    return {
        f"{name}.weight_packed": ("I32", (out, inputs // 8)),
        f"{name}.weight_scale": ("BF16", (out, inputs // 32)),
        f"{name}.weight_shape": ("I64", (2,)),
    }


def nvfp4_pack(name, out, inputs):
    return {
        f"{name}.weight_packed": ("U8", (out, inputs // 2)),
        f"{name}.weight_scale": ("F8_E4M3", (out, inputs // 16)),
        f"{name}.weight_global_scale": ("F32", (1,)),
        f"{name}.input_global_scale": ("F32", (1,)),
    }


def modelopt_nvfp4(name, out, inputs):
    return {
        f"{name}.weight": ("U8", (out, inputs // 2)),
        f"{name}.weight_scale": ("F8_E4M3", (out, inputs // 16)),
        f"{name}.weight_scale_2": ("F32", ()),
        f"{name}.input_scale": ("F32", ()),
    }


def mxfp4(name, out, inputs):
    return {f"{name}_blocks": ("U8", (1, out, inputs // 32, 16)), f"{name}_scales": ("U8", (1, out, inputs // 32))}


def fp4_pairs(name, out, inputs):
    return {f"{name}.weight": ("I8", (out, inputs // 2)), f"{name}.scale": ("F8_E8M0", (out, inputs // 32))}


def mlx(name, out, inputs):
    return {
        f"{name}.weight": ("U32", (out, inputs // 8)),
        f"{name}.scales": ("BF16", (out, inputs // 32)),
        f"{name}.biases": ("BF16", (out, inputs // 32)),
    }


def exl2(name, out, inputs):
    return {
        f"{name}.q_weight": ("I32", (inputs * 5 // 32, out)),
        f"{name}.q_invperm": ("I16", (inputs,)),
        f"{name}.q_scale": ("I32", (4, out // 8)),
        f"{name}.q_scale_max": ("F16", (4,)),
        f"{name}.q_groups": ("I16", (8,)),
    }


def exl3(name, out, inputs):
    return {
        f"{name}.trellis": ("I16", (inputs // 16, out // 16, 48)),
        f"{name}.suh": ("F16", (inputs,)),
        f"{name}.svh": ("F16", (out,)),
    }


def aqlm(name, out, inputs):
    return {
        f"{name}.codes": ("I16", (out, inputs // 8, 1)),
        f"{name}.codebooks": ("F16", (1, 65536, 1, 8)),
        f"{name}.scales": ("F16", (out, 1, 1, 1)),
    }


def hqq(name, out, inputs):
    return {
        f"{name}.W_q": ("U8", (out * inputs // 2 // 64, 64)),
        f"{name}.scale": ("BF16", (out * inputs // 64, 1)),
        f"{name}.zero": ("BF16", (out * inputs // 64, 1)),
        f"{name}.nbits": ("I64", ()),
    }


def quanto(name, out, inputs):
    return {f"{name}.weight._data": ("I8", (out, inputs)), f"{name}.weight._scale": ("BF16", (out, 1))}


def torchao(name, out, inputs):
    return {f"{name}._weight_qdata": ("I8", (out, inputs)), f"{name}._weight_scale": ("F32", (out,))}


def bitnet(name, out, inputs):
    return {f"{name}.weight": ("U8", (out // 4, inputs)), f"{name}.weight_scale": ("BF16", (1,))}


INT4 = {"config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": 32}}}}
CASES = {
    "gptq 4 bits": (gptq(4, 32), {"quant_method": "gptq", "bits": 4, "group_size": 32}),
    "gptq 8 bits": (gptq(8, 32), {"quant_method": "gptq", "bits": 8, "group_size": 32}),
    "gptq 3 bits": (gptq(3, 32), {"quant_method": "gptq", "bits": 3, "group_size": 32}),
    "gptq without settings": (gptq(4, 64, order=False), {}),
    "awq": (awq, {"quant_method": "awq", "bits": 4, "group_size": 32}),
    "auto-round": (gptq(4, 32, order=False), {"quant_method": "auto-round", "bits": 4, "group_size": 32}),
    "nf4 with double quant": (nf4, {"quant_method": "bitsandbytes", "load_in_4bit": True}),
    "int8": (int8, {"quant_method": "bitsandbytes", "load_in_8bit": True}),
    "fp8 blocks": (fp8_block, {"quant_method": "fp8"}),
    "fp8 tensors": (fp8_tensor, {"quant_method": "modelopt"}),
    "fp8 channels": (fp8_channel, {"quant_method": "compressed-tensors"}),
    "pack-quantized": (pack_quantized, {"quant_method": "compressed-tensors", **INT4}),
    "nvfp4-pack": (nvfp4_pack, {"quant_method": "compressed-tensors"}),
    "modelopt nvfp4": (modelopt_nvfp4, {"quant_method": "modelopt"}),
    "mxfp4": (mxfp4, {"quant_method": "mxfp4"}),
    "fp4 pairs": (fp4_pairs, {"quant_method": "fp8"}),
    "mlx": (mlx, {"bits": 4, "group_size": 32}),
    "exl2": (exl2, {"quant_method": "exl2"}),
    "exl3": (exl3, {"quant_method": "exl3"}),
    "aqlm": (aqlm, {"quant_method": "aqlm"}),
    "hqq": (hqq, {"quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}}}),
    "quanto": (quanto, {"quant_method": "quanto", "weights": "int8"}),
    "torchao": (torchao, {"quant_method": "torchao"}),
    "bitnet": (bitnet, {"quant_method": "bitnet"}),
}


def inspect(folder, tensors, settings):
    (folder / "config.json").write_text(json.dumps({**w.LLAMA, "quantization_config": settings}))
    size = w.write(folder / "model.safetensors", tensors)
    return cardscope.inspect(str(folder), exact=False), size


@pytest.mark.parametrize("case", CASES)
def test_packed_words_are_unpacked(tmp_path, case):
    """Logical parameters are the model's, stored numbers and bytes the file's, every difference has a name."""
    pack, settings = CASES[case]
    tensors = w.llama("F16", pack)
    report, size = inspect(tmp_path, tensors, settings)
    stored = report.parameters.checkpoint
    assert (report.headline.total, report.headline.witness) == (w.TOTAL, "stored")
    assert stored.stored_numbers == sum(math.prod(shape) for _, shape in tensors.values())
    assert (stored.stored_bytes, report.headline.bytes) == (size, size)
    assert stored.scales > 0
    difference = report.parameters.differences[-1]
    assert sum(term.delta for term in difference.terms) == difference.delta
    assert difference.explained
    assert [f.code for f in report.findings if f.code.startswith("CS2")] == []


@pytest.mark.parametrize(
    ("pack", "settings"),
    [
        (lambda name, out, inputs: {f"{name}.weight": ("I32", (out, inputs // 8))}, {"quant_method": "new"}),
        (pack_quantized, {"quant_method": "compressed-tensors"}),
        (mlx, {}),
    ],
    ids=["unknown", "bits not told", "bits and group ambiguous"],
)
def test_what_cannot_be_decoded_is_named_and_leaves_no_total(tmp_path, pack, settings):
    """A format nobody knows gives no count, and the declared one stands in."""
    report, size = inspect(tmp_path, w.llama("F16", pack), settings)
    stored = report.parameters.checkpoint
    assert stored.total is None
    assert "self_attn.q_proj" in stored.reason
    assert (report.headline.witness, report.headline.total) == ("analytic", w.TOTAL)
    assert "CS207" in [f.code for f in report.findings]
    assert stored.stored_bytes == size


def test_mlx_s_own_settings_of_a_module_win(tmp_path):
    """A module kept in 8 bits beside others in 4."""
    tensors = w.llama("BF16", mlx)
    tensors["lm_head.weight"] = ("U32", (256, 16))
    tensors["lm_head.scales"] = tensors["lm_head.biases"] = ("BF16", (256, 2))
    settings = {"group_size": 32, "bits": 4, "lm_head": {"group_size": 32, "bits": 8}}
    (tmp_path / "config.json").write_text(json.dumps({**w.LLAMA, "quantization": settings}))
    w.write(tmp_path / "model.safetensors", tensors)
    assert cardscope.inspect(str(tmp_path), exact=False).headline.total == w.TOTAL

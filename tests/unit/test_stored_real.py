"""Checkpoints that the quantization libraries themselves wrote (fixtures/quantized.jsonl, by tools/quantized.py)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cardscope
from cardscope.measures.precision import Scheme, weight_bytes
from cardscope.measures.quantized import published
from tests import weights as w

LINES = (Path(__file__).resolve().parents[2] / "fixtures" / "quantized.jsonl").read_text(encoding="utf-8").splitlines()
RECORDS = {record["name"]: record for record in map(json.loads, LINES)}
TOTAL = 2 * 2048 * 512 + 512 + 2 * (2 * 512 * 512 + 2 * 256 * 512 + 3 * 512 * 1408 + 2 * 512)
"""By hand: a Llama of two layers, 512 wide, 8 heads of 64, 4 KV heads, MLP 1,408, vocabulary 2,048 untied."""
UNTOLD = {
    "hqq-4-64": {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}}},
    "hqq-8-64": {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 8, "group_size": 64}}},
    "hqq-2-32": {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 2, "group_size": 32}}},
    "hqq-3-64": {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 3, "group_size": 64}}},
    "quanto-int8": {"quant_method": "quanto", "weights": "int8"},
    "quanto-float8": {"quant_method": "quanto", "weights": "float8"},
    "quanto-int4": {"quant_method": "quanto", "weights": "int4"},
    "quanto-int2": {"quant_method": "quanto", "weights": "int2"},
}
"""What transformers would put into the config; these libraries' own writers leave it out."""
ROWS = {"bnb-int8": "int8", "bnb-nf4": "nf4", "bnb-nf4-dq": "nf4 double", "torchao-fp8wo": "fp8", "ct-nvfp4": "nvfp4"}
UNPREDICTED = {"torchao-intx4"}
"""Kept in bytes whatever their bits: only the headers tell."""


def tensors(record) -> w.Tensors:
    layers = record["config"]["num_hidden_layers"]
    whole = {}
    for name, (dtype, shape) in record["tensors"].items():
        for layer in range(layers if "*" in name else 1):
            whole[name.replace("*", str(layer))] = (dtype, tuple(shape))
    return whole


@pytest.fixture
def folder(tmp_path):
    def fill(record):
        (tmp_path / "config.json").write_text(json.dumps(record["config"]))
        w.write(tmp_path / "model.safetensors", tensors(record))
        return tmp_path

    return fill


@pytest.mark.parametrize("name", RECORDS)
def test_packed_weights_are_counted_to_the_last_parameter(folder, name):
    """Whatever the words hold, the logical total is the unquantized model's, and every other number has a name."""
    report = cardscope.inspect(str(folder(RECORDS[name])), exact=False)
    assert report.parameters.checkpoint.total == TOTAL
    assert (report.headline.total, report.headline.witness) == (TOTAL, "stored")
    assert [f.code for f in report.findings if f.severity != "info"] == []
    difference = report.parameters.differences[-1]
    assert difference.explained


@pytest.mark.parametrize("name", sorted(RECORDS.keys() - UNPREDICTED))
def test_bytes_predicted_from_the_config_are_the_stored_ones(folder, name):
    """Within a twentieth of a percent: scales, zeros, tables and what stays in bf16 are all in the prediction."""
    record = RECORDS[name]
    config = {**record["config"]}
    config["quantization_config"] = config.get("quantization_config") or UNTOLD[name]
    scheme = published(config)
    assert isinstance(scheme, Scheme), scheme
    report = cardscope.inspect(str(folder(record)), exact=False)
    stored = report.parameters.checkpoint.stored_bytes
    assert weight_bytes(report.inventory, scheme) == pytest.approx(stored, rel=5e-4)


@pytest.mark.parametrize("name", ROWS)
def test_the_table_of_precisions_says_what_the_library_writes(folder, name):
    """The row a user reads before quantizing is what quantizing gives, within a twentieth of a percent."""
    report = cardscope.inspect(str(folder(RECORDS[name])), exact=False)
    plain = {k: v for k, v in RECORDS[name]["config"].items() if k != "quantization_config"}
    table = {r.precision: r.bytes for r in cardscope.inspect(plain, exact=False, headers=False).weights}
    assert table[ROWS[name]] == pytest.approx(report.parameters.checkpoint.stored_bytes, rel=5e-4)


@pytest.mark.parametrize(
    "kept", ["model.layers.0.self_attn", "re:.*self_attn.*", "re:.*shared_experts.*", "model.layers.3*"]
)
def test_layers_kept_out_of_the_packing_leave_the_bytes_to_the_headers(kept):
    """A list that keeps out what is packed otherwise makes the config's own figure a guess: none is given."""
    settings = {"quant_method": "awq", "bits": 4, "group_size": 128, "modules_to_not_convert": ["lm_head", kept]}
    reason = published({"quantization_config": settings})
    assert isinstance(reason, str)
    assert kept in reason


@pytest.mark.parametrize("kept", ["lm_head", "model.layers.3.mlp.gate", "re:.*vision_tower.*", "re:.*router.*"])
def test_lists_of_what_is_never_packed_change_nothing(kept):
    settings = {"quant_method": "awq", "bits": 4, "group_size": 128, "modules_to_not_convert": [kept]}
    assert isinstance(published({"quantization_config": settings}), Scheme)


@pytest.mark.parametrize(
    ("data", "scale", "shape"),
    [
        (("_weight_qdata", "I8", (64, 64)), ("_weight_scale", "BF16", (2, 64)), (64, 128)),
        (("_weight_qdata", "I32", (64, 16)), ("_weight_scale", "BF16", (2, 64)), (64, 128)),
        (("_weight_qdata", "I32", (8, 1, 32, 4)), ("_weight_scale_and_zero", "BF16", (2, 64, 2)), (64, 128)),
        (("_weight_qdata", "U8", (64, 64)), ("_weight_scale", "F8_E8M0", (64, 4)), (64, 128)),
    ],
)
def test_torchao_s_four_bits_are_told_by_their_scales(tmp_path, data, scale, shape):
    """Int4Tensor, Int4PlainInt32Tensor, Int4TilePackedTo4dTensor and MXTensor, as torchao's source lays them out."""
    name = "model.layers.0.self_attn.q_proj."
    w.write(tmp_path / "x.safetensors", {name + key: (dtype, sizes) for key, dtype, sizes in (data, scale)})
    report = cardscope.inspect(str(tmp_path / "x.safetensors"), exact=False)
    assert report.parameters.checkpoint.total == shape[0] * shape[1]


@pytest.mark.parametrize(
    "tensors",
    [
        {"indices": ("I32", (1, 64, 32)), "centroids": ("BF16", (1, 4096, 8)), "weight_scale": ("BF16", (64,))},
        {"weight": ("I32", (16, 64)), "scales": ("F16", (2, 64)), "tables": ("F16", (256,))},
        {"dense_weights": ("I32", (64, 16)), "row_offsets": ("I32", (65, 1)), "first_zeros": ("BF16", (4, 64))},
        {"B": ("I32", (4, 256)), "s": ("F16", (1, 128)), "workspace": ("I32", (16,))},
    ],
    ids=["VPTQ", "HIGGS", "SpQR", "Marlin"],
)
def test_what_is_not_decoded_is_named_and_not_counted(tmp_path, tensors):
    """Formats whose words cannot be told apart from their shapes give null, with the first tensor's name."""
    path = "model.layers.0.self_attn.q_proj."
    w.write(tmp_path / "x.safetensors", {path + key: value for key, value in tensors.items()})
    stored = cardscope.inspect(str(tmp_path / "x.safetensors"), exact=False).parameters.checkpoint
    assert stored.total is None
    assert path in stored.reason
    assert stored.stored_bytes > 0

"""What is true of every need: it grows with what is asked, and no split and no precision loses a byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardscope.assemble import assemble
from cardscope.fitting.answer import target
from cardscope.fitting.device_map import infer, modules
from cardscope.fitting.engines import engine
from cardscope.fitting.finetune import Recipe, training
from cardscope.fitting.hardware import devices
from cardscope.fitting.precisions import BY_NAME, MIXES, sizes
from cardscope.fitting.target import Load, Target
from cardscope.measures.precision import Scheme, quantizable
from cardscope.model import RawConfig
from tests.property.configs import Config, legal

ENGINES = ("transformers", "vllm", "llama.cpp", "generic")
TOKENS = st.integers(1, 40_000)
BATCH = st.integers(1, 300)
PACKED = sorted(name for name, scheme in BY_NAME.items() if scheme.group is not None)


def found(config: Config) -> Target:
    raw = RawConfig(data=config, id="drawn", source="object")
    return target(raw, assemble(raw))


def need(model: Target, name: str, tokens: int, batch: int = 1, **given_) -> int:
    load = Load(tokens, batch, **given_)
    return engine(name).need(model, load).total


@pytest.mark.parametrize("name", ENGINES)
@given(legal(), TOKENS, TOKENS, BATCH)
def test_more_context_never_needs_less(name, config, one, other, batch):
    model = found(config)
    assert need(model, name, min(one, other), batch) <= need(model, name, max(one, other), batch)


@pytest.mark.parametrize("name", ENGINES)
@given(legal(), TOKENS, BATCH, BATCH)
def test_more_sequences_never_need_less(name, config, tokens, one, other):
    model = found(config)
    assert need(model, name, tokens, min(one, other)) <= need(model, name, tokens, max(one, other))


@pytest.mark.parametrize("name", ENGINES)
@given(legal("llama", "mistral", "mixtral", "gpt2", "qwen3"), TOKENS)
def test_one_more_layer_never_needs_less(name, config, tokens):
    key = "n_layer" if "n_layer" in config else "num_hidden_layers"
    more = {**config, key: config[key] + 1}
    assert need(found(config), name, tokens) <= need(found(more), name, tokens)


@given(legal(), st.sampled_from([1, 2, 3, 4, 8, 64]))
def test_tensor_parallelism_loses_no_bytes_of_weights_or_cache(config, tp):
    model = found(config)
    whole, split = (engine("vllm").need(model, Load(1000, tp=n)) for n in (1, tp))
    assert split.weights >= whole.weights
    assert split.weights == sum(split.each) - split.kv_cache - split.activations - split.overhead
    assert split.kv_cache >= whole.kv_cache * (1 - 1e-9) - 64 * tp * len(model.inventory.groups) * 10_000


@given(legal(), st.lists(st.integers(1, 1 << 24), min_size=1, max_size=5), st.sampled_from([None, "nf4", "fp8"]))
def test_a_device_map_places_every_module_once(config, memory, quant):
    model = found(config)
    placed = infer(modules(model, quant), list(enumerate(memory)))
    wanted = sum(module.bytes for module in modules(model, quant))
    assert sum(share.bytes for share in placed) == wanted
    assert sum(share.layers for share in placed) == sum(len(group.layers) for group in model.inventory.groups)


@pytest.mark.parametrize("name", PACKED)
@given(legal())
def test_packed_weights_never_exceed_bf16_by_more_than_their_scales(name, config):
    model, scheme = found(config), BY_NAME[name]
    assert sizes(model, name).total <= sizes(model, "bf16").total + _scales(model, scheme) + 8


def _scales(model: Target, scheme: Scheme) -> float:
    total = 0.0
    for count, tensor in model.inventory.tensors():
        if quantizable(tensor) and tensor.shape[-1]:
            rows = tensor.numel // tensor.shape[-1]
            groups = -(-tensor.shape[-1] // scheme.group) if scheme.group else 1
            own = tensor.copies * (scheme.each + scheme.column * tensor.shape[-1])
            total += count * (rows * groups * scheme.overhead + own) / 8
    return total


@pytest.mark.parametrize("name", sorted(MIXES))
@given(legal("llama", "mistral", "qwen3"))
def test_gguf_mixes_never_exceed_fp32(name, config):
    """Rows that no block divides stay in fp16, norms in fp32."""
    model = found(config)
    assert 0 < sizes(model, name).total <= sizes(model, "fp32").total


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
@given(legal("llama", "mistral", "mixtral", "qwen3"), TOKENS, TOKENS)
def test_longer_sequences_never_train_in_less(method, config, one, other):
    model = found(config)
    base = sizes(model, "nf4" if method == "qlora" else None).total
    peaks = [
        training(model.inventory, model.facts, Recipe(method, sequence=n), base).peak.total  # type: ignore[arg-type]
        for n in sorted((one, other))
    ]
    assert peaks == sorted(peaks)


@given(st.integers(1, 9), st.integers(1, 9))
def test_as_many_devices_as_are_named(one, other):
    assert devices(f"{one}x24GB + {other}x4090").count == one + other

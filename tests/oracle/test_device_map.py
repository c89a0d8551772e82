"""Our device maps against those that transformers and accelerate infer on the empty model."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cardscope.assemble import assemble
from cardscope.fitting.answer import target
from cardscope.fitting.device_map import CPU, balanced, infer, modules
from cardscope.model import RawConfig

pytestmark = pytest.mark.exact

LLAMA = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 256, "intermediate_size": 896,
    "num_hidden_layers": 12, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 4000,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
CONFIGS = {
    "llama": LLAMA,
    "llama with a large vocabulary": {**LLAMA, "vocab_size": 40_000},
    "qwen3, tied": {**LLAMA, "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"],
                    "tie_word_embeddings": True},
    "gpt2, tied": {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 256, "n_layer": 8,
                   "n_head": 4, "vocab_size": 5000, "torch_dtype": "bfloat16"},
    "mixtral": {**LLAMA, "model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "num_local_experts": 4},
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("seed", range(12))
def test_every_device_holds_what_accelerate_puts_there(name, seed):
    """Random memories of one to four GPUs, the host and the disk: the same bytes on each device."""
    config = CONFIGS[name]
    model = _model(config)
    total = sum(p.numel() * 2 for p in model.parameters())
    memory = _memories(total, random.Random(f"{name}{seed}"))
    assert _ours(config, memory) == _theirs(model, dict(memory))


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_balanced_memory_is_what_transformers_computes(name, count):
    from transformers.integrations.accelerate import get_balanced_memory

    config = CONFIGS[name]
    model = _model(config)
    memory = [1 << 40] * count
    theirs = get_balanced_memory(model, dict(enumerate(memory)), no_split_module_classes=model._no_split_modules)
    found = balanced(_modules(config), memory)
    assert found == pytest.approx([theirs[i] for i in range(count)], abs=_buffers(model))


def _memories(total: int, chance: random.Random) -> list[tuple[int | str, int]]:
    gpus: list[tuple[int | str, int]] = [
        (i, chance.randrange(total // 20, int(0.8 * total))) for i in range(chance.randrange(1, 5))
    ]
    return [*gpus, (CPU, chance.randrange(total // 10, total))]


def _modules(config: dict[str, Any]) -> Any:
    raw = RawConfig(data=config, id="x", source="object")
    return modules(target(raw, assemble(raw)), None)


def _ours(config: dict[str, Any], memory: list[tuple[int | str, int]]) -> dict[int | str, int]:
    return {share.device: share.bytes for share in infer(_modules(config), memory)}


def _theirs(model: Any, memory: dict[int | str, int]) -> dict[int | str, int]:
    from accelerate import infer_auto_device_map

    found = infer_auto_device_map(model, memory, no_split_module_classes=list(model._no_split_modules),
                                  offload_buffers=True)  # fmt: skip
    held: dict[int | str, int] = {}
    for name, parameter in model.named_parameters():
        place = next(device for key, device in found.items() if key == "" or f"{name}.".startswith(f"{key}."))
        held[place] = held.get(place, 0) + parameter.numel() * 2
    return held


def _buffers(model: Any) -> int:
    return sum(buffer.numel() * buffer.element_size() for buffer in model.buffers())


def _model(config: dict[str, Any]) -> Any:
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    keys = {k: v for k, v in config.items() if k not in {"model_type", "torch_dtype", "architectures"}}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(CONFIG_MAPPING[config["model_type"]](**keys), dtype=torch.bfloat16)
    model.tie_weights()
    return model

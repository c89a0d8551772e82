"""The memory of a training step against torch's own allocations, followed on fake tensors through two steps."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest

from cardscope.assemble import assemble
from cardscope.fitting.answer import target
from cardscope.fitting.finetune import Recipe, training
from cardscope.fitting.precisions import sizes
from cardscope.model import RawConfig

pytestmark = pytest.mark.exact

LLAMA = {
    "model_type": "llama", "hidden_size": 512, "intermediate_size": 1792, "num_hidden_layers": 4, "vocab_size": 1000,
    "num_attention_heads": 8, "num_key_value_heads": 2, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
QWEN3 = {**LLAMA, "model_type": "qwen3", "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 64}
GPT2 = {
    "model_type": "gpt2", "n_embd": 768, "n_layer": 4, "n_head": 12, "vocab_size": 1000, "attn_pdrop": 0.0,
    "resid_pdrop": 0.0, "embd_pdrop": 0.0, "torch_dtype": "bfloat16",
}  # fmt: skip
MIXTRAL = {**LLAMA, "model_type": "mixtral", "intermediate_size": 1024, "num_local_experts": 8,
           "num_experts_per_tok": 2}  # fmt: skip
DEEPSEEK = {
    **LLAMA, "model_type": "deepseek_v3", "first_k_dense_replace": 9, "num_key_value_heads": 8, "q_lora_rank": 192,
    "kv_lora_rank": 128, "qk_rope_head_dim": 32, "qk_nope_head_dim": 64, "v_head_dim": 96, "n_routed_experts": 8,
    "num_experts_per_tok": 2, "moe_intermediate_size": 256, "n_group": 1, "topk_group": 1,
}  # fmt: skip
WIDE = {**LLAMA, "vocab_size": 32_000}
MANY = Recipe(sequence=64, micro_batch=64)
"""Many short sequences: the mask that the CPU's kernel keeps for each layer, and a GPU's does not, stays small."""
CASES = {
    "llama": (LLAMA, MANY),
    "llama, most of it logits": (WIDE, replace(MANY, micro_batch=16)),
    "llama, most of it gradients": (WIDE, replace(MANY, micro_batch=1)),
    "llama, blocks run again": (LLAMA, replace(MANY, recompute="layers")),
    "llama, autocast": (LLAMA, replace(MANY, precision="mixed")),
    "llama, fp32": (LLAMA, replace(MANY, precision="fp32")),
    "llama, eager attention": (LLAMA, replace(MANY, attention="eager", sequence=128)),
    "llama, adapters on queries and values": (LLAMA, replace(MANY, method="lora", targets="qv")),
    "llama, adapters everywhere": (LLAMA, replace(MANY, method="lora")),
    "qwen3": (QWEN3, MANY),
    "gpt2": (GPT2, replace(MANY, activation="gelu_new")),
    "mixtral": (MIXTRAL, MANY),
    "deepseek-v3, dense": (DEEPSEEK, MANY),
}
NAMES = {"qv": {"q_proj", "v_proj"}}


@pytest.mark.parametrize("name", CASES)
def test_the_peak_of_a_step_is_what_torch_allocates(name):
    """Within 5 %: the copy of attention's output that GPUs keep is counted, and the CPU's kernel keeps none."""
    config, recipe = CASES[name]
    assert _ours(config, recipe) == pytest.approx(_theirs(config, recipe), rel=0.05)


def _ours(config: dict[str, Any], recipe: Recipe) -> int:
    raw = RawConfig(data=config, id="x", source="object")
    found = target(raw, assemble(raw))
    return training(found.inventory, found.facts, recipe, sizes(found, None).total).peak.total


def _theirs(config: dict[str, Any], recipe: Recipe) -> int:
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    from tests.oracle.live_bytes import Live

    with FakeTensorMode(allow_non_fake_inputs=True):
        model = _model(config, recipe)
        learning = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(learning, fused=True)
        live = Live()
        for tensor in (*model.parameters(), *model.buffers()):
            live.hold(tensor)
        tokens = torch.randint(0, 10, (recipe.micro_batch, recipe.sequence))
        cast = recipe.precision == "mixed" or recipe.method == "lora"
        with live:
            for _ in range(2):
                with torch.autocast("cpu", dtype=torch.bfloat16) if cast else contextlib.nullcontext():
                    found = model(input_ids=tokens, labels=tokens)
                found.loss.backward()
                del found
                optimizer.step()
                optimizer.zero_grad()
    return live.peak


def _model(config: dict[str, Any], recipe: Recipe) -> Any:
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    keys = {k: v for k, v in config.items() if k not in {"model_type", "torch_dtype"}}
    built = CONFIG_MAPPING[config["model_type"]](**keys)
    dtype = torch.bfloat16 if recipe.precision == "bf16" else torch.float32
    model = AutoModelForCausalLM.from_config(built, dtype=dtype, attn_implementation=recipe.attention)
    model.config.use_cache = False
    if recipe.method == "lora":
        _adapt(model, recipe)
        model.enable_input_require_grads()
    if recipe.recompute == "layers":
        model.activation_checkpointing_enable()
    return model.train()


def _adapt(model: Any, recipe: Recipe) -> None:
    """Adapters as peft adds them: in fp32 beside frozen projections."""
    import torch

    class Adapted(torch.nn.Module):
        def __init__(self, base: Any) -> None:
            super().__init__()
            self.base = base
            self.down = torch.nn.Linear(base.in_features, recipe.rank, bias=False, dtype=torch.float32)
            self.up = torch.nn.Linear(recipe.rank, base.out_features, bias=False, dtype=torch.float32)

        def forward(self, x: Any) -> Any:
            found = self.base(x)
            return (found + self.up(self.down(x.to(torch.float32))) * 2.0).to(found.dtype)

    model.requires_grad_(requires_grad=False)
    for name, module in list(model.named_modules()):
        parent, _, last = name.rpartition(".")
        if isinstance(module, torch.nn.Linear) and last != "lm_head" and last in NAMES.get(recipe.targets, {last}):
            setattr(model.get_submodule(parent), last, Adapted(module))

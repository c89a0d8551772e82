"""Training points of the published measurements, predicted: what benchmarks/memory_accuracy.py adds of training.

Every setting a source states is passed on; what a framework does and its source code says is a constant here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from cardscope.assemble import assemble
from cardscope.fitting.answer import target
from cardscope.fitting.engines.transformers import CONTEXT
from cardscope.fitting.finetune import Recipe, zero
from cardscope.fitting.saved import Keeping, layer
from cardscope.fitting.target import GIB, Target
from cardscope.fitting.tune import Plan, need
from cardscope.model import RawConfig

STABLELM_3B = {
    "model_type": "gpt_neox", "hidden_size": 4096, "intermediate_size": 16384, "num_hidden_layers": 16,
    "num_attention_heads": 32, "vocab_size": 50688, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
"""stabilityai/stablelm-base-alpha-3b."""
LITGPT = {"phi-1.5 1.3 B": ("microsoft/phi-1_5", 1044), "StableLM Alpha 3 B": ("", 1034),
          "Llama 2 7 B": ("meta-llama/Llama-2-7b-hf", 1304),
          "meta-llama/Llama-2-7b-hf": ("meta-llama/Llama-2-7b-hf", 1304)}  # fmt: skip
"""Model → (repository, tokens of the longest sample that the source states)."""
LITGPT_RECIPE = Recipe(
    method="lora", rank=8, targets="qv", adapter_bytes=2, dropout=True, attention="flash_attention_2", fused_qkv=True,
    logit_bytes=4,
)  # fmt: skip
"""litgpt in bf16-true: rank 8 on queries and values of one fused projection, dropout 0.05, and a head that works on
128 tokens at a time, so that bf16 logits and their bf16 log-softmax are all that is kept.  Over 4 bits its bitsandbytes
(2023) still kept the projections' inputs."""
AXOLOTL = {"arcee-ai/AFM-4.5B": "Delta-Vector/Austral-AFM-SFT", "XiaomiMiMo/MiMo-7B-RL": "XiaomiMiMo/MiMo-7B-Base",
           "mistralai/Magistral-Small-2507": "mistralai/Mistral-Small-24B-Instruct-2501",
           "moonshotai/Kimi-Linear-48B-A3B-Instruct": "moonshotai/Kimi-Linear-48B-A3B-Instruct"}  # fmt: skip
WHOLE_LOSS = {"XiaomiMiMo/MiMo-7B-RL"}
"""Examples without the cut cross-entropy plugin, which the other three name."""
Load = Callable[[str], Target]


class Point(NamedTuple):
    """One prediction: quantity, predicted and measured in the same unit, what is to be said of it."""

    quantity: str
    predicted: float
    measured: float
    note: str = ""


class Unstated(Exception):
    """What the source leaves out."""


def of_litgpt(point: dict[str, Any], load: Load) -> Iterator[Point]:
    """max_memory_allocated in decimal GB."""
    c, m = point["config"], point["measured"]
    measured = m.get("max_memory_gb", m.get("training_gb"))
    if not isinstance(measured, int | float):
        raise Unstated("out of memory: no figure")
    quant = str(c.get("quant") or c.get("setting") or "")
    base = {"nf4-dq": "nf4 double", "nf4": "nf4"}.get(quant.rpartition("bnb.")[2]) if "bnb" in quant else None
    name, length = LITGPT[point["model"]]
    found = load(name) if name else _inline(STABLELM_3B)
    recipe = replace(LITGPT_RECIPE, sequence=length, micro_batch=int(c["micro_batch"]))
    recipe = replace(recipe, method="qlora" if base else "lora", kept_inputs=base is not None)
    yield Point(
        "step, LoRA" + (" over 4 bits" if base else ""), need(found, Plan(recipe, base)).peak.total / 1e9, measured
    )


def _inline(config: dict[str, object]) -> Target:
    raw = RawConfig(data=config, id="inline", source="object")
    return target(raw, assemble(raw))


def of_torchtitan(point: dict[str, Any], load: Load) -> Iterator[Point]:
    """Max reserved per GPU in GiB: FSDP2 over fp32 weights, bf16 compute, the per-op policy of recomputation."""
    c = point["config"]
    table = str(c.get("table", ""))
    if "Selective" not in table:
        raise Unstated("what is run again, or the sequence's length, is not stated")
    devices = 128 if "128 GPUs" in table else 8
    recipe = Recipe(sequence=c["seq_len"], micro_batch=2, precision="mixed", recompute="selective", sharding="fsdp",
                    devices=devices)  # fmt: skip
    found = load("meta-llama/Llama-3.1-8B-Instruct")
    yield Point("step, FSDP", need(found, Plan(recipe)).peak.total / GIB, point["measured"]["memory_gib"])


def of_axolotl(point: dict[str, Any], load: Load) -> Iterator[Point]:
    """What the README of an example says it uses, in GiB of the whole process."""
    c = point["config"]
    eight = c.get("load_in_8bit") == "true"
    recipe = Recipe(
        method="lora" if eight else "qlora", sequence=int(c["sequence_len"]), micro_batch=int(c["micro_batch_size"]),
        optimizer="adamw-8bit", recompute="layers", rank=int(c["lora_r"]), attention="flash_attention_2",
    )  # fmt: skip
    recipe = replace(recipe, dropout=True, fused_loss=point["model"] not in WHOLE_LOSS)
    size = need(load(AXOLOTL[point["model"]]), Plan(recipe, "int8" if eight else "nf4 double")).peak.total + CONTEXT
    yield Point("example's figure", size / GIB, point["measured"]["vram"])


def of_deepspeed(point: dict[str, Any], load: Load) -> Iterator[Point]:
    """DeepSpeed's own estimate of what its stages keep on a GPU, in GiB."""
    del load
    c = point["config"]
    words = c["options"].replace(" ", "")
    offload = "all" if "offload_param=cpu" in words else "optimizer" if "offload_optimizer=cpu" in words else "none"
    recipe = Recipe(sharding=f"zero{c['zero']}", devices=c["gpus_per_node"] * c["nodes"], offload=offload)
    count = int(c["params"])
    found = zero(count, 8 * count, 0, int(c["largest_layer_params"]), recipe)
    size = found.weights + found.gradients + found.optimizer
    yield Point("DeepSpeed's estimate", size / GIB, point["measured"]["per_gpu_gb"])


def of_copies(point: dict[str, Any], load: Load) -> Iterator[Point]:
    """Activations of one block's forward in units of its hidden states in bf16, its output included."""
    found = load(point["model"])
    group = next(group for group in found.inventory.groups if group.layers)
    kept = layer(group.parts, Keeping()) / (2 * (found.facts.hidden_size or 1))
    yield Point("copies of hidden states", kept + 1, point["measured"]["activation_hidden_copies_per_layer"])


TRAINING = {"litgpt": of_litgpt, "torchtitan": of_torchtitan, "axolotl": of_axolotl,
            "deepspeed-estimator": of_deepspeed, "transformers-train": of_copies}  # fmt: skip

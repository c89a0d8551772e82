"""Signed errors of `cardscope fit` against published measurements: docs/accuracy.md and the uncertainty of verdicts.

    python benchmarks/memory_accuracy.py MEASUREMENTS.jsonl [--configs FOLDER] [--write]

MEASUREMENTS holds one measured point a line (id, engine, model, measured, config, complete); those of
benchmarks/measure_gpu.py are added. Configs come from the
bundled catalogue, else from FOLDER (ORG__NAME.json). Nothing of either is copied. --write renews docs/accuracy.md
and cardscope/data/accuracy.json.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from cardscope.assemble import assemble
from cardscope.errors import CardscopeError
from cardscope.fitting.answer import target
from cardscope.fitting.engines import llamacpp, transformers, vllm
from cardscope.fitting.hardware import Devices, Gpu
from cardscope.fitting.precisions import BY_NAME, sizes
from cardscope.fitting.target import GIB, MIB, Load, Target
from cardscope.measures.precision import Scheme, weight_bytes
from cardscope.model import RawConfig
from cardscope.source.catalog import lookup

try:
    from benchmarks.measure_gpu import predicted
    from benchmarks.memory_training import TRAINING, Unstated
except ImportError:  # run as a script, from its own folder
    from measure_gpu import predicted  # type: ignore[import-not-found,no-redef]
    from memory_training import TRAINING, Unstated  # type: ignore[import-not-found,no-redef]

ROOT = Path(__file__).resolve().parents[1]
SAME_SHAPE = {
    "unsloth/Llama-3.2-3B-Instruct": "meta-llama/Llama-3.2-3B-Instruct",
    "unsloth/Qwen3-8B-FP8": "Qwen/Qwen3-8B-FP8",
    "Erland/DeepSeek-R1-0528-Qwen3-8B": "Qwen/Qwen3-8B",
    "unsloth/meta-llama-3.1-8b-instruct-unsloth-bnb-4bit": "meta-llama/Llama-3.1-8B-Instruct",
    "unsloth/mistral-7b-instruct-v0.3-bnb-4bit": "mistralai/Mistral-7B-Instruct-v0.3",
    "unsloth/phi-4-bnb-4bit": "microsoft/phi-4",
    "unsloth/qwen2.5-3b-instruct-unsloth-bnb-4bit": "Qwen/Qwen2.5-3B-Instruct",
    "unsloth/qwen2.5-vl-7b-instruct-unsloth-bnb-4bit": "Qwen/Qwen2.5-VL-7B-Instruct",
    "neuralmagic/Meta-Llama-3.1-70B-Instruct-quantized.w8a8": "meta-llama/Llama-3.1-70B-Instruct",
    "Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8": "Qwen/Qwen3-30B-A3B",
    "moonshotai/Kimi-K2-Thinking": "moonshotai/Kimi-K2-Instruct",
    "LLaMA-7B": "huggyllama/llama-7b", "LLaMA-2-70B": "meta-llama/Llama-2-70b-hf",
    "Meta Llama 3.1 8B Instruct": "meta-llama/Llama-3.1-8B-Instruct",
    "DeepSeek R1": "deepseek-ai/DeepSeek-R1", "DeepSeek R1 0528": "deepseek-ai/DeepSeek-R1",
    "DeepSeek R1 0528 Bf16": "deepseek-ai/DeepSeek-R1", "Deepseek-V3-0324": "deepseek-ai/DeepSeek-V3",
    "unsloth_DeepSeek R1 BF16": "deepseek-ai/DeepSeek-R1", "DeepSeek V2.5 1210": "deepseek-ai/DeepSeek-V2",
    "opensourcerelease_DeepSeek R1 Bf16": "deepseek-ai/DeepSeek-R1",
    "DeepSeek-Coder-V2-Lite-Instruct": "deepseek-ai/DeepSeek-V2-Lite-Chat",
    "Gemma 3 27b It Qat": "google/gemma-3-27b-it", "Qwen3 30B A3B": "Qwen/Qwen3-30B-A3B",
    "Kimi K2 Instruct Bf16 Safetensors": "moonshotai/Kimi-K2-Instruct", "gpt-oss:120b": "openai/gpt-oss-120b",
    "gpt-oss-120b MXFP4 GGUF": "openai/gpt-oss-120b", "google/gemma-3-12b": "google/gemma-3-12b-it",
    "Qwen/Qwen2-0.5B-Instruct": "Qwen/Qwen2-0.5B", "Qwen/Qwen2.5-1.5B": "Qwen/Qwen2.5-1.5B-Instruct",
    "Qwen/Qwen2-1.5B-Instruct": "Qwen/Qwen2-1.5B", "EleutherAI/pythia-2.8b": "EleutherAI/pythia-2.8b",
    "google/gemma-3-270m": "google/gemma-3-270m-it", "bigcode/starcoder2-3b": "bigcode/starcoder2-3b",
}  # fmt: skip
"""A point's name → the repository of the same shape."""


POSITIONS = {"Qwen/Qwen2-0.5B-Instruct": 32768, "Qwen/Qwen2-1.5B-Instruct": 32768}
"""Positions where those of the same shape were made for others."""


@dataclass(frozen=True)
class Row:
    """One prediction beside its measurement, in the same unit."""

    id: str
    engine: str
    quantity: str
    kind: str
    model: str
    predicted: float
    measured: float
    note: str = ""

    @property
    def percent(self) -> float:
        """Signed error."""
        return 100 * (self.predicted / self.measured - 1)


OLD_ROTARY = {"bigcode/starcoder2-3b"}
"""Measured with a version whose layers each kept tables of every position: the gap is theirs to the byte."""
NF4 = {"A0003"}
"""Points whose weights were packed to 4 bits on loading; A0007 says so too, and weighs what bf16 does."""
NOTES = {
    "C0084": "the very figure of the older Qwen2 table (C0196); at 6,144 tokens and more AWQ is within 2 %",
    "E0380": "a README's figure for the whole process, after loading; its own settings add up to less",
    "E0388": "weighs what bf16 does: the 8-bit loader found no experts to pack in the repository's own code",
    "C0033": "AWQ kept part of its prompt's transient, where the table's other formats kept none",
    "C0036": "AWQ kept part of its prompt's transient, where the table's other formats kept none",
    "C0048": "AWQ kept part of its prompt's transient, where the table's other formats kept none",
    "A0011": "profiled with an image: the vision tower's activations are not modelled",
    "B0049": "a QAT file whose tied table is kept smaller than the usual mix",
    "B0059": "caches full heads (mla=0); mainline caches the latent",
    "B0123": "mla=1 keeps a transposed copy of the latent",
    "B0127": "caches full heads (mla=0); mainline caches the latent",
    "B0060": "a mix of the owner's own: the type's name is not what most tensors are",
    "B0104": "a mix of the owner's own: the type's name is not what most tensors are",
    "B0105": "a mix of the owner's own: the type's name is not what most tensors are",
}
"""Why a point is beyond its target, where that is known."""


class Skip(Exception):
    """The point cannot be predicted, and why."""


@cache
def load_target(name: str, folder: str) -> Target:
    """The model of a point."""
    asked, name = name, SAME_SHAPE.get(name, name)
    file = Path(folder) / f"{name.replace('/', '__')}.json" if folder else None
    entry = lookup(name)
    if entry is not None:
        raw = entry.raw(name)
    elif file is not None and file.is_file():
        raw = RawConfig(data=json.loads(file.read_text()), id=name, source="file")
    else:
        raise Skip("no config at hand")
    if asked in POSITIONS:
        raw = replace(raw, data={**raw.data, "max_position_embeddings": POSITIONS[asked]})
    try:
        return target(raw, assemble(raw))
    except CardscopeError as error:
        raise Skip(error.message) from error


def kind_of(found: Target, quant: str | None) -> str:
    """Dense, MoE, MLA, window, hybrid, and whether quantized."""
    kinds = {state.kind for _, state in found.inventory.states()}
    parts = found.inventory.components()
    shape = "hybrid" if kinds & {"linear", "recurrent"} else "MLA" if "latent" in kinds else ""
    shape = shape or ("window" if kinds & {"sliding", "chunked"} else "MoE" if "experts" in parts else "dense")
    plain = quant in {None, "bf16", "f16", "BF16", "F16"} and not found.packed
    return shape if plain else f"{shape}, quantized"


QUANTS = {"BF16": "bf16", "bf16": "bf16", "FP8": "fp8 blocks", "GPTQ-Int8": "gptq-int8", "GPTQ-Int4": "gptq",
          "AWQ": "awq", "AWQ-INT4": "awq", "bnb int8": "int8", "bnb 4bit": "nf4"}  # fmt: skip


def of_transformers(point: dict[str, Any], folder: str) -> Iterator[Row]:
    """Peaks of generate and load footprints."""
    c, m = point["config"], point["measured"]
    found = load_target(point["model"], folder)
    quant = QUANTS.get(str(c.get("quant", c.get("dtype"))))
    kind = kind_of(found, quant)
    if "memory_footprint_mb" in m:
        size = footprint(found, quant)
        yield Row(
            point["id"], "transformers", "load footprint", kind, point["model"], size / 1e6, m["memory_footprint_mb"]
        )
        return
    version = tuple(int(part) for part in re.findall(r"\d+", c.get("transformers") or "")[:2])
    options: dict[str, object] = {}
    note = ""
    if version and version < (4, 45):
        options |= {"logits_to_keep": 0, "rotary_caches": True}
    if version >= (4, 51):
        # Qwen's own table shows no prefill transient at all: its prompts were not run in one piece.
        options["prefill_chunk_size"] = 1
        note = "prompt run in pieces"
    if "peak_memory_gb" in m:
        options |= {"attn_implementation": "eager", "logits_to_keep": 0}
        load = Load(c["seq_len"], c["batch"], 0, quant, options=options)
        need = transformers.need(found, load)
        value, quantity = m["peak_memory_gb"], "peak, attention unstated"
    else:
        gpu = Gpu(str(c.get("gpu", "")).replace("-", " "), 1 << 50, 1 << 50)
        load = Load(c["input_len"], c["batch"], c["new_tokens"], quant, devices=Devices("", (gpu,)), options=options)
        need = transformers.need(found, load)
        value = m.get("peak_torch_allocated_gib") or m["peak_torch_allocated_mib"] / 1024
        quantity = "peak of generate" if not version or version >= (4, 45) else "peak of generate, before 4.45"
    predicted = (need.total - need.overhead) / GIB
    yield Row(point["id"], "transformers", quantity, kind, point["model"], predicted, value, note)


def footprint(found: Target, quant: str | None) -> float:
    """get_memory_footprint(): parameters and buffers as torch counts them, without bitsandbytes' scales."""
    scheme = BY_NAME[quant or "bf16"]
    if found.id in OLD_ROTARY:
        return footprint_of(found, scheme) + transformers.rotary_caches(found.facts, 2)
    return footprint_of(found, scheme)


def footprint_of(found: Target, scheme: Scheme) -> float:
    """Parameters alone."""
    return weight_bytes(found.inventory, scheme._replace(overhead=0) if scheme.group is not None else scheme)


def of_vllm(point: dict[str, Any], folder: str) -> Iterator[Row]:
    """Weights, activation peaks, the budget, pools and what a request needs."""
    c, m = point["config"], point["measured"]
    found = load_target(point["model"], folder)
    tp = int(c.get("tp") or c.get("pp") or 1)
    quant = (
        "nf4" if "bnb-4bit" in point["model"] or point["id"] in NF4 else "int8" if "w8a8" in point["model"] else None
    )
    quant = "fp8 blocks" if point["model"].endswith("FP8") and not found.packed else quant
    kind = kind_of(found, quant)
    seqs, batched = (_number(c.get(k)) for k in ("max_num_seqs", "max_num_batched_tokens"))
    length = c.get("max_model_len") or m.get("max_model_len") or 8192
    options: dict[str, object] = {"max_model_len": length}
    if isinstance(c.get("block_size"), int) and c["block_size"] < 512:
        options["block_size"] = c["block_size"]
    gpu = Gpu(str(c.get("gpu", "GPU")), int(c.get("gpu_total_gib", 24) * GIB), int(c.get("gpu_total_gib", 24) * GIB))
    options |= {k: v for k, v in (("max_num_seqs", seqs), ("max_num_batched_tokens", batched)) if v}
    kv = {"fp8_e4m3": "fp8"}.get(c.get("kv_dtype"))
    load = Load(1, 1, None, quant, kv, tp, Devices(gpu.name, (gpu,) * tp), options)
    s = vllm.settings(load)

    def row(quantity: str, predicted: float, value: float, note: str = "") -> Row:
        return Row(point["id"], "vllm", quantity, kind, point["model"], predicted, value, note)

    if "weights_gib" in m and not c.get("pp"):
        note = f"LoRA slots of rank {c['lora_rank']} included" if c.get("lora_rank") else ""
        quantity = "weights with LoRA slots or 4-bit" if note or quant == "nf4" else "weights"
        yield row(quantity, vllm.rank_weights(found, load, tp) / GIB, m["weights_gib"], note)
    if "activation_peak_gib" in m:
        yield row("activation peak", vllm.activation_peak(found, s, tp) / GIB, m["activation_peak_gib"])
    budget = ("kv_available_gib", "weights_gib", "activation_peak_gib", "non_torch_gib")
    if all(k in m for k in budget):
        gmu = c.get("gmu_exact") or c["gmu"]
        left = gmu * c["gpu_total_gib"] - m["weights_gib"] - m["activation_peak_gib"] - m["non_torch_gib"]
        yield row("cache by the budget", left, m["kv_available_gib"])
    pool = m.get("kv_available_gib") or m.get("kv_pool_gib_per_gpu")
    if pool and "kv_tokens" in m:
        tokens = vllm.pool_tokens(found, load, s, int(pool * GIB), tp) * int(c.get("dcp") or 1)
        yield row("cache tokens of a pool", tokens, m["kv_tokens"], "cache of a hybrid" if "hybrid" in kind else "")
    if "kv_needed_gib" in m:
        single = replace(load, tp=1, devices=None)
        yield row("cache needed", vllm.rank_cache(found, single, s, 1) / GIB, m["kv_needed_gib"])


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def of_llamacpp(point: dict[str, Any], folder: str) -> Iterator[Row]:
    """Caches, compute buffers, files and model buffers."""
    c, m = point["config"], point["measured"]
    found = load_target(point["model"], folder)
    fork = "ik_" in point["engine"]

    def row(quantity: str, predicted: float, value: float, kind: str | None = None) -> Row:
        sort = kind or kind_of(found, None)
        return Row(point["id"], point["engine"], quantity, sort, point["model"], predicted, value)

    types = c.get("kv_type") or "f16"
    kv = types[0] if isinstance(types, list) else types
    batch = int(c.get("n_parallel") or c.get("n_seq_max") or 1)
    micro = int(c.get("n_ubatch") or 512)
    unified = bool(c.get("kv_unified"))
    if "n_ctx" in c:
        options: dict[str, object] = {"n_ubatch": micro, "kv_unified": unified, "mask_on_device": False}
        options["flash_attn"] = str(c.get("flash_attn", 1)).strip(",") not in {"0", "False"}
        load = Load(-(-int(c["n_ctx"]) // batch), batch, None, None, kv, options=options)
        kv_mib = m.get("kv_mib") or m.get("context_mib") or (m.get("kv_base_mib", 0) + m.get("kv_swa_mib", 0))
        if kv_mib:
            predicted = llamacpp.cache_bytes(found, load) / MIB
            if fork and kind_of(found, None).startswith("window"):
                predicted = full_cache(found, load) / MIB
            yield row("cache", predicted, kv_mib)
        buffers = [
            b for b in m.get("buffers", []) if b["kind"] == "compute" and "Host" not in b["dev"] and b["dev"] != "CPU"
        ]
        devices = [b for b in m.get("buffers", []) if b["kind"] == "model" and b["dev"] not in {"CPU", "CPU_Mapped"}]
        if len(buffers) == 1 and len([b for b in m["buffers"] if b["kind"] == "model"]) <= 2 and devices:
            yield row("compute buffer", llamacpp.compute_bytes(found, load, load.tokens) / MIB, buffers[0]["mib"])
        if "compute_mib" in m:
            yield row("compute buffer", llamacpp.compute_bytes(found, load, load.tokens) / MIB, m["compute_mib"])
    yield from _files(point, found, row)


def full_cache(found: Target, load: Load) -> int:
    """The fork has no saving for windows: every layer at full length."""
    size = llamacpp.KV_TYPES[llamacpp.kv_type(load.kv_dtype)]
    return int(sum(n * s.per_token for n, s in found.inventory.states()) * llamacpp.padded(load.tokens) * size)


FTYPES = {"Q4_0": "q4_0", "F16": "bf16", "Q8_0": "q8_0", "Q4_K - Medium": "q4_k_m", "Q4_K - Small": "q4_k_s",
          "Q5_K - Medium": "q5_k_m", "Q6_K": "q6_k", "Q2_K - Medium": "q2_k", "Q3_K - Medium": "q3_k_m",
          "IQ4_XS - 4.25 bpw": "iq4_xs", "MXFP4 MoE": None}  # fmt: skip


def _files(point: dict[str, Any], found: Target, row: Callable[..., Row]) -> Iterator[Row]:
    ftype = str(point["config"].get("ftype", "")).removeprefix("mostly ")
    if ftype not in FTYPES:
        return
    weights = sizes(found, FTYPES[ftype])
    kind = kind_of(found, FTYPES[ftype])
    if "file_size_gib" in point["measured"]:
        yield row("file", weights.total / GIB, point["measured"]["file_size_gib"], kind)
    buffers = [b for b in point["measured"].get("buffers", []) if b["kind"] == "model"]
    for b in buffers if len(buffers) == 2 else []:
        on = b["dev"] not in {"CPU", "CPU_Mapped"}
        split = llamacpp.offload(found, Load(512), weights)
        yield row("model buffer" if on else "host buffer", split[0 if on else 1] / MIB, b["mib"], kind)


BY_ENGINE = {"transformers": of_transformers, "vllm": of_vllm, "llama.cpp": of_llamacpp,
             "llama.cpp (ik_llama.cpp fork)": of_llamacpp}  # fmt: skip


def of_training(point: dict[str, Any], folder: str) -> Iterator[Row]:
    """Training points, through benchmarks/memory_training.py."""
    name = point["model"]
    try:
        found = list(TRAINING[point["engine"]](point, lambda model: load_target(model, folder)))
    except Unstated as why:
        raise Skip(str(why)) from why
    for item in found:
        engine = f"training ({point['engine']})"
        yield Row(point["id"], engine, item.quantity, "training", name, item.predicted, item.measured, item.note)


def of_own(point: dict[str, Any], folder: str) -> Iterator[Row]:
    """Points of benchmarks/measure_gpu.py, predicted anew."""
    del folder
    c, m, name = point["config"], point["measured"], point["model"]
    found = predicted(name, c["input_len"], c["gpu"])
    for quantity, key in (("loaded", "loaded_bytes"), ("peak of generate", "peak_bytes")):
        where = "our own, fake tensors" if c["gpu"] == "fake" else "our own"
        values = (found[key] / GIB, m[key] / GIB)
        yield Row(point["id"], f"transformers ({where})", quantity, "random weights", name, *values)


def compare(path: Path, folder: str) -> tuple[list[Row], list[tuple[str, str, str]], int]:
    """Every complete point: rows, and what was left out with its reason."""
    rows: list[Row] = []
    skipped: list[tuple[str, str, str]] = []
    own = ROOT / "benchmarks" / "measurements.jsonl"
    files = [path, own] if own.is_file() else [path]
    text = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    points = [json.loads(line) for line in text if line.strip()]
    complete = [point for point in points if point.get("complete")]
    for point in complete:
        made = BY_ENGINE.get(point["engine"], of_training if point["engine"] in TRAINING else None)
        made = of_own if point["id"].startswith("own-") else made
        if made is None:
            skipped.append((point["engine"], point["model"], "no rule compares this engine's points yet"))
            continue
        try:
            found = list(made(point, folder))
        except Skip as why:
            skipped.append((point["engine"], point["model"], str(why)))
            continue
        rows += found
        if not found:
            skipped.append((point["engine"], point["model"], "the file type or quantity has no rule of ours"))
    return rows, skipped, sum(1 for point in complete if not point["id"].startswith("own-"))


def tables(rows: list[Row]) -> Iterator[str]:
    """One line for each engine, quantity and kind of model."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.engine, row.quantity, row.kind), []).append(row)
    yield "| engine | quantity | kind | points | mean % | median abs % | worst % |"
    yield "|---|---|---|---:|---:|---:|---:|"
    for (engine, quantity, kind), found in sorted(groups.items()):
        errors = [row.percent for row in found]
        worst = max(errors, key=abs)
        middle = statistics.median(map(abs, errors))
        figures = f"{len(found)} | {statistics.mean(errors):+.2f} | {middle:.2f} | {worst:+.2f}"
        yield f"| {engine} | {quantity} | {kind} | {figures} |"


def budget_line(rows: list[Row]) -> str:
    """The largest gap of vLLM's budget identity."""
    gaps = [abs(row.predicted - row.measured) for row in rows if row.quantity == "cache by the budget"]
    return f"The budget identity of vLLM: {len(gaps)} points, largest gap {max(gaps):.3f} GiB." if gaps else ""


def percentile(values: list[float]) -> float:
    """Nine in ten values are no larger."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]


def uncertainties(rows: list[Row]) -> dict[str, dict[str, object]]:
    """For each engine, the percent within which nine in ten of the quantities that make up a need are."""
    wanted = {
        "transformers": {"peak of generate", "load footprint"},
        "vllm": {"weights", "activation peak", "cache tokens of a pool"},
        "llama.cpp": {"model buffer", "cache", "compute buffer", "file"},
    }
    found: dict[str, dict[str, object]] = {}
    for engine, quantities in wanted.items():
        errors = [abs(r.percent) for r in rows if r.engine == engine and r.quantity in quantities]
        percent = max(2.0, round(percentile(errors), 1))
        names = ", ".join(sorted(quantities))
        found[engine] = {"percent": percent, "basis": f"nine in ten of {len(errors)} published measurements ({names})"}
    tuned = {"step, LoRA", "step, LoRA over 4 bits", "step, FSDP", "copies of hidden states"}
    errors = [abs(r.percent) for r in rows if r.quantity in tuned]
    percent = max(2.0, round(percentile(errors), 1))
    basis = f"nine in ten of {len(errors)} published measurements of training"
    found["training"] = {"percent": percent, "basis": basis}
    found["generic"] = {"percent": 10.0, "basis": "no measurements; an allowance for allocators nobody named"}
    return dict(sorted(found.items()))


TARGETS = {
    ("vllm", "weights"): 0.1, ("vllm", "cache tokens of a pool"): 1, ("llama.cpp", "cache"): 0.3,
    ("llama.cpp", "model buffer"): 1, ("transformers", "peak of generate"): 5, ("transformers", "load footprint"): 0.5,
    ("llama.cpp (ik_llama.cpp fork)", "cache"): 0.3, ("llama.cpp (ik_llama.cpp fork)", "model buffer"): 1,
}  # fmt: skip


def document(rows: list[Row], skipped: list[tuple[str, str, str]], complete: int) -> str:
    """docs/accuracy.md."""
    text = ["# How far off `cardscope fit` is", ""]
    text += [
        f"Generated by `benchmarks/memory_accuracy.py` from {complete} published measurements that state all they need;"
    ]
    text += [
        f"{len(rows)} figures are compared. The error is 100 · (predicted / measured − 1).",
        "",
    ]
    text += [*tables(rows), "", budget_line(rows), ""]
    text += [
        "Points of transformers 4.51 and later (Qwen3's table) are predicted with prefill_chunk_size=1: they show no"
    ]
    text += ["prefill transient, and their source does not say why. `fit` itself counts the transient by default.", ""]
    text += [
        "Training points (`fit --train`) are predicted with every setting their source states; DeepSpeed's are its own"
    ]
    text += [
        "estimates, and an example's figure is one its README calls approximate. Neither is in the stated uncertainty.",
        "",
    ]
    text += [
        "## Points beyond the target",
        "",
        "| point | engine | quantity | model | predicted | measured | error % | note |",
    ]
    text += ["|---|---|---|---|---:|---:|---:|---|"]
    for row in rows:
        limit = TARGETS.get((row.engine, row.quantity), 15)
        if abs(row.percent) > limit:
            text.append(
                f"| {row.id} | {row.engine} | {row.quantity} | {row.model} | {row.predicted:.2f} | {row.measured:.2f} "
                f"| {row.percent:+.2f} | {NOTES.get(row.id, row.note)} |"
            )
    text += ["", "## Left out", "", "| engine | points | why |", "|---|---:|---|"]
    reasons: dict[tuple[str, str], int] = {}
    for engine, _, why in skipped:
        reasons[engine, why] = reasons.get((engine, why), 0) + 1
    text += [f"| {engine} | {count} | {why} |" for (engine, why), count in sorted(reasons.items())]
    return "\n".join(text) + "\n"


def main() -> None:
    """Prints the table; --write renews what is kept of it."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("measurements", type=Path)
    words.add_argument("--configs", default="")
    words.add_argument("--write", action="store_true")
    given = words.parse_args()
    rows, skipped, complete = compare(given.measurements, given.configs)
    text = document(rows, skipped, complete)
    print(text)
    if given.write:
        (ROOT / "docs").mkdir(exist_ok=True)
        (ROOT / "docs" / "accuracy.md").write_text(text, encoding="utf-8")
        body = json.dumps(uncertainties(rows), indent=1) + "\n"
        (ROOT / "cardscope" / "data" / "accuracy.json").write_text(body, encoding="utf-8")


if __name__ == "__main__":
    main()

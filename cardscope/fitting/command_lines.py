"""The engine's own command line with the values of the answer."""

from __future__ import annotations

import shlex

from cardscope.fitting.target import Load, Need, Target

VLLM_LOAD = {"nf4": "bitsandbytes", "fp8": "fp8"}  # on loading, bitsandbytes there makes four bits only
TRANSFORMERS_LOAD = {"nf4": "bnb-4bit", "int8": "bnb-8bit"}  # `transformers serve --quantization`, cli/serve.py
PLAIN = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


def command_line(engine: str, target: Target, load: Load, need: Need) -> str:
    """One line to run it with; what the engine takes from the repository itself is left out."""
    if engine == "vllm":
        return _vllm(target, load, need)
    if engine == "llama.cpp":
        return _llamacpp(target, load, need)
    return _transformers(target, load, need) if engine == "transformers" else ""


def made_first(engine: str, target: Target, load: Load) -> str | None:
    """What has to exist before the line runs: weights in a format that the engine does not make on loading."""
    made = {"transformers": TRANSFORMERS_LOAD, "vllm": VLLM_LOAD}.get(engine)
    quant = load.quant
    if made is None or quant is None or quant in made or quant in PLAIN or quant == target.precision:
        return None
    return f"{target.id} stands for a repository of it stored in {quant}: {engine} does not make that on loading"


def _transformers(target: Target, load: Load, need: Need) -> str:
    words = ["transformers", "serve", shlex.quote(target.id)]
    if load.quant in TRANSFORMERS_LOAD and load.quant != target.precision:
        words += ["--quantization", TRANSFORMERS_LOAD[load.quant]]
    elif load.quant in PLAIN and load.quant != target.precision:
        words += ["--dtype", PLAIN[load.quant]]
    if "attn_implementation" in load.options:
        words += ["--attn-implementation", str(need.settings["attn_implementation"])]
    return " ".join(words)


def _vllm(target: Target, load: Load, need: Need) -> str:
    s = need.settings
    words = ["vllm", "serve", shlex.quote(target.id), "--max-model-len", str(s["max_model_len"])]
    words += ["--gpu-memory-utilization", str(s["gpu_memory_utilization"]), "--max-num-seqs", str(s["max_num_seqs"])]
    words += ["--max-num-batched-tokens", str(s["max_num_batched_tokens"])]
    for key, word in (("tensor_parallel_size", "tensor"), ("pipeline_parallel_size", "pipeline")):
        if str(s[key]) != "1":
            words += [f"--{word}-parallel-size", str(s[key])]
    if load.quant in VLLM_LOAD:
        words += ["--quantization", VLLM_LOAD[load.quant]]
    elif load.quant in PLAIN and load.quant != target.precision:
        words += ["--dtype", PLAIN[load.quant]]
    if load.kv_dtype:
        words += ["--kv-cache-dtype", "fp8" if "8" in load.kv_dtype else "auto"]
    return " ".join(words)


def _llamacpp(target: Target, load: Load, need: Need) -> str:
    s = need.settings
    quant = (load.quant or "bf16").upper()
    words = ["llama-server", "-m", shlex.quote(f"{target.id.rpartition('/')[2]}-{quant}.gguf"), "-c", str(s["n_ctx"])]
    words += ["-ngl", str(s["n_gpu_layers"]), "-ub", str(s["n_ubatch"]), "-fa", "on" if s["flash_attn"] else "off"]
    if load.batch > 1:
        words += ["-np", str(load.batch)]
    if load.kv_dtype:
        words += ["-ctk", load.kv_dtype, "-ctv", load.kv_dtype]
    return " ".join(words)

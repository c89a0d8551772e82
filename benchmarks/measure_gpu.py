"""Memory of real transformers models with random weights: loaded, at the end of a prefill, while decoding.

    PYTHONPATH=. python benchmarks/measure_gpu.py [--device cuda|fake] [--models NAME …] [--tokens 512,4096] [--write]

Six architectures of the bundled catalogue at their real sizes: dense, normed queries, windows, latents with experts,
experts with sinks, short convolutions.  On `cuda` the peaks are torch's own (max_memory_allocated), each in a process
of its own; `fake` follows every allocation on fake tensors with the CPU's kernels, which takes no memory and no GPU but
also keeps the masks that a GPU's kernels do not.  --write adds the points to benchmarks/measurements.jsonl, which
benchmarks/memory_accuracy.py reads like any other, and the table to benchmarks/RESULTS-measured.md; with `--models`
and no name it only predicts the kept points anew.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
POINTS = ROOT / "benchmarks" / "measurements.jsonl"
TABLE = ROOT / "benchmarks" / "RESULTS-measured.md"
MODELS = (
    "meta-llama/Llama-3.1-8B-Instruct",
    "Qwen/Qwen3-4B-Instruct-2507",
    "google/gemma-3-1b-it",
    "deepseek-ai/DeepSeek-V2-Lite-Chat",
    "openai/gpt-oss-20b",
    "LiquidAI/LFM2.5-1.2B-Thinking",
)
NEW = 32
"""Tokens decoded after the prompt."""


def config_of(name: str) -> tuple[Any, dict[str, Any]]:
    """A catalogue entry as transformers' config, without its quantization, and as the raw one."""
    from transformers import CONFIG_MAPPING

    from cardscope.source.catalog import lookup

    entry = lookup(name)
    if entry is None:
        raise SystemExit(f"{name} is not in the catalogue")
    data = {key: value for key, value in entry.config.items() if key != "quantization_config"}
    keys = {key: value for key, value in data.items() if key not in {"model_type", "architectures"}}
    return CONFIG_MAPPING[str(data["model_type"])](**keys), data


def attention(name: str) -> str:
    """gpt-oss has sinks, which torch's own attention does not know."""
    return "eager" if "gpt-oss" in name else "sdpa"


def run(model: Any, tokens: int, device: str) -> None:
    """One prompt and a few tokens after it, as `generate` does them."""
    import torch

    ids = torch.randint(0, 1000, (1, tokens), device=device)
    found = model(input_ids=ids, use_cache=True, logits_to_keep=1)
    for _ in range(NEW):
        one = torch.randint(0, 1000, (1, 1), device=device)
        found = model(input_ids=one, past_key_values=found.past_key_values, use_cache=True, logits_to_keep=1)


def on_cuda(name: str, tokens: int) -> dict[str, int]:
    """Bytes loaded and at the peak, by torch's allocator."""
    import torch
    from transformers import AutoModelForCausalLM

    config, _ = config_of(name)
    with torch.device("cuda"), torch.no_grad():
        model = AutoModelForCausalLM.from_config(
            config, dtype=torch.bfloat16, attn_implementation=attention(name)
        ).eval()
    loaded = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    with torch.no_grad():
        run(model, tokens, "cuda")
    return {"loaded_bytes": loaded, "peak_bytes": torch.cuda.max_memory_allocated()}


def on_fake(name: str, tokens: int) -> dict[str, int]:
    """The same followed on fake tensors."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode
    from transformers import AutoModelForCausalLM

    from tests.oracle.live_bytes import Live

    config, _ = config_of(name)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        model = AutoModelForCausalLM.from_config(
            config, dtype=torch.bfloat16, attn_implementation=attention(name)
        ).eval()
        live = Live()
        for tensor in (*model.parameters(), *model.buffers()):
            live.hold(tensor)
        loaded = live.now
        with live:
            run(model, tokens, "cpu")
    return {"loaded_bytes": loaded, "peak_bytes": live.peak}


def predicted(name: str, tokens: int, gpu: str) -> dict[str, int]:
    """What `cardscope fit` says of the same."""
    from cardscope.assemble import assemble
    from cardscope.fitting.answer import target
    from cardscope.fitting.engines import transformers
    from cardscope.fitting.hardware import Devices, Gpu
    from cardscope.fitting.target import Load
    from cardscope.model import RawConfig

    _, data = config_of(name)
    raw = RawConfig(data=data, id=name, source="catalog")
    found = target(raw, assemble(raw))
    card = Gpu(gpu, 1 << 50, 1 << 50, kind="cpu" if gpu == "fake" else None)
    options = {"attn_implementation": attention(name)}
    need = transformers.need(found, Load(tokens, 1, NEW, devices=Devices(gpu, (card,)), options=options))
    return {"loaded_bytes": need.weights, "peak_bytes": need.total - need.overhead}


def point(name: str, tokens: int, device: str) -> dict[str, Any]:
    """One measured point with everything needed to predict it."""
    import torch
    import transformers

    gpu = torch.cuda.get_device_name() if device == "cuda" else "fake"
    measured = on_cuda(name, tokens) if device == "cuda" else on_fake(name, tokens)
    return {
        "id": f"own-{device}-{name.rpartition('/')[2]}-{tokens}", "engine": f"transformers ({device})", "model": name,
        "measured": measured, "predicted": predicted(name, tokens, gpu),
        "config": {"quant": "BF16", "batch": 1, "input_len": tokens, "new_tokens": NEW, "gpus": 1, "gpu": gpu,
                   "attn": attention(name), "transformers": transformers.__version__, "torch": torch.__version__},
        "complete": True,
    }  # fmt: skip


def children(models: list[str], lengths: list[int], device: str) -> Iterator[dict[str, Any]]:
    """Each point from a process of its own: what one leaves behind is not the next one's."""
    for name in models:
        for tokens in lengths:
            words = [sys.executable, __file__, "--one", name, str(tokens), "--device", device]
            done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
            if done.returncode:
                print(f"{name} at {tokens}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                continue
            yield json.loads(done.stdout.splitlines()[-1])


def rows(points: list[dict[str, Any]]) -> Iterator[str]:
    """A table of predictions beside measurements, in GiB."""
    yield "| model | tokens | loaded | predicted | % | peak | predicted | % |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for item in points:
        cells = []
        for key in ("loaded_bytes", "peak_bytes"):
            real, said = item["measured"][key], item["predicted"][key]
            cells += [f"{real / 2**30:.3f}", f"{said / 2**30:.3f}", f"{100 * (said / real - 1):+.2f}"]
        yield f"| {item['model']} | {item['config']['input_len']:,} | {' | '.join(cells)} |"


def document(points: list[dict[str, Any]]) -> str:
    """benchmarks/RESULTS-measured.md: a table for each device and software."""
    text = [
        "# Measured by ourselves", "",
        "Generated by `benchmarks/measure_gpu.py`: transformers models of real sizes with random weights in bf16, one",
        f"prompt and {NEW} tokens after it, in GiB. The error is 100 · (predicted / measured − 1).", "",
    ]  # fmt: skip
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for item in points:
        config = item["config"]
        groups.setdefault((config["gpu"], config["torch"], config["transformers"]), []).append(item)
    for (gpu, torch, transformers), found in groups.items():
        text += [f"## {gpu}, torch {torch}, transformers {transformers}", ""]
        if gpu == "fake":
            text += [
                "Followed on fake tensors: what torch would allocate with the CPU's kernels, without memory or a GPU.",
                "These kernels keep masks, and for latent attention every score, which a GPU's kernels do not.", "",
            ]  # fmt: skip
        text += [*rows(found), ""]
    return "\n".join(text[:-1]) + "\n"


def known() -> list[dict[str, Any]]:
    """Points of earlier runs, predicted anew."""
    lines = POINTS.read_text(encoding="utf-8").splitlines() if POINTS.is_file() else []
    points = [json.loads(line) for line in lines]
    return [
        {**item, "predicted": predicted(item["model"], item["config"]["input_len"], item["config"]["gpu"])}
        for item in points
    ]


def main() -> None:
    """Measures, prints the table, and keeps it under --write."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--device", choices=["cuda", "fake"], default="cuda")
    words.add_argument("--models", nargs="*", default=list(MODELS))
    words.add_argument("--tokens", default="512,4096")
    words.add_argument("--write", action="store_true")
    words.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = words.parse_args()
    sys.path.insert(0, str(ROOT))
    if given.one:
        print(json.dumps(point(given.one[0], int(given.one[1]), given.device)))
        return
    lengths = [int(word) for word in given.tokens.split(",")]
    found = list(children(given.models, lengths, given.device))
    if not found and not given.write:
        raise SystemExit("nothing was measured")
    print("\n".join(rows(found)))
    if given.write:
        kept = {item["id"]: item for item in known()} | {item["id"]: item for item in found}
        POINTS.write_text("".join(json.dumps(item) + "\n" for item in kept.values()), encoding="utf-8")
        TABLE.write_text(document(list(kept.values())), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Writes cardscope/data/checked.json: how each declared type was checked.

    python tools/checked.py            rewrite
    python tools/checked.py --check    exit 1 if anything would change

Oracle cases come from fixtures/oracle (recorded totals of transformers' empty models; the live sweep runs more),
catalogue totals from its entries; what only repositories' own code builds rests on the list below.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "cardscope" / "data" / "checked.json"

REMOTE = {
    "Dream": "total of Dream-org/Dream-v0-Instruct-7B as remembered, not fetched again",
    "PanguEmbedded": "index of openpangu/openPangu-Embedded-7B",
    "RefinedWeb": "Hub total of tiiuae/falcon-40b",
    "RefinedWebModel": "falcon-7b, counted by transformers' falcon",
    "Yi": "Hub total of 01-ai/Yi-6B-Chat",
    "aquila": "layout of Llama, as inference engines run it; no total at hand",
    "baichuan": "layout of Llama; no total at hand",
    "bailing_moe": "Hub total of inclusionAI/Ling-lite",
    "bunny-phi": "layout of LLaVA's class with SigLIP and Phi; no total at hand",
    "chatglm": "Hub total of THUDM/glm-4-9b-chat, index of THUDM/chatglm3-6b-32k",
    "deci": "total of Deci/DeciLM-7B as remembered, which its layout meets with 67 KV heads in all",
    "deepseek": "published total of deepseek-ai/deepseek-moe-16b-base",
    "deepseek_vl_v2": "Hub total of deepseek-ai/DeepSeek-OCR-2, -OCR as remembered; VL2 by its published code",
    "dots_ocr": "Hub total of rednote-hilab/dots.ocr",
    "exaone": "Hub totals of LGAI-EXAONE/EXAONE-3.5-2.4B-Instruct and -32B-Instruct",
    "gpt_neox_reward_model": "index of OpenAssistant/oasst-rm-2.1-pythia-1.4b-epoch-2.5",
    "hunyuan": "transformers' hunyuan_v1_moe on Hunyuan-A13B's fields; with use_cla by layout alone",
    "internlm": "layout of Llama with biases; no total at hand",
    "internlm2": "Hub total of internlm/internlm2-chat-20b",
    "internvl_chat": "Hub totals of seven of OpenGVLab's, InternVL2-26B to InternVL3_5-8B",
    "kimi_k3": "Hub total of moonshotai/Kimi-K3",
    "kimi_k2": "Hub total of moonshotai/Kimi-K2-Instruct less its FP8 scales",
    "kimi_vl": "Hub total of moonshotai/Kimi-VL-A3B-Instruct less 26 × 64 biases and 1,728 numbers not named",
    "llada": "total of GSAI-ML/LLaDA-8B-Instruct as remembered, not fetched again",
    "llava_llama": "the same class as llava_mistral, before Llama",
    "llava_mistral": "Hub total of microsoft/llava-med-v1.5-mistral-7b",
    "llava_qwen": "total of lmms-lab/llava-onevision-qwen2-7b-ov as remembered, not fetched again",
    "mimo": "Hub total of XiaomiMiMo/MiMo-7B-Base",
    "minicpm": "published total of openbmb/MiniCPM-2B",
    "minicpmv": "Hub totals of openbmb/MiniCPM-V-2_6, -4 and -4_5, index of openbmb/MiniCPM-V",
    "minimax_m1": "index of MiniMaxAI/MiniMax-M1-80k",
    "minimax_text_01": "the same layers as MiniMax-M1",
    "molmo": "index of a quantized copy of allenai/Molmo-7B-D-0924",
    "multi_modality": "transformers' janus on the shared parts, its code for the probe",
    "nanochat-native": "totals of nanochat's own gpt.py at every release",
    "nemotron-nas": "Hub total of nvidia/Llama-3_3-Nemotron-Super-49B-v1",
    "openelm": "totals of apple/OpenELM-270M and -1_1B as remembered, not fetched again",
    "orion": "layout of Llama with LayerNorm; no total at hand",
    "phi-msft": "index of microsoft/phi-2's first revision",
    "phi3_v": "total of microsoft/Phi-3.5-vision-instruct as remembered, not fetched again",
    "phi3small": "Hub total of microsoft/Phi-3-small-8k-instruct",
    "phi4": "transformers' phi3 on the same fields",
    "qwen": "Qwen1.5's total on the same layers, index of Qwen-VL-Chat-Int4, Hub total of Qwen-Audio-Chat",
    "rwkv5": "the parameter formula of arXiv:2404.05892, as remembered",
    "skywork": "layout of Llama; no total at hand",
    "step3p5": "Hub total of stepfun-ai/Step-3.5-Flash with its extra prediction layers",
    "xverse": "layout of Llama; no total at hand",
}


def checked() -> dict[str, object]:
    """Type → recorded oracle cases, catalogue models, and the published basis of what transformers cannot build."""
    sys.path.insert(0, str(ROOT))
    from cardscope.archs import declared_types
    from cardscope.source import catalog

    models: dict[str, list[str]] = defaultdict(list)
    for name in catalog.ids():
        entry = catalog.lookup(name)
        if entry is not None and entry.id == name:
            models[str(entry.config.get("model_type"))].append(name)
    recorded = {
        path.stem: json.loads(path.read_text("utf-8")) for path in (ROOT / "fixtures" / "oracle").glob("*.json")
    }
    types = {}
    for name in declared_types():
        row: dict[str, object] = {"oracle_cases": len(recorded[name]["cases"]) if name in recorded else 0}
        if models[name]:
            row["catalogue"] = len(models[name])
        if name in REMOTE:
            row["published"] = REMOTE[name]
        types[name] = row
    versions = sorted({str(found["transformers"]) for found in recorded.values()})
    return {"transformers": versions, "types": types}


def main() -> int:
    """Rewrites or checks; returns the exit code."""
    text = json.dumps(checked(), indent=0, sort_keys=True) + "\n"
    if "--check" in sys.argv:
        return int(not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

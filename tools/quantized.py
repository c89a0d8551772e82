"""Record the headers of small checkpoints that quantization libraries wrote: fixtures/quantized.jsonl.

    python tools/quantized.py FOLDER...

Each FOLDER holds a checkpoint (config.json, *.safetensors) and a file MADE that says in one line what wrote it.  Kept
are the config's keys that shape tensors, its quantization, and every tensor's dtype and shape; layers are written once
where all are alike.  tests/unit/test_stored_real.py holds the decoders and the precision table to them.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
TARGET = ROOT / "fixtures" / "quantized.jsonl"
KEYS = (
    "model_type", "architectures", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "vocab_size", "max_position_embeddings", "tie_word_embeddings", "dtype",
    "quantization_config",
)  # fmt: skip
_LAYER = re.compile(r"(?<=\.layers\.)\d+(?=\.)")


def record(folder: Path) -> dict[str, object]:
    """One checkpoint as a line of the fixture."""
    from cardscope.checkpoint.local import header

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tensors: dict[str, list[object]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors |= {t.name: [t.dtype, list(t.shape)] for t in header(path).tensors}
    layers = int(config["num_hidden_layers"])
    short = {_LAYER.sub("*", name): entry for name, entry in tensors.items()}
    whole = {n.replace(".*.", f".{i}."): e for n, e in short.items() for i in range(layers if "*" in n else 1)}
    if whole == tensors:
        tensors = short
    made = (folder / "MADE").read_text(encoding="utf-8").strip()
    name = folder.name
    return {"name": name, "made": made, "config": {k: config[k] for k in KEYS if k in config}, "tensors": tensors}


def main() -> None:
    """Write the fixture anew from the folders."""
    lines = [json.dumps(record(Path(word)), sort_keys=True) for word in sorted(sys.argv[1:])]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)}: {len(lines)} checkpoints")


if __name__ == "__main__":
    main()

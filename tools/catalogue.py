"""Adds facts to the bundled catalogue of well-known models, and recounts what it holds.

    python tools/catalogue.py add FACTS.jsonl    trim, recount and merge; a known id is replaced where it stands
    python tools/catalogue.py check              recount every entry and list those that differ

A fact is a line with the keys of a catalogue entry (cardscope/source/catalog.py) and the whole config.json. Keys of
training, generation and bookkeeping are dropped, and the rest must give the report that the whole file gives. An
entry is refused unless transformers' empty model, or else cardscope's own count of a declared type, has its total.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cardscope.source.catalog import PATH  # noqa: E402 - the root is put on the path first

KEYS = ("id", "aliases", "revision", "gated", "date", "source", "total", "total_source", "config")

BOOKKEEPING = re.compile(
    r"_name_or_path$|^(transformers_weights|tokenizer_class|processor_class|finetuning_task|license|tags)$|"
    r"^transformers_version$|^transformers\.js_config$|^(id2label|label2id|task_specific_params)$|"
    r"^_(attn|auto|class|commit|diffusers|experts|flash|from|num_labels)|"
    r"^(torchscript|use_bfloat16|pruned_heads|problem_type|return_dict.*|output_attentions|output_hidden_states)$|"
    r"^(output_past|chunk_size_(feed_forward|lm_head)|tie_encoder_decoder|n_special|predict_special_tokens|n_ctx)$|^summary_"
)
TRAINING = re.compile(
    r"dropout|_pdrop$|layerdrop|drop_path|drop_rate|initializer|^init_(std|device|config)$|^(emb|embedding)_init|"
    r"aux_loss|z_loss|^gradient_checkpointing$|^use_cache$|^pretraining_tp$|^mask_(time|feature)_|^apply_spec_augment$|"
    r"^ctc_|_eps$|epsilon$|^(scale_)?attention_softmax_in_fp32$|^output_router_logits$|^hyena_|^fused_dense$|^flash_(attn|rotary)$"
)
GENERATION = re.compile(
    r"^(do_sample|early_stopping|temperature|top_k|top_p|typical_p|repetition_penalty|length_penalty|num_beams|"
    r"num_beam_groups|diversity_penalty|num_return_sequences|no_repeat_ngram_size|encoder_no_repeat_ngram_size|"
    r"bad_words_ids|max_length|min_length|(begin_)?suppress_tokens|forced_(bos|eos|decoder)_(token_id|ids)|"
    r"remove_invalid_values|exponential_decay_length_penalty|tf_legacy_loss|output_scores|prefix|cache_implementation|"
    r"median_filter_width|use_return_dict)$|_token_ids?$|_token_index$"
)

UNSAID = {
    "architectures": None,
    "add_cross_attention": False,
    "cross_attention_hidden_size": None,
    "is_decoder": False,
    "is_encoder_decoder": False,
    "sep_token_id": None,
    "decoder_start_token_id": None,
}
"""What a dump of a sub-config says although no file needs to."""


def trim(config: dict[str, Any], *, nested: bool = False) -> dict[str, Any]:
    """The config without keys that train, generate or keep books; a version from 5 on stays, for it says how to read.

    Names of labels become their number.
    """
    kept: dict[str, Any] = {}
    for key, value in config.items():
        version = key == "transformers_version" and str(value).startswith("5")
        if key == "id2label" and not nested and len(value) != 2:
            kept["num_labels"] = len(value)
        if not version and any(rule.search(key) for rule in (BOOKKEEPING, TRAINING, GENERATION)):
            continue
        if nested and key in UNSAID and value == UNSAID[key]:
            continue
        inner = isinstance(value, dict) and (key.endswith("_config") or "model_type" in value)
        kept[key] = trim(value, nested=True) if inner and key != "quantization_config" else value
    return kept


def counted(config: dict[str, Any]) -> dict[str, Any]:
    """The whole config with the names of its labels replaced by their number."""
    labels = config.get("id2label")
    if not labels or len(labels) == 2:
        return config
    return {key: value for key, value in config.items() if key not in {"id2label", "label2id"}} | {
        "num_labels": len(labels)
    }


def report(config: dict[str, Any]) -> dict[str, Any] | None:
    """The report of a config without its exact count, or None where it has none."""
    from cardscope import CardscopeError, inspect

    try:
        return inspect(config, exact=False, headers=False).to_dict()
    except CardscopeError:
        return None


def exact(config: dict[str, Any]) -> int | str:
    """What transformers' empty model has, or why there is none."""
    from tests.oracle import meta

    try:
        return meta.build(config).total
    except meta.Refused as error:
        return str(error)


def problem(entry: dict[str, Any], whole: dict[str, Any]) -> str | None:
    """Why an entry cannot stand, or None."""
    found = report(entry["config"])
    if found != report(counted(whole)):
        return "the trimmed config does not give the report of the whole one"
    own = found["parameters"]["analytic"]["total"] if found else None
    built = exact(entry["config"])
    if isinstance(built, str) and own is None:
        return f"nothing can count it: {built}"
    wrong = {name: n for name, n in (("cardscope", own), ("transformers", built)) if n not in (None, entry["total"])}
    differing = {name: n for name, n in wrong.items() if isinstance(n, int)}
    return f"total is {entry['total']:,}, but {differing}" if differing else None


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSON-lines file, each with its own config."""
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    configs = {entry["id"]: entry["config"] for entry in entries if "config" in entry}
    for entry in entries:
        if like := entry.pop("like", None):
            entry["config"] = configs[like]
    return entries


def write(entries: list[dict[str, Any]]) -> None:
    """The catalogue: one entry a line, `id` first, which is how it is searched; a config is written once."""
    lines, first = [], dict[str, str]()
    for entry in entries:
        said = {key: entry[key] for key in KEYS if entry.get(key)}
        other = first.setdefault(_json(said["config"]), entry["id"])
        if other != entry["id"]:
            del said["config"]
            said["like"] = other
        lines.append(_json(said))
    PATH.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def add(path: Path) -> int:
    """Merges a file of facts; returns how many were refused."""
    entries, refused = {entry["id"]: entry for entry in read(PATH)}, 0
    for fact in read(path):
        entry = {**fact, "config": trim(fact["config"])}
        if "total" not in entry:
            entry["total"] = exact(fact["config"])
        if why := problem(entry, fact["config"]):
            refused += 1
            print(f"{entry['id']}: refused: {why}")
            continue
        entries[entry["id"]] = entry
        print(f"{entry['id']}: {entry['total']:,}")
    write(list(entries.values()))
    return refused


def check() -> int:
    """Recounts the catalogue; returns how many entries differ."""
    wrong = 0
    for entry in read(PATH):
        if why := problem(entry, entry["config"]):
            wrong += 1
            print(f"{entry['id']}: {why}")
    return wrong


def main() -> int:
    """Runs the command; 1 if an entry is refused or wrong."""
    match sys.argv[1:]:
        case ["add", path]:
            return int(add(Path(path)) > 0)
        case ["check"]:
            return int(check() > 0)
    print(__doc__)
    return 2


if __name__ == "__main__":
    raise SystemExit(main())

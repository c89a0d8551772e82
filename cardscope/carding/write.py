"""What a card should say: a block of specification with its witnesses, and the metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cardscope.carding.languages import codes
from cardscope.carding.licences import KNOWN, licence
from cardscope.carding.metadata import dump
from cardscope.errors import NotModelled
from cardscope.harvest import declared
from cardscope.model import RawConfig
from cardscope.report.markdown import code, escape, table
from cardscope.report.model import Report
from cardscope.rules.hub_words import PIPELINE_TAGS
from cardscope.units import format_bytes, format_count, short_dtype

_WITNESS: Final = {
    "stored": "headers of the stored tensors",
    "exact": "empty model",
    "analytic": "counted from config.json",
    "none": "",
}
_SPEC: Final = (
    ("num_layers", "Layers"),
    ("hidden_size", "Hidden size"),
    ("intermediate_size", "Intermediate size"),
    ("num_heads", "Attention heads"),
    ("num_kv_heads", "KV heads"),
    ("head_dim", "Head dimension"),
    ("num_experts", "Experts"),
    ("experts_per_token", "Experts per token"),
    ("expert_intermediate_size", "Intermediate size of an expert"),
    ("vocab_size", "Vocabulary"),
    ("max_positions", "Context length"),
    ("sliding_window", "Sliding window"),
)
_KEYS: Final = {
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "num_kv_heads": "num_key_value_heads",
    "max_positions": "max_position_embeddings",
    "experts_per_token": "num_experts_per_tok",
}
"""Names of the common spec → those of the config's fields."""
_GROUPING: Final = {
    "mha": "multi-head",
    "gqa": "grouped-query",
    "mqa": "multi-query",
    "mla": "multi-head latent",
}
_TASKS: Final = (
    ("ForCausalLM", "text-generation"),
    ("LMHeadModel", "text-generation"),
    ("ForMaskedLM", "fill-mask"),
    ("ForSequenceClassification", "text-classification"),
    ("ForTokenClassification", "token-classification"),
    ("ForQuestionAnswering", "question-answering"),
    ("ForImageClassification", "image-classification"),
    ("ForSpeechSeq2Seq", "automatic-speech-recognition"),
    ("ForCTC", "automatic-speech-recognition"),
)
FIRST: Final = ("license", "license_name", "license_link", "language", "library_name", "pipeline_tag", "base_model")


def block(report: Report) -> str:
    """A Markdown table of the model's specification, each figure with its witness, ready for a card.

    Raises NotModelled where nothing is known of the model.
    """
    if report.headline.total is None and report.spec is None:
        raise NotModelled("nothing is known of this model that a card could state")
    rows = [
        [name, value, witness if witness.isalpha() else code(witness) if ":" in witness else witness]
        for name, value, witness in (*_counts(report), *_shape(report), *_sizes(report))
    ]
    return "\n".join(["## Model specification", "", *table(["property", "value", "witness"], rows)]) + "\n"


def _counts(report: Report) -> Iterator[tuple[str, str, str]]:
    head = report.headline
    witness = _WITNESS[head.witness]
    if head.total is not None:
        yield "Parameters", f"{head.total:,} ({format_count(head.total)})", witness
    if head.active is not None and head.active != head.total:
        yield "Active parameters", f"{head.active:,} ({format_count(head.active)})", "counted from config.json"
    parts = report.parameters.analytic.components
    tables = parts.get("embedding", 0) + parts.get("head", 0)
    total = report.parameters.analytic.total
    if tables and total:
        yield "Embedding and head", f"{format_count(tables)}, {100 * tables / total:.1f} %", "counted from config.json"


def _shape(report: Report) -> Iterator[tuple[str, str, str]]:
    if report.model.model_type:
        classes = ", ".join(report.model.architectures[:2])
        named = f"{escape(report.model.model_type)}{f' ({escape(classes)})' if classes else ''}"
        yield "Architecture", named, "config.json"
    if report.spec is None:
        return
    keys = {read.name: read for read in report.fields}
    for name, words in _SPEC:
        value = getattr(report.spec, name)
        if isinstance(value, int):
            read = keys.get(_KEYS.get(name, name))
            witness = "config.json" if read is None or read.origin == "derived" else f"config.json: {read.key}"
            yield words, f"{value:,}", "class default" if read and read.origin == "class default" else witness
    facts = report.attention
    if facts is not None and facts.kind in _GROUPING:
        yield "Attention", f"{_GROUPING[facts.kind]}, {facts.heads} heads over {facts.kv_heads}", "config.json"


def _sizes(report: Report) -> Iterator[tuple[str, str, str]]:
    head, cache = report.headline, report.kv_cache
    if head.bytes and head.dtype:
        yield "Weights", f"{format_bytes(head.bytes)} in {short_dtype(head.dtype)}", _WITNESS[head.witness]
    if cache is not None and cache.per_token_bytes:
        grow = f"{cache.per_token_bytes:,} B a token in {short_dtype(cache.dtype)}"
        yield "KV cache", grow, "computed from config.json"


def metadata(stated: Mapping[str, Any], raw: RawConfig) -> str:
    """The YAML block a card should have: what is stated, in the Hub's words, and what the config tells beside it.

    What nothing tells (a licence, languages) is left as a comment to be filled in.
    """
    data = {key: value for key, value in stated.items() if value is not None}
    told = _told(raw)
    data["license"] = _licence(data.get("license") or (raw.hub.license if raw.hub else None))
    data["language"] = _languages(data.get("language"))
    for key, value in told.items():
        if not data.get(key) or (key == "pipeline_tag" and data[key] not in PIPELINE_TAGS):
            data[key] = value
    kept = {key: data[key] for key in (*FIRST, *data) if data.get(key) not in (None, [], "")}
    missing = [f"# {key}: {hint}" for key, hint in _HINTS if key not in kept]
    return "---\n" + dump(kept) + "".join(f"{row}\n" for row in missing) + "---\n"


_HINTS: Final = (
    ("license", "an identifier of the Hub, such as apache-2.0"),
    ("language", "codes, such as en"),
    ("library_name", "what loads it, such as transformers"),
    ("pipeline_tag", "a task, such as text-generation"),
    ("base_model", "org/name of what it was made from, if anything"),
    ("datasets", "ids of the data sets it was trained on"),
)


def _told(raw: RawConfig) -> dict[str, str]:
    """What the config says of library and task."""
    found: dict[str, str] = {}
    kind, classes = raw.data.get("model_type"), raw.data.get("architectures")
    if isinstance(kind, str) and (declared(kind) is not None or raw.data.get("auto_map")):
        found["library_name"] = "transformers"
    name = str(classes[0]) if isinstance(classes, list) and classes else ""
    task = next((task for ending, task in _TASKS if name.endswith(ending)), None)
    if name.endswith("ForConditionalGeneration") and "vision_config" in raw.data:
        task = "image-text-to-text"
    if task:
        found["pipeline_tag"] = task
    return found


def _licence(stated: Any) -> Any:
    if not isinstance(stated, str) or stated in KNOWN:
        return stated
    found = licence(stated)
    return found[0] if found else stated


def _languages(stated: Any) -> Any:
    """Codes for names; an unquoted `no` was Norwegian."""
    listed = stated if isinstance(stated, list) else [stated]
    found: list[str] = []
    for value in listed:
        if value is False:
            found.append("no")
        elif isinstance(value, str):
            found += sorted(codes(value)) if len(value) > 3 and codes(value) else [value]
    return list(dict.fromkeys(found)) or None

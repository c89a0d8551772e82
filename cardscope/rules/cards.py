"""Rules over a model card's metadata and sections: what the Hub, its filters and its readers look for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from cardscope.rules.hub_words import KNOWN_LICENSES, PIPELINE_TAGS, RELATIONS, is_language
from cardscope.rules.rule import Found, Rule

MAX_LISTED: Final = 200
_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?")
_FULL_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


class Card(NamedTuple):
    """What a card's rules look at: its metadata, its headings, and the config beside it (empty where there is none)."""

    name: str = ""
    data: Mapping[str, Any] = MappingProxyType({})
    headings: tuple[str, ...] = ()
    config: Mapping[str, Any] = MappingProxyType({})
    present: bool = True
    """Whether there is a block of metadata."""
    error: str | None = None
    results: Any = None
    """What `model-index` holds, loaded."""
    files: tuple[str, ...] = ()

    def listed(self, key: str) -> list[Any]:
        """The values under a key, one or several."""
        found = self.data.get(key)
        return [] if found is None else (found[:MAX_LISTED] if isinstance(found, list) else [found])


def no_metadata(card: Card) -> Found:
    """The card has no metadata.

    Without a YAML block between two lines of `---` at its top, the Hub knows no licence, task, language or base of the
    model, and no filter finds it. Fix: `cardscope card MODEL --metadata` prints one to start from.
    """
    if not card.present:
        yield "README.md", "there is no YAML block at the top of the card"


def broken_metadata(card: Card) -> Found:
    """The metadata cannot be read.

    The block is no YAML mapping, so that the Hub refuses the commit or ignores all of it. Fix: correct the line named.
    """
    if card.error:
        yield "README.md", card.error


def unknown_licence(card: Card) -> Found:
    """The licence is none of the Hub's identifiers.

    Filters and tools compare identifiers such as `apache-2.0`; `Apache 2.0` is another word. Fix: the identifier, or
    `other` with `license_name` and `license_link`.
    """
    for value in card.listed("license"):
        if str(value) not in KNOWN_LICENSES:
            yield "license", f"{str(value)[:60]} is no identifier of the Hub"


def unnamed_licence(card: Card) -> Found:
    """A licence of its own is not named.

    `license: other` alone tells nobody what is allowed. Fix: `license_name` and `license_link`.
    """
    if "other" in card.listed("license"):
        missing = [key for key in ("license_name", "license_link") if not card.data.get(key)]
        if missing:
            yield "license", f"the licence is other, and there is no {' and no '.join(missing)}"


def base_missing(card: Card) -> Found:
    """A derived model names no base.

    A quantized model or an adapter means nothing without the model it was made from, and the Hub cannot link the two.
    Fix: `base_model:` in the metadata.
    """
    if card.data.get("base_model"):
        return
    if "adapter_config.json" in card.files:
        yield "base_model", "an adapter is there, and the metadata names no base_model"
    elif card.present and {"quantization_config", "compression_config"} & set(card.config):
        native = str((card.config.get("quantization_config") or {}).get("quant_method")) in {"mxfp4", "fp8"}
        if not native:
            yield "base_model", "the config is quantized, and the metadata name no base_model"


def base_no_id(card: Card) -> Found:
    """The base model is not an id.

    The Hub links `org/name` only; a name or an address leads nowhere. Fix: the id.
    """
    for value in card.listed("base_model"):
        if not isinstance(value, str) or not _FULL_ID.fullmatch(value):
            yield "base_model", f"{str(value)[:80]} is not org/name"


def base_itself(card: Card) -> Found:
    """A model is its own base.

    The Hub's tree of derived models cannot hold a circle. Fix: the id of what it was made from.
    """
    for value in card.listed("base_model"):
        if "/" in card.name and str(value).lower() == card.name.lower():
            yield "base_model", f"{card.name} names itself"


def relation(card: Card) -> Found:
    """The relation to the base does not fit.

    The Hub knows finetune, adapter, quantized and merge. `quantized` wants a quantized config or GGUF files,
    `adapter` an adapter, `merge` several bases. Fix: the word that is true, or leave it to the Hub.
    """
    said = card.data.get("base_model_relation")
    if said is None:
        return
    if said not in RELATIONS:
        yield "base_model_relation", f"{str(said)[:40]} is none of {', '.join(sorted(RELATIONS))}"
        return
    packed = {"quantization_config", "compression_config", "quantization"} & set(card.config)
    if said == "quantized" and card.config and not packed and not any(f.endswith(".gguf") for f in card.files):
        yield "base_model_relation", "the relation is quantized, and the config has no quantization"
    if said == "adapter" and card.files and "adapter_config.json" not in card.files:
        yield "base_model_relation", "the relation is adapter, and there is no adapter_config.json"
    if said == "merge" and len(card.listed("base_model")) < 2:
        yield "base_model_relation", "the relation is merge, of fewer than two models"


def unknown_task(card: Card) -> Found:
    """The task is none of the Hub's.

    A `pipeline_tag` that the Hub does not know gives no widget and is found by no filter. Fix: one of the Hub's tasks.
    """
    said = card.data.get("pipeline_tag")
    if said is not None and said not in PIPELINE_TAGS:
        yield "pipeline_tag", f"{str(said)[:60]} is no task of the Hub"


_TASK_OF: Final = (
    ("ForMaskedLM", {"fill-mask", "feature-extraction", "sentence-similarity", "text-ranking"}),
    ("ForTokenClassification", {"token-classification"}),
    ("ForQuestionAnswering", {"question-answering", "document-question-answering", "visual-question-answering"}),
    ("ForImageClassification", {"image-classification", "zero-shot-image-classification", "image-feature-extraction"}),
)


def task_against_class(card: Card) -> Found:
    """The task is not what the class does.

    The widget and the pipeline load the class that config.json names, and a masked language model writes no text.
    Fix: the task of the class, or the class that was meant.
    """
    classes = card.config.get("architectures")
    said = card.data.get("pipeline_tag")
    if not isinstance(classes, list) or not classes or not isinstance(said, str):
        return
    for ending, tasks in _TASK_OF:
        if str(classes[0]).endswith(ending) and said == "text-generation":
            yield "pipeline_tag", f"{said} is not what {str(classes[0])[:60]} does; {min(tasks)} is"
    if str(classes[0]).endswith("ForCausalLM") and said in {
        "fill-mask",
        "token-classification",
        "image-classification",
    }:
        yield "pipeline_tag", f"{said} is not what {str(classes[0])[:60]} does; text-generation is"


def no_library(card: Card) -> Found:
    """No library is named.

    The Hub then guesses from the files which code to show for loading the model. Fix: `library_name:`.
    """
    if card.present and not card.error and not card.data.get("library_name"):
        yield "library_name", "the metadata names no library_name"


def language_code(card: Card) -> Found:
    """A language is no code.

    The Hub filters by ISO 639 codes (`en`, `yue`); a name is another word, and an unquoted `no` is YAML's false.
    Fix: the code, and "no" in quotes.
    """
    for value in card.listed("language"):
        if value is False:
            yield "language", "an unquoted no is read as false, not as Norwegian"
        elif not isinstance(value, str) or not is_language(value):
            yield "language", f"{str(value)[:40]} is no code of a language"


def dataset_id(card: Card) -> Found:
    """A data set is not an id.

    The Hub links the id of a data set; an address or a sentence leads nowhere. Fix: the id, or leave it to the text.
    """
    for value in card.listed("datasets"):
        if not isinstance(value, str) or not _ID.fullmatch(value):
            yield "datasets", f"{str(value)[:80]} is no id of a data set"


def results_shape(card: Card) -> Found:
    """The evaluation results are not in the shape the Hub reads.

    `model-index` is a list of models with a name and results, each with a task, a data set and metrics that have a
    type and a value. Anything else is not shown. Fix: the shape of the Hub's documentation on model cards.
    """
    if card.results is not None:
        yield from (("model-index", message) for message in _misshapen(card.results))


def _misshapen(found: Any) -> Iterator[str]:
    if not isinstance(found, list) or not found:
        yield "it is not a list of models"
        return
    for model in found[:MAX_LISTED]:
        if not isinstance(model, Mapping) or not model.get("name"):
            yield "a model has no name"
            return
        results = model.get("results")
        if not isinstance(results, list) or not results:
            yield f"{str(model['name'])[:60]} has no list of results"
            return
        for result in results[:MAX_LISTED]:
            missing = next(_lacking(result), None)
            if missing:
                yield missing
                return


def _lacking(result: Any) -> Iterator[str]:
    if not isinstance(result, Mapping):
        yield "a result is not a mapping"
        return
    task, data, metrics = result.get("task"), result.get("dataset"), result.get("metrics")
    if not isinstance(task, Mapping) or not task.get("type"):
        yield "a result's task has no type"
    if not isinstance(data, Mapping) or not data.get("name") or not data.get("type"):
        yield "a result's data set has no name or no type"
    if not isinstance(metrics, list) or not metrics:
        yield "a result has no list of metrics"
        return
    for metric in metrics[:MAX_LISTED]:
        if not isinstance(metric, Mapping) or not metric.get("type") or metric.get("value") is None:
            yield "a metric has no type or no value"


def tag_of_another_type(card: Card) -> Found:
    """A tag names another architecture.

    The tag is a model type of transformers that config.json does not have, so that filters find the wrong models.
    Fix: remove the tag, or correct `model_type`.
    """
    from cardscope.harvest import declared

    own = card.config.get("model_type")
    if not isinstance(own, str):
        return
    tags = [tag for tag in card.listed("tags") if isinstance(tag, str)]
    near = re.split(r"[_\-\d.]", own)[0]
    for tag in tags:
        other = declared(tag) is not None and not tag.startswith(near) and not own.startswith(tag)
        if other and own not in tags and not any(tag in str(key) for key in card.config):
            yield "tags", f"the tag {tag[:40]} is a model type, and the config's is {own[:40]}"


def gate_shape(card: Card) -> Found:
    """The questions of the gate are not in the shape the Hub reads.

    `extra_gated_fields` maps each question to its kind (text, checkbox, date_picker, country, ip_location, or a
    select with options). Fix: a mapping.
    """
    found = card.data.get("extra_gated_fields")
    if found is not None and not isinstance(found, Mapping):
        yield "extra_gated_fields", "it is not a mapping of questions to their kinds"


def _lacks(card: Card, words: str) -> bool:
    return card.present and not any(re.search(words, heading, re.IGNORECASE) for heading in card.headings)


def no_use(card: Card) -> Found:
    """No section tells what the model is for.

    Readers look for what it was made to do, and what not. Fix: a section on intended use.
    """
    if _lacks(
        card, r"\buses?\b|usage|intended|application|how to|quick ?start|getting started|inference|用途|使用|用法"
    ):
        yield "README.md", "no heading speaks of intended use"


def no_limits(card: Card) -> Found:
    """No section tells the model's limits.

    Readers look for where it fails, and for its biases. Fix: a section on limitations.
    """
    if _lacks(card, r"limit|bias|risk|safety|ethic|responsib|out[- ]of[- ]scope|caveat|局限|限制"):
        yield "README.md", "no heading speaks of limitations, bias or risk"


def no_training_data(card: Card) -> Found:
    """No section tells what the model was trained on.

    Readers look for the data, its size and its date. Fix: a section on training data.
    """
    if _lacks(card, r"train|data|corpus|pre-?train|训练|数据|学習|データ") and not card.data.get("datasets"):
        yield "README.md", "no heading speaks of training or its data, and the metadata name no datasets"


RULES: Final = (
    Rule("CS450", "warning", no_metadata),
    Rule("CS451", "error", broken_metadata),
    Rule("CS452", "warning", unknown_licence),
    Rule("CS453", "info", unnamed_licence),
    Rule("CS454", "info", base_missing),
    Rule("CS455", "warning", base_no_id),
    Rule("CS456", "warning", base_itself),
    Rule("CS457", "warning", relation),
    Rule("CS458", "warning", unknown_task),
    Rule("CS459", "warning", task_against_class),
    Rule("CS460", "info", no_library),
    Rule("CS461", "warning", language_code),
    Rule("CS462", "warning", dataset_id),
    Rule("CS463", "warning", results_shape),
    Rule("CS464", "info", tag_of_another_type),
    Rule("CS465", "warning", gate_shape),
    Rule("CS466", "info", no_use),
    Rule("CS467", "info", no_limits),
    Rule("CS468", "info", no_training_data),
)

"""Rules over a repository: its name against its figures, its files, its licence and metadata."""

from __future__ import annotations

import re
from typing import Final

from cardscope.rules.rule import Found, Repository, Rule

_SIZE = re.compile(r"(?<![A-Za-z0-9._])(\d{1,4}(?:[._]\d{1,3})?)([BM])(?![A-Za-z0-9])", re.IGNORECASE)
_METHOD = re.compile(r"(?<![A-Za-z0-9])(AWQ|GPTQ)(?![A-Za-z0-9])", re.IGNORECASE)
_SHARD = re.compile(r"model-(\d{5})-of-(\d{5})\.safetensors")


def name_without_quantization(about: Repository) -> Found:
    """The name promises a quantization that the config does not have.

    Loaders quantize by the config, so that such a model loads wrong or not at all. Fix: add `quantization_config`.
    """
    found = _METHOD.search(about.name)
    if found and not {"quantization_config", "compression_config"} & set(about.config):
        yield "name", f"the name says {found[1]} and the config has no quantization_config"


def name_size(about: Repository) -> Found:
    """The size in the name is not the count.

    The name says a number of parameters from which the count differs by more than half. Fix: check which is wrong;
    names of mixtures (8x7B) and sizes of parts are not looked at.
    """
    sizes = _SIZE.findall(about.name.rpartition("/")[2])
    if len(sizes) != 1 or not about.parameters:
        return
    said = float(sizes[0][0].replace("_", ".")) * (1e9 if sizes[0][1] in "Bb" else 1e6)
    # A mixture may be named for the parameters that one token uses.
    counts = (about.parameters, about.active or about.parameters)
    if said and not any(1 / 1.5 < count / said < 1.5 for count in counts):
        yield "name", f"the name says {''.join(sizes[0])} and {about.parameters:,} parameters are counted"


def no_licence(about: Repository) -> Found:
    """No licence is stated.

    Without one nobody may use the model. Fix: `license:` in the metadata of README.md.
    """
    if about.files and about.facts and not about.facts.license:
        yield "README.md", "the metadata states no licence"


def vague_licence(about: Repository) -> Found:
    """The licence is stated as other or unknown.

    Tools that filter by licence cannot tell what is allowed. Fix: `license_name` and `license_link`, or a known one.
    """
    if about.facts and about.facts.license in {"other", "unknown"}:
        yield "README.md", f"the licence is {about.facts.license}"


def pickle_only(about: Repository) -> Found:
    """The weights are there as pickles only.

    Loading a pickle runs what its author put into it. Fix: save as safetensors.
    """
    pickles = [name for name in about.files if name.endswith((".bin", ".pt", ".pth")) and "training_args" not in name]
    if pickles and not any(name.endswith((".safetensors", ".gguf")) for name in about.files):
        yield pickles[0], f"{len(pickles)} weight files are pickles and none is safetensors"


def index_without_shards(about: Repository) -> Found:
    """An index of shards lies beside no shard.

    Loaders follow the index and fail. Fix: upload the shards, or remove the index.
    """
    index = "model.safetensors.index.json"
    if index in about.files and not any(name.endswith(".safetensors") for name in about.files):
        yield index, "the index names shards and there is no safetensors file"


def missing_shards(about: Repository) -> Found:
    """A numbered shard is missing.

    Files are numbered up to a count that is not there: an upload broke off. Fix: upload the rest.
    """
    found = [match for name in about.files if (match := _SHARD.fullmatch(name))]
    if found and len({match[2] for match in found}) == 1:
        have, want = len({match[1] for match in found}), int(found[0][2])
        if have < want:
            yield found[0][0], f"{have:,} of {want:,} shards are there"


def no_task(about: Repository) -> Found:
    """No task is stated.

    The Hub shows no widget for the model and no filter finds it. Fix: `pipeline_tag:` in the metadata of README.md.
    """
    if about.files and about.facts and not about.facts.pipeline_tag:
        yield "README.md", "the metadata states no pipeline_tag"


def no_card(about: Repository) -> Found:
    """There is no model card.

    Nobody learns what the model is for and what it was trained on. Fix: write README.md.
    """
    if about.files and "README.md" not in about.files:
        yield "README.md", "there is no README.md"


def no_generation_config(about: Repository) -> Found:
    """A model that generates has no generation config.

    Sampling settings and the tokens that end an answer are then guessed from config.json. Fix: save
    generation_config.json.
    """
    classes = about.config.get("architectures")
    generates = isinstance(classes, list) and any(str(name).endswith("ForCausalLM") for name in classes[:8])
    if about.files and generates and "generation_config.json" not in about.files:
        yield "generation_config.json", "there is none"


def no_tokenizer(about: Repository) -> Found:
    """A language model comes without a tokenizer.

    Its ids mean nothing without the table they were made with. Fix: upload the tokenizer's files.
    """
    classes = about.config.get("architectures")
    generates = isinstance(classes, list) and any(str(name).endswith("ForCausalLM") for name in classes[:8])
    known = ("tokenizer", "vocab", "spiece", "sentencepiece", "tiktoken", "tekken", "merges")
    if about.files and generates and not any(word in name for name in about.files for word in known):
        yield "tokenizer.json", "no file of a tokenizer is there"


RULES: Final = (
    Rule("CS401", "warning", name_without_quantization),
    Rule("CS402", "warning", name_size),
    Rule("CS403", "warning", pickle_only),
    Rule("CS404", "error", index_without_shards),
    Rule("CS405", "error", missing_shards),
    Rule("CS406", "info", no_generation_config),
    Rule("CS407", "info", no_tokenizer),
    Rule("CS501", "info", no_licence),
    Rule("CS502", "info", vague_licence),
    Rule("CS503", "info", no_task),
    Rule("CS504", "info", no_card),
)

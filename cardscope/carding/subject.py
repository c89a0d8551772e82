"""Whom a text is about: this model, its family, or somebody else's.

Most numbers in a card are about other models. A sentence, row or column counts only where nothing in it points away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_FAMILIES = (
    "llama|mistral|mixtral|ministral|devstral|codestral|magistral|pixtral|qwen|qwq|gemma|gemini|gpt(?!q)"
    "|chatgpt|claude|palm|bert"
    "|roberta|deberta|falcon|bloom|deepseek|internlm|internvl|baichuan|chatglm|glm|vicuna|alpaca"
    "|mpt|pythia|starcoder|codellama|codegen|granite|merlinite|labradorite|olmo|smollm|smolvlm|stablelm|whisper|siglip"
    "|nemotron|minitron|jamba|mamba|rwkv|dbrx|grok|kimi|minimax|minicpm|hunyuan|ernie|exaone|wizardlm"
    "|wizardcoder|tulu|redpajama|openllama|cerebras|galactica|lamda|flamingo|blip|llava"
    "|instructblip|shikra|paligemma|medgemma|idefics|cogvlm|skywork|xverse|xgen|dolly"
    "|openchat|lfm|lfm1|lfm2|gpt2|gptj|neox|bge|gte|nomic|jina|colbert|o1|o3|o4|mimo"
    "|cogito|elyza|ultravox|cosmos|tinyllama|openhermes|nllb|wav2vec|hubert|moondream|gptoss|fastchat"
    "|rakuten|sarvam|krutrim|eurollm|salamandra|teuken|occiglot|apertus|bitnet|retnet"
)
_CASED = (
    "OPT|Phi|Yi|Command|Arctic|Seed|Solar|SOLAR|Orca|Hermes|Koala|E5|Dolphin|ELECTRA|Flan|FLAN|ViT"
    "|CLIP|ALBERT|Pegasus|Florence|Aquila"
    "|Gopher|Chinchilla|Guanaco|Starling|Zephyr|Hyena|T5|BART|Molmo|Aya"
)
"""Names that are words as well: they count as written."""
_AFTER_FAMILY = (
    r"(?![a-z]{3})(?![- ]?(?:\w{1,12} )?"
    r"(?:architecture|tokenizer|style|like|licen[cs]e|community|codebase|framework|format|compatible|scaling))"
)
_FAMILY: Final = re.compile(rf"(?<![A-Za-z])(?:({_FAMILIES}){_AFTER_FAMILY})", re.IGNORECASE)
_CASED_FAMILY: Final = re.compile(rf"(?<![A-Za-z-])({_CASED}){_AFTER_FAMILY}(?=[-\s\d,.)]|$)")
_WORD: Final = re.compile(r"[a-z]+\d?\d?")
_STARTS: Final = frozenset(name[:3].lower() for name in (*_FAMILIES.split("|"), *_CASED.split("|")))
"""First letters of the names: what most clauses have no word with."""
_THIS: Final = re.compile(r"\b(?:this (?:model|build|repo(?:sitory)?|checkpoint|release)|ours)\b", re.IGNORECASE)
_TOKEN: Final = re.compile(r"[A-Za-z]+|\d+(?:[._]\d+)*(?:[BbMmKkTt](?![A-Za-z]))?|\d+x\d+(?:\.\d+)?[Bb]", re.IGNORECASE)
_NAMED_SIZE: Final = re.compile(
    r"(?<![A-Za-z0-9.,])(\d{1,4}(?:\.\d{1,3})?)\s?-?(B|M|billion|million)(?![A-Za-z0-9])", re.IGNORECASE
)
_COMPOUND: Final = re.compile(
    r"(?<![\w./])[A-Za-z][A-Za-z0-9.]{0,30}(?:[-_][A-Za-z0-9.]{1,20}){0,6}[-_](\d{1,4}(?:\.\d{1,3})?)([BbMm])(?!"
    r"[A-Za-z0-9])"
)
_NAME_SIZE: Final = re.compile(r"(?<![A-Za-z0-9.])(\d{1,4}(?:[._]\d{1,3})?)([BbMm])(?![A-Za-z0-9])")
_EXPERTS: Final = re.compile(r"(?<![A-Za-z0-9])(\d{1,3})x(\d{1,4}(?:\.\d{1,3})?)[Bb](?![A-Za-z0-9])", re.IGNORECASE)
_ACTIVE: Final = re.compile(r"(?<![A-Za-z0-9])A(\d{1,4}(?:\.\d{1,3})?)([BbMm])(?![A-Za-z0-9])", re.IGNORECASE)
_GENERIC: Final = frozenset(
    [
        "the",
        "a",
        "an",
        "our",
        "ours",
        "this",
        "model",
        "models",
        "base",
        "hf",
        "pretrained",
        "pt",
        "it",
        "instruct",
        "chat",
        "version",
        "of",
        "and",
        "in",
        "on",
        "for",
        "with",
        "text",
        "only",
        "size",
        "parameters",
        "params",
        "preview",
        "dense",
        "moe",
        "llm",
        "lm",
        "language",
        "large",
        "small",
        "mini",
        "tiny",
        "medium",
        "series",
        "family",
        "x",
        "v",
        "total",
        "new",
        "release",
    ]
)
_OTHER_SECTIONS: Final = re.compile(
    r"\b(evaluation|benchmark|result|performance|leaderboard|comparison|compare|citation|cite|cite us"
    r"|citing|reference|bibtex|acknowledg"
    r"|news|changelog|update|related|other models|model (?:zoo|list|index|family)|collection|previous"
    r"|roadmap|sponsor|contact"
    r"|prompt|example output|faq|speed(?!s?, size)|throughput|inference speed|memory usage|requirement"
    r"|install|hardware|vram)"
    r"|resultados|résultats|ergebnisse|avalia[cç]|evaluaci|cita[cç]"
    r"|requisitos|comparativ|vergleich|comparaison|评测|评估|引用|更新|新闻|性能|要求|依赖|基准|結果|評価",
    re.IGNORECASE,
)
_COMPONENT: Final = re.compile(
    r"\b(vision|visual|image|audio|speech|video|vit|encoder tower|projector|adapter|draft|reward"
    r"|teacher|delta ?net|linear attention"
    r"|mamba|ssm|tokenizer training|mtp|reranker|judge|retriever)\b|视觉",
    re.IGNORECASE,
)
_OF_TRAINING: Final = re.compile(
    r"(?:train\w*|fine-?tun\w*|lora|sft) (?:hyper-?param|config|set-?up|arg|param|recipe|setting)"
    r"|^hyper-?parameters|fine-?tun|\blora\b",
    re.IGNORECASE,
)
OF_A_RUN: Final = frozenset({"context_length", "num_layers", "hidden_size", "num_heads", "head_dim", "file_size"})
"""Kinds that mean something else there."""
_POINTS_AWAY: Final = re.compile(
    r"\b(?:compared (?:to|with)|unlike|whereas|outperform\w*|surpass\w*|exceed\w* the|better than"
    r"|larger than|smaller than|competitive with"
    r"|(?<!this is )(?:our|the) (?:largest|biggest|smallest|bigger|larger|smaller) (?:model|variant|version|size|one)s?"
    r"|on par with|versus|vs\.?|other models|conventional|previous(?:ly)?|prior|predecessor|successor"
    r"|earlier|rivals?|than"
    r"|teacher|distill(?:ed|ation) from|generated (?:by|with|using)|baseline|state-of-the-art models"
    r"|e\.g\.|for example|for instance"
    r"|would|could|will be|planned|upcoming|coming soon|next (?:release|version)|future|if you)\b|超过常规"
    r"|相比|相较|优于|目前主流|以前|计划",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Subject:
    """The model a card is about, by its name: words, sizes and what they allow."""

    name: str
    words: frozenset[str]
    sizes: tuple[float, ...]
    active: float | None = None
    experts: bool = False
    id: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a name to compare with."""
        return bool(self.words)


def subject(name: str) -> Subject:
    """The subject of a repository, by its id or title; an empty name knows nothing."""
    own = name.rpartition("/")[2].replace("\\", "/").rstrip("/").rpartition("/")[2]
    sizes = tuple(
        _size(match[1], match[2])
        for match in _NAME_SIZE.finditer(
            re.sub(r"(?<![A-Za-z0-9])[Ee](?=\d)", " ", re.sub(r"(?<=\d)_(?=\d)", ".", own))
        )
    )
    active = next((_size(match[1], match[2]) for match in _ACTIVE.finditer(own)), None)
    return Subject(own, frozenset(tokens(own)), sizes, active, bool(_EXPERTS.search(own)), name)


def _size(number: str, unit: str) -> float:
    return float(number.replace("_", ".")) * (1e9 if unit[0] in "Bb" else 1e6)


def tokens(text: str) -> set[str]:
    """Words of a name: letters, version numbers, sizes; `Llama-3.2-3B` → llama, 3.2, 3b."""
    found = {token.lower().replace("_", ".") for token in _TOKEN.findall(text[:300].replace("_", "."))} - {"v"}
    return {token.removeprefix("v") if token[:1] == "v" and token[1:2].isdigit() else token for token in found}


def sizes(text: str) -> list[float]:
    """Sizes of models that a text names: 7B, 350M, 70 billion."""
    return [_size(match[1], match[2]) for match in _NAMED_SIZE.finditer(text)]


def fit(own: Subject, text: str) -> float | None:
    """How well a name in a table is this model's: shared words less strange ones; None where it is another's."""
    if _THIS.search(text):
        return float(len(own.words) + 1)
    words = tokens(text) - _GENERIC
    if not words or not own.known:
        return None
    strange = {word for word in words - own.words if not _same_size(word, own)}
    mine = own.words - _GENERIC
    if (
        any(word[0].isdigit() for word in strange)
        or len(strange) > 2
        or any(_FAMILY.fullmatch(word) for word in strange)
    ):
        return None
    shared = len(words & mine) + sum(_same_size(word, own) for word in words - own.words)
    return shared - 0.4 * len(strange) if shared else None


def _same_size(word: str, own: Subject) -> bool:
    match = _NAME_SIZE.fullmatch(word)
    return match is not None and any(abs(_size(match[1], match[2]) - size) <= 0.1 * size for size in own.sizes)


def own_size(own: Subject, size: float) -> bool:
    """Whether a size named in a text is this model's, as its name has it; rounded alike."""
    return any(abs(size - each) <= 0.1 * each for each in own.sizes)


def section_speaks_of_others(path: Iterable[str]) -> bool:
    """Whether the headings above say evaluation, citation, news, requirements and the like."""
    return any(_OTHER_SECTIONS.search(heading) for heading in path)


def of_training(path: Iterable[str]) -> bool:
    """Whether the headings above are about how it was trained, where lengths and layers are those of a run."""
    return any(_OF_TRAINING.search(heading) for heading in path)


def of_component(path: Iterable[str]) -> bool:
    """Whether the text lies under a part of the model: a vision tower, a draft model, a linear-attention layer."""
    return any(_COMPONENT.search(text) for text in path)


def foreign(own: Subject, clause: str) -> bool:
    """Whether a clause names a model that is not this one, or compares with one."""
    if _POINTS_AWAY.search(clause):
        return True
    if _STARTS.isdisjoint(word[:3] for word in _WORD.findall(clause.lower())):
        return names_another_size(own, clause)
    own_text = re.sub(r"[-_./]", "", own.id.lower())
    for match in (*_FAMILY.finditer(clause), *_CASED_FAMILY.finditer(clause)):
        if match[1].lower() not in own_text:
            return True
    return names_another_size(own, clause)


def names_another_size(own: Subject, text: str) -> bool:
    """Whether a model with a size in its name stands in the text (`Foo-13B`), and is not this one."""
    compounds = [_size(match[1], match[2]) for match in _COMPOUND.finditer(text)]
    return any(not own_size(own, size) for size in compounds) if own.sizes else bool(compounds) and own.known

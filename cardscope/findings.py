"""What a reader should know beside the figures: stable codes, severities, one sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["error", "warning", "info"]

RULES: Final[Mapping[str, tuple[Severity, str]]] = {
    "CS101": ("error", "KV heads do not divide the attention heads"),
    "CS102": ("warning", "attention heads do not divide the hidden size"),
    "CS110": ("warning", "a key that may shape tensors was read by nobody"),
    "CS111": ("warning", "a default changed between transformers versions and the config leaves the key out"),
    "CS112": ("info", "the config names remote code"),
    "CS113": ("info", "the model type follows from the class name, not from model_type"),
    "CS114": ("info", "the config states no dtype"),
    "CS115": ("warning", "two spellings of one key disagree"),
    "CS116": ("info", "no class is named and the type has no causal-LM class: the base model is counted"),
    "CS117": ("info", "transformers allocates tensors that the model never uses"),
    "CS118": ("info", "the class ties a head that the file says is not tied"),
    "CS119": ("warning", "the class named is none that transformers has for the model type"),
    "CS120": ("info", "extra prediction layers of unknown form are not counted"),
    "CS121": ("info", "transformers has no class for the model type: its declaration is held to no empty model"),
    "CS130": ("warning", "several releases of nanochat fit what is known, and they differ in size"),
    "CS131": ("warning", "an export of a later nanochat to transformers' class has lost tensors"),
    "CS201": ("error", "the analytic count differs from the exact count"),
    "CS202": ("warning", "the Hub's total is not explained by the config"),
    "CS203": ("error", "the shape of a stored tensor contradicts the config"),
    "CS204": ("warning", "the index and its shards disagree"),
    "CS205": ("error", "a shard or a tensor that the index names is not there"),
    "CS206": ("warning", "the Hub's own total is not what its files hold"),
    "CS207": ("warning", "tensors are stored in a format that is not decoded"),
    "CS208": ("info", "the stored embedding has more rows than the vocabulary"),
    "CS209": ("info", "which of the files were read as the weights"),
    "CS210": ("warning", "the stored tensors could not be read"),
    "CS211": ("info", "the exact count was asked for and could not be taken"),
    "CS212": ("info", "an adapter, the base model it is made for, and what its config predicts"),
    "CS213": ("warning", "an adapter holds another number of parameters than its config predicts"),
    "CS214": ("warning", "the checkpoint lacks parameters that the config declares"),
}
"""Code → (severity, what it is about)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; `where` is file:key."""

    code: str
    severity: Severity
    message: str
    where: str


def finding(code: str, message: str, where: str = "") -> Finding:
    """A finding with its rule's severity."""
    return Finding(code, RULES[code][0], message, where)

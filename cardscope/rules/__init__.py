"""Findings an audit looks for beyond those of the report: one function a rule, its docstring the page in the docs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cardscope.findings import Finding
from cardscope.rules import cards, companions, config, names, repository, saved, weights
from cardscope.rules.cards import Card
from cardscope.rules.rule import Repository, Rule

__all__ = ["RULES", "Card", "Repository", "Rule", "of_card", "of_config", "of_repository"]

OF_CONFIG = (*config.RULES, *saved.RULES)
OF_REPOSITORY = (*weights.RULES, *repository.RULES, *companions.RULES, *names.RULES)
RULES: Mapping[str, Rule] = {
    rule.code: rule for rule in sorted((*OF_CONFIG, *OF_REPOSITORY, *cards.RULES), key=lambda rule: rule.code)
}
"""Code → rule, in order."""
LONGEST = 300


def of_config(data: Mapping[str, Any], where: str) -> Iterator[Finding]:
    """What the rules find in a config's own keys, and in those of its text model."""
    for prefix, place in config.places(data):
        for rule in OF_CONFIG:
            for key, message in rule.check(place):
                yield Finding(rule.code, rule.severity, message[:LONGEST], f"{where}:{prefix}{key}")


def of_repository(about: Repository) -> Iterator[Finding]:
    """What the rules find in a repository's name, files and metadata."""
    rules = [*repository.RULES, *names.RULES]
    if about.beside:
        rules += companions.RULES
    if about.facts or about.contents or about.local:
        rules += weights.RULES
    for rule in rules:
        for key, message in rule.check(about):
            yield Finding(rule.code, rule.severity, message[:LONGEST], key)


def of_card(about: Card) -> Iterator[Finding]:
    """What the rules find in a card's metadata and sections; `where` is README.md and the key."""
    for rule in cards.RULES:
        for key, message in rule.check(about):
            where = key if key == "README.md" else f"README.md:{key}"
            yield Finding(rule.code, rule.severity, message[:LONGEST], where)

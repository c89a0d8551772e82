"""Rules over the files beside a config: generation settings and the tokenizer's, each against the config."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cardscope.identify import text_key
from cardscope.rules.config import number, tokens
from cardscope.rules.rule import Found, Repository, Rule, generates

GENERATION, TOKENIZER = "generation_config.json", "tokenizer_config.json"
ENDLESS: Final = 10**9
"""Limits of a tokenizer above this mean none."""
_CHAT = re.compile(r"(?<![A-Za-z])(?:instruct|chat|it)(?![A-Za-z])", re.IGNORECASE)


def _text(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of the config that is about text."""
    key = text_key(config)
    return config if key is None else config[key]


def _beside(about: Repository, name: str) -> Mapping[str, Any]:
    return about.beside.get(name) or {}


def _vocabulary(about: Repository) -> float | None:
    return number(_text(about.config), "vocab_size")


def generation_token_beyond_vocabulary(about: Repository) -> Found:
    """A token of the generation config lies outside the vocabulary.

    No logit has that number: an end token that cannot occur never ends an answer. Fix: take the tokenizer's ids.
    """
    size = _vocabulary(about)
    for key, token in tokens(_beside(about, GENERATION)):
        if size is not None and token >= size:
            yield f"{GENERATION}:{key}", f"token {token:,} has no row in a vocabulary of {size:,.0f}"


def end_tokens_disagree(about: Repository) -> Found:
    """Config and generation config end an answer with different tokens.

    Engines differ in which of the two they read, so that one of them runs on after the end. Fix: state the same
    tokens in both.
    """
    ours = {token for key, token in tokens(_text(about.config)) if key == "eos_token_id"}
    theirs = {token for key, token in tokens(_beside(about, GENERATION)) if key == "eos_token_id"}
    if ours and theirs and not ours & theirs:
        yield f"{GENERATION}:eos_token_id", f"{_listed(theirs)} here and {_listed(ours)} in config.json"


def _listed(ids: set[int]) -> str:
    return ", ".join(str(each) for each in sorted(ids)[:4])


def sampling_without_sampling(about: Repository) -> Found:
    """Sampling is configured and switched off.

    `temperature`, `top_p` and `top_k` do nothing while `do_sample` is false, and transformers warns at every call.
    Fix: `do_sample: true`, or remove them.
    """
    found = _beside(about, GENERATION)
    usual = {"temperature": 1.0, "top_p": 1.0, "top_k": 50}
    named = [key for key, plain in usual.items() if number(found, key) not in {None, plain}]
    if named and found.get("do_sample", False) is False:
        yield f"{GENERATION}:do_sample", f"{', '.join(named)} without do_sample"


def sampling_out_of_range(about: Repository) -> Found:
    """A sampling setting has a value that nothing can be drawn with.

    A temperature of 0 or less, a `top_p` outside of 0 to 1, or a negative `top_k` is refused when generating. Fix:
    `do_sample: false` for greedy decoding.
    """
    found = _beside(about, GENERATION)
    heat, share, most = (number(found, key) for key in ("temperature", "top_p", "top_k"))
    if heat is not None and (heat < 0 or (heat == 0 and found.get("do_sample") is True)):
        yield f"{GENERATION}:temperature", f"a temperature of {heat:g}"
    if share is not None and not 0 < share <= 1:
        yield f"{GENERATION}:top_p", f"a top_p of {share:g}"
    if most is not None and most < 0:
        yield f"{GENERATION}:top_k", f"a top_k of {most:g}"


def answer_beyond_context(about: Repository) -> Found:
    """The longest answer is longer than the context.

    `max_length` or `max_new_tokens` promises positions that the model does not have. Fix: at most
    `max_position_embeddings`.
    """
    stated = number(_text(about.config), "max_position_embeddings")
    for key in ("max_length", "max_new_tokens"):
        asked = number(_beside(about, GENERATION), key)
        if stated and asked and asked > stated:
            yield f"{GENERATION}:{key}", f"{asked:,.0f} tokens, and {stated:,.0f} positions"


def tokenizer_beyond_context(about: Repository) -> Found:
    """The tokenizer lets through more tokens than the model has positions.

    Texts are cut at `model_max_length`; longer ones than the context then reach the model. Fix: the context's length.
    """
    stated = number(_text(about.config), "max_position_embeddings")
    limit = number(_beside(about, TOKENIZER), "model_max_length")
    if stated and limit and stated < limit < ENDLESS:
        yield f"{TOKENIZER}:model_max_length", f"{limit:,.0f} tokens, and {stated:,.0f} positions"


def _added(about: Repository) -> Iterator[tuple[int, str]]:
    """(id, text) of the tokens that were added to the tokenizer."""
    found = _beside(about, TOKENIZER).get("added_tokens_decoder")
    for key, entry in found.items() if isinstance(found, Mapping) else ():
        if key.isdecimal() and len(key) < 12 and isinstance(entry, Mapping):
            yield int(key), str(entry.get("content", ""))


def added_token_beyond_vocabulary(about: Repository) -> Found:
    """A token that was added to the tokenizer has no embedding.

    The vocabulary was not enlarged with it: a text that holds the token fails with an index error. Fix: resize the
    embedding, or remove the token.
    """
    size = _vocabulary(about)
    beyond = [(token, text) for token, text in _added(about) if size is not None and token >= size]
    if beyond:
        token, text = beyond[0]
        yield f"{TOKENIZER}:added_tokens_decoder", f"{text[:40]} is {token:,}, in a vocabulary of {size or 0:,.0f}"


def end_token_of_the_tokenizer(about: Repository) -> Found:
    """The tokenizer's end token is none that ends an answer.

    The text the tokenizer marks as the end has an id that neither config.json nor generation_config.json stops at.
    Fix: name its id there.
    """
    spoken = _beside(about, TOKENIZER).get("eos_token")
    text = spoken.get("content") if isinstance(spoken, Mapping) else spoken
    ids = {token for token, content in _added(about) if content == text}
    places = (_text(about.config), _beside(about, GENERATION))
    stops = {token for place in places for key, token in tokens(place) if key == "eos_token_id"}
    if ids and stops and not ids & stops:
        yield f"{TOKENIZER}:eos_token", f"{str(text)[:40]} is {_listed(ids)}, and answers end at {_listed(stops)}"


def chat_without_template(about: Repository) -> Found:
    """A model named for chat has no chat template.

    Engines then guess how turns are marked, and the answers suffer. Fix: `chat_template` in tokenizer_config.json, or
    chat_template.jinja.
    """
    there = _beside(about, TOKENIZER)
    elsewhere = any(name.startswith("chat_template") for name in about.files)
    if there and _CHAT.search(about.name.rpartition("/")[2]) and "chat_template" not in there and not elsewhere:
        yield f"{TOKENIZER}:chat_template", "the name says chat or instruct, and there is no template"


def tokenizer_with_code(about: Repository) -> Found:
    """The tokenizer needs code from the repository.

    `auto_map` names a class that only runs with `trust_remote_code`. Fix: publish it as a fast tokenizer.
    """
    if _beside(about, TOKENIZER).get("auto_map"):
        yield f"{TOKENIZER}:auto_map", "the tokenizer's class is code of the repository"


def no_padding_token(about: Repository) -> Found:
    """No padding token is named.

    Batches of texts of different lengths cannot be made without one. Fix: name one, the end token if no other.
    """
    there = _beside(about, TOKENIZER)
    known = there.get("pad_token") or _text(about.config).get("pad_token_id") is not None
    stated = _beside(about, GENERATION).get("pad_token_id") is not None
    if there and generates(about.config) and not known and not stated:
        yield f"{TOKENIZER}:pad_token", "no pad_token here and no pad_token_id elsewhere"


def broken_companion(about: Repository) -> Found:
    """A file beside the config cannot be read.

    Loaders fail on it, or go on without what it says. Fix: upload it again.
    """
    for name, found in about.beside.items():
        if found is None:
            yield name, f"{name} is not a JSON object"


RULES: Final = (
    Rule("CS601", "error", generation_token_beyond_vocabulary),
    Rule("CS602", "warning", end_tokens_disagree),
    Rule("CS603", "info", sampling_without_sampling),
    Rule("CS604", "warning", sampling_out_of_range),
    Rule("CS605", "warning", answer_beyond_context),
    Rule("CS606", "info", tokenizer_beyond_context),
    Rule("CS607", "error", added_token_beyond_vocabulary),
    Rule("CS608", "warning", end_token_of_the_tokenizer),
    Rule("CS609", "warning", chat_without_template),
    Rule("CS610", "info", tokenizer_with_code),
    Rule("CS611", "info", no_padding_token),
    Rule("CS612", "warning", broken_companion),
)

"""Verdicts on words: dtype, quantization, architecture, base model, licence, languages, library."""

from __future__ import annotations

import re
from typing import Final

from cardscope.carding.held import LABELLED, Held
from cardscope.carding.licences import KNOWN, licence
from cardscope.carding.model import Claim
from cardscope.carding.witness import Witnesses
from cardscope.harvest import declared

_BITS: Final = {"int4": 4, "int8": 8}


def dtype(claim: Claim, known: Witnesses) -> Held:
    """Beside what most stored numbers are in, else what the config says."""
    said, actual = str(claim.said.value), known.dtype
    if known.quantization and said == "fp8" and "fp8" in str(known.config.get("quantization_config", "")).lower():
        return Held("agrees", "config.json", known.quantization)
    if actual is None:
        return Held("cannot be checked", reason=known.reason or "no dtype is stated")
    if said == actual or (said == "fp8" and actual.startswith("float8")):
        return Held("agrees", known.dtype_witness, actual)
    sure = known.dtype_witness == "stored tensors" or (
        claim.where in LABELLED and re.search(r"dtype|tensor type|data type", claim.quote, re.IGNORECASE)
    )
    if sure and not known.quantization:
        return Held("disagrees", known.dtype_witness, actual, f"{actual} by the {known.dtype_witness}")
    return Held(
        "ambiguous", known.dtype_witness, actual, f"{actual} by the {known.dtype_witness}; training or use may be meant"
    )


def quantization(claim: Claim, known: Witnesses) -> Held:
    """Beside the config's method and bits."""
    said, actual = str(claim.said.value), known.quantization
    if actual is None:
        return _unquantized(claim, known, said)
    settings = str(known.config.get("quantization_config") or known.config.get("quantization") or known.config)[
        :20_000
    ].lower()
    bits = re.search(r"'?(?:bits|num_bits|w_bit)'?: (\d+)", settings)
    same = said in actual.lower() or said in settings or (said == "bitsandbytes" and "bnb" in settings)
    if (
        same
        or (said in _BITS and bits and int(bits[1]) == _BITS[said])
        or (said == "int4" and "load_in_4bit" in settings)
    ):
        return Held("agrees", "config.json", actual)
    if said in _BITS and bits:
        return Held("disagrees", "config.json", f"{actual}, {bits[1]} bits", f"{bits[1]} bits by the config")
    if said == "none" or (
        said in {"gptq", "awq", "mxfp4", "gguf"} and actual in {"gptq", "awq", "mxfp4", "fp8", "bitsandbytes"}
    ):
        return Held("disagrees", "config.json", actual, f"the config says {actual}")
    return Held("ambiguous", "config.json", actual, f"the config says {actual}")


def _unquantized(claim: Claim, known: Witnesses, said: str) -> Held:
    if said == "none":
        return Held("agrees" if known.config else "cannot be checked", "config.json", "none")
    names = {name.rpartition("/")[2] for name, _ in known.files}
    if said == "gguf" and any(name.endswith(".gguf") for name in names):
        return Held("agrees", "files", "gguf")
    if "quantize_config.json" in names or "quant_config.json" in names:
        return Held("agrees", "files", said, "a file of quantization settings is there")
    if not known.config or not known.files_known or claim.where == "prose":
        return Held("cannot be checked", reason="the config says nothing of a quantization")
    if claim.where != "name" and said in {"gptq", "awq"} and any(name.endswith(".safetensors") for name in names):
        return Held("disagrees", "config.json", "none", "the config has no quantization_config")
    return Held("cannot be checked", reason="the config says nothing of a quantization")


def architecture(claim: Claim, known: Witnesses) -> Held:
    """A class by its name; dense or a mixture by the experts; decoder or encoder by the class."""
    said, config = str(claim.said.value), known.config
    listed = [str(name) for name in config.get("architectures") or [] if isinstance(name, str)][:8]
    if not config:
        return Held("cannot be checked", reason=known.reason or "there is no config")
    if said[:1].isupper():
        if not listed:
            return Held("cannot be checked", reason="the config names no class")
        return Held(
            "agrees" if said in listed else "disagrees", "config.json", listed[0], f"the config names {listed[0]}"
        )
    if said in {"dense", "mixture of experts"}:
        return _mixture(claim, known, said)
    if declared(said) is not None or said == config.get("model_type"):
        own = str(config.get("model_type"))
        return Held("agrees" if said == own else "ambiguous", "config.json", own, f"model_type is {own}")
    return _stack(claim, known, said, listed)


def _mixture(claim: Claim, known: Witnesses, said: str) -> Held:
    spec = known.report.spec if known.report else None
    if spec is None:
        return Held("cannot be checked", reason=known.reason or "the config is not modelled")
    routed = bool(spec.num_experts and spec.num_experts > 1)
    actual = f"{spec.num_experts} experts" if routed else "no experts"
    if routed == (said == "mixture of experts"):
        return Held("agrees", "config.json", actual)
    if known.towers > 1 or claim.said.detail == "family":
        return Held("ambiguous", "config.json", actual, f"{actual} by the config; the family or a part may be meant")
    return Held("disagrees", "config.json", actual, f"{actual} by the config")


def _stack(claim: Claim, known: Witnesses, said: str, listed: list[str]) -> Held:
    del claim
    encodes = bool(known.config.get("is_encoder_decoder"))
    masked = any(
        name.endswith(("ForMaskedLM", "ForPreTraining")) or name.startswith(("Bert", "Roberta", "Electra"))
        for name in listed
    )
    causal = any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in listed)
    if not listed:
        return Held("cannot be checked", reason="the config names no class")
    actual = "encoder-decoder" if encodes else "encoder-only" if masked else "decoder-only" if causal else listed[0]
    if said == actual:
        return Held("agrees", "config.json", listed[0])
    if not (encodes or masked or causal):
        return Held("ambiguous", "config.json", listed[0], f"the config names {listed[0]}")
    return Held("disagrees", "config.json", listed[0], f"the config names {listed[0]}, {actual}")


def base_model(claim: Claim, known: Witnesses) -> Held:
    """Beside the base's own shape, where the bundled catalogue has it; a difference is told, and proves nothing."""
    from cardscope.source import catalog

    name = str(claim.said.value)
    entry = catalog.lookup(name) if "/" in name else None
    if entry is None or not known.config:
        return Held("cannot be checked", reason="the base's config is not at hand")
    keys = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "n_embd", "n_layer", "d_model")
    inner = known.config.get("text_config")
    places = [known.config, inner if isinstance(inner, dict) else {}]
    unlike = [
        f"{key} {entry.config[key]} there"
        for key in keys
        if key in entry.config
        and any(key in place for place in places)
        and all(place.get(key) != entry.config[key] for place in places if key in place)
    ]
    same = [key for key in keys if key in entry.config and any(place.get(key) == entry.config[key] for place in places)]
    if unlike:
        return Held("cannot be checked", "catalogue", None, f"its shape differs: {', '.join(unlike[:3])}")
    if len(same) >= 3:
        return Held("agrees", "catalogue", name, f"the same {', '.join(same[:4])}")
    return Held("cannot be checked", reason="too little of the base's config is at hand")


def license_(claim: Claim, known: Witnesses) -> Held:
    """The body beside the metadata; the metadata beside nothing but itself."""
    stated = known.metadata.get("license")
    stated = stated[0] if isinstance(stated, list) and len(stated) == 1 else stated
    if claim.where == "metadata":
        return Held("cannot be checked", reason="the metadata is what the Hub goes by; no file here says otherwise")
    if not isinstance(stated, str):
        return Held("cannot be checked", reason="the metadata states no licence")
    said, other = str(claim.said.value), stated.lower()
    found = licence(other)
    named = str(known.metadata.get("license_name", ""))
    if said == other or (found and found[0] == said) or (named and _same_name(said, named)):
        return Held("agrees", "metadata", named if other == "other" and named else other)
    if other in {"other", "unknown"} or said not in KNOWN:
        return Held("cannot be checked", "metadata", other, f"the metadata says {other}")
    if claim.where in {"badge", "table", "list"} and said in KNOWN and other in KNOWN:
        return Held("disagrees", "metadata", other, f"the metadata says {other}")
    return Held("ambiguous", "metadata", other, f"the metadata says {other}; another part may be meant")


def _same_name(said: str, named: str) -> bool:
    """Whether two names of a licence are one, words such as `license` aside."""
    plain = [re.sub(r"licen[cs]e|agreement|[^a-z0-9.]", "", text.lower()) for text in (said, named)]
    return bool(plain[1]) and (plain[0] in plain[1] or plain[1] in plain[0]) and bool(plain[0])


def languages(claim: Claim, known: Witnesses) -> Held:
    """The body's list beside the metadata's codes."""
    stated = known.metadata.get("language")
    listed = {str(item).lower() for item in (stated if isinstance(stated, list) else [stated]) if item}
    if claim.where == "metadata" or not listed:
        return Held("cannot be checked", reason="no file tells which languages a model knows")
    said = set(claim.said.value) if isinstance(claim.said.value, tuple) else set()
    if said <= listed:
        return Held("agrees", "metadata", tuple(sorted(listed)))
    missing = ", ".join(sorted(said - listed))
    return Held("cannot be checked", "metadata", tuple(sorted(listed)), f"the metadata leaves out {missing}")


def library(claim: Claim, known: Witnesses) -> Held:
    """Transformers has the type, or the config says that it does not."""
    said = str(claim.said.value).lower()
    kind = known.config.get("model_type")
    if said == "transformers" and isinstance(kind, str):
        if declared(kind) is not None or known.config.get("auto_map"):
            return Held("agrees", "config.json", f"model_type {kind}")
        return Held("cannot be checked", reason=f"transformers 5.23 has no model type {kind}")
    return Held("cannot be checked", reason="the config does not say which library reads it")

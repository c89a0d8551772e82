"""GGUF metadata → the config it was made from, as far as it says, so that the declarations read it.

Names: gguf-py's constants; which transformers type an architecture is: llama.cpp's convert_hf_to_gguf.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cardscope.checkpoint.gguf import Length, Table

TYPES: Final[Mapping[str, str]] = {
    "llama": "llama", "qwen2": "qwen2", "qwen2moe": "qwen2_moe", "qwen3": "qwen3", "qwen3moe": "qwen3_moe",
    "gemma": "gemma", "gemma2": "gemma2", "gemma3": "gemma3_text", "phi2": "phi", "phi3": "phi3", "gpt2": "gpt2",
    "gptneox": "gpt_neox", "falcon": "falcon", "starcoder2": "starcoder2", "command-r": "cohere", "cohere2": "cohere2",
    "olmo": "olmo", "olmo2": "olmo2", "olmoe": "olmoe", "stablelm": "stablelm", "deepseek2": "deepseek_v3",
    "gpt-oss": "gpt_oss", "granite": "granite", "bloom": "bloom", "mpt": "mpt", "smollm3": "smollm3", "glm4": "glm4",
    "seed_oss": "seed_oss", "nemotron": "nemotron", "exaone4": "exaone4", "arcee": "arcee", "ernie4_5": "ernie4_5",
}  # fmt: skip
"""general.architecture → model_type; one that is not here is counted from its table alone."""

_KEYS: Final[Mapping[str, str]] = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "context_length": "max_position_embeddings",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.sliding_window": "sliding_window",
    "expert_used_count": "num_experts_per_tok",
    "expert_feed_forward_length": "moe_intermediate_size",
    "attention.q_lora_rank": "q_lora_rank",
    "attention.kv_lora_rank": "kv_lora_rank",
    "attention.value_length_mla": "v_head_dim",
    "leading_dense_block_count": "first_k_dense_replace",
    "expert_shared_count": "n_shared_experts",
}
_EXPERTS: Final[Mapping[str, str]] = {
    "mixtral": "num_local_experts", "gpt_oss": "num_local_experts", "deepseek_v3": "n_routed_experts",
}  # fmt: skip


def config(table: Table) -> dict[str, object]:
    """A config of the file's architecture; its model_type alone where that is not one of ours."""
    metadata = table.metadata
    architecture = str(metadata.get("general.architecture", ""))
    known = TYPES.get(architecture)
    if known is None:
        return {"model_type": architecture or "unknown"}
    found: dict[str, object] = {"model_type": known, "dtype": "float16"}
    for key, name in _KEYS.items():
        value = metadata.get(f"{architecture}.{key}")
        if isinstance(value, Length) or value is None:
            continue
        found[name] = value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
    _experts(found, metadata.get(f"{architecture}.expert_count"))
    _from_tensors(found, table)
    return _latent(found, metadata, architecture)


def _experts(found: dict[str, object], count: object) -> None:
    if not isinstance(count, int) or not count:
        for name in ("num_experts_per_tok", "moe_intermediate_size"):
            found.pop(name, None)
        return
    if found["model_type"] == "llama":
        found["model_type"] = "mixtral"
    found[_EXPERTS.get(str(found["model_type"]), "num_experts")] = count


def _from_tensors(found: dict[str, object], table: Table) -> None:
    """What the table shows: rows of the vocabulary, a head of its own, biases."""
    names = {row.name: row.shape for row in table.rows}
    if "token_embd.weight" in names:
        found["vocab_size"] = names["token_embd.weight"][0]
        found["tie_word_embeddings"] = "output.weight" not in names
    if found["model_type"] in {"llama", "granite", "qwen3", "qwen3_moe", "seed_oss", "glm4"}:
        found["attention_bias"] = "blk.0.attn_q.bias" in names


def _latent(found: dict[str, object], metadata: Mapping[str, object], architecture: str) -> dict[str, object]:
    """DeepSeek's head sizes: the rotary part, and what is left of a key."""
    rank, key = found.get("kv_lora_rank"), metadata.get(f"{architecture}.attention.key_length_mla")
    if rank is None:
        return found
    rotary = metadata.get(f"{architecture}.rope.dimension_count")
    found.pop("head_dim", None)
    if isinstance(key, int) and isinstance(rotary, int):
        found |= {"qk_rope_head_dim": rotary, "qk_nope_head_dim": key - rotary}
        found["num_key_value_heads"] = found["num_attention_heads"]
    if found.get("q_lora_rank") is None:
        found["q_lora_rank"] = None
    return found

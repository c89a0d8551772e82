"""Each kind of claim: true, false, ambiguous and absent, beside one dense model and one mixture."""

import json

import pytest

import cardscope
from cardscope.carding.answer import analyse
from cardscope.carding.model import KINDS
from cardscope.model import HubFacts, RawConfig
from tests import facts
from tests.unit.test_card_write import MIXTRAL

LLAMA = {**facts.LLAMA3_8B, "torch_dtype": "bfloat16"}
GPTQ = {**LLAMA, "quantization_config": {"quant_method": "gptq", "bits": 4}}
MISTRAL = facts.llama(4096, 32, 32, 8, 14_336, 32_000, 32_768) | {
    "architectures": ["MistralForCausalLM"],
    "model_type": "mistral",
    "sliding_window": 4096,
}
SIZES = HubFacts(files=(("config.json", 700), ("model.safetensors", 16_060_556_376)), license="mit")

TRUE = [
    (LLAMA, "This model has 8.03B parameters.", "parameters", 8_030_000_000),
    (LLAMA, "- Parameters: 8 030 261 248", "parameters", 8_030_261_248),
    (MIXTRAL, "It has 46.7B parameters in total and activates 12.9B per token.", "active_parameters", 12_900_000_000),
    (LLAMA, "- Non-embedding parameters: 7.0B", "non_embedding_parameters", 7_000_000_000),
    (LLAMA, "The model is a 32-layer transformer.", "num_layers", 32),
    (LLAMA, "It has a hidden size of 4096.", "hidden_size", 4096),
    (LLAMA, "- FFN dimension: 14336", "intermediate_size", 14_336),
    (LLAMA, "It uses 32 attention heads.", "num_heads", 32),
    (LLAMA, "It uses 8 key-value heads.", "num_kv_heads", 8),
    (LLAMA, "- Head dimension: 128", "head_dim", 128),
    (LLAMA, "It has a vocabulary of 128K tokens.", "vocab_size", 128_000),
    (LLAMA, "It supports a context length of 8k tokens.", "context_length", 8000),
    (MISTRAL, "- Sliding window: 4096", "sliding_window", 4096),
    (LLAMA, "It uses grouped-query attention.", "attention", "gqa"),
    (MIXTRAL, "- Experts: 8", "num_experts", 8),
    (MIXTRAL, "- Experts per token: 2", "experts_per_token", 2),
    (LLAMA, "The weights are stored in BF16.", "dtype", "bfloat16"),
    (GPTQ, "This repository contains GPTQ model files.", "quantization", "gptq"),
    (LLAMA, "- Architecture: LlamaForCausalLM", "architecture", "LlamaForCausalLM"),
    (MIXTRAL, "It is a Mixture-of-Experts model.", "architecture", "mixture of experts"),
    (LLAMA, "---\nbase_model: meta-llama/Meta-Llama-3-8B\n---\n", "base_model", "meta-llama/Meta-Llama-3-8B"),
    (LLAMA, "---\nlicense: mit\n---\n\n- License: MIT\n", "license", "mit"),
    (LLAMA, "---\nlanguage: [en, de]\n---\n\n- Languages: English and German\n", "languages", ("de", "en")),
    (LLAMA, "---\nlibrary_name: transformers\n---\n", "library", "transformers"),
    (LLAMA, "- Checkpoint (BF16): 16.1 GB", "file_size", 16_100_000_000),
]
FALSE = [
    (LLAMA, "- Parameters: 7B", "parameters"),
    (LLAMA, "This model has 13B parameters.", "parameters"),
    (MIXTRAL, "- Active parameters: 7B", "active_parameters"),
    (LLAMA, "- Non-embedding parameters: 5.0B", "non_embedding_parameters"),
    (LLAMA, "The model has 40 layers.", "num_layers"),
    (LLAMA, "It has a hidden size of 5120.", "hidden_size"),
    (LLAMA, "- FFN dimension: 11008", "intermediate_size"),
    (LLAMA, "It uses 40 attention heads.", "num_heads"),
    (LLAMA, "It uses 4 key-value heads.", "num_kv_heads"),
    (LLAMA, "- Head dimension: 64", "head_dim"),
    (LLAMA, "- Vocabulary: 32,000", "vocab_size"),
    (LLAMA, "It supports a context length of 128k tokens.", "context_length"),
    (MISTRAL, "- Sliding window: 1024", "sliding_window"),
    (LLAMA, "- Attention: multi-head attention", "attention"),
    (MIXTRAL, "- Experts: 16", "num_experts"),
    (MIXTRAL, "- Experts per token: 4", "experts_per_token"),
    (LLAMA, "- Experts: 8", "num_experts"),
    (LLAMA, "- dtype: float16", "dtype"),
    (GPTQ, "- Quantization: AWQ", "quantization"),
    (LLAMA, "- Architecture: MistralForCausalLM", "architecture"),
    (LLAMA, "This model is a Mixture-of-Experts model.", "architecture"),
    (LLAMA, "---\nlicense: mit\n---\n\n- License: Apache 2.0\n", "license"),
    (LLAMA, "- Checkpoint: 30 GB", "file_size"),
]
AMBIGUOUS = [
    (facts.GPT2, "- Parameters: 85M", "parameters"),
    (LLAMA, "- Parameters: 8.0299B", "parameters"),
    (MIXTRAL, "- Active parameters: 12B", "active_parameters"),
    (LLAMA, "- Non-embedding parameters: 7.1B", "non_embedding_parameters"),
    (LLAMA, "- Number of KV heads: 32", "num_kv_heads"),
    (LLAMA, "- Vocabulary: 128,011 tokens", "vocab_size"),
    (LLAMA, "It was trained with a sequence length of 4096 tokens.", "context_length"),
    (LLAMA, "It uses multi-head attention.", "attention"),
    (LLAMA, "- Precision: FP16", "dtype"),
    (LLAMA, "---\nlicense: mit\n---\n\nThe model is released under the Apache 2.0 license.\n", "license"),
]
UNCHECKED = [
    (LLAMA, "It was trained on 15T tokens.", "training_tokens", "93"),
    (LLAMA, "Training took 7.2e23 FLOPs.", "training_flops", "cost"),
    (LLAMA, "Training took 1.3M GPU hours.", "gpu_hours", "cost"),
    (LLAMA, "It is expandable to 64K with YaRN.", "extended_context_length", "rope scaling"),
    (LLAMA, "---\nbase_model: org/unheard-of\n---\n", "base_model", "not at hand"),
    (LLAMA, "---\nlanguage: en\n---\n", "languages", "languages"),
    (LLAMA, "---\nlibrary_name: mlx\n---\n", "library", "library"),
    (LLAMA, "- Quantization: AWQ", "quantization", "says nothing"),
]


def answer(config, text, hub=None):
    """The verdicts on a card of a repository whose name says nothing."""
    raw = RawConfig(data=config, id="org/some-model", source="hub", hub=hub)
    return analyse(text, raw, cardscope.inspect(config, exact=False, headers=False), "README.md")


def claims(config, text, kind, hub=None):
    """The claims of one kind."""
    return [item for item in answer(config, text, hub).claims if item.claim.kind == kind]


@pytest.mark.parametrize(("config", "text", "kind", "value"), TRUE, ids=lambda x: x if isinstance(x, str) else "")
def test_what_is_true_agrees(config, text, kind, value):
    found = claims(config, text, kind)
    assert value in [item.claim.said.value for item in found]
    assert "agrees" in {item.verdict for item in found}
    assert "disagrees" not in {item.verdict for item in found}


@pytest.mark.parametrize(("config", "text", "kind"), FALSE, ids=lambda x: x if isinstance(x, str) else "")
def test_what_is_false_disagrees_and_says_why(config, text, kind):
    wrong = [item for item in claims(config, text, kind, SIZES) if item.verdict == "disagrees"]
    assert len(wrong) == 1
    assert wrong[0].witness
    assert wrong[0].reason


@pytest.mark.parametrize(("config", "text", "kind"), AMBIGUOUS, ids=lambda x: x if isinstance(x, str) else "")
def test_what_may_be_meant_otherwise_is_ambiguous(config, text, kind):
    found = claims(config, text, kind)
    assert "ambiguous" in {item.verdict for item in found}
    assert "disagrees" not in {item.verdict for item in found}


@pytest.mark.parametrize(("config", "text", "kind", "reason"), UNCHECKED, ids=lambda x: x if isinstance(x, str) else "")
def test_what_no_file_tells_cannot_be_checked_and_says_why(config, text, kind, reason):
    (found,) = claims(config, text, kind)
    assert found.verdict == "cannot be checked"
    assert reason in found.reason


def test_every_kind_is_tried():
    assert {case[2] for case in (*TRUE, *UNCHECKED)} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_that_says_nothing_of_a_kind_makes_no_claim_of_it(kind):
    text = "# A model\n\nIt answers questions kindly. See the 3 examples below, and ask the 12 authors in 2024.\n"
    assert claims(LLAMA, text, kind) == []


def test_what_is_left_out_is_told_by_kind():
    left_out = {kind: value for kind, value, _ in answer(MIXTRAL, "# A model\n").unstated}
    assert left_out["num_experts"] == 8
    assert left_out["active_parameters"] == 12_879_925_248
    assert json.dumps(left_out)


@pytest.mark.parametrize(
    ("said", "verdict"),
    [("8B", "agrees"), ("8.03B", "agrees"), ("8.0B", "agrees"), ("8.1B", "disagrees"), ("7B", "disagrees"),
     ("9B", "disagrees"), ("about 8.2B", "agrees"), ("over 8B", "agrees"), ("8,030,261,248", "agrees")],
)  # fmt: skip
def test_a_claim_is_held_to_its_own_rounding(said, verdict):
    (found,) = claims(LLAMA, f"This model has {said} parameters.", "parameters")
    assert found.verdict == verdict


def test_half_a_billion_is_explained_by_what_the_embeddings_hold():
    config = facts.llama(896, 24, 14, 2, 4864, 151_936, 32_768) | {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "tie_word_embeddings": True,
    }  # fmt: skip
    (found,) = claims(config, "- Parameters: 0.5B", "parameters")
    assert found.verdict == "agrees"
    assert "without embeddings" in found.reason


@pytest.mark.parametrize("said", ["128K", "131,072", "128,000", "131K"])
def test_128k_is_decimal_or_binary(said):
    config = {**LLAMA, "max_position_embeddings": 131_072}
    (found,) = claims(config, f"- Context length: {said}", "context_length")
    assert found.verdict == "agrees"

"""Wrappers: totals that the Hub publishes for real files, their towers as components, and how the head is tied."""

import pytest

from cardscope.archs import build, interpret, open_config
from cardscope.errors import BadField, CardscopeError, NotModelled
from cardscope.inventory import take

CLIP_L = {
    "model_type": "clip_vision_model",
    "hidden_size": 1024,
    "image_size": 336,
    "intermediate_size": 4096,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "patch_size": 14,
}
LLAVA = {
    "model_type": "llava",
    "architectures": ["LlavaForConditionalGeneration"],
    "text_config": {"model_type": "llama", "vocab_size": 32064, "max_position_embeddings": 4096},
    "vision_config": CLIP_L,
}
QWEN3_VL_2B = {
    "model_type": "qwen3_vl",
    "architectures": ["Qwen3VLForConditionalGeneration"],
    "tie_word_embeddings": True,
    "text_config": {
        "model_type": "qwen3_vl_text",
        "head_dim": 128,
        "hidden_size": 2048,
        "intermediate_size": 6144,
        "num_attention_heads": 16,
        "num_hidden_layers": 28,
        "num_key_value_heads": 8,
        "vocab_size": 151936,
    },
    "vision_config": {
        "model_type": "qwen3_vl",
        "deepstack_visual_indexes": [5, 11, 17],
        "depth": 24,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_heads": 16,
        "out_hidden_size": 2048,
    },
}
TEXT_OF_QWEN2_VL = {
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_attention_heads": 12,
    "num_hidden_layers": 28,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}


def total(config: dict[str, object]) -> int:
    return take(build(config)).parameters


@pytest.mark.parametrize(
    ("config", "published"),
    [pytest.param(LLAVA, 7_063_427_072, id="llava-1.5-7b"), pytest.param(QWEN3_VL_2B, 2_127_532_032, id="Qwen3-VL-2B")],
)
def test_a_real_file_counts_what_the_hub_publishes(config, published):
    assert total(config) == published


def test_towers_are_components_and_the_text_model_keeps_its_own():
    components = take(build(LLAVA)).components()
    assert (components["vision"], components["projector"]) == (303_507_456, 20_979_712)
    assert components["attention"] == 32 * 4 * 4096**2
    assert sum(components.values()) == total(LLAVA)


def test_only_the_text_tower_keeps_a_cache():
    states = list(take(build(QWEN3_VL_2B)).states())
    assert [(count, state.per_token) for count, state in states] == [(28, 2 * 8 * 128)]


def test_the_base_model_has_no_head():
    base = {**LLAVA, "architectures": ["LlavaModel"]}
    assert total(LLAVA) - total(base) == 32064 * 4096


def test_a_flat_file_holds_the_text_models_keys_at_the_top():
    vision = {"embed_dim": 1280, "depth": 32, "hidden_size": 1536}
    head = {"model_type": "qwen2_vl", "architectures": ["Qwen2VLForConditionalGeneration"], "vision_config": vision}
    nested = {**head, "text_config": {"model_type": "qwen2_vl_text", **TEXT_OF_QWEN2_VL}}
    assert total({**head, **TEXT_OF_QWEN2_VL}) == total(nested) == 2_208_985_600


def test_llava_ties_its_head_where_the_text_model_does():
    text = {**LLAVA["text_config"], "tie_word_embeddings": True}
    assert total(LLAVA) - total({**LLAVA, "text_config": text}) == 32064 * 4096


def test_a_tie_the_file_leaves_open_is_worth_a_word_only_where_transformers_4_decided_otherwise():
    text = {"model_type": "mistral", "hidden_size": 512, "num_attention_heads": 8, "num_key_value_heads": 8}
    open_ = {"model_type": "mistral3", "text_config": text, "vision_config": {"model_type": "pixtral"}}
    changed = open_config(open_)
    settled = open_config({**open_, "tie_word_embeddings": False})
    assert interpret(changed).tied is True
    assert [read.name for read in changed.log.changed_defaults] == ["tie_word_embeddings"]
    assert interpret(settled).tied is False
    assert settled.log.changed_defaults == []


def test_a_text_only_class_reads_the_text_config_alone():
    config = {**QWEN3_VL_2B, "model_type": "qwen3_5", "architectures": ["Qwen3_5ForCausalLM"]}
    config = {**config, "text_config": {"model_type": "qwen3_5_text", "num_hidden_layers": 4}}
    assert [tower.name for tower in build(config).towers] == ["text"]


def test_a_class_of_remote_code_is_said_to_be_unknown():
    with pytest.raises(NotModelled, match="LlavaLlamaForCausalLM"):
        build({**LLAVA, "architectures": ["LlavaLlamaForCausalLM"]})


@pytest.mark.parametrize(
    "change",
    [
        {"vision_feature_layer": []},
        {"vision_config": {**CLIP_L, "num_hidden_layers": 10**9}},
        {"text_config": {"model_type": "nobody"}},
        {"vision_config": 7},
    ],
)
def test_a_hostile_wrapper_is_refused_in_words(change):
    with pytest.raises(CardscopeError):
        build({**LLAVA, **change})


def test_a_ratio_that_would_blow_the_projector_up_is_refused():
    with pytest.raises(BadField, match="downsample_ratio"):
        build({"model_type": "internvl", "downsample_ratio": 1e-9})

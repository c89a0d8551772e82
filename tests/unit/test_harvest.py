"""The harvested defaults: declared ones, never derived ones, of two generations of transformers."""

from __future__ import annotations

import dataclasses
import json

import pytest

from cardscope import harvest
from cardscope.harvest import Declared, declared, known_types, versions


def of(model_type: str) -> Declared:
    found = declared(model_type)
    assert found is not None, model_type
    return found


def test_llama_declares_neither_kv_heads_nor_head_dim():
    """An instance would show the derived 32 and 128."""
    defaults = of("llama").defaults
    assert defaults["num_key_value_heads"] is None
    assert defaults["head_dim"] is None


def test_mistral_declares_its_window():
    assert of("mistral").defaults["sliding_window"] == 4096


def test_gpt2_spells_the_standard_names_its_own_way():
    assert of("gpt2").aliases == {
        "hidden_size": "n_embd",
        "max_position_embeddings": "n_positions",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    }


def test_gemma3_text_config_is_a_type_of_its_own():
    gemma3 = of("gemma3")
    assert gemma3.sub == {"text_config": "gemma3_text", "vision_config": "siglip_vision_model"}
    assert of(gemma3.sub["text_config"]).defaults["num_key_value_heads"] == 4


def test_a_wrapper_says_whose_model_type_decides():
    """llava takes any language model; gemma3's text_config is gemma3_text whatever it calls itself."""
    assert of("llava").sub_any == {"text_config", "vision_config"}
    assert "text_config" not in of("gemma3").sub_any


def test_an_absent_vision_config_starts_from_the_wrappers_own_values():
    assert of("llava").sub_init["vision_config"]["hidden_size"] == 1024
    assert of("clip_vision_model").defaults["hidden_size"] == 768


def test_sub_configs_are_links_and_not_defaults():
    for name in known_types():
        entry = of(name)
        assert not entry.sub.keys() & entry.defaults.keys(), name


@pytest.mark.parametrize("name", ["llava", "qwen2_vl", "qwen2_5_vl"])
def test_wrappers_that_were_tied_by_default_are_no_longer(name):
    assert of(name).was["tie_word_embeddings"] is True
    assert of(name).defaults["tie_word_embeddings"] is False


def test_mt5_went_the_other_way():
    assert of("mt5").was["tie_word_embeddings"] is False
    assert of("mt5").forced["tie_word_embeddings"] is True


def test_t5_ties_in_both_though_it_declares_nothing():
    """The class forces it, so an absent key is no doubt at all."""
    assert "tie_word_embeddings" not in of("t5").defaults
    assert of("t5").forced["tie_word_embeddings"] is True
    assert "tie_word_embeddings" not in of("t5").was


def test_a_type_that_declares_nothing_changed_by_its_base_class():
    """The old base class tied by default, the new one does not."""
    assert "tie_word_embeddings" not in of("voxtral").defaults
    assert of("voxtral").was["tie_word_embeddings"] is True


def test_deepseek_v2_changed_its_vocabulary():
    assert of("deepseek_v2").defaults["vocab_size"] == 102400
    assert of("deepseek_v2").was == {"vocab_size": 32000}


def test_llama_did_not_change():
    assert of("llama").was == {}


def test_a_plain_class_attribute_is_a_default_too():
    assert of("nomic_bert").defaults["tie_word_embeddings"] is True


def test_keys_read_without_being_declared_are_listed_with_their_default():
    assert of("gemma3_text").legacy == {"sliding_window_pattern": 6}
    assert of("bart").legacy["num_labels"] == 3


def test_a_null_that_the_class_fills_with_a_constant_is_told():
    """attention_types of gpt_neo was that constant before; so nothing changed."""
    assert of("gpt_neo").defaults["attention_types"] is None
    assert of("gpt_neo").nulls["attention_types"] == [[["global", "local"], 12]]
    assert "attention_types" not in of("gpt_neo").was


def test_a_null_that_means_none_stays_one():
    """ministral only asks whether there is a window; it does not make one."""
    assert "sliding_window" not in of("ministral").nulls
    assert "layer_types" not in of("smollm3").nulls


def test_ranks_that_shape_a_mixer_are_not_mistaken_for_noise():
    """mamba's time_step_rank shapes tensors; time_step_min does not."""
    assert of("mamba").defaults["time_step_rank"] == "auto"
    assert "time_step_min" not in of("mamba").defaults


def test_fields_that_every_class_shares_are_in_each():
    for name in known_types():
        defaults = of(name).defaults
        assert {"num_labels", "dtype", "is_encoder_decoder"} <= defaults.keys(), name


def test_model_classes_are_named_by_task():
    models = of("llama").models
    assert models["causal_lm"] == "LlamaForCausalLM"
    assert models["base"] == "LlamaModel"
    assert of("t5").models["seq2seq"] == "T5ForConditionalGeneration"
    assert of("gemma3").models["image_text_to_text"] == "Gemma3ForConditionalGeneration"


def test_nested_configs_without_a_registered_type_have_one_here():
    assert of("mpt").sub["attn_config"] == "mpt.attn_config"
    assert of("mpt.attn_config").cls == "MptAttentionConfig"


def test_every_sub_config_leads_to_a_known_type():
    """timm and remote backbones aside, a link that leads nowhere would be a dead end for the reader."""
    known = set(known_types())
    dead = {link for name in known for link in of(name).sub.values() if link not in known}
    assert dead == {"donut_swin", "rf_detr_vit"}


@pytest.mark.parametrize(
    "name",
    ["", "no_such_type", 'llama","class":"x', 'llama"', "llama\n", "llam", "LLAMA", "../llama", "l\0lama",
     "x" * 10_000, "ｌｌａｍａ", "{", "transformers", "llama/llama", ".*", "-llama"],
)  # fmt: skip
def test_hostile_and_unknown_names_find_nothing(name):
    assert declared(name) is None


@pytest.mark.parametrize("value", [None, 3, ["llama"], {"llama": 1}, b"llama", True])
def test_a_model_type_that_is_no_string_finds_nothing(value):
    assert declared(value) is None


def test_entries_cannot_be_changed_by_a_reader():
    """The cache is shared by everything that reads."""
    with pytest.raises(TypeError):
        of("llama").defaults["vocab_size"] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        of("llama").cls = "Other"


def test_the_file_is_sorted_compact_and_named_line_by_line():
    """The reader finds a line by its first bytes, so they must be exact, and exact only once."""
    lines = harvest._file().decode().splitlines()
    names = [json.loads(line)["type"] for line in lines[1:]]
    assert names == sorted(set(names)) == list(known_types())
    for name, line in zip(names, lines[1:], strict=True):
        assert line.startswith(f'{{"type":"{name}","class":"')


def test_the_versions_are_told():
    new, old = versions()
    assert new.startswith("5.")
    assert old.startswith("4.")


def test_all_registered_types_are_there():
    assert len(known_types()) >= 804


@pytest.mark.parametrize(
    ("name", "model_type"),
    [
        ("GPT2LMHeadModel", "gpt2"),
        ("LlamaForCausalLM", "llama"),
        ("LlamaModel", "llama"),
        ("RobertaModel", "roberta"),
        ("Gemma3ForConditionalGeneration", "gemma3"),
        ("NoSuchModel", None),
        ('x","class":"y', None),
    ],
)
def test_a_class_belongs_to_the_type_it_is_named_after(name, model_type):
    """internlm3 uses Llama's classes and gpt-sw3 GPT-2's, which does not make them theirs."""
    assert harvest.type_of_class(name) == model_type

"""Text encoders: totals of well-known configs and task heads, as transformers 5.23 builds them on the meta device."""

import pytest

from cardscope.archs import build, interpret, open_config
from cardscope.errors import BadField, NotModelled
from cardscope.inventory import take
from cardscope.measures.heuristic import account
from cardscope.measures.kvcache import attention_facts

DEBERTA_V3_BASE = {
    "model_type": "deberta-v2",
    "architectures": ["DebertaV2Model"],
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "relative_attention": True,
    "position_buckets": 256,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": "p2c|c2p",
    "max_relative_positions": -1,
    "position_biased_input": False,
}
MINILM = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "intermediate_size": 1536,
}
SMALL = {"max_position_embeddings": 514, "type_vocab_size": 1}
RECORDED = {
    "all-MiniLM-L6-v2 (published: 22,713,216)": (MINILM, 22_713_216),
    "bert-base-uncased": ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, 109_514_298),
    "roberta-base": ({"model_type": "roberta", "architectures": ["RobertaForMaskedLM"], **SMALL}, 124_697_433),
    "xlm-roberta-base": (
        {"model_type": "xlm-roberta", "architectures": ["XLMRobertaForMaskedLM"], "vocab_size": 250_002, **SMALL},
        278_295_186,
    ),
    "distilbert-base-uncased": ({"model_type": "distilbert", "architectures": ["DistilBertForMaskedLM"]}, 66_985_530),
    "deberta-v3-base": (DEBERTA_V3_BASE, 183_831_552),
    "albert-base-v2": (
        {
            "model_type": "albert",
            "architectures": ["AlbertModel"],
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_attention_heads": 12,
        },
        11_683_584,
    ),
    "ModernBERT-base": ({"model_type": "modernbert", "architectures": ["ModernBertForMaskedLM"]}, 149_655_232),
    "electra-small-discriminator": (
        {"model_type": "electra", "architectures": ["ElectraForPreTraining"]},
        13_549_057,
    ),
    "nomic-embed-text": ({"model_type": "nomic_bert", "architectures": ["NomicBertModel"]}, 136_731_648),
    "mobilebert-uncased": (
        {"model_type": "mobilebert", "architectures": ["MobileBertForPreTraining"]},
        36_860_220,
    ),
}


@pytest.mark.parametrize("name", RECORDED)
def test_total_of_a_well_known_encoder(name):
    config, total = RECORDED[name]
    assert take(build(config)).parameters == total


def test_an_encoder_keeps_no_cache():
    assert list(take(build({"model_type": "roberta", "architectures": ["RobertaModel"]})).states()) == []


def test_bert_as_a_decoder_with_cross_attention_caches_both_sides():
    inventory = take(build({"model_type": "bert", "is_decoder": True, "add_cross_attention": True}))
    assert inventory.parameters == 137_881_146
    (own, source) = [state for _, state in inventory.states()]
    assert (own.per_token, source.per_token, source.per_source_token) == (1536, 0, 1536)


def test_cross_attention_without_a_decoder_is_refused():
    with pytest.raises(BadField, match="add_cross_attention"):
        build({"model_type": "bert", "add_cross_attention": True})


def test_albert_stores_one_layer_and_runs_it_twelve_times():
    (tower,) = build({"model_type": "albert", "architectures": ["AlbertModel"]}).towers
    assert (len(tower.layers), tower.repeats) == (1, 12)


def test_a_class_with_an_unknown_head_is_an_error_that_names_it():
    with pytest.raises(NotModelled, match="BertForEmotions"):
        build({"model_type": "bert", "architectures": ["BertForEmotions"]})


def test_a_class_of_another_family_is_not_taken_for_the_own_one():
    with pytest.raises(NotModelled, match="LongformerForMaskedLM"):
        build({"model_type": "bert", "architectures": ["LongformerForMaskedLM"]})


def test_without_a_class_the_base_model_is_counted_and_said_so():
    fields = open_config({"model_type": "distilbert"})
    assert take(interpret(fields)).parameters == 66_362_880
    assert [notice.code for notice in fields.log.notices] == ["CS116"]


def test_labels_are_counted_from_id2label():
    base = {**MINILM, "architectures": ["BertForSequenceClassification"]}
    two = take(build(base)).parameters
    five = take(build({**base, "id2label": {str(i): "x" for i in range(5)}})).parameters
    assert five - two == 3 * (384 + 1)


def test_untied_the_masked_language_head_keeps_its_bias_twice():
    tied = take(build({"model_type": "bert", "architectures": ["BertForMaskedLM"]})).parameters
    apart = {"model_type": "bert", "architectures": ["BertForMaskedLM"], "tie_word_embeddings": False}
    assert take(build(apart)).parameters - tied == 30_522 * (768 + 1)


def test_xmod_runs_one_adapter_of_those_it_stores():
    inventory = take(build({"model_type": "xmod", "languages": ["en", "de", "fr"]}))
    assert inventory.parameters == 130_789_434
    assert inventory.active is not None
    assert inventory.parameters - inventory.active == 2 * 12 * (2 * 768 * 384 + 384 + 768)


def test_layoutlmv3_classifies_tokens_deeply_from_ten_labels_on():
    base = {"model_type": "layoutlmv3", "architectures": ["LayoutLMv3ForTokenClassification"]}
    nine, ten = (take(build({**base, "num_labels": count})).parameters for count in (9, 10))
    assert ten - nine == 769 + 768 * 769


def test_a_tied_head_is_not_called_untied_in_the_account():
    spec = build({"model_type": "bert", "architectures": ["BertForMaskedLM"]})
    names = {term.name for term in account(spec, take(spec))}
    assert "head" in names
    assert "untied head" not in names


def test_albert_attends_in_every_run_of_its_layer():
    spec = build({"model_type": "albert", "architectures": ["AlbertModel"]})
    assert attention_facts(spec).layers["full"] == 12


NOMIC_V2 = {
    "model_type": "nomic_bert",
    "architectures": ["NomicBertModel"],
    "activation_function": "gelu",
    "n_embd": 768,
    "n_head": 12,
    "n_inner": 3072,
    "n_layer": 12,
    "n_positions": 2048,
    "num_experts": 8,
    "moe_top_k": 2,
    "moe_every_n_layers": 2,
    "rotary_emb_fraction": 1.0,
    "type_vocab_size": 1,
    "vocab_size": 250_048,
}


def test_nomic_v2_has_475_million_parameters_of_which_305_million_fire():
    """The model card of nomic-ai/nomic-embed-text-v2-moe says 475M and 305M."""
    inventory = take(build(NOMIC_V2))
    assert inventory.parameters == 475_292_928
    assert inventory.active == 305_423_616


def test_nomic_v1_under_its_own_keys_is_transformers_nomic():
    keys = {
        "n_embd": 768,
        "n_head": 12,
        "n_inner": 3072,
        "n_layer": 12,
        "n_positions": 8192,
        "rotary_emb_fraction": 1.0,
    }
    unbiased = {"qkv_proj_bias": False, "mlp_fc1_bias": False, "mlp_fc2_bias": False, "activation_function": "swiglu"}
    config = {"model_type": "nomic_bert", "architectures": ["NomicBertModel"], **keys, **unbiased}
    assert take(build(config)).parameters == 136_731_648


ESM2_8M = {
    "model_type": "esm",
    "architectures": ["EsmForMaskedLM"],
    "vocab_size": 33,
    "hidden_size": 320,
    "num_hidden_layers": 6,
    "num_attention_heads": 20,
    "intermediate_size": 1280,
    "position_embedding_type": "rotary",
}
BESIDE = {
    "esm2_t6_8M": (ESM2_8M, 7_512_474),
    "dpr-ctx_encoder": ({"model_type": "dpr", "architectures": ["DPRContextEncoder"]}, 108_891_648),
    "nystromformer-512": ({"model_type": "nystromformer", "architectures": ["NystromformerModel"]}, 108_500_112),
    "yoso-4096": ({"model_type": "yoso", "architectures": ["YosoModel"]}, 126_807_552),
}


@pytest.mark.parametrize("name", BESIDE)
def test_total_of_an_encoder_beside_the_main_road(name):
    config, total = BESIDE[name]
    assert take(build(config)).parameters == total


def test_esm_keeps_its_rotary_frequencies_as_a_buffer():
    assert take(build(ESM2_8M)).buffers == 8

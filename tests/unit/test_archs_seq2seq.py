"""Encoder–decoders: totals and caches as transformers 5.23 builds them on the meta device."""

import pytest

from cardscope.archs import build, interpret, open_config
from cardscope.errors import NotModelled
from cardscope.inventory import take
from cardscope.measures.heuristic import account

FLAN_LARGE = {
    "model_type": "t5",
    "architectures": ["T5ForConditionalGeneration"],
    "d_ff": 2816,
    "d_model": 1024,
    "num_heads": 16,
    "num_layers": 24,
    "num_decoder_layers": 24,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
}
OPUS = {"model_type": "marian", "architectures": ["MarianMTModel"], "d_model": 512, "encoder_ffn_dim": 2048}
RECORDED = {
    "t5-small": ({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}, 60_506_624, 0),
    "t5-small, encoder": ({"model_type": "t5", "architectures": ["T5EncoderModel"]}, 35_330_816, 0),
    "umt5-small": ({"model_type": "umt5", "architectures": ["UMT5Model"]}, 172_122_112, 0),
    "bart-large": ({"model_type": "bart", "architectures": ["BartModel"]}, 406_291_456, 0),
    "bart-large, generation": (
        {"model_type": "bart", "architectures": ["BartForConditionalGeneration"]},
        406_291_456,
        50_265,
    ),
    "bart-large, decoder alone": ({"model_type": "bart"}, 254_084_096, 0),
    "bart-large, three labels": (
        {"model_type": "bart", "architectures": ["BartForSequenceClassification"]},
        407_344_131,
        0,
    ),
    "mbart-large": ({"model_type": "mbart", "architectures": ["MBartModel"]}, 406_295_552, 0),
    "pegasus": ({"model_type": "pegasus", "architectures": ["PegasusModel"]}, 406_287_360, 0),
    "m2m_100-418M": ({"model_type": "m2m_100", "architectures": ["M2M100ForConditionalGeneration"]}, 483_905_536, 0),
    "trocr": ({"model_type": "trocr"}, 253_559_808, 0),
}


@pytest.mark.parametrize("name", RECORDED)
def test_total_and_buffers_of_a_default(name):
    config, total, buffers = RECORDED[name]
    inventory = take(build(config))
    assert (inventory.parameters, inventory.buffers) == (total, buffers)


def test_t5_is_tied_whatever_the_file_says_and_the_reader_is_told():
    fields = open_config(FLAN_LARGE)
    assert take(interpret(fields)).parameters == 750_251_008
    assert [notice.code for notice in fields.log.notices] == ["CS118"]


def test_only_the_decoder_caches_itself_and_the_source_once():
    inventory = take(build({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}))
    states = list(inventory.states())
    assert sum(count * state.per_token for count, state in states) == 6 * 2 * 512
    assert sum(count * state.per_source_token for count, state in states) == 6 * 2 * 512


def test_the_first_t5_layer_alone_holds_the_relative_biases():
    inventory = take(build({"model_type": "t5", "architectures": ["T5Model"]}))
    holders = [g.layers for g in inventory.groups if any(t.name == "relative_bias.weight" for t in g.tensors)]
    assert holders == [(0,), (0,)]


def test_marian_without_shared_words_keeps_a_table_for_each_half():
    apart = {**OPUS, "share_encoder_decoder_embeddings": False, "decoder_vocab_size": 1000}
    tables = [t.shape for _, t in take(build(apart)).tensors() if t.component == "embedding"]
    assert tables == [(58_101, 512), (1000, 512)]


def test_untied_bart_keeps_three_tables_and_a_head():
    config = {"model_type": "bart", "architectures": ["BartForConditionalGeneration"], "tie_word_embeddings": False}
    shapes = [t.shape for _, t in take(build(config)).tensors()]
    assert shapes.count((50_265, 1024)) == 4


def test_a_class_that_m2m_100_does_not_have_is_an_error():
    with pytest.raises(NotModelled, match="M2M100ForCausalLM"):
        build({"model_type": "m2m_100", "architectures": ["M2M100ForCausalLM"]})


def test_cross_attention_has_a_term_of_its_own():
    spec = build({"model_type": "t5", "architectures": ["T5Model"]})
    terms = {term.name: term.delta for term in account(spec, take(spec))}
    assert terms["cross-attention"] == 6 * 4 * 512 * 512

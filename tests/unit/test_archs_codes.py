"""Emu3 with its tokenizer and dots 3 Note with its towers, as files spell them; totals are transformers 5.23's."""

import pytest

from cardscope.archs import build, interpret, open_config
from cardscope.errors import CardscopeError
from cardscope.inventory import take

SEEN = {
    "intermediate_size": 456,
    "num_hidden_layers": 5,
    "num_channels": 4,
    "patch_size": 8,
    "moe_intermediate_size": 392,
    "spatial_merge_size": 3,
    "mlp_bias": False,
    "num_local_experts": 18,
    "num_experts_per_tok": 2,
    "adapter_in_dim": 336,
    "adapter_out_dim": 480,
    "adapter_merge_size": 3,
    "embed_dim": 336,
    "num_heads": 6,
    "use_bias": True,
    "pyramid_num_routed": [-1, 1, 7, 9, 12],
}
HEARD = {
    "num_key_value_heads": 2,
    "max_position_embeddings": 130,
    "downsample_hidden_size": 472,
    "head_dim": 34,
    "whisper_config": {
        "d_model": 288,
        "encoder_attention_heads": 12,
        "encoder_layers": 4,
        "encoder_ffn_dim": 208,
        "num_mel_bins": 40,
    },
    "whisper_adapter_in_dim": 288,
    "whisper_adapter_out_dim": 480,
}
RELEASED = {
    "model_type": "dots3_note",
    "vocab_size": 523,
    "num_attention_heads": 8,
    "hidden_size": 480,
    "intermediate_size": 392,
    "moe_intermediate_size": 176,
    "num_hidden_layers": 4,
    "num_key_value_heads": 8,
    "n_shared_experts": 3,
    "n_routed_experts": 18,
    "kv_lora_rank": 42,
    "q_lora_rank": 94,
    "qk_rope_head_dim": 12,
    "v_head_dim": 10,
    "qk_nope_head_dim": 14,
    "n_group": 2,
    "topk_group": 1,
    "num_experts_per_tok": 4,
    "max_position_embeddings": 91,
    "mlp_layer_types": ["sparse", "dense", "dense", "sparse"],
    "index_topk": 16,
    "index_head_dim": 58,
    "index_n_heads": 5,
    "head_dim": 46,
    "layer_types": ["indexed_attention", "sliding_attention", "indexed_attention", "sliding_attention"],
    "sliding_window": 64,
    "shared_experts_intermediate_size": 248,
}


@pytest.mark.parametrize(
    ("name", "total"), [("Dots3NoteForConditionalGeneration", 130_776_136), ("Dots3NoteForCausalLM", 98_771_496)]
)
def test_dots3_released_spelling(name, total):
    """The text model's keys at the top, a pyramid of experts, and the sound tower in Whisper's words."""
    fields = open_config({**RELEASED, "architectures": [name], "vision_config": SEEN, "audio_config": HEARD})
    assert take(interpret(fields)).parameters == total
    assert fields.unread() == ()


@pytest.mark.parametrize(
    "seen",
    [
        {"pyramid_num_routed": [-1, 4]},
        {"pyramid_num_routed": [-1, 1, 7, 9, 12, 3]},
        {"pyramid_num_routed": "all"},
        {"pyramid_num_routed": [-1, 1, 7, 9, 10**9]},
        {"num_heads": 5},
        {"per_layer_config": {"0": {"num_local_experts": 3}}},
    ],
)
def test_an_image_tower_that_cannot_be_is_one_error(seen):
    """Too few experts' counts or too many, and heads that do not divide the width."""
    config = {**RELEASED, "architectures": ["Dots3NoteForConditionalGeneration"], "audio_config": HEARD}
    with pytest.raises(CardscopeError):
        build({**config, "vision_config": {**SEEN, **seen}})


EMU3 = {"model_type": "emu3", "architectures": ["Emu3ForConditionalGeneration"]}


def test_emu3_whole_has_the_tokenizer_that_the_text_model_lacks():
    """The text model's classes read nothing of the tokenizer."""
    whole, text = take(build(EMU3)), take(build({**EMU3, "architectures": ["Emu3ForCausalLM"]}))
    assert text.parameters == 8_492_011_520
    assert whole.parameters - text.parameters == 270_740_287


@pytest.mark.parametrize(
    "codes",
    [
        {"channel_multiplier": []},
        {"channel_multiplier": [1, 0]},
        {"num_res_blocks": 65},
        {"num_attention_heads": 3},
        {"temporal_downsample_factor": 2**40},
    ],
)
def test_a_tokenizer_that_cannot_be_is_one_error(codes):
    """Levels, blocks and halvings without end are refused with a sentence."""
    with pytest.raises(CardscopeError):
        build({**EMU3, "vq_config": codes})

"""Towers and wrappers declared last: totals of transformers' own models, and what is declined instead of guessed."""

import pytest

import cardscope
from cardscope.archs import build
from cardscope.errors import CardscopeError, NotModelled
from cardscope.inventory import take


def total(config: dict[str, object]) -> int:
    return take(build(config)).parameters


def component(config: dict[str, object], name: str) -> int:
    return take(build(config)).components()[name]


GEMMA3N = {"model_type": "gemma3n", "architectures": ["Gemma3nForConditionalGeneration"]}


def test_gemma3n_counts_what_transformers_builds_of_the_published_e4b():
    """7,849,978,192 are stored: keys and values of the 15 layers that reuse earlier ones are 31,461,120 of them."""
    assert total(GEMMA3N) == 7_818_517_072 == 7_849_978_192 - 15 * (2 * 2 * 256 * 2048 + 256)


def test_gemma3n_has_mobilenet_v5_as_its_image_tower():
    """timm's mobilenetv5_300m_enc has 294,126,912 parameters."""
    assert component(GEMMA3N, "vision") == 294_126_912


def test_another_timm_tower_is_declined():
    with pytest.raises(NotModelled, match="resnet50"):
        build({**GEMMA3N, "vision_config": {"architecture": "resnet50"}})


@pytest.mark.parametrize(
    "audio",
    [
        {"sscp_conv_kernel_size": [[3, 3]]},
        {"sscp_conv_kernel_size": "3"},
        {"sscp_conv_stride_size": [[0, 2], [2, 2]]},
        {"sscp_conv_channel_size": [1, 2, 3]},
        {"conf_num_attention_heads": 7},
        {"conf_num_hidden_layers": 10**9},
    ],
)
def test_a_sound_tower_that_cannot_be_is_an_error(audio):
    with pytest.raises(CardscopeError):
        build({**GEMMA3N, "audio_config": audio})


def labelled(model_type: str, name: str, labels: int, **keys: object) -> dict[str, object]:
    return {"model_type": model_type, "architectures": [name], "num_labels": labels, **keys}


@pytest.mark.parametrize(
    ("config", "count"),
    [
        # torchvision's ResNet-50 and ConvNeXt-T, by their documentation
        (labelled("resnet", "ResNetForImageClassification", 1000), 25_557_032),
        (labelled("convnext", "ConvNextForImageClassification", 1000), 28_589_128),
        # transformers 5.23's empty models of the defaults: BLIP base, AST for AudioSet, DPT
        ({"model_type": "blip", "architectures": ["BlipForConditionalGeneration"]}, 223_971_644),
        (labelled("audio-spectrogram-transformer", "ASTForAudioClassification", 527), 86_594_063),
        ({"model_type": "dpt", "architectures": ["DPTForDepthEstimation"]}, 110_878_081),
    ],
)
def test_known_models_count_as_published(config, count):
    assert total(config) == count


def test_running_means_are_buffers_not_parameters():
    """ResNet-50 stores mean, variance and a count for each of its 53 batch norms."""
    assert take(build({"model_type": "resnet", "architectures": ["ResNetModel"]})).buffers == 2 * 26_560 + 53


def test_blip_writes_with_a_cache_for_the_words_and_for_the_image():
    """Twelve layers keep keys and values of each word; those of the image depend on its patches alone."""
    states = [
        state
        for _, state in take(build({"model_type": "blip", "architectures": ["BlipForConditionalGeneration"]})).states()
    ]
    assert {(state.per_token, state.per_source_token) for state in states} == {(2 * 768, 0), (0, 2 * 768)}


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "resnet", "hidden_sizes": [8] * 99, "depths": [10**9] * 99},
        {"model_type": "resnet", "depths": []},
        {"model_type": "resnet", "layer_type": "wide"},
        {"model_type": "segformer", "num_attention_heads": [0, 0, 0, 0]},
        {"model_type": "convnext", "num_stages": 5},
        {"model_type": "audio-spectrogram-transformer", "patch_size": 5000},
        {"model_type": "dpt", "architectures": ["DPTForDepthEstimation"], "reassemble_factors": "4"},
        {"model_type": "depth_anything", "backbone_config": {"model_type": "llama"}},
        {"model_type": "clap", "audio_config": {"num_attention_heads": [0, 1, 2, 3]}},
        {"model_type": "clipseg", "architectures": ["CLIPSegForImageSegmentation"], "decoder_num_attention_heads": 7},
    ],
)
def test_images_and_sounds_that_cannot_be_are_errors(config):
    with pytest.raises(CardscopeError):
        build(config)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        # transformers 5.23's empty models of the defaults
        ("florence2:Florence2ForConditionalGeneration", 497_761_280),
        ("paddleocr_vl:PaddleOCRVLForConditionalGeneration", 799_695_472),
    ],
)
def test_defaults_of_wrappers_count_as_transformers_builds_them(name, count):
    model_type, _, cls = name.partition(":")
    assert total({"model_type": model_type, "architectures": [cls]}) == count


def test_blip2_speaks_with_a_t5_as_with_an_opt():
    """The language model is built by its own class: a T5 keeps its two halves and its cross-attention."""
    t5 = {"model_type": "t5", "d_model": 64, "num_layers": 3, "num_heads": 4, "d_kv": 16, "d_ff": 96, "vocab_size": 500}
    inventory = take(
        build({"model_type": "blip-2", "architectures": ["Blip2ForConditionalGeneration"], "text_config": t5})
    )
    assert [(group.tower, group.count) for group in inventory.groups if group.states] == [
        ("decoder", 1),
        ("decoder", 2),
    ]
    assert {state.per_source_token for _, state in inventory.states()} == {0, 2 * 64}


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "blip-2", "text_config": {"model_type": "vit"}},
        {"model_type": "ovis2", "vision_config": {"vocab_size": 4}},
        {"model_type": "florence2", "vision_config": {"patch_prenorm": True}},
        {"model_type": "florence2", "vision_config": {"embed_dim": []}},
        {"model_type": "granite_speech", "encoder_config": {"context_size": 9999}},
    ],
)
def test_wrappers_that_cannot_be_are_errors(config):
    with pytest.raises(CardscopeError):
        build(config)


def test_a_rotary_wav2vec2_conformer_stores_its_frequencies():
    """Half a head's frequencies, beside the batch norms' running values."""
    small = {"model_type": "wav2vec2-conformer", "architectures": ["Wav2Vec2ConformerModel"], "num_hidden_layers": 1}
    plain, turned = (take(build({**small, "position_embeddings_type": kind})).buffers for kind in (None, "rotary"))
    assert turned - plain == 32


def test_moonshine_keeps_words_and_sound_apart():
    states = [state for _, state in take(build({"model_type": "moonshine"})).states()]
    assert {(state.per_token, state.per_source_token) for state in states} == {(2 * 288, 0), (0, 2 * 288)}


def test_voxtral_realtime_listens_through_its_own_language_model_only():
    with pytest.raises(NotModelled, match="llama"):
        build({"model_type": "voxtral_realtime", "text_config": {"model_type": "llama"}})


def test_a_privacy_filter_has_thirty_three_labels_unless_told():
    filtered = {"model_type": "openai_privacy_filter", "architectures": ["OpenAIPrivacyFilterForTokenClassification"]}
    own, told = total(filtered), total({**filtered, "num_labels": 2})
    assert own - told == 31 * (build(filtered).hidden_size + 1)


def test_an_encoder_of_gpt_oss_layers_keeps_no_cache():
    assert not list(
        take(build({"model_type": "openai_privacy_filter", "architectures": ["OpenAIPrivacyFilterModel"]})).states()
    )


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "lilt", "channel_shrink_ratio": 10**6},
        {"model_type": "tapas", "type_vocab_sizes": [1] * 9999},
        {"model_type": "data2vec-audio", "num_conv_pos_embedding_groups": 5},
        {
            "model_type": "parakeet_ctc",
            "architectures": ["ParakeetForCTC"],
            "encoder_config": {"subsampling_factor": 10**9},
        },
        {"model_type": "moonshine", "encoder_num_key_value_heads": "x"},
    ],
)
def test_encoders_that_cannot_be_are_errors(config):
    with pytest.raises(CardscopeError):
        build(config)


def test_detr_counts_its_timm_backbone_by_name():
    """facebook/detr-resnet-50's layout: 41.5 million parameters with frozen batch norms as buffers."""
    named = take(build({"model_type": "detr", "architectures": ["DetrForObjectDetection"], "backbone": "resnet50"}))
    assert (named.parameters, named.buffers) == (41_501_895, 106_240)


def test_a_backbone_that_is_no_resnet_is_declined():
    with pytest.raises(NotModelled, match="tf_efficientnet"):
        build({"model_type": "detr", "architectures": ["DetrModel"], "backbone": "tf_efficientnet_b0"})


VIT = {
    "model_type": "vit",
    "hidden_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 160,
}
GPT2 = {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 300, "add_cross_attention": True}
CAPTION = {"model_type": "vision-encoder-decoder", "architectures": ["VisionEncoderDecoderModel"], "encoder": VIT}


def test_an_encoder_decoder_is_its_two_halves_and_a_projection():
    both = total({**CAPTION, "decoder": GPT2})
    eyes = total({**VIT, "architectures": ["ViTModel"]})
    assert both - eyes - total({**GPT2, "architectures": ["GPT2LMHeadModel"]}) == 64 * 96 + 64


def test_an_encoder_decoder_caches_only_in_its_decoder():
    states = [state for _, state in take(build({**CAPTION, "decoder": GPT2})).states()]
    assert {(state.per_token, state.per_source_token) for state in states} == {(128, 0), (0, 128)}


def test_a_half_without_a_class_for_its_place_is_declined():
    with pytest.raises(NotModelled):
        build({**CAPTION, "decoder": {"model_type": "vit"}})


def test_qwen3_asr_of_its_own_repository_is_read_in_its_thinker():
    """Qwen3-ASR-0.6B keeps everything under thinker_config, which transformers 5 passes over."""
    text = {"model_type": "qwen3_asr_text", "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28}
    text |= {"num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": True}
    sound = {
        "d_model": 896,
        "encoder_layers": 18,
        "encoder_attention_heads": 14,
        "encoder_ffn_dim": 3584,
        "output_dim": 1024,
    }
    whole = {"text_config": text | {"vocab_size": 151936}, "audio_config": sound}
    config = {"model_type": "qwen3_asr", "thinker_config": whole}
    assert total(config) == 782_426_112
    assert cardscope.inspect(config, exact=False).parameters.analytic.confidence == "declared-unseen"


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "detr", "backbone_config": {"model_type": "vit"}},
        {"model_type": "detr", "position_embedding_type": "both"},
        {"model_type": "detr", "backbone_config": {"model_type": "resnet", "out_features": ["stage9"]}},
        {"model_type": "timesformer", "attention_type": "time_only"},
        {"model_type": "vitpose", "backbone_config": {"num_experts": 2, "part_features": 9999}},
        {"model_type": "videomae", "architectures": ["VideoMAEForPreTraining"], "decoder_num_attention_heads": 7},
        {"model_type": "colpali", "vlm_config": {"model_type": "no such model"}},
    ],
)
def test_boxes_videos_and_halves_that_cannot_be_are_errors(config):
    with pytest.raises(CardscopeError):
        build(config)


@pytest.mark.parametrize(
    ("config", "count"),
    [
        # facebook/sam-vit-base's layout; google/timesfm-2.0-500m's; transformers 5.23's defaults of the rest
        ({"model_type": "sam", "architectures": ["SamModel"]}, 93_735_728),
        ({"model_type": "timesfm", "architectures": ["TimesFmModel"]}, 493_909_920),
        ({"model_type": "pix2struct", "architectures": ["Pix2StructForConditionalGeneration"]}, 282_285_696),
    ],
)
def test_masks_series_and_screens_count_as_transformers_builds_them(config, count):
    assert total(config) == count


def test_switch_fires_one_expert_a_token():
    """Of eight experts in three layers of each half, seven rest."""
    inventory = take(
        build({"model_type": "switch_transformers", "architectures": ["SwitchTransformersForConditionalGeneration"]})
    )
    assert inventory.parameters - (inventory.active or 0) == 6 * 7 * 2 * 768 * 2048


def test_t5gemma_reads_an_encoder_of_another_width():
    config = {
        "model_type": "t5gemma",
        "architectures": ["T5GemmaModel"],
        "encoder": {"hidden_size": 1024, "num_hidden_layers": 1},
    }
    config["decoder"] = {"hidden_size": 512, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2}
    states = [state for _, state in take(build(config)).states()]
    assert {(state.per_token, state.per_source_token) for state in states} == {(2 * 2 * 256, 0), (0, 2 * 2 * 256)}


REALTIME = {"rt_detr": "RTDetrForObjectDetection", "rt_detr_v2": "RTDetrV2ForObjectDetection"}


def test_rt_detr_v2_stores_the_scale_of_each_sampled_place():
    """Six layers of three levels with four places each; otherwise both versions have the same tensors."""
    first, second = (take(build({"model_type": name, "architectures": [cls]})) for name, cls in REALTIME.items())
    assert (second.parameters - first.parameters, second.buffers - first.buffers) == (0, 6 * 3 * 4)


@pytest.mark.parametrize(
    "keys",
    [
        {"encode_proj_layers": [2] * 99999},
        {"encoder_in_channels": [1] * 999},
        {"decoder_in_channels": []},
        {"backbone_config": {"model_type": "rt_detr_resnet", "out_features": ["stage7"]}},
        {"backbone_config": {"model_type": "swin"}},
    ],
)
def test_real_time_boxes_that_cannot_be_are_errors(keys):
    with pytest.raises(CardscopeError):
        build({"model_type": "rt_detr", "architectures": ["RTDetrModel"], **keys})

"""Images and speech: totals as transformers 5.23 builds them on the meta device, published ones where there are any."""

import pytest

from cardscope.archs import build
from cardscope.errors import BadField, NotModelled
from cardscope.inventory import take

RECORDED = {
    "ViT-B/16, base": ({"model_type": "vit", "architectures": ["ViTModel"]}, 86_389_248),
    "ViT-B/16, 1000 labels": (
        {"model_type": "vit", "architectures": ["ViTForImageClassification"], "num_labels": 1000},
        86_567_656,
    ),
    "DeiT-B with teacher": (
        {"model_type": "deit", "architectures": ["DeiTForImageClassificationWithTeacher"]},
        85_803_268,
    ),
    "DINOv2-B at 224": ({"model_type": "dinov2", "architectures": ["Dinov2Model"]}, 85_725_696),
    "DINOv3-S": ({"model_type": "dinov3_vit", "architectures": ["DINOv3ViTModel"]}, 21_595_008),
    "Swin-T": ({"model_type": "swin", "architectures": ["SwinModel"]}, 27_519_354),
    "BEiT-B": ({"model_type": "beit", "architectures": ["BeitModel"]}, 85_656_576),
    "YOLOS": ({"model_type": "yolos", "architectures": ["YolosForObjectDetection"]}, 104_947_975),
    "CLIP ViT-B/32 (published: 151,277,313)": ({"model_type": "clip", "architectures": ["CLIPModel"]}, 151_277_313),
    "CLIP text tower": ({"model_type": "clip_text_model", "architectures": ["CLIPTextModel"]}, 63_165_952),
    "SigLIP-B/16": ({"model_type": "siglip", "architectures": ["SiglipModel"]}, 203_155_970),
    "SigLIP 2 at any resolution": ({"model_type": "siglip2", "architectures": ["Siglip2Model"]}, 203_202_050),
    "wav2vec2-base": ({"model_type": "wav2vec2", "architectures": ["Wav2Vec2Model"]}, 94_371_712),
    "wav2vec2-base, CTC": ({"model_type": "wav2vec2", "architectures": ["Wav2Vec2ForCTC"]}, 94_396_320),
    "wav2vec2-base, speakers": ({"model_type": "wav2vec2", "architectures": ["Wav2Vec2ForXVector"]}, 100_482_908),
    "hubert-base": ({"model_type": "hubert", "architectures": ["HubertModel"]}, 94_371_712),
    "wavlm-base": ({"model_type": "wavlm", "architectures": ["WavLMModel"]}, 94_381_936),
    "whisper-tiny (published: 37,760,640)": (
        {"model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"]},
        37_760_640,
    ),
    "whisper-tiny, decoder alone": ({"model_type": "whisper"}, 29_552_256),
}


@pytest.mark.parametrize("name", RECORDED)
def test_total_of_a_default(name):
    config, total = RECORDED[name]
    assert take(build(config)).parameters == total


def test_a_batch_norm_leaves_running_numbers_behind():
    config = {"model_type": "hubert", "architectures": ["HubertModel"], "conv_pos_batch_norm": True}
    assert take(build(config)).buffers == 2 * 768 + 1


def test_images_need_not_be_square():
    base = {"model_type": "vit", "architectures": ["ViTModel"]}
    wide = take(build({**base, "image_size": [224, 448]})).parameters
    assert wide - take(build(base)).parameters == 196 * 768


def test_old_clip_files_say_it_in_text_config_dict():
    base = {"model_type": "clip", "architectures": ["CLIPModel"], "text_config": {"hidden_size": 768}}
    assert take(build({**base, "text_config_dict": {}})).parameters == 151_277_313


def test_the_towers_of_clip_are_told_apart():
    components = take(build({"model_type": "clip", "architectures": ["CLIPModel"]})).components()
    assert components["vision"] == 87_456_000
    assert components["projector"] == 512 * 768 + 512 * 512 + 1


def test_whisper_hears_once_and_speaks_with_a_growing_cache():
    inventory = take(build({"model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"]}))
    states = list(inventory.states())
    assert sum(count * state.per_token for count, state in states) == 4 * 2 * 384
    assert sum(count * state.per_source_token for count, state in states) == 4 * 2 * 384


def test_convolutions_need_a_kernel_each():
    with pytest.raises(BadField, match="conv_kernel"):
        build({"model_type": "wav2vec2", "architectures": ["Wav2Vec2Model"], "conv_kernel": [3, 3]})


def test_a_thousand_swin_stages_are_refused():
    with pytest.raises(BadField, match="depths"):
        build({"model_type": "swin", "architectures": ["SwinModel"], "depths": [1] * 1000, "num_heads": [1] * 1000})


def test_segmentation_heads_are_not_guessed():
    with pytest.raises(NotModelled, match="BeitForSemanticSegmentation"):
        build({"model_type": "beit", "architectures": ["BeitForSemanticSegmentation"]})

"""The bundled catalogue's totals against transformers' empty models, and which declared types it covers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache

import pytest

pytestmark = pytest.mark.exact
pytest.importorskip("transformers")

from cardscope.archs import declared_types  # noqa: E402 - after importorskip
from cardscope.source import catalog  # noqa: E402
from tests.oracle.meta import Refused, build  # noqa: E402

ENTRIES = [entry for name in catalog.ids() if (entry := catalog.lookup(name))]

NOT_BUILT = {
    "its config names the class LLaMAForCausalLM, as it was before the first release": ("huggyllama/llama-7b",),
    "it comes with code of its own, which transformers lacks": (
        "microsoft/Phi-tiny-MoE-instruct",
        "moonshotai/Kimi-K2-Instruct",
        "moonshotai/Kimi-K2.5",
        "THUDM/chatglm3-6b-32k",
        "THUDM/glm-4-9b-chat",
        "Qwen/Qwen-1_8B-Chat",
        "internlm/internlm2-chat-7b",
        "internlm/internlm2-chat-20b",
        "LGAI-EXAONE/EXAONE-3.0-7.8B-Instruct",
        "XiaomiMiMo/MiMo-7B-Base",
        "MiniMaxAI/MiniMax-M1-80k",
        "MiniMaxAI/MiniMax-Text-01",
        "microsoft/Phi-3-small-8k-instruct",
        "openpangu/openPangu-Embedded-7B",
        "baichuan-inc/Baichuan2-7B-Chat",
        "openbmb/MiniCPM-2B-sft-bf16",
        "deepseek-ai/deepseek-moe-16b-base",
        "inclusionAI/Ling-lite",
    ),
}
"""Entries that transformers does not build, by reason; a published count stands behind each."""

WITHOUT_ENTRY = {
    "an older spelling of a model that is there under its present type": """
        RefinedWeb RefinedWebModel Yi phi-msft phi4 mixformer-sequential qwen2_vl_text qwen2_5_vl_text""",
    "checkpoints give another type: that of a wrapper, of GPT-2, of Mistral": """
        gpt-sw3 ministral emu3_text_model trocr musicgen_decoder musicgen_melody_decoder""",
    "the checkpoint's count is not transformers' (weights of zero experts, a default that changed)": """
        longcat_flash internvl internvl_vision""",
    "no count was published that could confirm cardscope's own": """
        gpt_neox_reward_model internlm orion xverse minicpmv4_6 hunyuan_v1_moe""",
    "its file alone is 26 kB": "nemotron-nas",
    "the bundled catalogue is full at 250 kB: the models people meet offline first have the places": """
        Dream altclip aquila audio-spectrogram-transformer audioflamingo3 blip blip-2 bunny-phi chinese_clip clap
        clipseg colpali colqwen2 convnext convnextv2 data2vec-audio data2vec-vision deci deepseek_vl_hybrid
        deepseek_vl_v2 depth_anything detr donut-swin dots_ocr dpt encoder-decoder eurobert flaubert florence2 fsmt
        gemma3n gemma4_unified_assistant glmasr granite_speech gte hunyuan idefics2 ijepa instructblip
        instructblipvideo internvl_chat janus jina_embeddings_v3 kimi_k3 kimi_vl lilt llada llava_llama
        llava_mistral llava_qwen metaclip_2 minicpmv mistral4 molmo moonshine multi_modality nanogpt-native
        openai_privacy_filter openelm ovis2 owlv2 owlvit paddleocr_vl paddleocr_vl_text parakeet_ctc
        parakeet_encoder pegasus_x phi3_v pix2struct qwen2_5_omni resnet rt_detr rt_detr_v2 rwkv5 sam segformer
        shieldgemma2 skywork speech-encoder-decoder speech_to_text step3p5 step3p7 swinv2 switch_transformers
        t5gemma table-transformer tapas timesfm timesformer videomae vision-encoder-decoder vitpose voxtral_realtime
        voxtral_realtime_text wav2vec2-bert wav2vec2-conformer efficientnet mobilenet_v1 mobilenet_v2 mobilevit
        encodec luke regnet vilt""",
    "no copy of its file was found that is certain": """
        afmoe aria aria_text axk2 aya_vision bailing_hybrid blt cohere2_moe cohere2_vision cohere_compass_text
        data2vec-text deepseek_vl diffllama doge dots3_note dots3_note_text emu3 flint gemma3n_text gemma4_unified
        gemma4_unified_text glm46v glm_ocr glm_ocr_text granitemoe_swa granitemoeshared hrm_text hunyuan_v1_dense hy_v4
        hyperclovax inkling2_text inkling_text kolibri1 layoutlm lighton_ocr llava_next_video llava_onevision
        megatron-bert minimax_m3_vl minimax_m3_vl_text modernbert-decoder moshi moss_transcribe_diarize muse_glimmer
        mimo_v2_flash muse_glimmer_text musicgen musicgen_melody nanochat-native phi4_multimodal qwen2_5_omni_text
        qwen2_5_omni_thinker qwen3_asr qwen3_omni_moe_text qwen3_omni_moe_thinker qwen4_exp qwen4_exp_text reformer
        roc_bert unispeech unispeech-sat video_llava vipllava vit_msn xmod zamba2 zaya""",
}
"""Declared types that the catalogue has no entry for, by reason."""


def _types(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        named = value.get("model_type")
        if isinstance(named, str):
            yield named
        for inner in value.values():
            yield from _types(inner)


@cache
def _built(config: str) -> int:
    return build(json.loads(config)).total


REFUSED = {name for names in NOT_BUILT.values() for name in names}
COVERED = {name for entry in ENTRIES for name in _types(dict(entry.config))}
SAID = {name for names in WITHOUT_ENTRY.values() for name in names.split()}


@pytest.mark.filterwarnings("ignore:.*rope_scaling.* is deprecated:FutureWarning")
@pytest.mark.parametrize("entry", [x for x in ENTRIES if x.id not in REFUSED], ids=lambda entry: entry.id)
def test_the_total_is_what_transformers_builds(entry):
    assert _built(json.dumps(entry.config)) == entry.total


@pytest.mark.parametrize("entry", [x for x in ENTRIES if x.id in REFUSED], ids=lambda entry: entry.id)
def test_an_entry_said_not_to_build_does_not_and_gives_another_source(entry):
    assert entry.total_source != catalog.COUNTED
    with pytest.raises(Refused):
        build(entry.config)


def test_every_declared_type_has_an_entry_or_a_reason():
    """A new type needs a well-known model in the catalogue (tools/catalogue.py add), or its name and reason above."""
    assert sorted(set(declared_types()) - COVERED - SAID) == []


def test_no_reason_is_given_for_a_type_that_has_an_entry():
    assert sorted(SAID & COVERED) == []

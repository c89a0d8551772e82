"""What an encoder–decoder keeps, on tiny real models: its own keys and values for each word, the source's once."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from cardscope.archs import build
from cardscope.inventory import take
from tests.oracle.meta import model_config

pytestmark = [pytest.mark.exact, pytest.mark.filterwarnings("ignore")]

SOURCE, TARGET = 11, 5
BART = {
    "vocab_size": 96,
    "d_model": 48,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 6,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 56,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "decoder_start_token_id": 2,
}
T5 = {
    "vocab_size": 96,
    "d_model": 48,
    "d_kv": 10,
    "d_ff": 40,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "num_heads": 6,
    "decoder_start_token_id": 0,
}
BERT = {
    "vocab_size": 96,
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "intermediate_size": 40,
    "is_decoder": True,
    "add_cross_attention": True,
}
CROSSED = {"is_decoder": True, "add_cross_attention": True}
VIT = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 40}
GEMMA = {
    "vocab_size": 96,
    "hidden_size": 48,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 10,
    "sliding_window": 32,
}
CONFIGS = {
    "t5": {**T5, "architectures": ["T5ForConditionalGeneration"]},
    "umt5": {**T5, "architectures": ["UMT5ForConditionalGeneration"]},
    "bart": {**BART, "architectures": ["BartForConditionalGeneration"]},
    "mbart": {**BART, "architectures": ["MBartForConditionalGeneration"]},
    "pegasus": {**BART, "architectures": ["PegasusForConditionalGeneration"]},
    "marian": {**BART, "architectures": ["MarianMTModel"]},
    "m2m_100": {**BART, "architectures": ["M2M100ForConditionalGeneration"]},
    "whisper": {
        **BART,
        "architectures": ["WhisperForConditionalGeneration"],
        "num_mel_bins": 8,
        "max_source_positions": SOURCE,
        "max_target_positions": 64,
    },
    "bert": BERT,
    "roberta": BERT,
    "pegasus_x": {
        **BART,
        "architectures": ["PegasusXForConditionalGeneration"],
        "block_size": 8,
        "num_global_tokens": 4,
    },
    "t5gemma": {
        "architectures": ["T5GemmaForConditionalGeneration"],
        "vocab_size": 96,
        "encoder": GEMMA,
        "decoder": {**GEMMA, "hidden_size": 40, "num_hidden_layers": 3},
    },
    "vision-encoder-decoder": {
        "architectures": ["VisionEncoderDecoderModel"],
        "encoder": {**VIT, "model_type": "vit", "image_size": 24, "patch_size": 8, "num_channels": 1},
        "decoder": {"model_type": "gpt2", "n_embd": 40, "n_layer": 3, "n_head": 4, "vocab_size": 96} | CROSSED,
    },
    "pix2struct": {
        "architectures": ["Pix2StructForConditionalGeneration"],
        "text_config": {"vocab_size": 96, "hidden_size": 48, "num_layers": 3, "num_heads": 4, "d_kv": 12, "d_ff": 40},
        "vision_config": {**VIT, "d_kv": 12, "d_ff": 40, "patch_embed_hidden_size": 12, "seq_len": 64},
    },
}


def held(layers):
    """Numbers in the keys and values of a cache's layers."""
    return sum(layer.keys.numel() + layer.values.numel() for layer in layers)


def inputs(config, prepared):
    """A source as the type takes it, and a target."""
    target = torch.randint(4, 90, (1, TARGET))
    if config.get("is_decoder"):
        return {"input_ids": target, "encoder_hidden_states": torch.zeros(1, SOURCE, 48, dtype=torch.bfloat16)}
    if "num_mel_bins" in config:
        sound = torch.zeros(1, prepared.num_mel_bins, 2 * SOURCE, dtype=torch.bfloat16)
        return {"input_features": sound, "decoder_input_ids": target}
    if "encoder" in config and "image_size" in config["encoder"]:
        return {"pixel_values": torch.zeros(1, 1, 24, 24, dtype=torch.bfloat16), "decoder_input_ids": target}
    if config["model_type"] == "pix2struct":
        patches = torch.ones(1, SOURCE, 14, dtype=torch.bfloat16)
        return {"flattened_patches": patches, "decoder_input_ids": target}
    return {"input_ids": torch.randint(4, 90, (1, SOURCE)), "decoder_input_ids": target}


@pytest.mark.parametrize("model_type", CONFIGS)
def test_own_and_source_cache_are_what_the_model_holds(model_type):
    config = {"model_type": model_type, **CONFIGS[model_type]}
    model_class, prepared = model_config(config)
    prepared._attn_implementation = "eager"
    model = model_class(prepared).to(torch.bfloat16).eval()
    with torch.no_grad():
        cache = model(use_cache=True, **inputs(config, prepared)).past_key_values
    states = list(take(build(config)).states())
    assert held(cache.self_attention_cache.layers) == TARGET * sum(n * state.per_token for n, state in states)
    # Nine patches and the class token of an image of three by three patches.
    seen = 10 if "vision-" in model_type else SOURCE
    assert held(cache.cross_attention_cache.layers) == seen * sum(n * state.per_source_token for n, state in states)

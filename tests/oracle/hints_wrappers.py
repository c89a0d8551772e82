"""How vision-language, audio and omni wrappers draw the keys that tie their towers together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle.knobs import INNERS, POSITIONS, VOCABULARIES, layer_numbers, multiple_of_all, pool, same_as

if TYPE_CHECKING:
    from tests.oracle.draw import Draw
    from tests.oracle.knobs import Rule


def text_width(d: Draw) -> int:
    """The hidden size of the text model beside this tower."""
    return d.above("text_config", "hidden_size")


def vision_width(d: Draw) -> int:
    """The hidden size of the vision tower beside this part."""
    return d.above("vision_config", "hidden_size")


QWEN_VISION: dict[str, Rule] = {
    "spatial_merge_size": pool(3),
    "out_hidden_size": text_width,
    "num_position_embeddings": pool(49, 64, 81),
    "deepstack_visual_indexes": pool([0], [0, 1], []),
    "num_heads": pool(6, 8, 12),
}
FEATURE_LAYER: dict[str, Rule] = {"vision_feature_layer": pool(-1, [-1, -2], [0, 1])}

RULES: dict[str, dict[str, Rule]] = {
    "aya_vision": {"downsample_factor": pool(3), "alignment_intermediate_size": pool(*INNERS)},
    "blip-2": {"num_query_tokens": pool(9, 11), "image_text_hidden_size": pool(*INNERS)},
    "blip_2_qformer": {"cross_attention_frequency": pool(1, 3), "encoder_hidden_size": vision_width},
    "cohere2_vision": {"downsample_factor": pool(3), "alignment_intermediate_size": pool(*INNERS)},
    "dots3_note.vision_config": {
        "mlp_bias": lambda _: False,
        "adapter_in_dim": same_as("hidden_size"),
        "adapter_out_dim": text_width,
        "spatial_merge_size": pool(3),
        "adapter_merge_size": same_as("spatial_merge_size"),
    },
    "dots3_note.audio_config": {
        "adapter_input_size": same_as("hidden_size"),
        "adapter_out_dim": text_width,
        "feature_size": pool(40, 56),
        "downsample_hidden_size": pool(*INNERS),
    },
    # The names of two codes, from which the whole model finds how its codes are counted.
    "emu3": {"vocabulary_map": lambda _: {"<image>": 4, "<|visual token 000000|>": 5, "<|visual token 000001|>": 6}},
    "emu3_vqgan": {
        "codebook_size": pool(*VOCABULARIES),
        "embed_dim": pool(5, 6, 7),
        "latent_channels": pool(9, 11),
        "base_channels": pool(32, 64),
        "out_channels": pool(2, 5),
        "temporal_downsample_factor": pool(2, 8, 5),
        "channel_multiplier": pool([1, 2], [2, 3, 5]),
        "num_res_blocks": pool(1, 3),
        "attn_resolutions": pool([0], [1, 2], []),
    },
    "gemma3": {"mm_tokens_per_image": lambda _: 4},
    "gemma3.vision_config": {"patch_size": pool(4, 6), "image_size": lambda d: 8 * int(d.of("patch_size"))},
    "gemma4_vision": {"position_embedding_size": pool(*POSITIONS), "pooling_kernel_size": pool(2)},
    "gemma4_audio": {"subsampling_conv_channels": pool([16, 24], [32, 40]), "output_proj_dims": pool(*INNERS)},
    "gemma4_unified_vision": {
        "mm_embed_dim": pool(*INNERS),
        "mm_posemb_size": pool(*POSITIONS),
        "output_proj_dims": pool(*INNERS),
    },
    "gemma4_unified_audio": {"audio_embed_dim": pool(*INNERS)},
    "glm4v_vision": {"spatial_merge_size": pool(3), "out_hidden_size": text_width, "num_heads": pool(6, 8, 12)},
    "glm4v_moe_vision": {"spatial_merge_size": pool(3), "out_hidden_size": text_width, "num_heads": pool(6, 8, 12)},
    "got_ocr2.vision_config": {"window_size": pool(3, 5), "global_attn_indexes": pool([0], [1], [0, 1])},
    "idefics2_perceiver": {
        "resampler_n_latents": pool(9, 11),
        "resampler_depth": pool(2, 4),
        "resampler_n_heads": pool(6, 8),
        "resampler_head_dim": pool(14, 18),
        "num_key_value_heads": pool(2),
    },
    "idefics3": {"scale_factor": pool(3)},
    "instructblip": {"num_query_tokens": pool(9, 11)},
    "instructblip_qformer": {"cross_attention_frequency": pool(1, 3), "encoder_hidden_size": vision_width},
    "internvl": {"downsample_ratio": pool(0.25)},
    "internvl_vision": {"image_size": pool([56, 56], [64, 48]), "patch_size": pool([8, 8], [16, 8])},
    "kimi_k25": {"projection_hidden_size": pool(*INNERS)},
    "kimi_k25_vision": {
        "pos_emb_height": pool(9, 11),
        "pos_emb_width": pool(13, 15),
        "pos_emb_time": pool(3, 5),
        "merge_kernel_size": pool([3, 2], [3, 3]),
    },
    "lfm2_vl": {"downsample_factor": pool(3), "projector_hidden_size": pool(*INNERS)},
    "llama4_vision_model": {
        "vision_output_dim": pool(*INNERS),
        "projector_input_dim": pool(*INNERS),
        "projector_output_dim": pool(*INNERS),
    },
    "llava": FEATURE_LAYER,
    "llava_next": FEATURE_LAYER,
    "llava_onevision": FEATURE_LAYER,
    "minimax_m3_vl": {"projector_hidden_size": pool(*INNERS)},
    "mistral3": {**FEATURE_LAYER, "spatial_merge_size": pool(3)},
    "mllama_text_model": {"cross_attention_layers": layer_numbers},
    "mllama_vision_model": {
        "num_global_layers": pool(2, 3),
        "vision_output_dim": pool(*INNERS),
        "max_num_tiles": pool(2, 3),
        "intermediate_layers_indices": pool([0, 1], [0]),
        "supported_aspect_ratios": pool([[1, 1], [1, 2]], [[1, 1], [1, 2], [2, 1]]),
    },
    "paligemma": {"projection_dim": pool(*INNERS)},
    "phi4_multimodal_audio": {
        "ext_pw_out_channel": same_as("hidden_size"),
        "depthwise_separable_out_channel": same_as("hidden_size"),
        "depthwise_multiplier": pool(2),
        "kernel_size": pool(5),
        "input_size": pool(40, 64),
        "time_reduction": pool(4),
        "nemo_conv_channels": pool(*INNERS),
        "bias_max_distance": pool(*POSITIONS),
    },
    "qwen2_audio_encoder": {"num_mel_bins": pool(40, 56)},
    "qwen2_vl_vision": {
        "embed_dim": multiple_of_all("num_heads"),
        "num_heads": pool(6, 8, 12),
        "mlp_ratio": pool(3, 5),
        "spatial_merge_size": pool(3),
        "hidden_size": text_width,
    },
    "qwen2_5_vl_vision": {**QWEN_VISION, "fullatt_block_indexes": pool([0], [1])},
    "qwen3_vl_vision": QWEN_VISION,
    "qwen3_vl_moe_vision": QWEN_VISION,
    "qwen3_5_vision": QWEN_VISION,
    "qwen3_5_moe_vision": QWEN_VISION,
    "qwen4_exp_vision": QWEN_VISION,
    "smolvlm": {"scale_factor": pool(3)},
    "vipllava": {"vision_feature_layer": pool([-1, -2], [0, 1, 2])},
    # Its class falls back to eight key/value heads, which must divide the heads drawn.
    "voxtral.text_config": {"num_attention_heads": pool(8, 16)},
    "voxtral_encoder": {"num_mel_bins": pool(40, 56)},
}

"""How the towers and wrappers that were declared last draw the keys that ask for more than the shared rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle import hints_encoders
from tests.oracle.hints_encoders import ADAPTED, WAVE
from tests.oracle.knobs import HEAD_WIDTHS, INNERS, POSITIONS, pool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.oracle.draw import Draw
    from tests.oracle.knobs import Rule

    Spelling = Callable[[Mapping[str, object]], Mapping[str, object]]


def one_each(key: str, *values: object) -> Rule:
    """A list of one of these for each entry of another list."""
    return lambda d: [d.rng.choice(values) for _ in d.of(key)]  # type: ignore[attr-defined]


def also(**keys: object) -> Spelling:
    """Other keys beside the perturbed ones."""
    return lambda _: keys


def double_heads(d: Draw) -> list[int]:
    """Heads of stages whose width doubles."""
    return [d.rng.choice((2, 3, 4, 6)) for _ in d.of("depths")]  # type: ignore[attr-defined]


SPACE: dict[str, Rule] = {"projection_dim": pool(70, 80)}
CONVNEXT: dict[str, Rule] = {
    "hidden_sizes": pool([24, 40, 52, 36], [20, 44, 28, 60]),
    "depths": pool([1, 2, 1, 3], [2, 1, 3, 1]),
    "num_stages": pool(3, 4),
}
QUERIED: dict[str, Rule] = {
    "num_queries": pool(9, 13),
    "position_embedding_type": pool("sine", "learned"),
    "use_timm_backbone": lambda _: False,
    "decoder_attention_heads": pool(4, 6),
}
REALTIME: dict[str, Rule] = {
    "encoder_hidden_dim": pool(48, 72, 96),
    "encoder_in_channels": pool([20, 30], [20, 30, 40]),
    "encode_proj_layers": pool([1], [0, 1]),
    "encoder_attention_heads": pool(4, 6, 8),
    "hidden_expansion": pool(0.5, 1.0),
    "decoder_in_channels": pool([48, 50], [44, 52, 56]),
    "num_feature_levels": pool(3, 4),
    "decoder_n_points": pool(2, 3),
    "num_denoising": pool(0, 10),
    "num_queries": pool(9, 13),
}
SWIN = hints_encoders.RULES["swin"]
NECK: dict[str, Rule] = {
    "neck_hidden_sizes": pool([20, 28, 36], [24, 32, 44, 52, 60]),
    "reassemble_factors": pool([4, 1, 0.5, 2], [2, 1, 0.25]),
    "fusion_hidden_size": pool(30, 34),
}

RULES: dict[str, dict[str, Rule]] = {
    **dict.fromkeys(("metaclip_2", "chinese_clip", "altclip", "owlvit", "owlv2"), SPACE),
    "clipseg": {
        **SPACE,
        "reduce_dim": pool(24, 36),
        "extract_layers": pool([0, 1], [0]),
        "decoder_num_attention_heads": pool(2, 3, 6),
        "decoder_intermediate_size": pool(*INNERS),
    },
    "altclip.text_config": {"project_dim": pool(54, 62)},
    "blip": {**SPACE, "image_text_hidden_size": pool(*INNERS)},
    "clap": SPACE,
    "clap_audio_model": {
        "patch_embeds_hidden_size": pool(24, 36),
        "depths": pool([1, 2], [2, 1, 1]),
        "num_attention_heads": double_heads,
        "window_size": pool(4, 5),
        "mlp_ratio": pool(2.0, 3.0),
        "num_mel_bins": pool(40, 56),
        "aff_block_r": pool(2, 3),
        "patch_embed_input_channels": pool(2, 3),
        "fusion_type": pool("channel_map", "aff_2d", None),
    },
    "audio-spectrogram-transformer": {
        "frequency_stride": pool(3, 7),
        "time_stride": pool(9, 11),
        "max_length": pool(170, 210),
        "num_mel_bins": pool(40, 56),
    },
    "resnet": {
        "embedding_size": pool(24, 36),
        "hidden_sizes": pool([24, 40, 52], [36, 60]),
        "depths": one_each("hidden_sizes", 1, 2, 3),
        "layer_type": pool("basic", "bottleneck"),
    },
    "vilt": {"modality_type_vocab_size": pool(3, 5), "num_images": pool(2, 3)},
    "luke": {"entity_vocab_size": pool(301, 407), "entity_emb_size": pool(36, 60)},
    "encodec": {
        "hidden_size": pool(24, 40),
        "num_filters": pool(6, 10),
        "num_residual_layers": pool(2, 3),
        "upsampling_ratios": pool([4, 3, 2], [5, 2]),
        "norm_type": pool("weight_norm", "time_group_norm"),
        "kernel_size": pool(5, 9),
        "last_kernel_size": pool(3, 11),
        "residual_kernel_size": pool(5, 7),
        "compress": pool(3, 4),
        "num_lstm_layers": pool(1, 3),
        "codebook_size": pool(256, 512),
        "codebook_dim": pool(14, 18),
        "audio_channels": pool(2, 3),
        "sampling_rate": pool(16000, 32000),
        "target_bandwidths": pool([3.0, 200.0], [100.5]),
    },
    "regnet": {
        "embedding_size": pool(20, 36),
        "hidden_sizes": pool([24, 48, 72], [32, 64]),
        "depths": one_each("hidden_sizes", 1, 2, 3),
        "groups_width": pool(8, 4),
        "layer_type": pool("x", "y"),
    },
    "mobilenet_v1": {"depth_multiplier": pool(0.7, 1.3), "min_depth": pool(9, 40)},
    "mobilenet_v2": {
        "depth_multiplier": pool(0.35, 1.4),
        "depth_divisible_by": pool(6, 16),
        "min_depth": pool(10, 20),
        "expand_ratio": pool(3.0, 2.5),
    },
    "efficientnet": {
        "width_coefficient": pool(0.9, 1.7),
        "depth_coefficient": pool(0.6, 1.5),
        "depth_divisor": pool(6, 4),
        "kernel_sizes": pool([5, 3, 7]),
        "in_channels": pool([28, 12, 20], [36, 44, 52]),
        "out_channels": pool([14, 20, 30], [40, 24, 36]),
        "strides": lambda _: [1, 2, 1],
        "num_block_repeats": pool([1, 2, 3], [2, 1, 4]),
        "expand_ratios": pool([1, 4, 3], [2, 1, 5]),
        "squeeze_expansion_ratio": pool(0.5, 0.1),
        "hidden_dim": pool(*INNERS),
    },
    "mobilevit": {
        "num_attention_heads": pool(2, 3),
        "hidden_sizes": pool([36, 48, 60], [42, 66, 54]),
        "neck_hidden_sizes": pool([10, 14, 22, 26, 34, 38, 46], [12, 18, 20, 28, 30, 40, 50]),
        "mlp_ratio": pool(1.5, 3.0),
        "expand_ratio": pool(2.0, 3.5),
        "conv_kernel_size": pool(5, 1),
        "aspp_out_channels": pool(*INNERS),
        "atrous_rates": pool([2, 4, 6]),
    },
    "convnext": CONVNEXT,
    "convnextv2": CONVNEXT,
    "segformer": {
        "num_encoder_blocks": pool(3, 4),
        "hidden_sizes": pool([24, 40, 56, 48], [48, 24, 32, 64]),
        "depths": pool([1, 2, 1, 3], [2, 1, 3, 1]),
        "sr_ratios": pool([4, 2, 1, 1], [3, 2, 2, 1]),
        "patch_sizes": pool([5, 3, 3, 2], [7, 5, 3, 3]),
        "num_attention_heads": pool([1, 2, 4, 8], [2, 4, 8, 8]),
        "mlp_ratios": pool([2, 3, 4, 2], [4, 3, 2, 2]),
        "decoder_hidden_size": pool(70, 90),
    },
    "ovis2_vision": {"hidden_stride": pool(2, 3), "num_visual_indicator_tokens": pool(4, 6)},
    "paddleocr_vl_vision": {"spatial_merge_size": pool(3)},
    "florence_vision": {
        "embed_dim": pool([24, 40, 56], [20, 44, 28, 60]),
        "num_heads": one_each("embed_dim", 1),
        "num_groups": one_each("embed_dim", 1),
        "depths": pool([1, 2, 1, 3], [2, 1, 3, 1]),
        "patch_size": pool([5, 3, 2, 3], [7, 3, 3, 2]),
        "patch_prenorm": pool([False, True, True, False], [True, False, True, True]),
        "mlp_ratio": pool(2.0, 3.0),
        "projection_dim": lambda d: d.above("text_config", "d_model"),
        "max_temporal_embeddings": pool(20, 30),
    },
    "gemma4_unified_assistant": {"backbone_hidden_size": pool(*INNERS), "num_centroids": pool(30, 40)},
    "deepseek_vl_hybrid.high_res_vision_config": {
        "window_size": pool(3, 5),
        "global_attn_indexes": pool([0], [1], [0, 1]),
        "mlp_ratio": pool(2.0, 3.0),
        "output_channels": pool(24, 36),
    },
    "instructblipvideo": {"num_query_tokens": pool(9, 11)},
    "instructblipvideo_qformer": {"cross_attention_frequency": pool(1, 3)},
    "granite_speech": {"downsample_rate": pool(3, 4), "window_size": pool(12, 17)},
    "granite_speech.projector_config": {"cross_attention_frequency": pool(1, 3), "encoder_hidden_size": pool(*INNERS)},
    "granite_speech_encoder": {
        "input_dim": pool(40, 50),
        "hidden_dim": pool(96, 120),
        "feedforward_mult": pool(2, 3),
        "num_heads": pool(4, 6),
        "dim_head": pool(10, 14),
        "output_dim": pool(27, 33),
        "context_size": pool(20, 24),
        "max_pos_emb": pool(31, 45),
        "conv_kernel_size": pool(7, 9),
        "conv_expansion_factor": pool(3, 4),
    },
    "flaubert": {"asm": lambda _: False, "is_encoder": lambda _: True, "n_langs": pool(2, 3)},
    "lilt": {"channel_shrink_ratio": pool(2, 3), "max_2d_position_embeddings": pool(*POSITIONS)},
    "tapas": {"type_vocab_sizes": pool([3, 5, 4, 2, 7, 6, 9], [2, 4]), "num_aggregation_labels": pool(0, 3, 4)},
    "wav2vec2-bert": {
        **ADAPTED,
        "feature_projection_input_dim": pool(40, 50),
        "conv_depthwise_kernel_size": pool(7, 9),
        "position_embeddings_type": pool("relative", "relative_key", "rotary", None),
        "left_max_position_embeddings": pool(11, 15),
        "right_max_position_embeddings": pool(5, 7),
        "classifier_proj_size": pool(*INNERS),
        "mask_time_prob": pool(0.0, 0.05),
        "mask_feature_prob": pool(0.0, 0.1),
    },
    "wav2vec2-conformer": {
        **WAVE,
        **ADAPTED,
        "conv_depthwise_kernel_size": pool(7, 9),
        "position_embeddings_type": pool("relative", "rotary", None),
    },
    "data2vec-audio": {
        **{key: rule for key, rule in WAVE.items() if key != "feat_extract_norm"},
        **ADAPTED,
        "conv_pos_kernel_size": pool(7, 9),
        "num_conv_pos_embeddings": pool(2, 3),
    },
    "parakeet_encoder": {
        "subsampling_factor": pool(4, 8),
        "subsampling_conv_channels": pool(24, 36),
        "num_mel_bins": pool(40, 57),
        "subsampling_conv_kernel_size": pool(3, 5),
        "conv_kernel_size": pool(5, 7),
    },
    "moonshine": {
        "encoder_num_hidden_layers": pool(2, 3),
        "decoder_num_hidden_layers": pool(4, 5),
        "encoder_num_attention_heads": pool(6, 8),
        "decoder_num_attention_heads": pool(12, 4),
        "encoder_num_key_value_heads": pool(2, None),
        "decoder_num_key_value_heads": pool(4, None),
        "hidden_size": pool(192, 240, 288),
    },
    # Their classes fall back to four or eight key/value heads, which must divide the heads drawn.
    "glmasr.text_config": {"num_attention_heads": pool(8, 12)},
    "voxtral_realtime.text_config": {"num_attention_heads": pool(8, 16)},
    "voxtral_realtime": {"downsample_factor": pool(2, 3)},
    "voxtral_realtime_encoder": {"num_mel_bins": pool(40, 56)},
    "glmasr_encoder": {"num_mel_bins": pool(40, 56)},
    "audioflamingo3_encoder": {"num_mel_bins": pool(40, 56)},
    "swinv2": SWIN,
    "donut-swin": SWIN,
    "videomae": {
        "num_frames": lambda _: 4,
        "tubelet_size": pool(1, 2),
        "decoder_hidden_size": pool(96, 120),
        "decoder_num_attention_heads": pool(4, 6),
        "decoder_num_hidden_layers": pool(2, 3),
        "decoder_intermediate_size": pool(*INNERS),
    },
    "timesformer": {
        "num_frames": pool(5, 7),
        "attention_type": pool("divided_space_time", "space_only", "joint_space_time"),
    },
    "vitpose_backbone": {
        "num_experts": pool(1, 3),
        "part_features": pool(24, 36),
        "mlp_ratio": pool(2, 3),
        "patch_size": lambda _: [4, 6],
        "image_size": lambda d: d.pick(([24, 36], [32, 48])),
    },
    "detr": QUERIED,
    "table-transformer": QUERIED,
    "colpali": {"embedding_dim": pool(50, 60)},
    "colqwen2": {"embedding_dim": pool(50, 60)},
    "switch_transformers": {
        "d_kv": pool(*HEAD_WIDTHS),
        "d_ff": pool(*INNERS),
        "num_sparse_encoder_layers": pool(0, 1, 2),
        "num_sparse_decoder_layers": pool(0, 1, 2),
        "num_experts": pool(2, 3, 5),
        "relative_attention_num_buckets": pool(12, 18),
        "d_model": pool(144, 192, 240),
    },
    "speech_to_text": {
        "num_conv_layers": pool(2, 3),
        "conv_kernel_sizes": lambda d: [d.rng.choice((3, 5)) for _ in range(int(d.of("num_conv_layers")))],  # type: ignore[call-overload]
        "conv_channels": pool(60, 84),
        "input_feat_per_channel": pool(20, 30),
        "input_channels": pool(2),
    },
    "fsmt": {"src_vocab_size": pool(501, 607), "tgt_vocab_size": pool(703, 811)},
    "pegasus_x": {"num_global_tokens": pool(9, 11)},
    "pix2struct_text_model": {
        "d_kv": pool(*HEAD_WIDTHS),
        "d_ff": pool(*INNERS),
        "relative_attention_num_buckets": pool(12, 18),
    },
    "pix2struct_vision_model": {
        "patch_embed_hidden_size": pool(50, 60),
        "d_kv": pool(*HEAD_WIDTHS),
        "d_ff": pool(*INNERS),
        "seq_len": pool(*POSITIONS),
    },
    "timesfm": {
        "patch_length": pool(8, 12),
        "horizon_length": pool(10, 14),
        "freq_size": pool(4, 5),
        "quantiles": pool([0.1, 0.5], [0.2, 0.5, 0.8]),
    },
    "sam_vision_model": {
        "num_pos_feats": pool(24, 36),
        "global_attn_indexes": pool([0], [1]),
        "window_size": pool(3, 5),
    },
    "sam_prompt_encoder": {"mask_input_channels": pool(8, 12), "num_point_embeddings": pool(3, 5)},
    "sam_mask_decoder": {
        "num_attention_heads": pool(4, 6),
        "hidden_size": pool(96, 144, 192),
        "mlp_dim": pool(*INNERS),
        "attention_downsample_rate": pool(1, 2),
        "num_multimask_outputs": pool(2, 4),
        "iou_head_depth": pool(2, 4),
        "iou_head_hidden_dim": pool(50, 60),
    },
    "rt_detr": REALTIME,
    "rt_detr_v2": {**REALTIME, "decoder_n_levels": pool(2, 3)},
    "rt_detr_resnet": {
        "embedding_size": pool(24, 36),
        "hidden_sizes": pool([24, 40, 52], [36, 60, 44]),
        "depths": one_each("hidden_sizes", 1, 2, 3),
        "layer_type": pool("basic", "bottleneck"),
        "out_features": pool(["stage2", "stage3"], ["stage1", "stage2", "stage3"], ["stage3"]),
    },
    "depth_anything": {**NECK, "reassemble_hidden_size": pool(100, 120), "head_hidden_size": pool(13, 17)},
    "dpt": {**NECK, "readout_type": pool("project", "ignore", "add"), "pooler_output_size": pool(50, 60)},
    "gemma3n_audio": {
        "conf_num_attention_heads": pool(6, 8, 12),
        "conf_num_hidden_layers": pool(2, 3, 5),
        "conf_conv_kernel_size": pool(3, 7, 9),
        "input_feat_size": pool(40, 57, 80),
        "sscp_conv_channel_size": pool([24, 10], [36, 14]),
        "sscp_conv_kernel_size": pool([[3, 5], [5, 3]], [[5, 3], [3, 3]]),
        "sscp_conv_stride_size": pool([[2, 2], [2, 3]], [[2, 3], [2, 2]]),
    },
}

DINO = {
    "model_type": "dinov2",
    "hidden_size": 96,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "out_indices": [1, 2],
}
FLAT = {"text_config": None, "hidden_size": 192, "num_attention_heads": 4, "num_hidden_layers": 3, "vocab_size": 700}
SPELLINGS: dict[str, dict[str, Spelling]] = {
    "paddleocr_vl": {"flat": also(**FLAT), "flat, untied": also(**FLAT, tie_word_embeddings=False)},
    "dpt": {
        "backbone": also(backbone_config=DINO),
        "batch norm": also(use_batch_norm_in_fusion_residual=True, use_bias_in_fusion_residual=True),
        "no labels": also(num_labels=7, architectures=["DPTForSemanticSegmentation"]),
    },
    "depth_anything": {"registers": also(backbone_config={**DINO, "model_type": "dinov2_with_registers"})},
}

"""How encoders, encoder–decoders, vision and speech towers draw the keys that ask for more than the shared rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle.knobs import HEAD_WIDTHS, INNERS, POSITIONS, multiple_of_all, pool

if TYPE_CHECKING:
    from tests.oracle.draw import Draw
    from tests.oracle.knobs import Rule


def part_of_width(share: int) -> Rule:
    """A fixed share of the hidden size."""
    return lambda d: int(d.of("hidden_size")) // share


def stages(d: Draw) -> list[int]:
    """Layers by stage of a hierarchical encoder, as many as its heads' list has entries."""
    return [d.rng.choice((1, 2, 3)) for _ in d.of("num_heads")]  # type: ignore[attr-defined]


def conv_layers(*values: int) -> Rule:
    """One value for each convolution in front of a speech encoder."""
    return lambda d: [d.rng.choice(values) for _ in range(int(d.of("num_feat_extract_layers") or 3))]


T5: dict[str, Rule] = {
    "d_kv": pool(*HEAD_WIDTHS),
    "d_ff": pool(*INNERS),
    "relative_attention_num_buckets": pool(12, 18, 24),
    "relative_attention_max_distance": pool(*POSITIONS),
    "feed_forward_proj": pool("gated-gelu", "relu", "gated-silu"),
}
SPEECH: dict[str, Rule] = {
    "num_feat_extract_layers": pool(2, 3),
    "conv_dim": conv_layers(40, 56, 72),
    "conv_stride": conv_layers(2, 3),
    "conv_kernel": conv_layers(3, 5, 6),
    "feat_extract_norm": pool("group", "layer"),
    "num_conv_pos_embeddings": pool(11, 14, 17),
    "num_conv_pos_embedding_groups": pool(4, 8, 16),
    "classifier_proj_size": pool(*INNERS),
    "num_buckets": pool(20, 30),
    "num_codevectors_per_group": pool(19, 31),
    "num_codevector_groups": pool(2, 4),
    "codevector_dim": pool(36, 44),
    "proj_codevector_dim": pool(*INNERS),
    "adapter_kernel_size": pool(5),
    "num_adapter_layers": pool(2),
    "mask_time_prob": pool(0.0, 0.1),
    "mask_feature_prob": pool(0.0, 0.2),
}
DEBERTA: dict[str, Rule] = {
    "max_relative_positions": pool(-1, 45, 61),
    "pos_att_type": pool(["c2p", "p2c"], ["c2p"], ["p2c"]),
}
LAYOUT: dict[str, Rule] = {"max_2d_position_embeddings": pool(*POSITIONS)}
VIT: dict[str, Rule] = {"pooler_output_size": pool(*INNERS), "num_register_tokens": pool(3, 5)}

RULES: dict[str, dict[str, Rule]] = {
    "albert": {"num_hidden_groups": pool(2), "inner_group_num": pool(2, 3), "num_hidden_layers": pool(4, 5)},
    "clip": {"projection_dim": pool(*INNERS)},
    "clip_text_model": {"projection_dim": pool(*INNERS)},
    "clip_vision_model": {"projection_dim": pool(*INNERS)},
    "convbert": {"head_ratio": pool(2, 3), "num_groups": pool(2), "num_attention_heads": pool(6, 12)},
    "deberta": DEBERTA,
    "deberta-v2": {**DEBERTA, "position_buckets": pool(-1, 24), "norm_rel_ebd": pool("none", "layer_norm")},
    "deit": VIT,
    "dinov2": {"mlp_ratio": pool(3, 5)},
    "dinov2_with_registers": {**VIT, "mlp_ratio": pool(3, 5)},
    "dinov3_vit": VIT,
    "distilbert": {"dim": multiple_of_all("n_heads"), "hidden_dim": pool(*INNERS)},
    "hubert": SPEECH,
    "layoutlm": LAYOUT,
    "layoutlmv3": {
        **LAYOUT,
        "coordinate_size": part_of_width(8),
        "shape_size": part_of_width(4),
        "rel_pos_bins": pool(18, 26),
        "rel_2d_pos_bins": pool(22, 34),
        "input_size": pool(32, 48, 64),
        "patch_size": pool(8, 16),
    },
    "longt5": T5,
    "mobilebert": {
        "num_feedforward_networks": pool(2, 3),
        "normalization_type": pool("no_norm", "layer_norm"),
        "intra_bottleneck_size": multiple_of_all("num_attention_heads"),
    },
    "mpnet": {"relative_attention_num_buckets": pool(18, 26)},
    "mt5": T5,
    "nllb-moe": {"encoder_sparse_step": pool(2, 3)},
    "recurrent_gemma": {
        "block_types": pool(["recurrent", "attention"], ["attention", "recurrent", "recurrent"], ["recurrent"])
    },
    "siglip_text_model": {"projection_size": pool(*INNERS)},
    "siglip2_text_model": {"projection_size": pool(*INNERS)},
    "siglip2_vision_model": {"num_patches": pool(36, 49, 64)},
    "swin": {
        "embed_dim": pool(24, 48, 72),
        "num_heads": pool([2, 4], [2, 4, 8], [3, 6]),
        "depths": stages,
        "window_size": pool(3, 5, 6),
        "mlp_ratio": pool(2.0, 3.0),
    },
    "t5": T5,
    "umt5": T5,
    "vit": VIT,
    "wav2vec2": {**SPEECH, "tdnn_dim": pool([40, 56, 72]), "tdnn_kernel": pool([3, 2, 1])},
    "wavlm": SPEECH,
    "whisper": {"num_mel_bins": pool(40, 56), "classifier_proj_size": pool(*INNERS)},
    "yolos": {"num_detection_tokens": pool(7, 9), "image_size": pool([48, 64], [32, 80]), "patch_size": pool(8, 16)},
    "zamba": {"attention_head_dim": pool(*HEAD_WIDTHS)},
}

"""What encoders, encoder–decoders, images and speech ask for beyond the shared rules, and their other spellings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tests.oracle import knobs
from tests.oracle.knobs import INNERS, WIDTHS, pool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.oracle.draw import Draw
    from tests.oracle.knobs import Rule

    Spelling = Callable[[Mapping[str, object]], Mapping[str, object]]

PATCHES = (4, 6, 8)
BINS = (10, 14, 18)


def windows(d: Draw) -> object:
    """One even window, or one for each layer."""
    return d.pick((32, 48)) if d.rng.random() < 0.5 else [d.rng.choice((16, 32, 64)) for _ in range(d.layers())]


def image(key: str) -> Rule:
    """A side, or a height and a width, of whole patches."""
    return lambda d: d.pick((n := 6 * _patch(d, key), 8 * _patch(d, key), [n, 8 * _patch(d, key)]))


def _patch(d: Draw, key: str) -> int:
    patch = d.of(key)
    return math.lcm(*patch) if isinstance(patch, list) else int(patch or 4)  # type: ignore[call-overload]


def square(key: str) -> Rule:
    """A side of whole patches."""
    return lambda d: d.pick((6, 7, 9)) * _patch(d, key)  # type: ignore[operator]


def stages(d: Draw) -> list[int]:
    """Layers of each Swin stage."""
    return d.rng.choice(([1, 2, 1], [2, 1], [1, 1, 2, 1]))


def four(*values: int) -> Rule:
    """Four of these: one for each convolution."""
    return lambda d: [d.rng.choice(values) for _ in range(4)]


T5: dict[str, Rule] = {
    "d_kv": pool(*knobs.HEAD_WIDTHS),
    "d_ff": pool(*INNERS),
    "d_model": pool(*WIDTHS),
    "feed_forward_proj": pool("relu", "gated-gelu", "gelu", "gated-silu"),
    "relative_attention_num_buckets": pool(*BINS),
}
IMAGE: dict[str, Rule] = {
    "patch_size": pool(*PATCHES),
    "image_size": image("patch_size"),
    "num_channels": pool(1, 4),
}
POOLED: dict[str, Rule] = {"pooler_output_size": pool(50, 60), "encoder_stride": pool(3, 5)}
WAVE: dict[str, Rule] = {
    "num_conv_pos_embedding_groups": pool(2, 4, 6),
    "num_conv_pos_embeddings": pool(7, 9, 12),
    "conv_dim": four(24, 30, 36, 40),
    "conv_kernel": four(2, 3, 5),
    "conv_stride": lambda _: [2, 2, 2, 2],
    "feat_extract_norm": pool("group", "layer"),
    "mask_time_prob": pool(0.0, 0.05),
    "mask_feature_prob": pool(0.0, 0.1),
    "classifier_proj_size": pool(*INNERS),
}
BOOK: dict[str, Rule] = {
    "num_codevector_groups": pool(2, 3),
    "codevector_dim": pool(60, 66),
    "num_codevectors_per_group": pool(11, 15),
    "proj_codevector_dim": pool(70, 80),
}
XVECTOR: dict[str, Rule] = {
    "tdnn_dim": lambda d: [d.rng.choice((24, 30, 36)) for _ in range(3)],
    "tdnn_kernel": lambda _: [3, 2, 1],
    "tdnn_dilation": lambda _: [1, 2, 1],
    "xvector_output_dim": pool(50, 55),
}
ADAPTED: dict[str, Rule] = {
    "output_hidden_size": pool(*WIDTHS),
    "num_adapter_layers": pool(2, 4),
    "adapter_kernel_size": pool(3, 5),
    **BOOK,
    **XVECTOR,
}
TOWER: dict[str, Rule] = {
    "patch_size": pool(*PATCHES),
    "image_size": square("patch_size"),
    "num_channels": pool(1, 4),
    "projection_dim": pool(50, 60),
}
RULES: dict[str, dict[str, Rule]] = {
    "convbert": {"head_ratio": pool(2, 3), "num_groups": pool(1, 2, 4)},
    "deberta": {"pos_att_type": pool("c2p|p2c", ["p2c"], "c2p"), "max_relative_positions": pool(-1, 37)},
    "deberta-v2": {"pos_att_type": pool("c2p|p2c", ["p2c"], "c2p"), "max_relative_positions": pool(-1, 37)},
    "longformer": {"attention_window": windows},
    "layoutlm": {"max_2d_position_embeddings": pool(*knobs.POSITIONS)},
    "layoutlmv3": {
        "max_2d_position_embeddings": pool(*knobs.POSITIONS),
        "coordinate_size": pool(24, 30),
        "shape_size": pool(26, 32),
        "rel_pos_bins": pool(*BINS),
        "rel_2d_pos_bins": pool(12, 16),
        "patch_size": pool(*PATCHES),
        "input_size": square("patch_size"),
        "num_channels": pool(1, 4),
    },
    "mobilebert": {
        "intra_bottleneck_size": pool(48, 96, 72),
        "num_feedforward_networks": pool(1, 2, 3),
        "normalization_type": pool("no_norm", "layer_norm"),
        "embedding_size": pool(35, 42),
    },
    "mpnet": {"relative_attention_num_buckets": pool(*BINS)},
    **dict.fromkeys(("t5", "mt5", "umt5"), T5),
    "longt5": {**T5, "encoder_attention_type": pool("local", "transient-global")},
    "nllb-moe": {"encoder_sparse_step": pool(0, 2, 3), "num_experts": pool(2, 3, 5)},
    "whisper": {"num_mel_bins": pool(20, 40), "classifier_proj_size": pool(*INNERS)},
    "hubert": WAVE,
    "wav2vec2": {**WAVE, **ADAPTED, "adapter_attn_dim": pool(13, 16)},
    "wavlm": {**WAVE, "output_hidden_size": pool(*WIDTHS), "num_buckets": pool(*BINS), **ADAPTED},
    "vit": {**IMAGE, "patch_size": pool(4, 6, [4, 8]), **POOLED},
    "deit": {**IMAGE, **POOLED},
    "dinov2": {**IMAGE, "mlp_ratio": pool(2, 3)},
    "dinov2_with_registers": {**IMAGE, "mlp_ratio": pool(2, 3), "num_register_tokens": pool(2, 5)},
    "dinov3_vit": {**IMAGE, "num_register_tokens": pool(2, 5)},
    "beit": {**IMAGE, "layer_scale_init_value": pool(0.0, 0.1)},
    "yolos": {
        "patch_size": pool(*PATCHES),
        "image_size": lambda d: [6 * _patch(d, "patch_size"), 8 * _patch(d, "patch_size")],
        "num_channels": pool(1, 4),
        "num_detection_tokens": pool(5, 9),
    },
    "swin": {
        "embed_dim": pool(24, 36, 48),
        "depths": stages,
        "num_heads": lambda d: [3, 6, 12, 12][: len(d.of("depths"))],  # type: ignore[arg-type]
        "window_size": pool(3, 5),
        "mlp_ratio": pool(2.0, 2.5, 3),
        "patch_size": pool(2, 4),
        "image_size": pool(64, 96),
        "num_channels": pool(1, 4),
        "encoder_stride": pool(3, 5),
    },
    "esm": {
        "vocab_size": pool(*knobs.VOCABULARIES),
        "mask_token_id": pool(2, 3),
        "position_embedding_type": pool("absolute", "rotary"),
        "esmfold_config": lambda d: d.skip(),
        "is_folding_model": lambda d: d.skip(),
    },
    "dpr": {"projection_dim": pool(0, 50, 60)},
    "nystromformer": {"conv_kernel_size": pool(3, 5)},
    "yoso": {"conv_window": pool(3, 5)},
    "led": {
        "attention_window": lambda d: [d.rng.choice((16, 32, 64)) for _ in range(int(d.of("encoder_layers")))],  # type: ignore[call-overload]
        "max_encoder_position_embeddings": pool(*knobs.POSITIONS),
        "max_decoder_position_embeddings": pool(*knobs.POSITIONS),
    },
    "unispeech": {**WAVE, **BOOK, "num_ctc_classes": pool(20, 30)},
    "unispeech-sat": {**WAVE, **BOOK, **XVECTOR, "num_clusters": pool(20, 30)},
    "vit_msn": IMAGE,
    "vit_mae": {
        **IMAGE,
        "image_size": square("patch_size"),
        "decoder_hidden_size": pool(64, 96),
        "decoder_num_attention_heads": pool(4, 8),
        "decoder_num_hidden_layers": pool(2, 3),
        "decoder_intermediate_size": pool(*INNERS),
    },
    "clip": {"projection_dim": pool(70, 80)},
    "clip_text_model": {"projection_dim": pool(50, 60)},
    "siglip_text_model": {"projection_size": pool(50, 60)},
    "siglip2_text_model": {"projection_size": pool(50, 60)},
    "siglip2_vision_model": {**TOWER, "num_patches": pool(36, 49)},
    **dict.fromkeys(("clip_vision_model", "siglip_vision_model"), TOWER),
    **{
        f"{whole}.vision_config": TOWER if whole != "siglip2" else {**TOWER, "num_patches": pool(36, 49)}
        for whole in ("clip", "siglip", "siglip2")
    },
}


def also(**keys: object) -> Spelling:
    """Other keys beside the perturbed ones."""
    return lambda _: keys


ACTIVATED = {
    "prelu": also(feed_forward_proj="gated-prelu"),
    "said apart": also(is_gated_act=False, dense_act_fn="prelu"),
}
SUMMARY = {"summary to labels": also(summary_use_proj=True, summary_proj_to_labels=True, num_labels=5)}
RELATIVE = {
    "both ways": also(relative_attention=True, pos_att_type="c2p|p2c", max_relative_positions=37),
    "narrow embedding": also(embedding_size=100),
    "own head": also(legacy=False),
}
SPELLINGS: dict[str, dict[str, Spelling]] = {
    "electra": SUMMARY,
    "convbert": SUMMARY,
    "roformer": SUMMARY,
    "deberta": {**RELATIVE, "talking heads": also(talking_head=True)},
    "deberta-v2": {
        **RELATIVE,
        "buckets": also(relative_attention=True, position_buckets=21, norm_rel_ebd="layer_norm"),
        "shared keys": also(relative_attention=True, pos_att_type="c2p|p2c", share_att_key=True),
        "convolution": also(conv_kernel_size=3, conv_groups=2, conv_act="gelu"),
        "wide heads": also(attention_head_size=20),
    },
    **dict.fromkeys(("t5", "mt5", "umt5", "longt5"), ACTIVATED),
    "marian": {
        "words apart": also(share_encoder_decoder_embeddings=False, decoder_vocab_size=777),
        "words apart, untied": also(share_encoder_decoder_embeddings=False, tie_word_embeddings=False),
    },
    "hubert": {
        "batch norm": also(conv_pos_batch_norm=True),
        "adapter": also(do_stable_layer_norm=True, adapter_attn_dim=12),
    },
    "wav2vec2": {"adapter": also(do_stable_layer_norm=True, adapter_attn_dim=12), "shortened": also(add_adapter=True)},
    "vit": {"head width": also(head_dim=20), "no labels": also(num_labels=0)},
    "clip": {"old dicts": also(text_config_dict={"hidden_size": 96, "num_attention_heads": 4}, vision_config_dict={})},
}

"""Segment Anything: SAM's image encoder, its prompts and its small decoder of masks."""

from __future__ import annotations

from cardscope.archs._heads import chosen
from cardscope.archs._read import act, width
from cardscope.archs._registry import arch
from cardscope.archs.convnets import conv
from cardscope.archs.wrappers_more import sam_vision
from cardscope.archs.wrappers_seen import sight_of
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import LAYER, Attention, Bag, Layer, Mlp, Part, Spec, Tensor, Tower, linear, norm


def table(name: str, rows: int, size: int) -> Tensor:
    """Learned vectors."""
    return Tensor(name, (rows, size), "embedding", "table")


def prompts(c: Fields) -> Tower:
    """Points, boxes and masks as vectors (SamPromptEncoder)."""
    size, wide = width(c), c.int("mask_input_channels")
    narrow = wide // 4
    own = [
        table("no_mask", 1, size),
        table("not_a_point", 1, size),
        table("points", c.int("num_point_embeddings"), size),
    ]
    for index, (out, into, kernel) in enumerate(((narrow, 1, 2), (wide, narrow, 2), (size, wide, 1))):
        own += conv(f"mask_{index}", out, into, kernel, "embedding", bias=True)
    own += [*norm("mask_norm_0", narrow, bias=True), *norm("mask_norm_1", wide, bias=True), *act(c, "embedding")]
    c.touch("image_size", "patch_size")
    return Tower("prompts", (), (Bag(tuple(own)),), caches=False)


def between(size: int, total: int, rate: int = 1) -> Attention:
    """Attention within a narrower width."""
    inner = size // rate
    if inner % total:
        raise BadField("mask_decoder_config.num_attention_heads", total, f"a divisor of {inner}")
    return Attention(
        size, total, total, inner // total, q_bias=True, k_bias=True, v_bias=True, o_bias=True, caches=False
    )


def deep(name: str, into: int, inner: int, out: int, depth: int) -> list[Tensor]:
    """`depth` projections with ReLU between (SamFeedForward)."""
    own = [*linear(f"{name}.in", inner, into, "head", bias=True), *linear(f"{name}.out", out, inner, "head", bias=True)]
    return [*own, *(t for _ in range(depth - 2) for t in linear(f"{name}.mid", inner, inner, "head", bias=True))]


def mask_decoder(c: Fields) -> Tower:
    """Tokens and image attend to each other; each mask's token becomes a filter over the enlarged grid."""
    size, total, rate = width(c), c.int("num_attention_heads"), c.int("attention_downsample_rate")
    masks, depth = c.int("num_multimask_outputs") + 1, c.int("iou_head_depth", high=64)
    # Only the last attention asks the config by how much it is narrower; those of the layers halve the width.
    across, last = between(size, total, 2), between(size, total, rate)
    ffn = Mlp(size, c.int("mlp_dim"), gated=False, up_bias=True, down_bias=True, extra=act(c))
    norms = tuple(LAYER.sized(size).named(f"norm_{index}") for index in range(4))
    own = [table("iou_token", 1, size), table("mask_tokens", masks, size)]
    for index, (out, into) in enumerate(((size // 4, size), (size // 8, size // 4))):
        own += conv(f"enlarge_{index}", into, out, 2, "head")
        own.append(Tensor(f"enlarge_{index}.bias", (out,), "head", "bias"))
    own += norm("enlarge_norm", size // 4, bias=True)
    for index in range(masks):
        own += deep(f"mask_{index}", size, size, size // 8, 3)
    own += deep("iou", size, c.int("iou_head_hidden_dim"), masks, depth)
    parts: tuple[Part, ...] = (last, LAYER.sized(size).named("final_norm"), Bag(tuple(own)))
    layer = Layer((between(size, total), across, across, ffn, *norms))
    return Tower("mask decoder", (layer,) * c.layers(), parts, caches=False)


@arch("sam")
def sam(c: Fields) -> Spec:
    """SAM (arXiv:2304.02643): a ViT with windows, prompts as vectors, two layers that decode masks."""
    ending = chosen(c, ("Model", "VisionModel"))
    seen = sight_of(c, "vision_config")
    eyes, size = sam_vision(seen), width(seen)
    c.touch("tie_word_embeddings", "num_labels", "id2label", "label2id", "prompt_encoder_config", "mask_decoder_config")
    if ending == "VisionModel":
        return Spec(c.model_type, (eyes,), size, head_class=ending)
    # The image and the prompts share one set of random frequencies, unless the file unties it.
    sets = ("image",) if c.flag("tie_word_embeddings", fallback=True) else ("image", "prompts")
    own = (Tensor(f"positions_{name}", (2, seen.int("num_pos_feats")), "position", "other") for name in sets)
    shared = Tower("positions", (), (Bag(tuple(own)),), caches=False)
    towers = (eyes, shared, prompts(c.sub("prompt_encoder_config")), mask_decoder(c.sub("mask_decoder_config")))
    return Spec(c.model_type, towers, size, head_class=ending)

"""Images as patches: ViT and its kin, and Swin's windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cardscope.archs._heads import Heads, chosen, classifier, nothing, pooler, top
from cardscope.archs._read import heads, labels, mlp, split_heads, width
from cardscope.archs._registry import arch
from cardscope.archs.encoder import full
from cardscope.errors import BadField
from cardscope.fields import MAX_LAYERS, Fields
from cardscope.parts import (
    LAYER,
    Attention,
    Bag,
    Head,
    Layer,
    Mlp,
    Part,
    Spec,
    Table,
    Tensor,
    Tower,
    activation,
    linear,
    project,
)

# -- patches -----------------------------------------------------------------------------------------------


def sides(c: Fields, key: str) -> tuple[int, int]:
    """A height and a width: two numbers, or one for both."""
    if isinstance(c.raw(key), list | tuple):
        pair = c.ints(key) or ()
        if len(pair) != 2 or 0 in pair:
            raise BadField(key, list(pair), "one number, or a height and a width")
        return pair[0], pair[1]
    size = c.int(key)
    return size, size


def grid(c: Fields) -> int:
    """How many patches an image has."""
    (height, across), (rows, columns) = sides(c, "image_size"), sides(c, "patch_size")
    return c.derive("num_patches", (height // rows) * (across // columns))


def patches(c: Fields, size: int | None = None, *, bias: bool = True) -> Part:
    """The convolution that turns each patch into a vector: (d, channels, height, width)."""
    out, shape = size or width(c), (c.int("num_channels"), *sides(c, "patch_size"))
    own = (Tensor("patch.weight", (out, *shape), "embedding", "other"),)
    return Bag((*own, Tensor("patch.bias", (out,), "embedding", "bias")) if bias else own)


def tokens(c: Fields, *names: str, count: int = 1) -> Part:
    """Learned vectors that stand beside the patches."""
    return Bag(tuple(Tensor(name, (1, count, width(c)), "embedding", "other") for name in names))


def places(c: Fields, extra: int = 0, size: int | None = None) -> Table:
    """One learned vector for each patch and each of `extra` tokens."""
    return Table(grid(c) + extra, size or width(c), "position", "positions")


def image_attention(c: Fields, *, q: bool = True, k: bool = True, v: bool = True, o: bool = True) -> Attention:
    """Multi-head attention; `head_dim` may be set freely."""
    total = heads(c)
    dim = c.opt_int("head_dim", low=1) or split_heads(c, total)
    return Attention(width(c), total, total, dim, q_bias=q, k_bias=k, v_bias=v, o_bias=o)


def image_layer(c: Fields, part: Part, ffn: Part | None = None, *extra: Part) -> Layer:
    """A norm before each block."""
    norms = tuple(LAYER.sized(width(c)).named(f"norm_{index}") for index in range(2))
    return Layer((part, ffn or mlp(c, bias=True, gated=False), *norms, *extra))


def scales(c: Fields) -> Part:
    """Two learned gains of the residual branches (LayerScale, arXiv:2103.17239)."""
    return Bag(tuple(Tensor(f"layer_scale_{index}", (width(c),), "other", "other") for index in range(2)))


def image_encoder(
    c: Fields, table: Heads, layers: Sequence[Layer], before: Sequence[Part], *, final_norm: bool = True
) -> Spec:
    """Patches and tokens, layers, a final norm, and the class's head."""
    ending = chosen(c, table)
    after = (LAYER.sized(width(c)).named("final_norm"),) if final_norm else ()
    c.touch("encoder_stride", "pooler_output_size", "pooler_act", "use_mask_token", *BACKBONE_KEYS)
    tower = Tower("encoder", tuple(layers), (*before, *after, *top(c, table, ending)), caches=False)
    return Spec(c.model_type, (tower,), hidden_size=width(c), head_class=ending)


BACKBONE_KEYS = ("out_features", "out_indices", "stage_names", "apply_layernorm", "reshape_hidden_states")

# -- heads -------------------------------------------------------------------------------------------------


def image_pooler(c: Fields) -> tuple[Part, ...]:
    """A dense layer over the first token, of its own width, with an activation by `pooler_act`."""
    rows = c.opt_int("pooler_output_size") or c.derive("pooler_output_size", width(c))
    learned = activation(c.raw("pooler_act"), "head")
    return (project("pooler", rows, width(c), "head", bias=True), *((Bag(learned),) if learned else ()))


def pixels(c: Fields) -> tuple[Part, ...]:
    """A mask token, and a 1×1 convolution from each patch to its pixels."""
    return (tokens(c, "mask_token"), pixel_decoder(c, width(c)))


def pixel_decoder(c: Fields, size: int) -> Part:
    """The convolution of masked image modelling: (stride² · channels, d, 1, 1)."""
    rows = c.int("encoder_stride") ** 2 * c.int("num_channels")
    bias = Tensor("pixel_decoder.bias", (rows,), "head", "bias")
    return Bag((Tensor("pixel_decoder.weight", (rows, size, 1, 1), "head", "other"), bias))


def two_classifiers(c: Fields) -> tuple[Part, ...]:
    """One for the class token, one for the distillation token."""
    return (*classifier(c), *classifier(c))


def wide_classifier(c: Fields) -> tuple[Part, ...]:
    """Over the class token and the mean of the patches."""
    return (Head(labels(c), 2 * width(c), bias=True, name="classifier"),)


def boxes(c: Fields) -> tuple[Part, ...]:
    """Two heads of three layers each: the labels and "no object", and the box's four numbers."""
    size = width(c)
    parts: list[Part] = []
    for name, rows in (("labels", labels(c) + 1), ("boxes", 4)):
        parts += [project(f"{name}_{index}", size, size, "head", bias=True) for index in range(2)]
        parts.append(Head(rows, size, bias=True, name=f"{name}_2"))
    return tuple(parts)


VIT: Heads = {
    "Model": (image_pooler,),
    "ForMaskedImageModeling": (pixels,),
    "ForImageClassification": (classifier,),
}
DEIT: Heads = {**VIT, "ForImageClassificationWithTeacher": (two_classifiers,)}
DINO: Heads = {"Model": (nothing,), "Backbone": (nothing,), "ForImageClassification": (wide_classifier,)}
DINO_V3: Heads = {"Model": (nothing,), "Backbone": (nothing,)}
YOLOS: Heads = {"Model": (pooler,), "ForObjectDetection": (boxes,)}

# -- ViT and kin -------------------------------------------------------------------------------------------


def vit_layers(c: Fields) -> list[Layer]:
    """Attention with a bias on q, k and v by `qkv_bias`."""
    bias = c.flag("qkv_bias")
    return [image_layer(c, image_attention(c, q=bias, k=bias, v=bias))] * c.layers()


@arch("vit")
def vit(c: Fields) -> Spec:
    """ViT (arXiv:2010.11929): a class token, learned positions, pre-norm layers."""
    return image_encoder(c, VIT, vit_layers(c), [tokens(c, "cls_token"), patches(c), places(c, 1)])


@arch("vit_msn")
def vit_msn(c: Fields) -> Spec:
    """ViT-MSN (arXiv:2204.07141): ViT without a pooler."""
    before = [tokens(c, "cls_token"), patches(c), places(c, 1)]
    return image_encoder(c, {"Model": (nothing,), "ForImageClassification": (classifier,)}, vit_layers(c), before)


def restorer(c: Fields) -> Tower:
    """The decoder of masked autoencoders: narrower layers that restore each patch's pixels."""
    size, total = c.int("decoder_hidden_size"), c.int("decoder_num_attention_heads")
    bias, dim = c.flag("qkv_bias"), c.opt_int("head_dim", low=1) or size // total
    part = Attention(size, total, total, dim, q_bias=bias, k_bias=bias, v_bias=bias, o_bias=True)
    inner = c.int("decoder_intermediate_size")
    ffn = Mlp(size, inner, gated=False, up_bias=True, down_bias=True, extra=activation(c.raw("hidden_act")))
    norms = tuple(LAYER.sized(size).named(f"norm_{index}") for index in range(2))
    parts = (
        project("decoder_embed", size, width(c), "embedding", bias=True),
        Bag((Tensor("mask_token", (1, 1, size), "embedding", "other"),)),
        places(c, 1, size),
        LAYER.sized(size).named("decoder_norm"),
        project("decoder_pred", c.int("patch_size") ** 2 * c.int("num_channels"), size, "head", bias=True),
    )
    layers = (Layer((part, ffn, *norms)),) * c.layers("decoder_num_hidden_layers")
    return Tower("restoring decoder", layers, parts, caches=False)


@arch("vit_mae")
def vit_mae(c: Fields) -> Spec:
    """Masked autoencoders (arXiv:2111.06377): ViT, and for pre-training a small decoder of pixels."""
    table: Heads = {"Model": (nothing,), "ForPreTraining": (nothing,)}
    spec = image_encoder(c, table, vit_layers(c), [tokens(c, "cls_token"), patches(c), places(c, 1)])
    keys = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    c.touch(*(f"decoder_{key}" for key in keys))
    return replace(spec, towers=(*spec.towers, restorer(c))) if spec.head_class == "ForPreTraining" else spec


@arch("deit")
def deit(c: Fields) -> Spec:
    """DeiT (arXiv:2012.12877): ViT with a second token that learns from a teacher."""
    beside = tokens(c, "cls_token", "distillation_token")
    return image_encoder(c, DEIT, vit_layers(c), [beside, patches(c), places(c, 2)])


def dino_mlp(c: Fields) -> Mlp:
    """`mlp_ratio` times the width; gated, two thirds of that, rounded up to a multiple of eight."""
    inner = int(width(c) * c.number("mlp_ratio"))
    if not c.flag("use_swiglu_ffn"):
        return mlp(c, inner, bias=True, gated=False)
    return Mlp(width(c), (int(inner * 2 / 3) + 7) // 8 * 8, up_bias=True, down_bias=True)


@arch("dinov2", "dinov2_with_registers")
def dinov2(c: Fields) -> Spec:
    """DINOv2 (arXiv:2304.07193), with registers arXiv:2309.16588: ViT with layer scales and a mask token."""
    bias = c.flag("qkv_bias")
    part = image_attention(c, q=bias, k=bias, v=bias)
    layers = [image_layer(c, part, dino_mlp(c), scales(c))] * c.layers()
    names = ("cls_token", "mask_token") if c.flag("use_mask_token", fallback=True) else ("cls_token",)
    registers = tokens(c, "register_tokens", count=c.int("num_register_tokens", 0, low=0))
    return image_encoder(c, DINO, layers, [tokens(c, *names), registers, patches(c), places(c, 1)])


@arch("dinov3_vit")
def dinov3(c: Fields) -> Spec:
    """DINOv3 (arXiv:2508.10104): rotary positions, registers, a bias for each projection by its own key."""
    q, k, v, o = (c.flag(f"{name}_bias") for name in ("query", "key", "value", "proj"))
    part = replace(full(c), q_bias=q, k_bias=k, v_bias=v, o_bias=o)
    ffn = mlp(c, bias=c.flag("mlp_bias"), gated=c.flag("use_gated_mlp"))
    beside = tokens(c, "cls_token", "mask_token")
    registers = tokens(c, "register_tokens", count=c.int("num_register_tokens", low=0))
    c.touch("image_size")
    return image_encoder(
        c, DINO_V3, [image_layer(c, part, ffn, scales(c))] * c.layers(), [beside, registers, patches(c)]
    )


@arch("yolos")
def yolos(c: Fields) -> Spec:
    """YOLOS (arXiv:2106.00666): ViT with a token for each box, positions added again in every layer but the last."""
    bias, boxed = c.flag("qkv_bias"), c.int("num_detection_tokens", low=0)
    part = replace(full(c), q_bias=bias, k_bias=bias, v_bias=bias)
    before = [tokens(c, "cls_token"), tokens(c, "detection_tokens", count=boxed), patches(c), places(c, 1 + boxed)]
    if c.flag("use_mid_position_embeddings"):
        (height, across), patch = sides(c, "image_size"), c.int("patch_size")
        seen = 1 + height * across // patch**2 + boxed
        before.append(Table((c.layers() - 1) * seen, width(c), "position", "mid_positions"))
    c.touch("auxiliary_loss", "class_cost", "bbox_cost", "giou_cost", "bbox_loss_coefficient", "giou_loss_coefficient")
    return image_encoder(c, YOLOS, [image_layer(c, part)] * c.layers(), before)


# -- BEiT --------------------------------------------------------------------------------------------------


def relative_table(c: Fields) -> Table:
    """One bias a head for each distance between patches, and three for the class token."""
    (height, across), patch = sides(c, "image_size"), c.int("patch_size")
    rows = (2 * (height // patch) - 1) * (2 * (across // patch) - 1) + 3
    return Table(rows, heads(c), "position", "relative_bias")


def mean_norm(c: Fields) -> tuple[Part, ...]:
    """The pooler's norm, where patches are averaged."""
    return (LAYER.sized(width(c)).named("pooler_norm"),) if c.flag("use_mean_pooling") else ()


def visual_words(c: Fields) -> tuple[Part, ...]:
    """One row for each visual word, after a norm of its own."""
    return (LAYER.sized(width(c)).named("head_norm"), Head(c.int("vocab_size"), width(c), bias=True, name="lm_head"))


BEIT: Heads = {
    "Model": (mean_norm,),
    "ForMaskedImageModeling": (visual_words,),
    "ForImageClassification": (mean_norm, classifier),
}


@arch("beit")
def beit(c: Fields) -> Spec:
    """BEiT (arXiv:2106.08254): no bias on keys, layer scales, relative biases by layer or shared."""
    return beit_like(c, BEIT)


@arch("data2vec-vision")
def data2vec_vision(c: Fields) -> Spec:
    """data2vec for images (arXiv:2202.03555): BEiT, pooled only to classify."""
    return beit_like(c, {"Model": (nothing,), "ForImageClassification": BEIT["ForImageClassification"]})


def beit_like(c: Fields, table: Heads) -> Spec:
    """BEiT's layers under the heads of a table."""
    extra: list[Part] = [scales(c)] if c.number("layer_scale_init_value", 0.1) > 0 else []
    extra += [relative_table(c)] if c.flag("use_relative_position_bias") else []
    before = [tokens(c, "cls_token"), patches(c)]
    before += [tokens(c, "mask_token")] if c.flag("use_mask_token") else []
    before += [places(c, 1)] if c.flag("use_absolute_position_embeddings") else []
    before += [relative_table(c)] if c.flag("use_shared_relative_position_bias") else []
    layers = [image_layer(c, image_attention(c, k=False), None, *extra)] * c.layers()
    c.touch(
        "vocab_size", "pool_scales", "use_auxiliary_head", "auxiliary_channels", "auxiliary_num_convs", "image_size"
    )
    c.touch("auxiliary_concat_input", "semantic_loss_ignore_index", "add_fpn")
    return image_encoder(c, table, layers, before, final_norm=not c.flag("use_mean_pooling"))


# -- Swin --------------------------------------------------------------------------------------------------


def swin_stages(c: Fields) -> list[tuple[int, int, int]]:
    """(width, layers, heads) of each stage: the width doubles from one to the next."""
    depths, total = c.ints("depths") or (), c.ints("num_heads") or ()
    if not depths or len(total) < len(depths) or len(depths) > 16 or sum(depths) > MAX_LAYERS:
        raise BadField("depths", list(depths), "a short list of layer counts, with as many num_heads")
    first = c.int("embed_dim")
    stages = [(first << index, depth, total[index]) for index, depth in enumerate(depths)]
    if not all(size % count == 0 for size, _, count in stages if count) or 0 in total[: len(depths)]:
        raise BadField("num_heads", list(total), "divisors of the stages' widths")
    return stages


def swin_layer(c: Fields, size: int, total: int, *extra: Part) -> Layer:
    """Attention within a window, with one bias a head for each distance in it."""
    bias, window = c.flag("qkv_bias"), c.int("window_size")
    part = Attention(size, total, total, size // total, q_bias=bias, k_bias=bias, v_bias=bias, o_bias=True)
    ffn = replace(mlp_of(c, size), up_bias=True, down_bias=True)
    norms = tuple(LAYER.sized(size).named(f"norm_{index}") for index in range(2))
    return Layer((part, ffn, *norms, Table((2 * window - 1) ** 2, total, "position", "relative_bias"), *extra))


def mlp_of(c: Fields, size: int) -> Mlp:
    """`mlp_ratio` times the stage's width."""
    learned = activation(c.raw("hidden_act"))
    return Mlp(size, int(c.number("mlp_ratio") * size), gated=False, extra=learned)


def merging(size: int) -> tuple[Part, ...]:
    """Four neighbours become one patch of twice the width."""
    tensors = tuple(linear("merge", 2 * size, 4 * size, "mixer"))
    return (Bag(tensors), LAYER.sized(4 * size).named("norm_merge"))


@arch("swin")
def swin(c: Fields) -> Spec:
    """Swin (arXiv:2103.14030): stages of windowed attention; between them patches merge and the width doubles."""
    return windowed_stages(c, normed=True)


@arch("donut-swin")
def donut_swin(c: Fields) -> Spec:
    """Donut's image encoder (arXiv:2111.15664): Swin without its last norm, places stored."""
    index = Tensor("index", (c.int("window_size", high=1 << 12) ** 2,) * 2, "position", "buffer")
    return windowed_stages(c, Bag((index,)), normed=False, spare=1)


def windowed_stages(c: Fields, *extra: Part, normed: bool, spare: int = 0) -> Spec:
    """Swin, with a norm at the end or without, what else each layer holds, and `spare` rows of absolute positions."""
    stages = swin_stages(c)
    first, last = stages[0][0], stages[-1][0]
    ending = chosen(c, ("Model", "ForMaskedImageModeling", "ForImageClassification"))
    parts: list[Part] = [patches(c, first), LAYER.sized(first).named("embed_norm")]
    parts += [places(c, spare, first)] if c.flag("use_absolute_embeddings") else []
    parts += [part for size, _, _ in stages[:-1] for part in merging(size)]
    parts += [LAYER.sized(last).named("final_norm")] if normed else []
    if ending == "ForMaskedImageModeling":
        parts += [Bag((Tensor("mask_token", (1, 1, first), "embedding", "other"),)), pixel_decoder(c, last)]
    if ending == "ForImageClassification":
        parts.append(Head(labels(c), last, bias=True, name="classifier"))
    layers = [layer for size, depth, total in stages for layer in [swin_layer(c, size, total, *extra)] * depth]
    c.touch(
        "hidden_size",
        "num_layers",
        "encoder_stride",
        "image_size",
        "num_labels",
        "id2label",
        "label2id",
        *BACKBONE_KEYS,
    )
    tower = Tower("encoder", tuple(layers), tuple(parts), caches=False)
    return Spec(c.model_type, (tower,), hidden_size=last, head_class=ending)

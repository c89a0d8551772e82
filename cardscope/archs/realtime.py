"""Boxes in real time: RT-DETR and its second version, a ResNet, a small hybrid encoder and a decoder of queries."""

from __future__ import annotations

from cardscope.archs._compose import held_to
from cardscope.archs._heads import chosen
from cardscope.archs._read import labels, width
from cardscope.archs._registry import arch
from cardscope.archs.convnets import conv_norm, deep_enough, residual, stage_lists
from cardscope.archs.detection import frozen
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import LAYER, Attention, Bag, Layer, Mlp, Part, Spec, Tensor, Tower, activation, linear, norm

# -- the backbone ------------------------------------------------------------------------------------------


def deep_stem(c: Fields) -> Tower:
    """RTDetrResNetBackbone: ResNet-D (arXiv:1812.01187), whose stem is three small convolutions."""
    sizes, depths = stage_lists(c, "hidden_sizes", "depths")
    deep_enough(c, "depths", depths)
    kind, first = c.text("layer_type"), c.int("embedding_size")
    if kind not in {"basic", "bottleneck"}:
        raise BadField(c.prefix + "layer_type", kind, "basic or bottleneck")
    layers: list[Layer] = []
    into, halved = first, c.flag("downsample_in_first_stage")
    for out, depth in zip(sizes, depths, strict=True):
        # A plain block that opens a stage has its shortcut even where the shape stays.
        layers.append(residual(c, into, out, strided=halved or kind == "basic"))
        layers += [residual(c, out, out, strided=False)] * (depth - 1)
        into, halved = out, True
    half = first // 2
    steps = ((half, c.int("num_channels")), (half, half), (first, half))
    stem = [t for index, step in enumerate(steps) for t in conv_norm(f"stem_{index}", *step, 3, "embedding")]
    learned = activation(c.raw("hidden_act"), "embedding") * 3
    c.touch("downsample_in_bottleneck", "num_labels", "id2label", "label2id", "stage_names")
    return Tower("backbone", tuple(layers), (Bag((*stem, *learned)),), caches=False)


def channels(c: Fields) -> tuple[int, ...]:
    """Channels of the stages that are handed out: those named, else the last."""
    sizes = (c.int("embedding_size"), *(c.ints("hidden_sizes") or ()))
    names, places = c.texts("out_features"), c.ints("out_indices")
    known = {"stem": 0, **{f"stage{index}": index for index in range(1, len(sizes))}}
    if names is not None:
        if not all(name in known for name in names):
            raise BadField(c.prefix + "out_features", list(names), f"names among {', '.join(known)}")
        return tuple(sizes[known[name]] for name in names)
    if places is not None:
        if not all(place < len(sizes) for place in places):
            raise BadField(c.prefix + "out_indices", list(places), f"numbers below {len(sizes)}")
        return tuple(sizes[place] for place in places)
    return sizes[-1:]


# -- the hybrid encoder ------------------------------------------------------------------------------------


def square(size: int, total: int) -> Attention:
    """Multi-head attention with biases over the whole width."""
    return Attention(size, total, total, size // total, q_bias=True, k_bias=True, v_bias=True, o_bias=True, square=True)


def attending(c: Fields, side: str, size: int, *extra: Part, norms: int = 2) -> Layer:
    """A post-norm layer of one side."""
    learned = activation(c.raw(f"{side}_activation_function"))
    ffn = Mlp(size, c.int(f"{side}_ffn_dim"), gated=False, up_bias=True, down_bias=True, extra=learned)
    named = (LAYER.sized(size).named(f"norm_{index}") for index in range(norms))
    return Layer((square(size, c.int(f"{side}_attention_heads")), ffn, *named, *extra))


def fused(c: Fields, size: int) -> list[Tensor]:
    """RTDetrCSPRepLayer: two ways through, one past three blocks of a 3 × 3 beside a 1 × 1."""
    inner, learned = int(size * c.number("hidden_expansion")), activation(c.raw("activation_function"), "mixer")
    own = [t for way in (1, 2) for t in (*conv_norm(f"fuse_{way}", inner, 2 * size, 1), *learned)]
    for _ in range(3):
        own += [*conv_norm("block_3x3", inner, inner, 3), *conv_norm("block_1x1", inner, inner, 1), *learned]
    return own if inner == size else [*own, *conv_norm("fuse_3", size, inner, 1), *learned]


def pyramid(c: Fields, seen: tuple[int, ...]) -> Tower:
    """Each stage projected, the coarsest attended to, all of them fused downwards and upwards."""
    size = c.int("encoder_hidden_dim")
    own = [t for wide in seen for t in conv_norm("input", size, wide, 1, "projector")]
    steps, learned = (
        max(len(c.ints("encoder_in_channels") or ()) - 1, 0),
        activation(c.raw("activation_function"), "mixer"),
    )
    if steps > 64:
        raise BadField("encoder_in_channels", steps + 1, "a short list")
    for kernel in (1, 3):
        for _ in range(steps):
            own += [*conv_norm("step", size, size, kernel), *learned, *fused(c, size)]
    stacks = len(c.ints("encode_proj_layers") or ())
    layers = (attending(c, "encoder", size),) * (c.layers("encoder_layers") * stacks)
    if len(layers) > 10_000:
        raise BadField("encode_proj_layers", stacks, "a short list")
    return Tower("encoder", layers, (Bag(tuple(own)),), caches=False)


# -- the decoder -------------------------------------------------------------------------------------------


def deep(name: str, into: int, inner: int, out: int, depth: int) -> list[Tensor]:
    """`depth` projections with biases."""
    sizes = [into, *[inner] * (depth - 1), out]
    return [t for n in range(depth) for t in linear(f"{name}_{n}", sizes[n + 1], sizes[n], "head", bias=True)]


def sampling(c: Fields, size: int, levels: int) -> Bag:
    """Deformable attention (arXiv:2010.04159): each query looks at a few places of each level."""
    seen = c.int("decoder_attention_heads") * levels * c.int("decoder_n_points")
    ways = (("offsets", 2 * seen), ("weights", seen), ("value", size), ("out", size))
    return Bag(tuple(t for name, rows in ways for t in linear(f"sampling.{name}", rows, size, "attention", bias=True)))


def box_decoder(c: Fields, ending: str, levels: int, *extra: Part) -> Tower:
    """Queries picked from the encoder's output, refined layer by layer."""
    size, rows, kinds = width(c), c.ints("decoder_in_channels") or (), labels(c)
    if not 0 < len(rows) <= 64:
        raise BadField("decoder_in_channels", list(rows), "a short list")
    own = [t for wide in rows for t in conv_norm("input", size, wide, 1, "projector")]
    into = rows[-1]
    for _ in range(c.int("num_feature_levels", high=64) - len(rows)):
        own += conv_norm("input", size, into, 3, "projector")
        into = size
    if c.int("num_denoising", low=0):
        own.append(Tensor("denoising", (kinds + 1, size), "embedding", "table"))
    if c.flag("learn_initial_query"):
        own.append(Tensor("queries", (c.int("num_queries"), size), "embedding", "table"))
    own += [*linear("enc_output", size, size, "head", bias=True), *norm("enc_output.norm", size, bias=True)]
    own += [*linear("enc_score", kinds, size, "head", bias=True), *deep("enc_box", size, size, 4, 3)]
    own += deep("query_position", 4, 2 * size, size, 2)
    depth = c.layers("decoder_layers")
    if ending == "ForObjectDetection":
        for _ in range(depth):
            own += [*linear("score", kinds, size, "head", bias=True), *deep("box", size, size, 4, 3)]
    layer = attending(c, "decoder", size, sampling(c, size, levels), *extra, norms=3)
    return Tower("box decoder", (layer,) * depth, (Bag(tuple(own)),), caches=False)


IDLE = (
    "feat_strides",
    "positional_encoding_temperature",
    "eval_size",
    "normalize_before",
    "num_queries",
    "anchor_image_size",
    "with_box_refine",
    "label_noise_ratio",
    "box_noise_scale",
    "disable_custom_kernels",
    "use_focal_loss",
    "auxiliary_loss",
    "initializer_bias_prior_prob",
    "backbone",
    "use_timm_backbone",
    "use_pretrained_backbone",
    "backbone_kwargs",
    "is_encoder_decoder",
    "num_labels",
    "id2label",
    "label2id",
)
"""How it is trained and how positions are computed."""


def realtime(c: Fields, levels: int, *extra: Part) -> Spec:
    """Backbone, hybrid encoder and decoder."""
    ending = chosen(c, ("Model", "ForObjectDetection"))
    inner = held_to(c, c.sub("backbone_config"), "rt_detr_resnet")
    seen = deep_stem(inner)
    if c.flag("freeze_backbone_batch_norms"):
        layers = {id(layer): Layer(tuple(map(frozen, layer.parts))) for layer in seen.layers}
        kept = tuple(layers[id(layer)] for layer in seen.layers)
        seen = Tower("backbone", kept, tuple(map(frozen, seen.parts)), caches=False)
    towers = (seen, pyramid(c, channels(inner)), box_decoder(c, ending, levels, *extra))
    c.touch(*IDLE)
    return Spec(c.model_type, towers, hidden_size=width(c), head_class=ending)


@arch("rt_detr")
def rt_detr(c: Fields) -> Spec:
    """RT-DETR (arXiv:2304.08069)."""
    return realtime(c, c.int("num_feature_levels", high=64))


@arch("rt_detr_v2")
def rt_detr_v2(c: Fields) -> Spec:
    """RT-DETRv2 (arXiv:2407.17140): the same tensors, and the scale of each sampled place stored."""
    levels = c.int("decoder_n_levels", high=64)
    stored = Bag((Tensor("points_scale", (levels * c.int("decoder_n_points"),), "attention", "buffer"),))
    c.touch("decoder_offset_scale", "decoder_method")
    return realtime(c, levels, stored)

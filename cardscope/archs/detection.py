"""Boxes from images: DETR and the Table Transformer, a frozen ResNet before an encoder and a decoder of queries."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs import interpret
from cardscope.archs._heads import chosen, dense
from cardscope.archs._read import labels, width
from cardscope.archs._registry import arch
from cardscope.archs.bart import side_layer
from cardscope.archs.convnets import conv
from cardscope.errors import BadField, NotModelled
from cardscope.fields import Fields, Log, open_fields
from cardscope.parts import LAYER, Attention, Bag, Layer, Part, Spec, Table, Tower

TIMM = {
    "resnet18": ("basic", (64, 128, 256, 512), (2, 2, 2, 2)),
    "resnet34": ("basic", (64, 128, 256, 512), (3, 4, 6, 3)),
    "resnet50": ("bottleneck", (256, 512, 1024, 2048), (3, 4, 6, 3)),
    "resnet101": ("bottleneck", (256, 512, 1024, 2048), (3, 4, 23, 3)),
}
"""timm's ResNets, which have the tensors of transformers' own."""


def frozen(part: Part) -> Part:
    """Batch norms that are never trained: gain and shift are stored as buffers, and no count of batches."""
    kept = (tensor for tensor in part.tensors() if not tensor.name.endswith(".batches"))
    return Bag(tuple(tensor._replace(kind="buffer") if tensor.kind == "norm" else tensor for tensor in kept))


def resnet_fields(c: Fields) -> Fields:
    """The backbone's config: its own object, or a ResNet that timm knows by name."""
    if isinstance(c.peek("backbone_config"), dict):
        return c.sub("backbone_config")
    name = c.raw("backbone", "resnet50")
    if not isinstance(name, str) or name not in TIMM or c.peek("backbone_kwargs") not in (None, {}, c.exactly("-")):
        raise NotModelled(f"the backbone {name!r} is not modelled", hint="--exact counts it where timm is installed")
    kind, sizes, depths = TIMM[name]
    keys = {
        "layer_type": kind,
        "hidden_sizes": list(sizes),
        "depths": list(depths),
        "num_channels": c.int("num_channels"),
    }
    return open_fields(keys, "resnet", prefix="backbone.", log=Log())


def seen_width(c: Fields, last: int) -> int:
    """Channels of the last stage that is handed out."""
    sizes, first = c.ints("hidden_sizes") or (), c.int("embedding_size")
    names, places = c.texts("out_features"), c.ints("out_indices")
    stages = {"stem": first, **{f"stage{index + 1}": size for index, size in enumerate(sizes)}}
    if names:
        if names[-1] not in stages:
            raise BadField(c.prefix + "out_features", list(names), f"names among {', '.join(stages)}")
        return stages[names[-1]]
    if places:
        if places[-1] > len(sizes):
            raise BadField(c.prefix + "out_indices", list(places), f"at most {len(sizes)}")
        return (first, *sizes)[places[-1]]
    return last


def backbone(c: Fields) -> tuple[Tower, int]:
    """A ResNet whose batch norms are frozen."""
    inner = resnet_fields(c)
    inner.impose(architectures=["ResNetBackbone"])
    spec = interpret(inner)
    layers = {id(layer): Layer(tuple(frozen(part) for part in layer.parts)) for layer in spec.main.layers}
    tower = replace(spec.main, layers=tuple(layers[id(layer)] for layer in spec.main.layers))
    c.touch("backbone", "use_timm_backbone", "use_pretrained_backbone", "backbone_kwargs", "dilation", "num_channels")
    last = spec.hidden_size or width(inner)
    return replace(tower, name="backbone", parts=tuple(map(frozen, tower.parts))), seen_width(inner, last)


def places(c: Fields) -> tuple[Part, ...]:
    """Positions of rows and columns, where they are learned."""
    kind, half = c.text("position_embedding_type"), width(c) // 2
    if kind not in {"sine", "learned"}:
        raise BadField("position_embedding_type", kind, "sine or learned")
    return tuple(Table(50, half, "position", name) for name in ("rows", "columns")) if kind == "learned" else ()


def boxes(c: Fields) -> tuple[Part, ...]:
    """One row for each label and for "nothing", and three layers to a box."""
    size = width(c)
    head = dense("class_labels", labels(c) + 1, size)
    return (head, *(dense(f"boxes_{index}", 4 if index == 2 else size, size) for index in range(3)))


def attending(c: Fields, side: str) -> Attention:
    """Multi-head attention with biases, even where the heads do not divide the width."""
    size, total = width(c), c.int(f"{side}_attention_heads")
    return Attention(size, total, total, size // total, q_bias=True, k_bias=True, v_bias=True, o_bias=True, square=True)


def queried(c: Fields, *, normed: bool) -> Spec:
    """The backbone, one projection, an encoder over its grid, a decoder of learned queries."""
    ending = chosen(c, ("Model", "ForObjectDetection"))
    seen, channels = backbone(c)
    size, final = width(c), (LAYER.sized(width(c)).named("final_norm"),)
    encoder = (side_layer(c, "encoder", attending(c, "encoder")),) * c.layers("encoder_layers")
    decoder = (side_layer(c, "decoder", attending(c, "decoder")),) * c.layers("decoder_layers")
    start = (Bag(conv("input_projection", size, channels, 1, "projector", bias=True)), *places(c))
    asked = Table(c.int("num_queries"), size, "position", "queries")
    head = boxes(c) if ending == "ForObjectDetection" else ()
    c.touch(
        "num_labels",
        "id2label",
        "label2id",
        "auxiliary_loss",
        "scale_embedding",
        "num_hidden_layers",
        "is_encoder_decoder",
    )
    towers = (
        seen,
        Tower("encoder", encoder, (*start, *(final if normed else ())), caches=False),
        Tower("box decoder", decoder, (asked, *final, *head), caches=False),
    )
    return Spec(c.model_type, towers, hidden_size=size, head_class=ending)


@arch("detr")
def detr(c: Fields) -> Spec:
    """DETR (arXiv:2005.12872): a post-norm transformer over a ResNet's grid; its masks are not modelled."""
    return queried(c, normed=False)


@arch("table-transformer")
def table_transformer(c: Fields) -> Spec:
    """Table Transformer (arXiv:2110.00061): DETR with norms before the blocks and one after the encoder."""
    return queried(c, normed=True)

"""Gemma 3n whole: its MobileNet-V5 image tower and its Conformer sound tower before the text model."""

from __future__ import annotations

from collections.abc import Iterator

from cardscope.archs._compose import FULL, bridge, class_of, part, text_alone, ties, unknown_word, width_of, wrap
from cardscope.archs._read import width
from cardscope.archs._registry import arch
from cardscope.archs.towers import seeing
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import RMS, Bag, Layer, Part, Spec, Table, Tensor, Tower, linear, norm, project

# -- MobileNet-V5 ------------------------------------------------------------------------------------------


def filtered(name: str, out: int, into: int, kernel: int = 1) -> tuple[Tensor, Tensor]:
    """A square convolution without bias, and the gain of the norm behind it."""
    weight = Tensor(f"{name}.conv", (out, into, kernel, kernel), "vision", "other")
    return weight, Tensor(f"{name}.norm", (out,), "vision", "norm")


def gamma(size: int) -> Tensor:
    """A learned gain of the residual branch."""
    return Tensor("layer_scale", (size,), "vision", "other")


def edge(into: int, out: int) -> Layer:
    """EdgeResidual of timm: a 3 × 3 convolution to four times the channels, a 1 × 1 back."""
    return Layer((Bag((*filtered("expand", 4 * into, into, 3), *filtered("project", out, 4 * into)), "edge residual"),))


def inverted(into: int, out: int, wider: int, start: int = 0, middle: int = 0) -> Layer:
    """UniversalInvertedResidual of timm: optional depthwise convolutions before and between two 1 × 1 ones."""
    inner = into * wider
    own = [
        *(filtered("start", into, 1, start) if start else ()),
        *filtered("expand", inner, into),
        *(filtered("middle", inner, 1, middle) if middle else ()),
        *filtered("project", out, inner),
        gamma(out),
    ]
    return Layer((Bag(tuple(own), "inverted residual"),))


def one_key(size: int, total: int, dim: int, kernel: int = 0) -> Layer:
    """Multi-query attention over the image; keys and values may come from a coarser grid (MobileAttention of timm)."""

    def rows(name: str, out: int, into: int) -> Tensor:
        return Tensor(name, (out, into, 1, 1), "vision", "other")

    own = [*norm("norm", size), rows("query", total * dim, size)]
    for name in ("key", "value"):
        own += [*(filtered(f"{name}.down", size, 1, kernel) if kernel else ()), rows(name, dim, size)]
    return Layer((Bag((*own, rows("output", size, total * dim), gamma(size)), "multi-query attention"),))


def mobilenet_v5() -> Tower:
    """mobilenetv5_300m_enc of timm, the only tower of published Gemma 3n models: four stages, two of them fused."""

    def stages() -> Iterator[Layer]:
        yield from (edge(64, 128), edge(128, 128), edge(128, 128))
        yield inverted(128, 256, 6, 3, 5)
        yield from (inverted(256, 256, 4, kernel) for kernel in (5, 3, 5, 3))
        yield inverted(256, 640, 6, 5, 5)
        yield from (inverted(640, 640, 4, 5),) * 7
        yield inverted(640, 640, 1)
        yield from (one_key(640, 12, 64, 3), inverted(640, 640, 2)) * 14
        yield inverted(640, 1280, 6, 5, 5)
        yield from (one_key(1280, 16, 96), inverted(1280, 1280, 2)) * 19

    fused = (*filtered("fuse.expand", 3840, 1920), *filtered("fuse.project", 2048, 3840))
    stem = (*filtered("stem", 64, 3, 3), Tensor("stem.bias", (64,), "vision", "bias"))
    return seeing(list(stages()), Bag(stem), Bag(fused), RMS.sized(2048).named("final_norm"))


# -- Conformer ---------------------------------------------------------------------------------------------


def conv_pairs(c: Fields, key: str) -> list[tuple[int, int]]:
    """A height and a width for each of the two convolutions."""
    listed = c.raw(key)
    pairs = (
        [tuple(each) for each in listed if isinstance(each, list | tuple)] if isinstance(listed, list | tuple) else []
    )
    if len(pairs) != 2 or not all(len(p) == 2 and all(isinstance(n, int) and 0 < n <= 1024 for n in p) for p in pairs):
        raise BadField(c.prefix + key, listed, "two pairs of sizes")
    return [(pair[0], pair[1]) for pair in pairs]


def conformer(c: Fields) -> Part:
    """Gemma3nAudioConformerBlock (after arXiv:2005.08100): half MLPs around attention and a convolution."""
    size, total = width(c), c.int("conf_num_attention_heads")
    if size % total:
        raise BadField(c.prefix + "conf_num_attention_heads", total, f"a divisor of hidden_size {size:,}")
    own = [tensor for name in ("q", "k", "v", "relative_k", "post") for tensor in linear(name, size, size, "audio")]
    own.append(Tensor("dim_scale", (size // total,), "audio", "other"))
    for side in ("before", "after"):
        own += [*linear(f"{side}.up", 4 * size, size, "audio"), *linear(f"{side}.down", size, 4 * size, "audio")]
        own += [*norm(f"{side}.norm_in", size), *norm(f"{side}.norm_out", size)]
    own += [*linear("conv.start", 2 * size, size, "audio"), *linear("conv.end", size, size, "audio")]
    own.append(Tensor("conv.depthwise", (size, 1, c.int("conf_conv_kernel_size")), "audio", "other"))
    for name in ("conv.norm_in", "conv.norm", "attn_in", "attn_out", "out"):
        own += norm(name, size)
    return Bag(tuple(own), "Conformer")


def gemma3n_ears(c: Fields) -> Tower:
    """Gemma3nAudioEncoder: two strided convolutions over the spectrum, one projection, Conformer layers."""
    channels = c.ints("sscp_conv_channel_size") or ()
    if len(channels) != 2:
        raise BadField(c.prefix + "sscp_conv_channel_size", list(channels), "two numbers")
    kernels, strides = conv_pairs(c, "sscp_conv_kernel_size"), conv_pairs(c, "sscp_conv_stride_size")
    start: list[Tensor] = []
    into, bins = 1, c.int("input_feat_size")
    for index, (out, kernel, stride) in enumerate(zip(channels, kernels, strides, strict=True)):
        start += [Tensor(f"conv_{index}", (out, into, *kernel), "audio", "other"), *norm(f"conv_norm_{index}", out)]
        into, bins = out, (bins + 2 - kernel[1]) // stride[1] + 1
    start += linear("conv_out", width(c), into * bins, "audio")
    c.touch("conf_attention_chunk_size", "conf_attention_context_left", "conf_attention_context_right")
    c.touch("conf_attention_logit_cap", "conf_reduction_factor", "conf_residual_weight")
    layers = (Layer((conformer(c),)),) * c.layers("conf_num_hidden_layers")
    return Tower("audio", layers, (Bag(tuple(start)),), "audio", caches=False)


# -- the whole ---------------------------------------------------------------------------------------------


def embedder(c: Fields, text: Fields, name: str) -> Tower:
    """Gemma3nMultimodalEmbedder: a small table of its own tokens, two norms, one projection."""
    size = width(c)
    norms = (RMS.sized(size).named(f"{name}.{kind}_norm") for kind in ("hard", "soft"))
    c.touch("vocab_offset")
    table = Table(c.int("vocab_size"), size, name=name)
    return bridge(table, *norms, project(f"{name}.proj", width_of(text), size, "projector"))


@arch("gemma3n")
def gemma3n(c: Fields) -> Spec:
    """Gemma 3n (ai.google.dev/gemma/docs/gemma-3n): MobileNet-V5 and a Conformer before its nested text model."""
    ending = class_of(c, ("Model", FULL, "ForCausalLM"))
    if ending == "ForCausalLM":
        return text_alone(c)
    text, seen, heard = part(c, "text_config"), c.sub("vision_config"), c.sub("audio_config")
    named, changed = seen.text("architecture"), seen.raw("model_args", None)
    if named != "mobilenetv5_300m_enc" or changed:
        raise unknown_word(c, "vision_config.architecture", changed or named)
    seen.touch("do_pooling", "num_classes", "label_names", "num_labels", "id2label", "label2id")
    c.touch("audio_soft_tokens_per_image")
    towers = (
        mobilenet_v5(),
        embedder(seen, text, "embed_vision"),
        gemma3n_ears(heard),
        embedder(heard, text, "embed_audio"),
    )
    return wrap(c, text, *towers, tied=ties(c, text), ending=ending)

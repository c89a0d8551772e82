"""Time series: TimesFM."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._heads import chosen
from cardscope.archs._read import attention, heads, width
from cardscope.archs._registry import arch
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import LAYER, RMS, Bag, Layer, Mlp, Spec, Table, Tensor, Tower, linear


def residual(name: str, into: int, inner: int, out: int, component: str) -> list[Tensor]:
    """Two projections and one beside them (TimesFmResidualBlock)."""
    ways = (("in", inner, into), ("out", out, inner), ("residual", out, into))
    return [t for way, rows, columns in ways for t in linear(f"{name}.{way}", rows, columns, component, bias=True)]


@arch("timesfm")
def timesfm(c: Fields) -> Spec:
    """TimesFM (arXiv:2310.10688): patches of a series in, patches of the future and their quantiles out."""
    ending, size, inner = chosen(c, ("Model", "ModelForPrediction")), width(c), c.int("intermediate_size")
    part = attention(c, kv_heads=heads(c), bias=True, caches=False)
    part = replace(part, extra=(Tensor("scaling", (part.head_dim,), "attention", "other"),))
    ffn = Mlp(size, inner, gated=False, up_bias=True, down_bias=True)
    layer = Layer((part, ffn, LAYER.sized(size).named("mlp_norm"), RMS.sized(size).named("norm")))
    own = residual("input", 2 * c.int("patch_length"), inner, size, "embedding")
    if ending == "ModelForPrediction":
        told = c.raw("quantiles")
        if not isinstance(told, list | tuple) or len(told) > 1000:
            raise BadField("quantiles", told, "a short list of numbers")
        own += residual("horizon", size, inner, c.int("horizon_length") * (1 + len(told)), "head")
    if c.flag("use_positional_embedding"):
        own.append(Tensor("timescales", (size // 2,), "position", "buffer"))
    c.touch("context_length", "horizon_length", "quantiles", "min_timescale", "max_timescale")
    c.touch("pad_val", "tolerance", "num_labels", "id2label", "label2id")
    parts = (Bag(tuple(own)), Table(c.int("freq_size"), size, name="frequency"))
    return Spec(c.model_type, (Tower("encoder", (layer,) * c.layers(), parts, caches=False),), size, head_class=ending)

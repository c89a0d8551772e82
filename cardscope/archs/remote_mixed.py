"""Mixtures of experts that only repositories' own code builds."""

from __future__ import annotations

from dataclasses import replace

from cardscope.archs._read import attention, block, decoder, made_once, mlp, neutral, per_layer, split_heads, width
from cardscope.archs._read import heads as heads_of
from cardscope.archs._registry import arch
from cardscope.errors import BadField, NotModelled
from cardscope.fields import Fields
from cardscope.parts import Layer, Moe, Part, Spec, Tensor


def without(c: Fields, *names: str) -> None:
    """Flags whose tensors are not modelled. Raises NotModelled where one is set."""
    for name in names:
        if c.flag(name, fallback=False):
            raise NotModelled(f"{c.prefix}{name} is not modelled for {c.model_type}", hint=f"--set {name}=false")


IDLE = (
    "im_end_id",
    "im_newline_id",
    "im_start_id",
    "pad_id",
    "text_end_id",
    "text_start_id",
    "video_end_id",
    "video_start_id",
    "vit_input_resolution",
    "vit_mapping_type",
    "vit_norm_type",
    "vit_patch",
    "vit_token",
)
"""Keys about special tokens, and about an image tower that a text model does not build."""


@arch("hunyuan")
def hunyuan(c: Fields) -> Spec:
    """Hunyuan-Large (arXiv:2411.02265), -A13B and -7B: shared and routed experts, sizes layer by layer.

    With `use_cla` only every `cla_share_factor`-th layer projects keys and values; the layers between reuse them.
    """
    without(c, "use_mla", "add_classification_head")
    dim = c.opt_int("attention_head_dim", low=1) or split_heads(c, heads_of(c))
    own = attention(c, head_dim=dim, qk_norm="head" if c.flag("use_qk_norm", fallback=False) else None)
    # The norm of the keys is there in every layer, also where the keys are another's.
    gain = (Tensor("k_norm.weight", (dim,), "norm", "norm"),) if own.qk_norm else ()
    reused = replace(own, shares_kv=True, extra=gain)
    step = c.int("cla_share_factor", 1) if c.flag("use_cla", fallback=False) else 1
    c.touch("cla_share_factor", "dense_list", "org_vocab_size", "norm_type", "num_media_embeds", "class_num")
    c.touch("anyres_pooling_size", "pool_type", "mask_init_id", "intermediate_size", "use_rotary_pos_emb")
    if c.raw("vit_path", None) is not None or c.raw("vit_type", None) is not None:
        raise NotModelled("the image tower of this Hunyuan is not modelled", hint="--set vit_path=null,vit_type=null")
    c.touch(*IDLE)
    neutral(c, hidden_act="silu")
    keys = list(zip((index % step for index in range(c.layers())), hunyuan_experts(c), strict=True))
    return decoder(c, made_once(keys, lambda key: hunyuan_layer(c, reused if key[0] else own, key[1])))


Experts = tuple[int, int, int, int]
"""Of one layer: how many experts, how many fire, how many are shared, how wide each is."""


def hunyuan_experts(c: Fields) -> list[Experts | None]:
    """Each layer's experts, or None where it is dense."""
    given = c.raw("moe_intermediate_size", None) is not None
    wide = per_layer(c, "moe_intermediate_size" if given else "intermediate_size")
    shared = per_layer(c, "num_shared_expert", 1, low=0) if c.flag("use_mixed_mlp_moe", fallback=False) else None
    c.touch("num_shared_expert")
    skipped = c.int("moe_layer_num_skipped", 0, low=0)
    counts, fires = per_layer(c, "num_experts", 1), per_layer(c, "moe_topk", 1)
    # One expert in every layer is no mixture.
    if max(counts, default=1) <= 1:
        return [None] * len(counts)
    rows = zip(counts, fires, shared or (0,) * len(counts), wide, strict=True)
    return [None if index < skipped else row for index, row in enumerate(rows)]


def hunyuan_layer(c: Fields, mixer: Part, experts: Experts | None) -> Layer:
    """One layer: dense, or with the experts it has."""
    bias = c.flag("mlp_bias", fallback=False)
    if experts is None:
        return block(mixer, mlp(c, bias=bias), width=width(c))
    count, fire, shared, wide = experts
    if fire > count:
        raise BadField("moe_topk", fire, f"at most the {count} experts there are")
    routed = Moe(width(c), count, fire, wide, up_bias=bias, down_bias=bias, shared=shared * wide, shared_bias=bias)
    return block(mixer, routed, width=width(c))

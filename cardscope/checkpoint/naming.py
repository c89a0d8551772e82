"""From a stored tensor's name to its layer, its component and whether it is a parameter at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from cardscope.checkpoint.header import Stored
from cardscope.checkpoint.piece import Piece

_LAYER = re.compile(
    r"(?:^|\.)(?:layers?|h|blk|blocks?|decoder_layers|encoder_layers|resblocks|groups)\.(\d{1,6})(?:\.|$)"
)
_EXPERT = re.compile(r"\.experts?\.(\d{1,6})\.")
_BUFFERS = re.compile(
    r"(?:^|\.)(?:masked_bias|inv_freq|position_ids|token_type_ids|e_score_correction_bias|expert_bias|"
    r"running_mean|running_var|num_batches_tracked|relative_position_index|attn_mask|rotary_emb\.\w+|"
    r"final_logits_bias|act_fn\.(?:beta|eps)|tid2eid|layer_scalar|slope_rate|"
    r"(?:query|key|diagonal)_decay|global_mean|global_invstd|balancing_biases|"
    r"causal_mask|tril|mask_token_ids|pos_idx_to_embed|n_points_scale|embed_positions\._float_tensor|std_bias|std_scale|"
    r"codebook\.(?:inited|cluster_size|embed|embed_avg))$"
)
"""Buffers by the names transformers and the original repositories give them."""
_FLOATS: Final = frozenset({"BF16", "F16", "F32"})
_MASK = re.compile(r"(?:^|\.)(?:attn|attention|self_attn)\.bias$")
_MTP = re.compile(r"(?:^|\.)(?:mtp|mtp_block|mtp_layers?|nextn|nextn_predict_layers|mtp_predictor)(?:\.|$)")


class Place(NamedTuple):
    """Where a tensor lives: what stands before its layer, the layer's number, and its name inside the layer."""

    tower: str
    layer: int | None
    name: str
    expert: int | None


def place(name: str) -> Place:
    """The first numbered layer in a name; experts lose their number."""
    found = _LAYER.search(name)
    short = name if found is None else name[found.end() :]
    expert = _EXPERT.search(f".{short}")
    index = None
    if expert:
        index = int(expert[1])
        short = f".{short}".replace(expert[0], ".experts.", 1)[1:]
    if found is None:
        return Place("", None, short, index)
    return Place(name[: found.start(1)].rstrip("."), int(found[1]), short, index)


def is_buffer(tensor: Stored) -> bool:
    """Whether a tensor is stored beside the parameters: masks, correction biases, frequencies, running statistics."""
    if tensor.name.endswith(".weight") and tensor.dtype in _FLOATS and "rotary_emb" not in tensor.name:
        return False  # most tensors, told without the patterns below
    if _BUFFERS.search(tensor.name):
        return True
    if _MASK.search(tensor.name) and len(tensor.shape) == 4 and tensor.shape[:2] == (1, 1):
        return True
    return tensor.dtype == "BOOL" or (tensor.dtype in {"I64", "I32"} and len(tensor.shape) < 2)


_CORRECTION = re.compile(r"(?:^|\.)(?:e_score_correction_bias|expert_bias|balancing_biases)$")


def mark_corrections(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces with the routers' correction biases as parameters, which some classes make them."""
    return [p._replace(role="parameter") if _CORRECTION.search(p.name) and p.role == "buffer" else p for p in pieces]


def mark_frozen(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces with the gains and shifts of frozen batch norms as buffers, as DETR's backbones hold them.

    A batch norm that learns counts the batches it saw beside its running mean; a frozen one does not.
    """
    ends = ".running_mean", ".num_batches_tracked"
    seen = [{p.name.removesuffix(end) for p in pieces if p.name.endswith(end)} for end in ends]
    frozen = {f"{base}.{kind}" for base in seen[0] - seen[1] for kind in ("weight", "bias")}
    return [p._replace(role="buffer") if p.name in frozen else p for p in pieces] if frozen else list(pieces)


def mark_mtp(pieces: Sequence[Piece], num_layers: int | None) -> list[Piece]:
    """The pieces with those of extra prediction layers marked.

    They are named so, or numbered behind the last layer as in DeepSeek-V3; the embedding and head they
    repeat are duplicates.
    """
    marked = []
    for piece in pieces:
        found = _LAYER.search(piece.name) if num_layers is not None else None
        behind = found is not None and num_layers is not None and int(found[1]) >= num_layers
        if not is_mtp(piece.name) and not (behind and _text_tower(place(piece.name).tower)):
            marked.append(piece)
        elif re.search(r"(?:embed_tokens|shared_head\.head)\.weight$", piece.name) and piece.role == "parameter":
            marked.append(piece._replace(mtp=True, role="duplicate"))
        else:
            marked.append(piece._replace(mtp=True))
    return marked


def is_mtp(name: str) -> bool:
    """Whether a name says that it belongs to extra prediction layers."""
    return ("mtp" in name or "nextn" in name) and bool(_MTP.search(name))


def _text_tower(tower: str) -> bool:
    return tower in {"model.layers", "model.language_model.layers", "language_model.model.layers", "layers",
                     "transformer.layers", "backbone.layers"}  # fmt: skip


_HEADS: Final = ("lm_head.weight", "embed_out.weight", "lm_head.decoder.weight", "predictions.decoder.weight",
                 "generator_lm_head.weight", "lm_loss.weight", "vocab_projector.weight")  # fmt: skip
_TABLES: Final = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight", "shared.weight",
                  "tok_embeddings.weight", "embeddings.weight", "word_embedding.weight",
                  "word_embeddings_layer.weight", "token_embd.weight")  # fmt: skip


def is_head(name: str) -> bool:
    """Whether the tensor is the matrix of an output head over the vocabulary."""
    return name.endswith(_HEADS) or name == "output.weight"


def is_table(name: str) -> bool:
    """Whether the tensor is the table of input embeddings."""
    return name.endswith(_TABLES)


def mark_duplicates(pieces: Sequence[Piece], *, tied: bool | None) -> list[Piece]:
    """The pieces with second copies marked: a tied head, the embeddings that T5 and BART share, a repeated bias."""
    tables = {piece.shape for piece in pieces if is_table(piece.name) and piece.role == "parameter"}
    names = {piece.name for piece in pieces}
    shared = {p.shape for p in pieces if p.name.endswith("shared.weight")}
    marked = []
    for piece in pieces:
        if piece.role == "parameter" and not piece.mtp:
            head = bool(tied) and is_head(piece.name) and piece.shape in tables
            again = bool(shared) and piece.shape in shared and piece.name.endswith("embed_tokens.weight")
            bias = piece.name.endswith("decoder.bias") and piece.name.replace("decoder.bias", "bias") in names
            if head or again or bias:
                marked.append(piece._replace(role="duplicate"))
                continue
        marked.append(piece)
    return marked


_COMPONENTS: Final = (
    ("vision", re.compile(r"(?:^|[._])(?:vision|visual|vit|image|vpm|sam_model|clip)")),
    ("audio", re.compile(r"(?:^|[._])(?:audio|speech|wav|codec|talker|token2wav)")),
    ("projector", re.compile(r"projector|connector|merger|multi_modal|resampler|mm_proj|aligner")),
    (
        "router",
        re.compile(
            r"router|ffn_gate_inp|mlp\.gate\.|block_sparse_moe\.gate\.|moe\.gate\.|ffn\.gate\.|shared_expert_gate"
        ),
    ),
    ("position", re.compile(r"wpe|position_embedding|embed_positions|pos_embed|positional_embedding")),
    ("head", re.compile(r"lm_head|embed_out|^output\.weight|predictions\.|classifier|^score\.|qa_outputs|lm_loss")),
    ("norm", re.compile(r"norm|ln_|layernorm|layer_norm|(?:^|\.)ln\d?\.", re.IGNORECASE)),
    ("experts", re.compile(r"expert|_exps|_shexp")),
    ("mixer", re.compile(r"mamba|linear_attn|mixer|ssm|short_conv|(?:^|\.)conv\.|time_mix|rglru|recurrent")),
    ("attention", re.compile(r"attn|attention|q_proj|k_proj|v_proj|o_proj|query_key_value|qkv")),
    ("mlp", re.compile(r"mlp|feed_forward|ffn|(?:^|\.)fc\d|c_fc|dense|gate_proj|up_proj|down_proj|intermediate")),
    ("embedding", re.compile(r"embed|token_embd|wte|word_emb|shared\.weight|tok_emb")),
)


def component(name: str) -> str:
    """The part of the model a tensor belongs to, by its name."""
    return next((word for word, pattern in _COMPONENTS if pattern.search(name)), "other")

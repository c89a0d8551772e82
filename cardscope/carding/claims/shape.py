"""Layers, hidden and intermediate size."""

from __future__ import annotations

import re

from cardscope.carding.claims.kind import Around, Kind, after, before, between, labels, plain_number

_LAYERS = (
    r"(?:hidden |transformer |decoder |encoder |identical |stacked )*(?:transformer"
    r" )?(?:layers|blocks)\b(?! norm)|layer\b(?=[ -](?:transformer|decoder|network|model))"
    r"|[- ]layer (?:transformer|decoder|encoder|network|model)|层|層|(?:개의 )?레이어|capas|couches|schichten"
    r"|camadas|strati|слоёв|слоев"
)
_HIDDEN = (
    r"hidden[ -_](?:size|dim(?:ension)?s?(?:ality)?|width|state size|dimensionality)|d_?model|model"
    r" (?:dimension|dim|width)"
    r"|隐藏(?:层)?(?:维度|大小|尺寸)|隐层维度|隠れ層(?:の)?(?:次元|サイズ)|hidden"
)
_INNER = (
    r"intermediate[ -_](?:size|dim(?:ension)?)|(?:ffn|mlp|feed-?forward)(?: (?:hidden|inner"
    r"|intermediate))?(?: (?:size|dim(?:ension)?|width))|d_?ff"
    r"|前馈(?:层|网络)?(?:维度|大小)|中间层(?:维度|大小)"
)

_WIDE = r"[- ]dimension(?:al)?\b"

KINDS = (
    Kind(
        "num_layers",
        labels(
            r"(?:hidden |transformer |decoder |decoder )?(?:layers?|blocks?)|depth|层数|層数|レイヤー?数|레이어(?:"
            r" 수)?|capas|número de capas|couches"
            r"|nombre de couches|schichten|camadas|strati|слои|количество слоёв|layers? count|layer"
        ),
        plain_number("num_layers", 1, 1000),
        (
            Around(
                re.compile(
                    r"(?<!first )(?<!last )(?<!top )(?<!every )(?<!bottom )(?<!each"
                    r" )(?<!final )(?<!initial )$"
                ),
                after(_LAYERS),
            ),
            Around(
                before(
                    r"(?:number of |num_?(?:hidden_)?|n_?)(?:hidden |transformer )?layers?"
                    r"|层数(?:设定)?|層数|layers"
                )
            ),
        ),
        ("layer", "block", "depth", "层", "層", "레이어", "capas", "couches", "schichten", "camadas", "strati", "сло"),
        lambda q: not q.unit and q.value == int(q.value) and 1 <= q.value <= 1000,
    ),
    Kind(
        "hidden_size",
        labels(
            r"hidden(?: (?:size|dim(?:ension)?s?(?:ality)?|width|state size|units))?|d ?model|(?:model"
            r" )?(?:dimension|dim|width)|embedding (?:size|dim(?:ension)?)"
            r"|embd|n ?embd|隐藏(?:层)?(?:维度|大小|尺寸)|隐层维度|隠れ(?:層)?(?:次元"
            r"|サイズ)(?:数)?|은닉 크기|tamaño oculto"
            r"|taille cachée|dimension cachée"
        ),
        plain_number("hidden_size", 8, 100_000),
        (
            Around(before(_HIDDEN)),
            Around(before(r"hidden (?:layers?|states?)"), after(_WIDE)),
            Around(
                after=after(
                    r"(?:dimension(?:al)? )?hidden"
                    r" (?:size"
                    r"|dim\w*"
                    r"|states?"
                    r"|units"
                    r"|layers)\b"
                )
            ),
        ),
        ("hidden", "d_model", "dmodel", "model dim", "model width", "隐", "隠"),
        between(8, 100_000),
    ),
    Kind(
        "intermediate_size",
        labels(
            r"intermediate(?: (?:size|dim(?:ension)?))?|(?:ffn|mlp|feed-?forward)(?: (?:hidden|inner"
            r"|intermediate))?(?: (?:size|dim(?:ension)?|width))?|d ?ff|n ?inner"
            r"|前馈(?:层|网络)?(?:维度|大小)|中间层(?:维度|大小)"
        ),
        plain_number("intermediate_size", 8, 1_000_000),
        (Around(before(_INNER)), Around(after=after(r"intermediate size"))),
        ("intermediate", "ffn", "mlp", "forward", "d_ff", "dff", "前馈", "中间"),
        between(8, 1_000_000),
    ),
)

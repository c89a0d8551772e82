"""bitsandbytes: NF4 and FP4 (two numbers a byte, shape kept in a blob), and LLM.int8() (I8 with a row scale).

Source: bitsandbytes/functional.py, QuantState.as_dict; nn/modules.py, Int8Params.
"""

from __future__ import annotations

from typing import Final

from cardscope.checkpoint.formats.group import Group, Settings
from cardscope.checkpoint.piece import Piece, Role

_ROLES: Final[dict[str, Role]] = {
    "weight.absmax": "scale",
    "weight.nested_absmax": "scale",
    "weight.quant_map": "index",
    "weight.nested_quant_map": "index",
    "weight.quant_state.bitsandbytes__nf4": "index",
    "weight.quant_state.bitsandbytes__fp4": "index",
    "SCB": "scale",
    "weight_format": "index",
}


def decode(group: Group, settings: Settings) -> list[Piece] | None:
    """The module's pieces, or None. A 4-bit weight's shape is in its blob, not in the header: a flat one is given."""
    del settings
    packed = group.tensors.get("weight")
    if packed is None:
        return None
    if "weight.absmax" in group.tensors:
        # Whatever dtype the bytes are kept in (`bnb_4bit_quant_storage`), each holds two numbers.
        return [group.weight("weight", (2 * packed.size,)), *group.rest(["weight"], _ROLES)]
    if "SCB" in group.tensors and packed.dtype == "I8":
        return [group.weight("weight", packed.shape), *group.rest(["weight"], _ROLES)]
    return None

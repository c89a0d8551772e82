"""The names transformers gives tensors, written as a checkpoint, are read as what they are: parameters and buffers."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.exact
pytest.importorskip("transformers")

from cardscope.archs import declared_types  # noqa: E402 - after importorskip
from cardscope.assemble import outline  # noqa: E402 - the same
from cardscope.checkpoint import look  # noqa: E402 - the same
from cardscope.checkpoint.contents import gather  # noqa: E402 - the same
from cardscope.checkpoint.header import Header, Stored  # noqa: E402 - the same
from cardscope.model import RawConfig  # noqa: E402 - the same
from tests.oracle.cases import default  # noqa: E402 - the same
from tests.oracle.meta import Refused, build  # noqa: E402 - the same


def stored(config, tensors):
    """The tensors in float32, as a file of them would list them."""
    listed = []
    for name, (shape, kind) in tensors.items():
        numel = 1
        for length in shape:
            numel *= length
        listed.append(Stored(name, "F32" if kind == "parameter" else "BF16", shape, 4 * numel))
    spec, inventory = outline(RawConfig(config, "x", "object"))
    facts = look.facts({}, spec)
    header = Header(tuple(listed), {}, 0)
    return gather({"f": header}, config, **facts._asdict()), inventory


# Its head is tied by the config and kept apart by the class.
OWN_HEAD = {"bigbird_pegasus"}


@pytest.mark.parametrize("model_type", [name for name in declared_types() if name not in OWN_HEAD])
@pytest.mark.filterwarnings("ignore")
def test_parameters_and_buffers_are_told_apart_by_name(model_type):
    """Every declared type's default: logical parameters are the model's own, whatever buffers lie beside them."""
    try:
        config = default(model_type)
        built = build(config)
    except (Refused, KeyError) as refusal:
        pytest.skip(str(refusal))
    contents, _ = stored(config, built.tensors)
    assert contents.total == built.total, [
        p for p in contents.pieces if (p.role == "parameter") != (built.tensors[p.name][1] == "parameter")
    ][:5]

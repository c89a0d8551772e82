"""Every kind of claim, the narrower before the wider."""

from __future__ import annotations

from typing import Final

from cardscope.carding.claims import (
    attention,
    context,
    experts,
    files,
    heads,
    parameters,
    precision,
    shape,
    training,
    vocabulary,
    words,
)
from cardscope.carding.claims.kind import Kind

ALL: Final[tuple[Kind, ...]] = (
    *parameters.KINDS,
    *heads.KINDS,
    *shape.KINDS,
    *vocabulary.KINDS,
    *training.KINDS,
    *context.KINDS,
    *attention.KINDS,
    *experts.KINDS,
    *precision.KINDS,
    *files.KINDS,
    *words.KINDS,
)

"""Every declared type against transformers' own model: each case of it counted exactly, or honestly declined."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.exact
pytest.importorskip("transformers")

from tests.oracle.run import DECLARED, details, sweep  # noqa: E402 - after importorskip

SEEDS = 20
# No config of these can be built, and why; all their cases are refused.
NEVER_BUILT = {
    "gemma3n": "its vision tower needs Pillow and timm",
    "gemma4_assistant": "transformers 5.23 demands that all layers share their cache, and refuses that they do",
}


@pytest.mark.parametrize("model_type", [name for name in DECLARED if name not in NEVER_BUILT])
@pytest.mark.filterwarnings("ignore")
def test_every_case_of_a_type_is_exact(model_type):
    row = sweep(model_type, SEEDS)
    assert not row.wrong, "\n".join(details(row, 10, configs=True, reasons=False))
    assert not [name for name in row.refused if name.startswith(("default", "perturbed", "random"))], row.refused
    assert row.exact > SEEDS

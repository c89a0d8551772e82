"""Every declared type against transformers' own model: each case of it counted exactly, or honestly declined."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.exact
pytest.importorskip("transformers")

from tests.oracle.run import DECLARED, details, sweep  # noqa: E402 - after importorskip

SEEDS = 20
FIXTURES = Path(__file__).parents[2] / "fixtures" / "oracle"
# No config of these can be built, and why; all their cases are refused.
NEVER_BUILT = {
    "gemma3n": "its vision tower needs Pillow and timm",
    "voxtral_realtime_text": "transformers has no class of it alone; voxtral_realtime is built with it",
    "gemma4_assistant": "transformers 5.23 demands that all layers share their cache, and refuses that they do",
}


@pytest.mark.parametrize("model_type", [name for name in DECLARED if name not in NEVER_BUILT])
@pytest.mark.filterwarnings("ignore")
def test_every_case_of_a_type_is_exact(model_type):
    row = sweep(model_type, SEEDS)
    assert not row.wrong, "\n".join(details(row, 10, configs=True, reasons=False))
    assert not [name for name in row.refused if name.startswith(("default", "perturbed", "random"))], row.refused
    assert row.exact > SEEDS


@pytest.mark.parametrize("model_type", [name for name in DECLARED if name not in NEVER_BUILT])
def test_a_type_has_its_totals_recorded_for_machines_without_torch(model_type):
    recording = json.loads((FIXTURES / f"{model_type}.json").read_text(encoding="utf-8"))
    assert {"default", "perturbed"} <= {case["name"] for case in recording["cases"]}, "run python -m tools.record"

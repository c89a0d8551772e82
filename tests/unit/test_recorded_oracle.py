"""cardscope's counts against totals that transformers' own models gave when they were recorded; needs no torch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cardscope.archs import build
from cardscope.inventory import take

RECORDINGS = sorted((Path(__file__).parents[2] / "fixtures" / "oracle").glob("*.json"))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_every_recorded_case_of_a_type_is_exact(path):
    recording = json.loads(path.read_text(encoding="utf-8"))
    wrong = {}
    for case in recording["cases"]:
        inventory = take(build(case["config"]))
        counted = (inventory.parameters, inventory.buffers)
        if counted != (case["total"], case["buffers"]):
            wrong[case["name"]] = {"counted": counted, "recorded": (case["total"], case["buffers"])}
    assert wrong == {}


def test_there_are_recordings_of_many_types():
    assert len(RECORDINGS) > 100

"""The bundled catalogue's totals against transformers' empty models."""

import json

import pytest

pytestmark = pytest.mark.exact
pytest.importorskip("transformers")

from cardscope.source import catalog  # noqa: E402 - after importorskip
from tests.oracle.meta import Refused, build  # noqa: E402

LINES = [json.loads(line) for line in catalog.PATH.read_text(encoding="utf-8").splitlines()]

NOT_BUILT = {
    "huggyllama/llama-7b": "its config names the class LLaMAForCausalLM, as it was before the first release",
    "microsoft/Phi-3.5-MoE-instruct": "its config names the class of its own remote code",
    "microsoft/Phi-tiny-MoE-instruct": "its config names the class of its own remote code",
}
"""Entries that transformers does not build, and why."""


@pytest.mark.parametrize("line", [x for x in LINES if x["id"] not in NOT_BUILT], ids=lambda line: line["id"])
def test_the_total_is_what_transformers_builds(line):
    assert build(line["config"]).total == line["total"]


@pytest.mark.parametrize("line", [x for x in LINES if x["id"] in NOT_BUILT], ids=lambda line: line["id"])
def test_an_entry_said_not_to_build_does_not(line):
    with pytest.raises(Refused):
        build(line["config"])

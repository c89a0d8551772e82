"""Designs against transformers: the config that is written builds, and has the parameters that were shown."""

from __future__ import annotations

import pytest

import cardscope
from cardscope.exact import count
from cardscope.exact.installed import find_extra

pytestmark = [
    pytest.mark.exact,
    pytest.mark.skipif(find_extra().missing is not None, reason="the exact extra is not installed"),
]


@pytest.mark.parametrize(
    "asked",
    [
        {"params": "38M", "split": "1:1:1"},
        {"params": "25M"},
        {"params": "30M", "split": "1:1:0"},
        {"params": "60M", "family": "gpt2"},
        {"params": "60M", "family": "llama", "gqa": (1, 2, 4), "mlp_ratio": (8 / 3, 4)},
        {"params": "60M", "family": "qwen3", "gqa": 2, "tied": False},
    ],
    ids=["thirds", "25M", "tied", "gpt2", "llama", "qwen3"],
)
def test_transformers_builds_every_design_with_its_count(asked):
    for one in cardscope.design(**asked).designs[:2]:
        built = count(one.config)
        assert (built.status, built.total) == ("ok", one.parameters)

"""The shipped defaults against the installed transformers."""

from __future__ import annotations

import dataclasses

import pytest

from cardscope.harvest import declared


@pytest.mark.exact
@pytest.mark.parametrize(
    "name",
    ["llama", "mistral", "gpt2", "gpt_neox", "deepseek_v3", "gemma3_text", "qwen3_next", "mamba2", "bert"],
)
def test_the_installed_transformers_still_declares_the_same(name):
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    found = declared(name)
    assert found is not None
    config_class = CONFIG_MAPPING[name]
    fields = {f.name: f.default for f in dataclasses.fields(config_class)}
    stored = {key: value for key, value in found.defaults.items() if key in fields}
    assert len(stored) > 10
    assert stored == {k: list(v) if isinstance(v := fields[k], tuple) else v for k in stored}
    assert found.aliases == config_class.attribute_map

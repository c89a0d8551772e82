"""The keys that the tool need not read: changing one leaves every tensor of transformers' own model as it was."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.exact
pytest.importorskip("transformers")

from cardscope.inert import inert_keys  # noqa: E402 - after importorskip
from tests.oracle.cases import perturbed  # noqa: E402
from tests.oracle.declared import keys_of  # noqa: E402
from tests.oracle.inert import offenders  # noqa: E402
from tests.oracle.meta import Refused, build, config_class  # noqa: E402
from tests.oracle.run import DECLARED  # noqa: E402
from tests.oracle.test_oracle import NEVER_BUILT  # noqa: E402

# On the list for what they mean everywhere else; here they size a table, and the declaration reads them.
READ_ALL_THE_SAME = {"audio-spectrogram-transformer": {"max_length"}, "fsmt": {"pad_token_id"}}


@pytest.mark.parametrize("model_type", [name for name in DECLARED if name not in NEVER_BUILT])
def test_changing_every_listed_key_changes_no_tensor(model_type):
    assert set(offenders(model_type)) <= READ_ALL_THE_SAME.get(model_type, set())


@pytest.mark.parametrize("model_type", ["llama", "gpt2", "deepseek_v3"])
def test_a_listed_key_that_no_class_declares_is_ignored_by_transformers(model_type):
    declared = set().union(*(keys_of(config_class(name)) for name in DECLARED))
    foreign = sorted(key for key in inert_keys().whole if ":" not in key and key not in declared)
    config = perturbed(model_type)
    before = build(config)
    for key in foreign:
        assert build_with(config, key).tensors == before.tensors, key


def build_with(config, key):
    for value in (3, True, 0.5, "float32", None):
        try:
            return build({**config, key: value})
        except Refused:
            continue
    return build(config)

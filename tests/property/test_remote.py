"""Types of repositories' own code: published configs with a few values spoilt give a count or a CardscopeError."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from cardscope.archs import build
from cardscope.errors import CardscopeError
from cardscope.inventory import take
from tests.unit.test_archs_janus import OWN as JANUS
from tests.unit.test_archs_omni import OMNI
from tests.unit.test_archs_remote_decoders import CASES as DECODERS
from tests.unit.test_archs_remote_decoders import DECI, STEP
from tests.unit.test_archs_remote_towers import CASES as TOWERS
from tests.unit.test_archs_remote_vision import CASES as VISION
from tests.unit.test_archs_remote_wrappers import CASES as WRAPPERS
from tests.unit.test_archs_remote_wrappers import HUNYUAN

PUBLISHED = [config for cases in (DECODERS, TOWERS, VISION, WRAPPERS) for config, _ in cases.values()]
CONFIGS = [*PUBLISHED, JANUS, OMNI, DECI, STEP, HUNYUAN]
SPOILT = st.sampled_from([
    None, -1, 0, 1, 3, 7, 10**9, 2**53, 10**30, 1.5, -2.5, float("nan"), float("inf"), True, False, "", "x", "[1]",
    [], [0], [1, 2, 3], ["a"], [None], [[]], [10**9] * 5, {}, {"a": 1},
])  # fmt: skip


def places(value: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every key, nested ones too."""
    if not isinstance(value, dict):
        return []
    return [found for key, inner in value.items() for found in ((*path, key), *places(inner, (*path, key)))]


@given(st.data())
def test_a_spoilt_config_is_counted_or_refused(data):
    """Wrong types, missing keys and sizes without end, up to three of them at once."""
    config = copy.deepcopy(data.draw(st.sampled_from(CONFIGS)))
    for path in data.draw(st.lists(st.sampled_from(places(config)), min_size=1, max_size=3)):
        inner = config
        for key in path[:-1]:
            inner = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[path[-1]] = data.draw(SPOILT)
    try:
        found = take(build(config))
    except CardscopeError:
        return
    assert found.parameters >= 0
    assert sum(found.components().values()) == found.parameters

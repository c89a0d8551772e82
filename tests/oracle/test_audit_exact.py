"""Exact counts inside an audit: right, kept to their limits, and a model that hangs or crashes costs only itself."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

import cardscope
from cardscope.auditing import exact_pool
from cardscope.auditing.engine import in_order, run
from cardscope.auditing.evidence import Asker
from cardscope.auditing.exact_pool import ExactPool
from cardscope.auditing.fetch import Fetcher
from cardscope.auditing.inputs import Item
from cardscope.exact.installed import find_extra
from cardscope.model import RawConfig
from tests import facts

pytestmark = [
    pytest.mark.exact,
    pytest.mark.skipif(find_extra().missing is not None, reason="the exact extra is not installed"),
]
ENDLESS = facts.GPT2 | {"n_layer": 4_000, "n_embd": 12, "n_head": 1, "vocab_size": 10}
"""Thousands of tiny layers: some seconds of building."""
UNMODELLED = {"model_type": "vitdet", "architectures": ["VitDetModel"]}
"""A type that transformers has and that no declaration here counts."""
TIGHT = 1.0
"""Seconds a model may take where a test waits for one that takes longer."""


def audit(configs, pool):
    """Rows of configs through a pool that is not ended."""
    items = enumerate(Item(f"c{n}", RawConfig(config, f"c{n}", "object")) for n, config in enumerate(configs))
    return list(in_order(run(items, Asker(Fetcher(), pool), jobs=4)))


@pytest.fixture(scope="module")
def pool():
    """Two children whose imports are done."""
    with ExactPool(2, timeout=60, memory_bytes=4 << 30, cache=False) as found:
        audit([facts.GPT2, facts.LLAMA3_8B], found)
        yield found


def test_rows_rest_on_the_exact_count(pool):
    rows = audit([facts.GPT2, facts.LLAMA3_8B], pool)
    assert [(row.witness, row.parameters) for row in rows] == [("exact", 124_439_808), ("exact", 8_030_261_248)]


def test_a_model_that_only_the_exact_count_knows_is_no_error(pool):
    (row,) = audit([UNMODELLED], pool)
    assert (row.status, row.witness, row.confidence) == ("ok", "exact", "none")
    assert row.parameters > 80_000_000


def test_a_count_that_cannot_be_taken_is_a_finding_beside_the_other_figures(pool):
    (row,) = audit([facts.GPT2 | {"imagined_layers": 30_000}], pool)
    assert (row.status, row.witness) == ("ok", "analytic")
    assert "CS211" in [found.code for found in row.findings]


def test_a_model_that_hangs_costs_only_itself():
    """The first of two is stopped at its time; its child is replaced, and the second has its count."""
    with ExactPool(1, timeout=60, memory_bytes=4 << 30, cache=False) as pool:
        audit([facts.GPT2], pool)
        pool._workers[0]._timeout = TIGHT
        hung = audit([ENDLESS], pool)[0]
        pool._workers[0]._timeout = 60
        after = audit([facts.LLAMA3_8B], pool)[0]
    assert (hung.status, hung.witness, after.witness) == ("ok", "analytic", "exact")
    assert "longer than it may take" in next(found.message for found in hung.findings if found.code == "CS211")


def test_a_model_that_hangs_and_has_no_other_count_is_a_timeout():
    with ExactPool(1, timeout=0.01, memory_bytes=4 << 30, cache=False) as pool:
        (row,) = audit([UNMODELLED], pool)
    assert (row.status, row.error.kind) == ("error", "timeout")


def test_copies_of_a_model_that_hangs_wait_once(monkeypatch):
    taken, real = [], exact_pool._taken
    monkeypatch.setattr(exact_pool, "_taken", lambda worker, config: taken.append(config) or real(worker, config))
    with ExactPool(1, timeout=0.01, memory_bytes=4 << 30, cache=False) as pool:
        rows = audit([ENDLESS] * 5, pool)
    assert ([row.status for row in rows], taken) == (["ok"] * 5, [ENDLESS])


def test_a_child_that_is_killed_costs_only_its_model():
    with ExactPool(1, timeout=60, memory_bytes=4 << 30, cache=False) as pool:
        audit([facts.GPT2], pool)
        killed = []
        thread = threading.Thread(target=lambda: killed.extend(audit([ENDLESS], pool)))
        thread.start()
        time.sleep(0.5)
        os.kill(pool._workers[0]._child._process.pid, signal.SIGKILL)
        thread.join(30)
        after = audit([facts.LLAMA3_8B], pool)[0]
    assert "SIGKILL" in next(found.message for found in killed[0].findings if found.code == "CS211")
    assert after.witness == "exact"


def test_a_model_beyond_the_memory_limit_costs_only_itself():
    """A child's limit holds for what it writes to; the next model has a child of its own again."""
    many = facts.GPT2 | {"n_layer": 9_000, "n_embd": 12, "n_head": 1, "vocab_size": 10}
    with ExactPool(1, timeout=60, memory_bytes=420 << 20, cache=False) as pool:
        rows = audit([many, facts.GPT2], pool)
    assert [row.status for row in rows] == ["ok", "ok"]
    assert [row.witness for row in rows] == ["analytic", "exact"]


def test_the_api_takes_exact_counts():
    (row,) = cardscope.audit([facts.GPT2], exact=True)
    assert (row.witness, row.parameters) == ("exact", 124_439_808)


def test_an_audit_that_ends_asks_for_no_more_counts(pool):
    fetch = Fetcher()
    fetch.gate.stop()
    assert pool.count(facts.GPT2 | {"n_layer": 3}, lambda: not fetch.gate.stopped) is None

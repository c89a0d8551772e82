"""The bundled catalogue's totals against cardscope's own counts, and how wide it is."""

import json

import pytest

from cardscope.archs import build, find
from cardscope.inventory import take
from cardscope.source import catalog

LINES = [json.loads(line) for line in catalog.PATH.read_text(encoding="utf-8").splitlines()]
DECLARED = [line for line in LINES if find(line["config"].get("model_type", ""))]


@pytest.mark.parametrize("line", DECLARED, ids=lambda line: line["id"])
def test_the_total_is_what_cardscope_counts(line):
    """A total came from a publisher or from transformers; the declaration must reach it by itself."""
    assert take(build(line["config"])).parameters == line["total"]


def test_most_of_the_catalogue_is_of_declared_types():
    assert len(DECLARED) >= 0.7 * len(LINES)


def test_it_is_wide():
    assert len(LINES) >= 80
    assert len({line["id"].split("/")[0] for line in LINES}) >= 25


def test_no_name_stands_for_two_models():
    names = [name.lower() for line in LINES for name in (line["id"], *line.get("aliases", ()))]
    assert len(names) == len(set(names))


def test_the_file_stays_small():
    """It is read whole at every look-up."""
    assert catalog.PATH.stat().st_size < 250_000

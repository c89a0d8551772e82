"""The bundled catalogue's totals against cardscope's own counts, and how wide it is."""

import pytest

from cardscope.archs import build, find
from cardscope.inventory import take
from cardscope.source import catalog

ENTRIES = [entry for name in catalog.ids() if (entry := catalog.lookup(name))]
DECLARED = [entry for entry in ENTRIES if find(entry.config.get("model_type", ""))]


@pytest.mark.parametrize("entry", DECLARED, ids=lambda entry: entry.id)
def test_the_total_is_what_cardscope_counts(entry):
    """A total came from a publisher or from transformers; the declaration must reach it by itself."""
    assert take(build(entry.config)).parameters == entry.total


def test_most_of_the_catalogue_is_of_declared_types():
    assert len(DECLARED) >= 0.7 * len(ENTRIES)


def test_it_is_wide():
    assert len(ENTRIES) >= 80
    assert len({entry.id.split("/")[0] for entry in ENTRIES}) >= 25


def test_no_name_stands_for_two_models():
    names = [name.lower() for entry in ENTRIES for name in (entry.id, *entry.aliases)]
    assert len(names) == len(set(names))


def test_the_file_stays_small():
    """It is read whole at every look-up."""
    assert catalog.PATH.stat().st_size < 250_000

"""Whatever a config holds: a report or a CardscopeError, and nothing that steers a terminal, a page or a script."""

from __future__ import annotations

import html.parser
import io
import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cardscope
from cardscope.archs import declared_types
from cardscope.assemble import Options, assemble
from cardscope.errors import CardscopeError
from cardscope.harvest import declared
from cardscope.model import HubFacts, RawConfig
from cardscope.report.lines import encodable
from cardscope.report.model import Exact, Report
from cardscope.report.render import render
from tests.property.configs import JSON, Config, legal

FORMS = ("human", "json", "markdown", "html", "quiet")
EXTRA = (
    "model_type", "architectures", "text_config", "auto_map", "dtype", "torch_dtype", "quantization_config",
    "transformers_version", "id2label", "num_labels", "rope_scaling", "layer_types", "tie_word_embeddings",
)  # fmt: skip
TYPES = declared_types()
TEXT = st.text(max_size=200) | st.text(
    st.characters(categories=["Cc", "Cf", "Cs", "Co", "Lo", "So", "Zs"]), max_size=200
)


def check(report: Report) -> None:
    """Every form can be made, is free of control characters, and the text keeps to 80 columns."""
    for form in FORMS:
        text = render(report, form)
        text.encode("utf-8")
        bad = {char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - {"\n"}
        assert not bad, f"{form} holds {bad}"
    wide = [line for line in render(report, "human").split("\n") if columns(line) > 80]
    assert not wide, wide
    json.loads(render(report, "json"))
    Page().feed(render(report, "html"))


def columns(text: str) -> int:
    """Cells a terminal gives the text: two for wide characters, none for what joins the one before."""
    return sum(
        0 if unicodedata.category(c) in {"Mn", "Me"} else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


class Page(html.parser.HTMLParser):
    """Refuses a page with any tag but the template's own."""

    def handle_starttag(self, tag, attrs):
        known = {"html", "head", "meta", "title", "style", "body", "main", "pre", "span", "p", "footer", "header", "a"}
        assert tag in known, tag
        assert not any(name.startswith("on") for name, _ in attrs)


def read(config: Config) -> Report | None:
    """The report, or None where it is refused as it should be: one sentence and a hint."""
    try:
        return cardscope.inspect(config, exact=False, headers=False)
    except CardscopeError as error:
        refused = error
    assert refused.message
    assert refused.hint, refused.message
    return None


@st.composite
def spoiled(draw) -> Config:
    """A config of any declared type, legal or bare, with arbitrary values at one to three keys that it knows."""
    config = draw(legal() | st.builds(dict, model_type=st.sampled_from(TYPES)))
    declaration = declared(config["model_type"])
    keys = sorted({*config, *(declaration.defaults if declaration else ()), *EXTRA})
    return {**config, **draw(st.dictionaries(st.sampled_from(keys), JSON, min_size=1, max_size=3))}


@settings(max_examples=2 * settings().max_examples)
@given(spoiled())
def test_hostile_configs_give_a_report_or_one_plain_error(config):
    report = read(config)
    if report is not None:
        check(report)


@given(st.dictionaries(st.sampled_from(EXTRA) | st.text(max_size=10), JSON, max_size=6))
def test_any_object_gives_a_report_or_one_plain_error(config):
    report = read(config)
    if report is not None:
        check(report)


@given(st.sampled_from(TYPES), st.integers(1, 10**30))
def test_every_integer_of_a_type_may_be_absurd(kind, value):
    """One absurd size everywhere at once."""
    declaration = declared(kind)
    sizes = [k for k, v in declaration.defaults.items() if type(v) is int] if declaration else []
    report = read({"model_type": kind} | dict.fromkeys(sizes, value))
    if report is not None:
        check(report)


@given(
    legal(), TEXT, st.lists(TEXT, max_size=3), st.lists(TEXT, max_size=2),
    st.lists(st.tuples(TEXT, JSON, JSON), max_size=2), st.none() | TEXT,
)  # fmt: skip
def test_hostile_words_around_a_good_config_are_shown_harmlessly(config, name, classes, notes, changes, reason):
    """The id, class names, notes, what-ifs, dtypes and reasons of other witnesses may hold anything."""
    raw = RawConfig(
        data=config, id=name, source="hub", revision=name, fetched=name, where=name, notes=tuple(notes),
        changes=tuple(changes), hub=HubFacts(safetensors_total=7, safetensors_dtypes={name: 7}),
    )  # fmt: skip
    exact = Exact(None, None, name, "failed", reason)
    check(assemble(raw, exact=exact))
    raw = RawConfig(
        data={**config, "architectures": [f"{word}ForCausalLM" for word in classes]}, id=name, source="file"
    )
    check(assemble(raw, exact=Exact(5, 0, name, "ok", reason), options=Options(context=10**12, batch=10**6)))


@given(TEXT)
def test_a_type_nobody_knows_is_named_harmlessly(name):
    raw = RawConfig(data={"model_type": name, "architectures": [name]}, id=name, source="hub")
    check(assemble(raw, exact=Exact(1000, 0, name, "ok")))


@given(legal(), TEXT)
def test_an_ascii_stream_gets_ascii(config, name):
    report = assemble(RawConfig(data=config, id=name, source="file"))
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    for form in FORMS:
        assert encodable(render(report, form), stream).isascii()


@given(legal(), TEXT)
def test_words_cannot_become_markup(config, name):
    """An id that is Markdown or HTML stays text: the number of table cells and headings is the report's own."""
    quiet = render(assemble(RawConfig(data=config, id="x", source="file")), "markdown")
    loud = render(assemble(RawConfig(data=config, id=f"<script>|`\n# {name}", source="file")), "markdown")
    assert "<script" not in loud.replace("\\<", "")
    assert [line.count("|") for line in loud.split("\n")][3:] == [line.count("|") for line in quiet.split("\n")][3:]


@pytest.mark.parametrize("form", FORMS)
def test_the_checks_would_see_a_bad_rendering(form):
    assert columns("日本") == 4
    assert columns("e\u0301") == 1
    with pytest.raises(AssertionError):
        Page().feed("<script>")

"""The HTML page of an audit: everything in one file, nothing foreign that runs, one row and one section a model."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from cardscope.auditing.outputs import html
from cardscope.cli import run
from cardscope.errors import UsageError
from tests import facts

pytest.importorskip("matplotlib", reason="the html extra is not installed")
EVIL = '<script>alert(1)</script>" onload="x'
ROWS = (
    {"id": "org/llama", "config": facts.LLAMA3_8B, "cardData": {"license": "mit"}},
    {"id": EVIL, "config": {**facts.GPT2, "torch_dtype": "$x^{<b>"}},
    {"id": "org/broken", "config": {"model_type": "nothing"}},
)


class Page(HTMLParser):
    """Tags with their attributes, and the text of each kind of element that matters here."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def written(tmp_path):
    """Audits rows into a page; its text."""

    def write(*rows) -> str:
        (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        out = tmp_path / "out.html"
        assert run(["audit", "--from", str(tmp_path / "in.jsonl"), "--offline", "-o", str(out)]) == 0
        return out.read_text()

    return write


def test_every_model_has_a_row_that_leads_to_its_section(written):
    page = Page(written(*ROWS))
    targets = [each["href"] for each in page.of("a")]
    assert targets == ["#m1", "#m2", "#m3"]
    assert [each["id"] for each in page.of("section")] == ["m1", "m2", "m3"]


def test_what_a_table_is_sorted_by_is_the_figure_itself(written):
    assert 'data-v="8030261248">8.03B' in written(*ROWS)


def test_the_section_has_figures_findings_and_errors(written):
    text = written(*ROWS)
    assert "16060522496" not in text.partition("<h2>Each model</h2>")[2]
    assert "14.96 GiB (16,060,522,496 bytes)" in text
    assert "not_modelled: model type nothing is not modelled" in text
    assert re.search(r'<span class="info">CS\d{3}</span> ', text)


def test_nothing_foreign_becomes_an_element(written):
    page = Page(written(*ROWS))
    assert len(page.of("script")) == 1
    assert not [attributes for _, attributes in page.tags if "onload" in attributes]


def test_nothing_is_loaded_from_anywhere(written):
    text = written(*ROWS)
    page = Page(text)
    loaded = {tag for tag, _ in page.tags} & {"link", "img", "iframe", "object", "embed", "video", "audio", "base"}
    assert loaded == set()
    assert [each for each in page.of("script") if "src" in each] == []
    assert set(re.findall(r"https?://[^\"' <)]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_only_the_page_s_own_script_may_run(written):
    text = written(*ROWS)
    script = re.search(r"<script>(.*?)</script>", text[text.index("Each model") :], re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(each["content"] for each in Page(text).of("meta") if "content" in each and each.get("http-equiv"))
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def test_four_distributions_are_drawn(written):
    assert len(Page(written(*ROWS)).of("svg")) == 4


def test_an_audit_in_which_nothing_was_counted_has_a_page(written):
    page = Page(written(ROWS[2]))
    assert (len(page.of("svg")), len(page.of("section"))) == (0, 1)


def test_the_most_that_is_listed_is_said(written, monkeypatch):
    monkeypatch.setattr(html, "MOST", 2)
    text = written(*ROWS)
    assert len(Page(text).of("section")) == 2
    assert "3 models: 2 ok, 1 error (not_modelled 1). The first 2 are listed; plots and sums are of all." in text


def test_figures_beyond_any_model_are_drawn_all_the_same(written):
    config = {**facts.GPT2, "n_embd": 3 * 10**8, "n_head": 3}
    assert "<svg" in written({"id": "vast", "config": config})


def test_without_the_library_the_extra_is_named_before_the_work(monkeypatch, tmp_path, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(["audit", "nanochat:d20", "-o", str(tmp_path / "out.html")]) == 2
    assert "cardscope[html]" in capsys.readouterr().err
    with pytest.raises(UsageError, match="matplotlib"):
        html.plots.library()

"""The public face: names, options, errors and findings are all documented."""

from __future__ import annotations

import ast
import inspect
import re
import types
from importlib import import_module
from pathlib import Path

import click
import pytest

import cardscope
from cardscope import errors
from cardscope.cli.commands import COMMANDS, cli
from cardscope.findings import RULES

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "cardscope"
ERRORS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
KINDS = {
    "not_found", "gated", "network", "rate_limited", "not_a_config", "too_large", "not_modelled", "timeout", "internal",
}  # fmt: skip
COMMON = {
    "--revision", "--token", "--offline", "--refresh", "--set", "--context", "--batch", "--kv-dtype", "--exact",
    "--no-exact", "--headers", "--no-headers", "--json", "--format", "-o",
}  # fmt: skip


def test_all_is_sorted_and_is_every_public_name():
    public = {
        name
        for name, value in vars(cardscope).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType) and name != "TYPE_CHECKING"
    }
    assert sorted(cardscope.__all__) == cardscope.__all__
    # Some names are imported when they are first asked for.
    assert public <= set(cardscope.__all__)
    assert all(getattr(cardscope, name) is not None for name in cardscope.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = cardscope.nothing


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_what_a_module_exports_exists(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = [node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"]
    if not named or path == PACKAGE / "__init__.py":
        return
    module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    assert len(set(module.__all__)) == len(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.parametrize("name", cardscope.__all__)
def test_every_public_name_has_a_docstring(name):
    assert inspect.getdoc(getattr(cardscope, name))


def options(command: str) -> list[click.Option]:
    """The options of a command, its --help aside."""
    found = cli.get_command(click.Context(cli), command)
    assert found is not None
    return [item for item in found.params if isinstance(item, click.Option)]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_says_what_it_does(command):
    assert [item.name for item in options(command) if len((item.help or "").split()) < 2] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_described(command):
    found = cli.get_command(click.Context(cli), command)
    assert found.name == command
    assert found.help
    assert COMMANDS[command].endswith(".")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_eighty_columns(command):
    found = cli.get_command(click.Context(cli), command)
    context = click.Context(found, info_name=f"cardscope {command}", max_content_width=80)
    assert max(len(line) for line in found.get_help(context).splitlines()) <= 80


def test_the_report_has_the_options_every_command_of_a_model_has():
    spelled = {word for item in options("report") for word in (*item.opts, *item.secondary_opts)}
    assert spelled >= COMMON


def test_the_readme_names_every_option_of_the_report():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [item.opts[0] for item in options("report") if not any(f"`{word}" in text for word in item.opts)]
    assert missing == []


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_is_documented_and_has_a_kind(error):
    assert error.__doc__
    assert error.__doc__.strip().endswith(".")
    assert error.kind in KINDS
    assert issubclass(error, cardscope.CardscopeError)


def test_the_tree_of_errors_is_drawn_as_it_is():
    """The module's docstring shows every class, indented under its base."""
    rows = re.findall(r"^([│├└─ ]*)(\w+) {2,}", errors.__doc__, re.MULTILINE)
    stack: list[str] = []
    drawn = {}
    for lead, name in rows:
        depth = len(lead) // 3
        stack[depth:] = [name]
        drawn[name] = stack[depth - 1] if depth else "Exception"
    assert drawn == {error.__name__: error.__base__.__name__ for error in ERRORS}


def test_findings_have_codes_severities_and_words():
    assert all(re.fullmatch(r"CS\d{3}", code) for code in RULES)
    assert all(severity in {"error", "warning", "info"} and words for severity, words in RULES.values())
    assert list(RULES) == sorted(RULES)


UNTRIED = {"CS206", "CS207", "CS209"}
"""Findings about stored tensors that no test names yet; the list may only shrink."""


def test_every_finding_has_tests():
    """A code is in the table of pairs, which has it and has it not, or some other test names it."""
    from tests.unit.test_findings import PAIRS

    others = (
        path for path in (ROOT / "tests").rglob("test_*.py") if path.name not in {"test_findings.py", "test_public.py"}
    )
    told = "".join(path.read_text(encoding="utf-8") for path in others)
    untried = {code for code in RULES if code not in PAIRS and code not in told}
    assert untried <= UNTRIED | {"CS101"}  # CS101 is an error, never a finding of a report

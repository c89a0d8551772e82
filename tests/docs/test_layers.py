"""Who may import whom, what each third-party package is for, and how long anything may be: rules as data."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "cardscope"
FILES = sorted(PACKAGE.rglob("*.py"))

BASE = {"errors", "units", "model"}
READING = BASE | {"harvest", "inert", "fields", "parts"}
FOLDS = READING | {"inventory", "measures", "findings"}
MAY_IMPORT: dict[str, set[str]] = {
    # Leftward only: each line may import what is named in it and nothing that comes later.
    "errors": {"model"},
    "units": set(),
    "model": set(),
    "harvest": set(),
    "inert": set(),
    "parts": set(),
    "findings": set(),
    "fields": {"errors", "harvest", "inert"},
    "identify": {"harvest", "units"},
    "inventory": {"parts"},
    "archs": READING,
    "measures": READING | {"inventory"},
    # Witnesses and sources stand beside the line and know nothing of it.
    "source": BASE | {"harvest", "checkpoint"},
    "exact": BASE,
    "report": FOLDS,
    "checkpoint": FOLDS | {"source", "report"},
    "stored": FOLDS | {"report", "checkpoint"},
    "assemble": FOLDS | {"identify", "archs", "report", "checkpoint", "stored"},
    "fit": FOLDS | {"report"},
    "api": BASE | {"assemble", "source", "exact", "checkpoint", "report", "fit", "auditing"},
    "rules": FOLDS | {"identify"},
    "auditing": FOLDS | {"rules", "identify", "assemble", "source", "report", "stored"},
    "cli": BASE | {"api", "auditing", "archs", "harvest", "report", "fit", "__version__"},
    "__main__": {"cli"},
    "__init__": {"api", "errors", "report", "fit"},
    "data": set(),
}
"""Module or folder of cardscope → those it may import (its own folder aside)."""

THIRD_PARTY: dict[str, set[str]] = {
    "torch": {"exact/build.py", "exact/trim.py"},
    "transformers": {"exact/build.py", "exact/trim.py"},
    "accelerate": {"exact/build.py", "exact/trim.py"},
    "rich": {"report/lines.py", "auditing/progress.py"},
    "pyarrow": {"auditing/parquet.py"},
    "huggingface_hub": {"source/hub.py", "source/huberrors.py", "source/cache.py", "auditing/hub_query.py"},
    "pynvml": {"fit/detect.py"},
    "psutil": {"fit/detect.py"},
    "click": {
        "cli/__init__.py",
        "cli/audit.py",
        "cli/archs.py",
        "cli/gpus.py",
        "cli/commands.py",
        "cli/options.py",
        "cli/report.py",
    },
}
"""Package → the files that may import it."""
NETWORK = {"socket", "ssl", "http", "ftplib", "httpx", "httpx2", "requests", "urllib3", "aiohttp"}
NETWORK_FILES = {"source/transfer.py", "source/hub.py"}
SPAWNS = {"subprocess", "multiprocessing"}
SPAWN_FILES = {"exact/process.py"}
NEVER = {"pickle", "marshal", "shelve", "pdb", "yaml", "numpy", "pydantic", "jinja2", "pandas"}
EAGER = {"click"}
"""Third-party packages imported at the top of their files; every other import of one is inside a function."""

LINES_OF_A_FUNCTION, LINES_OF_A_FILE = 45, 400
LONGER: dict[str, str] = {}
"""`file.py` or `file.py:function` → why it may be longer than the wall. Empty is best."""


class Import(ast.NodeVisitor):
    """Every import of a file: (module, whether it runs when the file is imported)."""

    def __init__(self, place: tuple[str, ...]) -> None:
        self.found: list[tuple[str, bool]] = []
        self._place, self._inside = place, 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._inside += 1
        self.generic_visit(node)
        self._inside -= 1

    def visit_If(self, node: ast.If) -> None:
        # Names for the type checker are never imported at run time, so they count as inside.
        typing = "TYPE_CHECKING" in ast.unparse(node.test)
        self._inside += typing
        self.generic_visit(node)
        self._inside -= typing

    def visit_Import(self, node: ast.Import) -> None:
        self.found += [(alias.name, not self._inside) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, "imports are absolute"
        names = [node.module or ""]
        if node.module == "cardscope":
            names = [f"cardscope.{alias.name}" for alias in node.names]
        self.found += [(name, not self._inside) for name in names]


@cache
def imports(path: Path) -> tuple[tuple[str, bool], ...]:
    visitor = Import(path.relative_to(PACKAGE).parts)
    visitor.visit(ast.parse(path.read_text(encoding="utf-8")))
    return tuple(visitor.found)


def short(path: Path) -> str:
    """The path as the tables above have it."""
    return path.relative_to(PACKAGE).as_posix()


def layer(path: Path) -> str:
    """The file's module or folder."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def outside(path: Path) -> Iterator[tuple[str, bool]]:
    """Imports that are neither cardscope's nor the standard library's."""
    for name, eager in imports(path):
        top = name.split(".")[0]
        if top != "cardscope" and top not in sys.stdlib_module_names:
            yield top, eager


@pytest.mark.parametrize("path", FILES, ids=short)
def test_imports_go_leftward(path):
    own = layer(path)
    allowed = {own} | MAY_IMPORT[own]
    wrong = {name for name, _ in imports(path) if name.startswith("cardscope.") and name.split(".")[1] not in allowed}
    assert not wrong, f"MAY_IMPORT does not let {own} import {wrong}"


def test_every_layer_is_in_the_table():
    assert set().union(*MAY_IMPORT.values()) <= set(MAY_IMPORT) | {"__version__"}
    assert {layer(path) for path in FILES} == set(MAY_IMPORT)


def test_no_two_layers_import_each_other():
    """Except source and checkpoint: a GGUF file is a config and the weights at once."""
    circles = {
        (one, other)
        for one, may in MAY_IMPORT.items()
        for other in may
        if other in MAY_IMPORT and one in MAY_IMPORT[other]
    }
    assert circles == {("source", "checkpoint"), ("checkpoint", "source")}


@pytest.mark.parametrize("path", FILES, ids=short)
def test_third_party_packages_stay_in_their_place(path):
    for name, eager in outside(path):
        assert short(path) in THIRD_PARTY.get(name, set()), f"{name} is not for {short(path)}"
        assert not eager or name in EAGER or layer(path) == "exact", f"{name} is imported before it is needed"


@pytest.mark.parametrize("path", FILES, ids=short)
def test_network_and_processes_stay_in_their_place(path):
    tops = {name.split(".")[0] for name, _ in imports(path)}
    assert not tops & NETWORK or short(path) in NETWORK_FILES
    assert not tops & SPAWNS or short(path) in SPAWN_FILES
    assert not tops & NEVER


def test_json_is_written_where_json_is_meant():
    """By renderings, commands, the exact child's pipe and what is kept on disk; nothing that reads or counts."""
    writers = {layer(path) for path in FILES if "json.dump" in path.read_text(encoding="utf-8")}
    assert writers <= {"report", "cli", "exact", "checkpoint", "source", "auditing"}


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function's name and how many lines it has."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield node.name, (node.end_lineno or 0) - node.lineno + 1


@pytest.mark.parametrize("path", FILES, ids=short)
def test_files_and_functions_stay_short(path):
    long = [f"{short(path)}:{name}" for name, lines in functions(path) if lines > LINES_OF_A_FUNCTION]
    if len(path.read_text(encoding="utf-8").splitlines()) > LINES_OF_A_FILE:
        long.append(short(path))
    assert [name for name in long if name not in LONGER] == []


def test_exceptions_to_the_size_budget_are_still_needed():
    needed = {
        f"{short(path)}:{name}" for path in FILES for name, lines in functions(path) if lines > LINES_OF_A_FUNCTION
    }
    needed |= {short(path) for path in FILES if len(path.read_text(encoding="utf-8").splitlines()) > LINES_OF_A_FILE}
    assert set(LONGER) <= needed
    assert all(LONGER.values())


TWO_TYPES_OF_ONE_SHAPE = {"archs/streams.py", "archs/wrappers.py", "archs/clip.py"}
"""Families in which two types share a class and differ in where it keeps something; the list may only shrink."""


def test_nothing_branches_on_a_model_type():
    """Where a declaration wants `if model_type`, a part or one of its fields is missing."""
    spoken = {
        short(path)
        for path in FILES
        if layer(path) == "archs"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.If | ast.IfExp) and ".model_type ==" in ast.unparse(node.test)
    }
    assert spoken <= TWO_TYPES_OF_ONE_SHAPE

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

STRATA: tuple[tuple[str, ...], ...] = (
    ("errors", "units", "model", "data"),
    ("harvest", "inert", "parts", "findings", "nanochat"),
    ("fields", "identify", "inventory"),
    ("archs", "measures"),
    ("report", "exact"),
    ("checkpoint",),
    ("source", "stored"),
    ("assemble", "rules"),
    ("carding",),
    ("auditing", "comparison", "derivation", "fitting"),
    ("training",),
    ("designing",),
    ("begin", "bundles"),
    ("api", "api_fit"),
    ("cli",),
    ("__init__", "__main__"),
)
"""Modules and folders of cardscope from the ground up: each may import what lies in a lower stratum, and itself."""
UPWARD = {
    ("errors", "model"): "for the type checker only: an error may carry what the Hub still told",
    ("checkpoint", "source"): "a GGUF file is a config and the weights at once, and both are fetched alike",
}
"""Imports that go up or sideways, and why."""
NARROW: dict[str, set[str]] = {
    "parts": set(),
    "inventory": {"parts"},
    "archs": {"errors", "fields", "harvest", "nanochat", "parts"},
    "measures": {"inventory", "parts", "units"},
    "exact": {"errors"},
    "report": {"fields", "findings", "inventory", "measures", "units"},
}
"""Modules that must know less than their place would let them: witnesses apart, renderers without a config."""

THIRD_PARTY: dict[str, tuple[str, ...]] = {
    "torch": ("exact/build.py", "exact/trim.py"),
    "transformers": ("exact/build.py", "exact/trim.py"),
    "accelerate": ("exact/build.py", "exact/trim.py"),
    "rich": ("report/lines.py", "auditing/progress.py"),
    "huggingface_hub": ("source/", "auditing/hub_query.py"),
    "click": ("cli/",),
    "matplotlib": ("auditing/outputs/plots.py",),
    "pyarrow": ("auditing/parquet.py", "auditing/cluster/shards.py"),
    "ray": ("auditing/cluster/",),
    "yaml": ("carding/metadata.py",),
    "markdown_it": ("carding/read.py",),
    "psutil": ("fitting/detect.py",),
    "pynvml": ("fitting/detect.py",),
}
"""Package → the files and folders that may import it."""
NETWORK = {"socket", "ssl", "http", "ftplib", "httpx", "httpx2", "requests", "urllib3", "aiohttp"}
NETWORK_FILES = {"source/transfer.py", "source/hub.py"}
SPAWNS = {"subprocess", "multiprocessing"}
SPAWN_FILES = {"exact/process.py"}
NEVER = {"pickle", "marshal", "shelve", "pdb", "numpy", "pydantic", "jinja2", "pandas"}
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


HEIGHT = {name: height for height, stratum in enumerate(STRATA) for name in stratum}


def may(own: str, other: str) -> bool:
    """Whether one module or folder may import another."""
    if own in NARROW:
        return other in NARROW[own]
    return other == "__version__" or (own, other) in UPWARD or HEIGHT.get(other, 0) < HEIGHT[own]


def test_every_module_has_a_place():
    """A new module or folder is put into STRATA, as low as it can lie."""
    assert {layer(path) for path in FILES} == set(HEIGHT)


@pytest.mark.parametrize("own", HEIGHT)
def test_imports_go_down(own):
    files = [path for path in FILES if layer(path) == own]
    named = {name.split(".")[1] for path in files for name, _ in imports(path) if name.startswith("cardscope.")}
    assert {other for other in named - {own} if not may(own, other)} == set()


def test_imports_against_the_rule_are_still_needed():
    made = {
        (layer(path), name.split(".")[1])
        for path in FILES
        for name, _ in imports(path)
        if name.startswith("cardscope.")
    }
    assert set(UPWARD) <= made


@pytest.mark.parametrize("path", FILES, ids=short)
def test_third_party_packages_stay_in_their_place(path):
    for name, eager in outside(path):
        assert short(path).startswith(THIRD_PARTY.get(name, ("nowhere",))), f"{name} is not for {short(path)}"
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


def test_nothing_branches_on_a_model_type():
    """Where a declaration wants `if model_type`, a part or one of its fields is missing."""
    spoken = {
        short(path)
        for path in FILES
        if layer(path) == "archs"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare) and ast.unparse(node.left).endswith(".model_type")
    }
    assert spoken == set()


def test_declarations_stay_a_few_lines():
    """Half of all model types are declared in fewer lines than a paper's paragraph; longer ones want a new part."""
    from tools.declaration_lines import measured

    assert measured().median <= 8
    assert measured().types > 300

"""What the source of a config class tells that its fields and signature do not, for harvest.py.

Four habits of config classes, each read from a method's statements without running them:
    kwargs.pop("key", 4)                        `popped`     a key that is read but not declared
    self.key = True                             `assigned`   a value that nothing can change
    if self.key is None: self.key = [1, 2]      `filled`     the constant behind a null
    super().__init__(key=False, **kwargs)       `fixed`      a default meant for the base class
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

Statement = ast.stmt


def statements(cls: type[Any], method: str) -> list[Statement]:
    """The body of a method that the class defines itself; empty if there is none, or no source for it."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(vars(cls)[method])))
    except (KeyError, OSError, TypeError, SyntaxError):
        return []
    return tree.body[0].body if isinstance(tree.body[0], ast.FunctionDef) else []


def popped(body: list[Statement]) -> Iterator[tuple[str, object]]:
    """Each `kwargs.pop("key", default)` or `.get`, with None for a default that is no constant."""
    for node in _nodes(body):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        key, default = node.args[0], node.args[1] if len(node.args) > 1 else None
        if ast.unparse(node.func) in {"kwargs.pop", "kwargs.get"} and isinstance(key, ast.Constant):
            yield str(key.value), default.value if isinstance(default, ast.Constant) else None


def assigned(body: list[Statement]) -> Iterator[tuple[str, object]]:
    """Each unconditional `self.key = constant`."""
    for statement in body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            owner, _, key = ast.unparse(statement.targets[0]).partition(".")
            if owner == "self" and key.isidentifier() and not key.startswith("_"):
                yield key, statement.value.value


def filled(body: list[Statement]) -> Iterator[tuple[str, object]]:
    """Each field that becomes a constant where it is None: by `if`, or by `self.key = key if ... else ...`.

    Only top-level statements count, others may not run; and no empty list, which is often about to be filled.
    """
    for statement in body:
        node = statement.value if isinstance(statement, ast.Assign) else statement
        if not (isinstance(node, ast.If | ast.IfExp) and isinstance(test := node.test, ast.Compare)):
            continue
        if ast.unparse(test.comparators[0]) != "None":
            continue
        key, branch = _key(test.left), node.body if isinstance(test.ops[0], ast.Is) else node.orelse
        if isinstance(statement, ast.Assign) and _key(statement.targets[0]) != key:
            continue
        with contextlib.suppress(ValueError):
            value = ast.literal_eval(_value(key, branch))
            if value not in (None, [], {}):
                yield key, value


def fixed(cls: type[Any]) -> dict[str, object]:
    """What an `__init__` declares beside its signature: popped, assigned, and constants passed to its base."""
    body = statements(cls, "__init__")
    found = dict(popped(body)) | dict(assigned(body))
    for node in _nodes(body):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__":
            constants = ((k.arg, k.value) for k in node.keywords if k.arg)
            found |= {key: value.value for key, value in constants if isinstance(value, ast.Constant)}
    return found


def _nodes(body: list[Statement]) -> Iterator[ast.AST]:
    return (node for statement in body for node in ast.walk(statement))


def _key(node: ast.expr) -> str:
    return ast.unparse(node).removeprefix("self.")


def _value(key: str, branch: ast.expr | list[Statement]) -> ast.expr:
    """The expression itself, or what is assigned to the key in these statements; `...` if nothing is."""
    if isinstance(branch, ast.expr):
        return branch
    assigns = (node for node in branch if isinstance(node, ast.Assign) and _key(node.targets[0]) == key)
    return next((node.value for node in assigns), ast.Name("nothing"))

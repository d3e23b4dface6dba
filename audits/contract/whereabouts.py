"""Where a stop was that is no longer there."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

from audits.places import Place

Function = ast.FunctionDef | ast.AsyncFunctionDef


def place_of(expression: str, passes: Place | None) -> Place | None:
    """Where the expression of a stop stood: ``trainer.losses: z.detach()``.

    `passes` is where the gradient passes now: a call, or a comparison. If that is in the same function, it is the line;
    if not, it is the line of what was stopped, where the function has it once. What is declared in a signature stood
    there.
    """
    found = _function(expression)
    if found is None:
        return passes
    place, function = found
    if place.text.isidentifier():
        return place
    if passes and (passes.module, passes.function) == (place.module, place.function):
        return passes
    lines = {node.lineno for node in ast.walk(function) if isinstance(node, ast.expr) and _is_it(node, place.text)}
    if len(lines) == 1:
        return Place(place.path, lines.pop(), place.module, place.function, place.text)
    return passes or place


def _function(expression: str) -> tuple[Place, Function | ast.ClassDef] | None:
    """The first line of the function of a stop, and its tree, if it still exists in a loaded module."""
    path, _, text = expression.partition(": ")
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:cut])
        file = getattr(sys.modules.get(module), "__file__", None)
        if file:
            name = ".".join(parts[cut:])
            node = _functions(file).get(name)
            return (Place(file, node.lineno, module, name, text), node) if node else None
    return None


def _is_it(node: ast.expr, stopped: str) -> bool:
    """Whether a node is what a stop stopped: ``z`` of ``z.detach()``, the first argument of a call."""
    try:
        tree = ast.parse(stopped, mode="eval").body
    except SyntaxError:
        return False
    inner: ast.expr = tree
    if isinstance(tree, ast.Call):
        inner = tree.func.value if isinstance(tree.func, ast.Attribute) and not tree.args else (tree.args or [tree])[0]
    return ast.dump(node) == ast.dump(inner)


@cache
def _functions(file: str) -> dict[str, Function | ast.ClassDef]:
    """By qualified name: each function and class of a file."""
    found: dict[str, Function | ast.ClassDef] = {}

    def visit(node: ast.AST, above: tuple[str, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function | ast.ClassDef):
                name = (*above, child.name)
                found[".".join(name)] = child
                visit(child, name)
            else:
                visit(child, above)

    visit(ast.parse(Path(file).read_bytes()), ())
    return found

"""Where a stop was that is no longer there: the function that had it."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

from audits.places import Place


def function_of(key: str) -> Place | None:
    """The first line of the function in the key of a place, if that function still exists in a loaded module."""
    path, _, text = key.partition(": ")
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:cut])
        file = getattr(sys.modules.get(module), "__file__", None)
        if file:
            line = _lines(file).get(".".join(parts[cut:]))
            return Place(file, line, module, ".".join(parts[cut:]), text) if line else None
    return None


@cache
def _lines(file: str) -> dict[str, int]:
    """By qualified name: where each function of a file begins."""
    found: dict[str, int] = {}

    def visit(node: ast.AST, above: tuple[str, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = (*above, child.name)
                found[".".join(name)] = child.lineno
                visit(child, name)
            else:
                visit(child, above)

    visit(ast.parse(Path(file).read_bytes()), ())
    return found

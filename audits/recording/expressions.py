"""Expressions as their syntax trees are: without the quotes, brackets, commas and line breaks of anybody's taste."""

from __future__ import annotations

import ast
import linecache
from dataclasses import dataclass, field
from functools import cached_property

Position = tuple[int, int]
"""A line, from 1, and a column in bytes."""

With = ast.With | ast.AsyncWith


@dataclass
class Source:
    """A parsed file."""

    lines: list[str]
    texts: dict[ast.AST, str] = field(default_factory=dict)

    @cached_property
    def ending(self) -> dict[Position, list[ast.AST]]:
        """By where they end: expressions, and blocks under a context, the largest first."""
        found: dict[Position, list[ast.AST]] = {}
        try:
            tree = ast.parse("".join(self.lines))
        except (SyntaxError, ValueError):  # generated, or no longer what runs
            return found
        for node in ast.walk(tree):
            if isinstance(node, ast.expr | With):
                found.setdefault((node.end_lineno or 0, node.end_col_offset or 0), []).append(node)
        return found

    def text(self, node: ast.AST) -> str:
        """On one line. Of a block its head."""
        if node not in self.texts:
            contexts = [item.context_expr for item in node.items] if isinstance(node, With) else [node]
            self.texts[node] = " ".join(", ".join(map(ast.unparse, contexts)).split())
        return self.texts[node]


_SOURCES: dict[str, Source] = {}


def expression_at(file: str, start: Position, end: Position, *, within: int) -> tuple[str, int]:
    """The expression that ends at `end` and has `start` in it, and which of the equal ones it is, in its function.

    A method that is called over several lines is said to start at its name: the expression begins before. `within` is
    the first line of the function.
    """
    source = _source(file)
    node = next((node for node in reversed(source.ending.get(end, ())) if _start(node) <= start), None)
    if node is None:
        return _segment(source.lines, start, end), 1
    text = source.text(node)
    before = (
        other
        for nodes in source.ending.values()
        for other in nodes
        if type(other) is type(node) and (within, -1) < _start(other) < _start(node)
    )
    return text, 1 + sum(source.text(other) == text for other in before)


def _source(file: str) -> Source:
    lines = linecache.getlines(file)
    if file not in _SOURCES or _SOURCES[file].lines is not lines:
        _SOURCES[file] = Source(lines)
    return _SOURCES[file]


def _start(node: ast.AST) -> Position:
    return node.lineno, node.col_offset  # pyright: ignore[reportAttributeAccessIssue]


def _segment(lines: list[str], start: Position, end: Position) -> str:
    """The characters between two positions."""
    found = [line.encode() for line in lines[start[0] - 1 : end[0]]]
    if not found:
        return ""
    found[-1] = found[-1][: end[1]]
    found[0] = found[0][start[1] :]
    return " ".join(b"".join(found).decode(errors="replace").split())

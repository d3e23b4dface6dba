"""The source around an expression: what it is assigned to, and what its operands are called."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from types import CodeType

from audits.recording.source_lines import Spot

Range = tuple[int, int, int, int]
"""First line and column, last line and column."""
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Module | ast.ClassDef
COMPREHENSIONS = ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp

SUMMING = ("sum", "reduce", "stack", "cat", "concat", "concatenate", "hstack", "vstack", "row_stack", "fsum")
"""Functions that take many at once, of which only a list that is written out tells which is which."""


@dataclass
class Tree:
    """A parsed file."""

    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    at: dict[Range, list[ast.AST]] = field(default_factory=dict)
    """By range: the nodes that have it, the largest first."""

    def up(self, node: ast.AST) -> Iterator[ast.AST]:
        """All that a node is in, from the innermost."""
        while (above := self.parents.get(node)) is not None:
            yield above
            node = above

    @property
    def is_empty(self) -> bool:
        return not self.at


@dataclass(frozen=True)
class Binding:
    """What becomes of the value of an expression, as far as its function says."""

    name: str = ""
    """What it is assigned to."""
    returned: bool = False
    index: int | None = None
    """Where in the tuple that is returned."""
    node: ast.AST | None = None
    """The expression."""


_TREES: dict[str, tuple[list[str], Tree]] = {}


def tree_of(file: str) -> Tree:
    """Empty for a file that is none, or is no longer what runs."""
    lines = linecache.getlines(file)
    known = _TREES.get(file)
    if known and known[0] is lines:
        return known[1]
    tree = Tree()
    try:
        root = ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        root = ast.Module([], [])
    for node in ast.walk(root):
        for child in ast.iter_child_nodes(node):
            tree.parents[child] = node
        if isinstance(node, ast.expr | ast.stmt):
            tree.at.setdefault(_range(node), []).append(node)
    _TREES[file] = lines, tree
    return tree


def expression_in(spot: Spot) -> tuple[Tree, ast.AST | None]:
    """The expression or statement that runs in a frame."""
    return _expression_in(spot.f_code, spot.f_lasti)


@cache
def _expression_in(code: CodeType, lasti: int) -> tuple[Tree, ast.AST | None]:
    tree = tree_of(code.co_filename)
    first, last, start, end = next(islice(code.co_positions(), lasti // 2, None), (None,) * 4)
    if first is None or last is None or start is None or end is None:
        return tree, None
    found = tree.at.get((first, start, last, end))
    if found:
        return tree, found[-1]
    ending = [nodes for (_, _, line, column), nodes in tree.at.items() if (line, column) == (last, end)]
    calls = [node for nodes in ending for node in nodes if isinstance(node, ast.Call) and node.lineno <= first]
    return tree, max(calls, key=lambda node: (node.lineno, node.col_offset), default=None)


def bound(tree: Tree, node: ast.AST, index: int | None = None) -> Binding:
    """What the value of an expression is assigned to; `index`: what an entry of it is."""
    child: ast.AST = node
    for parent in tree.up(node):
        if isinstance(parent, ast.Assign | ast.AnnAssign | ast.NamedExpr) and parent.value is child:
            target = parent.targets[0] if isinstance(parent, ast.Assign) else parent.target
            return Binding(_target(target, index), node=node)
        if isinstance(parent, ast.Return) or (isinstance(parent, ast.Lambda) and parent.body is child):
            return Binding(returned=True, index=index, node=node)
        if isinstance(parent, ast.Dict) and child in parent.values:
            key = parent.keys[parent.values.index(child)]  # pyright: ignore[reportArgumentType]
            return Binding(_constant(key), node=node)
        if isinstance(parent, ast.keyword):
            return Binding(parent.arg or "", node=node)
        if isinstance(parent, ast.Tuple | ast.List) and index is None:
            index = parent.elts.index(child)  # pyright: ignore[reportArgumentType]
        elif not (isinstance(parent, ast.IfExp) and child is not parent.test):
            break
        child = parent
    return Binding(node=node)


def operand(tree: Tree, node: ast.AST, side: int) -> ast.AST | None:
    """How an operand of a sum or product is written."""
    if isinstance(node, ast.BinOp):
        return node.right if side else node.left
    if isinstance(node, ast.AugAssign):
        return node.value if side else node.target
    if isinstance(node, ast.UnaryOp):
        return node.operand
    if isinstance(node, ast.Call):
        return _argument(node, side)
    return None


def container(node: ast.AST | None) -> str:
    """``losses`` of ``sum(losses)`` and ``torch.stack(losses)``; empty for a list that is written out."""
    if not isinstance(node, ast.Call) or not node.args:
        return ""
    given = node.args[0]
    if called(node) not in SUMMING or not isinstance(given, ast.Name | ast.Attribute):
        return ""
    return given.id if isinstance(given, ast.Name) else given.attr


def name_in(tree: Tree, node: ast.AST | None) -> str:
    """``kl`` of ``kl``, ``self.kl``, ``losses["kl"]``, ``out.kl``; empty for any other expression."""
    if isinstance(node, ast.Name):
        return "" if _is_loop_variable(tree, node) else node.id
    if isinstance(node, ast.Attribute):
        return node.attr if _is_plain(node.value) else ""
    if isinstance(node, ast.Subscript):
        return _constant(node.slice)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("pop", "get"):
        return _constant(node.args[0]) if node.args else ""
    return ""


def assigned_in(tree: Tree, node: ast.AST) -> str:
    """The variable that the statement around an expression assigns."""
    for parent in (node, *tree.up(node)):
        if isinstance(parent, ast.AugAssign):
            return name_in(tree, parent.target)
        if isinstance(parent, ast.Assign):
            return _target(parent.targets[0], None)
        if isinstance(parent, ast.stmt):
            return ""
    return ""


def held_in(tree: Tree, node: ast.AST | None) -> str:
    """``losses`` of ``losses["kl"] = ...``, ``losses = {"kl": ...}`` and ``self.losses.kl = ...``."""
    for parent in tree.up(node) if node is not None else ():
        if isinstance(parent, ast.Assign | ast.AnnAssign):
            target = parent.targets[0] if isinstance(parent, ast.Assign) else parent.target
            inner = target.value if isinstance(target, ast.Subscript | ast.Attribute) else target
            return name_in(tree, inner)
        if isinstance(parent, ast.stmt):
            break
    return ""


def text_of(node: ast.AST) -> str:
    """On one line."""
    return " ".join(ast.unparse(node).split())


def called(call: ast.Call) -> str:
    """The last name of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _argument(call: ast.Call, side: int) -> ast.AST | None:
    """Of ``torch.add(a, b)``, ``torch.stack([a, b])``, ``a.add(b)``."""
    given = call.args
    name = called(call)
    if name in SUMMING and not (given and isinstance(given[0], ast.List | ast.Tuple) and name not in ("sum", "reduce")):
        return None
    if len(given) >= 1 and isinstance(given[0], ast.List | ast.Tuple):
        given = given[0].elts
    elif isinstance(call.func, ast.Attribute) and len(given) <= 1 and not _is_module(call.func.value):
        given = [call.func.value, *given]
    found = given[side] if side < len(given) else None
    return None if isinstance(found, ast.Starred) else found


def _is_module(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("torch", "F", "nn", "th")


def _target(node: ast.AST, index: int | None) -> str:
    if isinstance(node, ast.Tuple | ast.List):
        if index is None or index >= len(node.elts):
            return ""
        return _target(node.elts[index], None)
    if index is not None:
        return ""
    if isinstance(node, ast.Name):
        return "" if node.id == "_" else node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    return _constant(node.slice) if isinstance(node, ast.Subscript) else ""


def _constant(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_plain(node: ast.AST) -> bool:
    """A name, or attributes of one, or an entry of one."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return isinstance(node, ast.Name | ast.Call)


def _is_loop_variable(tree: Tree, node: ast.Name) -> bool:
    """Whether a variable is another value at each turn of a loop around it."""
    for parent in tree.up(node):
        targets = []
        if isinstance(parent, ast.For | ast.AsyncFor):
            targets = [parent.target]
        elif isinstance(parent, COMPREHENSIONS):
            targets = [generator.target for generator in parent.generators]
        if any(isinstance(each, ast.Name) and each.id == node.id for target in targets for each in ast.walk(target)):
            return True
        if isinstance(parent, FUNCTIONS):
            return False
    return False


def _range(node: ast.expr | ast.stmt) -> Range:
    return node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset

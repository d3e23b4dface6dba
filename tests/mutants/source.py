"""Every way to break the routing of the world model with one edit of its source.

A stop or gate is deleted, or a state is detached. What an edit does is decided by the source text alone, so that a new
stop, state or loss brings its mutants along.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jepa_world_model.losses import LOSSES
from jepa_world_model.record import record

PACKAGE = Path(__file__).parents[2] / "jepa_world_model"
STOPPING = ("stop", "gate")
DEFAULT = ("--gates", "default")
OPEN = tuple(option for gate in record().gates for option in ("--gates", f"{gate}=False"))
"""The setting at which every state passes gradient on."""
CLOSED = tuple(option for gate in record().gates for option in ("--gates", f"{gate}=True"))
"""The setting at which every gate stops gradient."""


@dataclass(frozen=True)
class SourceMutant:
    """One edited file."""

    name: str
    file: Path
    text: str
    place: str
    """What the audit must say about where: ``States.h``, ``embedding.jepa``."""
    part: tuple[str, ...]
    """Options for the part of the audit that finds it already."""

    def __str__(self) -> str:
        return self.name


def deleted_calls() -> Iterator[SourceMutant]:
    """Each call of `stop` or `gate` outside of the helpers themselves, replaced by its argument."""
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.name in ("gradient.py", "declaration.py"):
            continue
        text = file.read_text()
        for function in _functions(ast.parse(text)):
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in STOPPING:
                    argument = ast.get_source_segment(text, call.args[0]) or ""
                    name = f"without {call.func.id} in {file.stem}.{function.name}"
                    part = CLOSED if call.func.id == "gate" else DEFAULT
                    yield SourceMutant(name, file, _replaced(text, call, argument), function.name, part)


def deleted_declarations() -> Iterator[SourceMutant]:
    """Each `sg_` and `frozen_` of a loss's signature, deleted."""
    for loss in LOSSES.values():
        file = PACKAGE / "losses" / f"{loss.function.__module__.rpartition('.')[2]}.py"
        text = file.read_text()
        function = next(found for found in _functions(ast.parse(text)) if found.name == loss.name)
        source = ast.get_source_segment(text, function) or ""
        others = {read.parameter for read in loss.reads}
        for read in loss.reads:
            if not (read.stopped or read.frozen):
                continue
            if read.name in others:  # the live one is read as well: the parameter goes
                edited = re.sub(rf",\s*{read.parameter}: \w+|{read.parameter}: \w+,\s*", "", source, count=1)
            else:
                edited = re.sub(rf"\b{read.parameter}: ", f"{read.name}: ", source, count=1)
            body = ast.get_source_segment(text, function.body[0]) or ""
            edited = edited.replace(body, f"{read.parameter} = {read.name}\n    {body}", 1)
            place = f"{file.stem}.{loss.name}: {read.parameter}"
            name, part = f"without {read.parameter} in {loss.name}", (*DEFAULT, "--losses", loss.name)
            yield SourceMutant(name, file, text.replace(source, edited), place, part)


def detached_states() -> Iterator[SourceMutant]:
    """Each state's value, detached where it is returned."""
    file = PACKAGE / "states.py"
    text = file.read_text()
    for function in _functions(ast.parse(text)):
        detach = _DETACH.get(ast.unparse(function.returns) if function.returns else "")
        for statement in ast.walk(function):
            if detach and isinstance(statement, ast.Return) and statement.value:
                value = ast.get_source_segment(text, statement.value) or ""
                mutated = _replaced(text, statement.value, detach.format(value))
                yield SourceMutant(f"detached {function.name}", file, mutated, "states.py:", OPEN)


_DETACH = {
    "Tensor": "({}).detach()",
    "tuple[Tensor, ...]": "tuple(part.detach() for part in {})",
    "tuple[Tensor, Tensor]": "tuple(part.detach() for part in ({}))",
}


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _replaced(text: str, node: ast.expr, by: str) -> str:
    """The text with one expression replaced. Columns of `ast` count bytes."""
    lines = text.encode().splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: (node.end_lineno or 0) - 1])) + (node.end_col_offset or 0)
    whole = text.encode()
    return (whole[:start] + by.encode() + whole[end:]).decode()

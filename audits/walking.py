"""Cells as far as graph and recording know them: absent, frozen, blocked, or with paths and still to be decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from audits.forward import Forward
from audits.gradients import Column, Measured
from audits.graph import CHECKPOINT, COMPILED, python_functions
from audits.places import Stop
from audits.recording.cuts import Cut, Cuts
from audits.recording.recorder import Recording
from audits.result import Cell, Status

OPEN = Status.UNKNOWN
"""Of a cell that nothing has decided."""


class Walk:
    """One forward pass, asked about every pair of loss and module."""

    def __init__(self, run: Forward, recording: Recording, measured: Measured) -> None:
        self._run, self._measured = run, measured
        self._compiled, self._checkpointed = run.graph.through(COMPILED), run.graph.through(CHECKPOINT)
        self._cuts = _cuts(run, recording)
        self._between = self._cuts.between()
        values = run.values()
        self._constants = {
            loss: values.get(loss)
            for loss, value in run.losses.items()
            if not value.requires_grad and not recording.inputs[recording.number_of[id(value)]]
        }

    def stops(self) -> dict[str, tuple[Stop, ...]]:
        """By loss: where its gradient was ended on purpose."""
        return _deliberate(self._run, self._cuts)

    def cells(self) -> dict[tuple[str, str], Cell]:
        """Loss by loss, module by module."""
        columns = [self._column(number, column) for number, column in enumerate(self._run.columns)]
        return {(cell.loss, cell.module): cell for row in zip(*columns, strict=True) for cell in row}

    def notes(self) -> list[str]:
        """What no cell can say."""
        graph, found = self._run.graph, []
        if any(graph.reached(self._run.strangers)):
            found.append("some losses also reach modules that ran but that the target does not name")
        thawed = {id(tensor) for tensor in graph.thawed}
        if late := [column.module for column in self._run.columns if thawed & set(map(id, column.tensors))]:
            what = "their" if len(late) > 1 else "its"
            found.append(f"{', '.join(late)}: losses used {what} parameters before the step set requires_grad False")
        return found

    def _column(self, number: int, column: Column) -> list[Cell]:
        paths, reached = self._run.graph.paths(column.tensors), self._run.graph.reached(column.tensors)
        trainable = sum(parameter.requires_grad for parameter in column.parameters)
        frozen = len(column.parameters) - trainable
        cells = (
            Cell(loss, column.module, OPEN, paths[index], reached[index], trainable, frozen=frozen)
            for index, loss in enumerate(self._run.losses)
        )
        return [self._decide(cell, index, number) for index, cell in enumerate(cells)]

    def _decide(self, cell: Cell, loss: int, module: int) -> Cell:
        pair = cell.loss, cell.module
        failure = self._measured.failed.get(cell.loss)
        if failure and (cell.paths or self._checkpointed[loss]):
            return replace(cell, reason=f"cannot go backward: {failure}")
        norm = self._measured.norms.get(pair)
        if norm is not None:
            return self._with_gradient(cell, loss, norm, self._measured.nonfinite.get(pair, 0))
        if cell.paths:
            return self._blocked(cell, loss, module)
        if self._cuts.frozen(loss, module):
            return as_frozen(cell)
        cut = self._between.get((loss, module), Cut())
        cell = replace(cell, status=Status.ABSENT, stops=cut.stops, chained=cut.chained)
        if cell.loss not in self._constants:
            return replace(cell, reason=absence(cell, self._cuts.left(module)))
        left = self._cuts.left(module, self._constants[cell.loss])
        return replace(cell, reason=absence(cell, left, constant=True))

    def _with_gradient(self, cell: Cell, loss: int, norm: float, nonfinite: int) -> Cell:
        cell = replace(cell, norm=norm, nonfinite=nonfinite)
        if self._checkpointed[loss]:
            return replace(cell, paths=None, reached=cell.reached or cell.parameters)
        if self._compiled[loss] and not norm:
            return replace(cell, paths=None, reason="a compiled region claims more reach than it has: run it eagerly")
        return cell

    def _blocked(self, cell: Cell, loss: int, module: int) -> Cell:
        path = self._run.graph.shortest(cell.loss, self._run.columns[module].tensors)
        functions = python_functions(path)
        if functions:
            reason = f"blocked by {' or '.join(functions)}, whose backward returns None"
            return replace(cell, status=Status.ABSENT, reason=reason)
        if self._compiled[loss] or self._checkpointed[loss]:
            return replace(cell, reason="the graph has a path, but autograd returns nothing")
        reason = "the graph has a path along which no gradient goes, by an operation of several outputs"
        return replace(cell, status=Status.ABSENT, reason=reason)


def as_frozen(cell: Cell) -> Cell:
    """A cell with a path to parameters that take no gradient."""
    now = "its parameters have requires_grad False"
    then = "its parameters had requires_grad False when this loss used them"
    return replace(cell, status=Status.FROZEN, reason=now if cell.frozen else then)


def losses_stops(run: Forward, recording: Recording) -> dict[str, tuple[Stop, ...]]:
    """By loss: where its gradient was ended on purpose."""
    return _deliberate(run, _cuts(run, recording))


def _cuts(run: Forward, recording: Recording) -> Cuts:
    versions = recording.versions
    return Cuts(
        recording,
        [recording.number_of[id(loss)] for loss in run.losses.values()],
        [[value for tensor in column.tensors for value in versions.get(id(tensor), [])] for column in run.columns],
    )


def _deliberate(run: Forward, cuts: Cuts) -> dict[str, tuple[Stop, ...]]:
    return {
        loss: tuple(stop for stop in stops if stop.kind.deliberate)
        for loss, stops in zip(run.losses, cuts.frontier(), strict=True)
    }


def absence(cell: Cell, left: Sequence[str] = (), *, constant: bool = False) -> str:
    """Why there is no gradient, in words. `left`: where values of the module became Python numbers. `constant`: the
    loss was computed from no tensor."""
    if cell.stops:
        return "cut at " + (" and again at " if cell.chained else "; ").join(map(str, cell.stops))
    why = "no data path: the loss is a constant" if constant else "no data path"
    return f"{why}, unless by a Python number made at {'; '.join(left)}" if left else why

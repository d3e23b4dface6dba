"""The optimizer steps of a script, watched beside its losses: what moved, under the names of its audit.

Losses are measured in the first round of the optimizers. One more round runs without a recording, since what is carried
over, or left over, shows in the second step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import FrameType

import torch
from torch import Tensor, nn

from audits.moves import Steps
from audits.remark import Remark
from audits.remarks import listed
from audits.result import Audit
from audits.script.columns import Choice
from audits.script.losses import Summand
from audits.script.objective import LEFT_OUT
from audits.script.report import LossRow, audit_and_parts
from audits.script.session import ScriptRun
from audits.script.shadows import shadows
from audits.script.variables import holders
from audits.step.events import BackwardCall
from audits.step.findings.graphs import is_explained
from audits.step.watching import StepWatcher
from audits.target import Named


class Stepping:
    """The audit of a script, and a watch of its steps."""

    def __init__(self, session: ScriptRun) -> None:
        self._session = session
        self._columns: Mapping[str, Named] = {}
        self._names: dict[str, dict[str, float | None]] = {}
        self._audit: Audit | None = None
        self._rounds: dict[int, int] = {}
        self._objective: tuple[Remark, ...] = ()
        self._trained_later: set[str] = set()
        self._rows: dict[int, dict[str, None]] = {}
        self._shadows: dict[str, nn.Module] = {}
        self.watch = StepWatcher(lambda: {**self._columns, **self._shadows}, names_of_root=self._number)

    @property
    def is_measured(self) -> bool:
        """Whether the first round is over."""
        return self._audit is not None

    def measure(self, name: str, choice: Choice, renamed: Mapping[str, tuple[str, int]]) -> None:
        """Make the audit of what was sent backward so far. Raises AuditError where nothing was."""
        if self._audit is not None:
            return
        self._audit, self._columns, rows = audit_and_parts(self._session, name, choice, renamed)
        for row in rows:
            for sent in row.sent:
                self._names.setdefault(str(sent.number), {})[row.name] = float(f"{sent.loss.weight:.6g}")
        self._rounds = self._count()
        with self._session.recorder.asleep():
            self._shadows = shadows(self._columns, self._session.names)
            self.watch.follow(self._shadows.values())
        self._objective = self._remarks_on_objective(rows)
        torch.set_anomaly_enabled(True, False)  # graphs of the next round know the lines that made them

    def is_enough(self) -> bool:
        """Whether every optimizer that stepped in the first round has stepped again."""
        now = self._count()
        return all(now[key] > before for key, before in self._rounds.items())

    def explains(self, error: BaseException) -> bool:
        """Whether a script died of what a finding tells."""
        told = self.watch.backwards[-1].error if self.watch.backwards else None
        return told is error and is_explained(told) and bool(self._session.sent)

    def audit(self) -> Audit:
        """With the steps that were seen."""
        assert self._audit is not None
        with self._session.recorder.asleep():
            self.watch.look()
            calls = {backward: next(iter(backward.names), "") for backward in self.watch.backwards}
            for backward, call in calls.items():
                backward.names = dict(self._names.get(call, {}))
            steps = self.watch.result()
            moves = tuple(move for move in steps.moves if move.module not in self._shadows)
            told = [each for each in self._objective if not self._is_trained_later(each)]
            findings = (*steps.findings, *told, *self._again(calls))
            steps = replace(steps, moves=moves, findings=tuple(dict.fromkeys(findings)))
            return self._audit.with_steps(replace(steps, notes=(*steps.notes, *self._later(steps))))

    def note(self, text: str) -> None:
        """What a reader of the audit should know."""
        if self._audit is not None:
            self._audit = replace(self._audit, notes=(*self._audit.notes, text))

    def _remarks_on_objective(self, rows: Sequence[LossRow]) -> tuple[Remark, ...]:
        for row in rows:
            for value in (value for sent in row.sent for value in sent.values):
                self._rows.setdefault(value, {})[row.name] = None
        return tuple(self._session.objective.remarks(self._names_of))

    def _again(self, calls: Mapping[BackwardCall, str]) -> Iterator[Remark]:
        """On losses that a step takes from several backward calls of the first round."""
        for step in self.watch.steps:
            for of in {held.of for held in step.held.values() if len(held.of) > 1}:
                numbers = [int(calls[each]) for each in of if calls.get(each)]
                name = step.text or type(step.optimizer).__name__
                yield from self._session.objective.again(numbers, name, step.place, self._names_of)

    def _is_trained_later(self, remark: Remark) -> bool:
        """Whether a loss that the first round leaves out has its turn in the second."""
        return remark.kind == LEFT_OUT and self._trained_later.issuperset(remark.losses)

    def _names_of(self, loss: Summand) -> tuple[str, ...]:
        return tuple(self._rows.get(loss.value, ())) or (loss.named.name,)

    def _later(self, steps: Steps) -> Iterator[str]:
        """What moved by gradient that the table does not have, which is made of the first round."""
        assert self._audit is not None
        for move in steps.moves:
            cells = [cell for _, cell in self._audit.cells() if cell.module == move.module]
            if move.moved and move.losses and not any(cell.status.updates or cell.waits for cell in cells):
                yield f"{move.module} moves by {listed(move.losses)} in the second round only: --steps 2 measures both"

    def _count(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for step in self.watch.steps:
            found[id(step.optimizer)] = found.get(id(step.optimizer), 0) + 1
        return found

    def _number(self, root: Tensor, frame: FrameType | None) -> dict[str, float | None]:
        """Which of the backward calls of the session it is: a name until the losses have theirs."""
        if not self.is_measured:
            return {str(self._session.calls - 1): None}
        self._trained_later |= {name for name, _ in holders(root, frame, self._session.sources)}
        return {}

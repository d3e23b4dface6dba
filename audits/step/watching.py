"""A watch of whatever runs, and the steps that it saw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch.optim.optimizer import Optimizer

from audits.moves import Steps
from audits.step.findings.declaration import findings
from audits.step.findings.objective import summed_weights
from audits.step.moving import moves
from audits.step.naming import finish_names, name_losses
from audits.step.seen import SeenSteps
from audits.step.watcher import NamesOfRoot, Watcher
from audits.target import Named, parameters_of

Columns = Mapping[str, Named] | Callable[[], Mapping[str, Named]]


class StepWatcher(Watcher):
    """Watches real training steps while it is entered, and leaves the trainer as it is.

    Args:
        columns: What the modules are called: name to module, parameter or parameters; or a function that is asked for
            that when the watch is over, where modules are not known before.
        optimizers: What the optimizers are called. Others go by what the line calls them that steps them.
        weights: The weights of the losses that the trainer states.
        losses: Names of the losses that it declares.
        names_of_root: From a tensor that goes backward to the losses in it, with their weights. Without it a backward
            call goes by the expression at its line.

    Examples:
        >>> from audits.step.watching import StepWatcher
        >>> model = torch.nn.Linear(4, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with StepWatcher({"model": model}) as watch:
        ...     loss = model(torch.ones(2, 4)).square().mean()
        ...     loss.backward()
        ...     optimizer.step()
        >>> watch.result().moved("optimizer")
        ('model',)
    """

    def __init__(
        self,
        columns: Columns,
        optimizers: Mapping[str, Optimizer] | None = None,
        *,
        weights: Mapping[str, float] | None = None,
        losses: Iterable[str] = (),
        names_of_root: NamesOfRoot | None = None,
    ) -> None:
        roots = [] if callable(columns) else _roots(columns)
        super().__init__(roots, names_of_root=names_of_root)
        self._columns, self._optimizers = columns, dict(optimizers or {})
        self._weights, self._losses = weights, tuple(losses)
        self._rounds: list[Mapping[str, Any]] = []
        self._named = 0
        self._next: Mapping[str, Any] = {}

    def name_round(self, nodes: Mapping[str, Any]) -> None:
        """Tell the nodes of the losses of the backward calls since the last time."""
        name_losses(self.backwards[self._named :], nodes)
        self._named = len(self.backwards)
        self._rounds.append(nodes)

    def name_next(self, nodes: Mapping[str, Any]) -> None:
        """Tell the nodes of the losses of the backward calls until the next time."""
        if self._next:
            self.name_round(self._next)
        self._next = nodes

    def have_stepped(self, times: int) -> bool:
        """Whether each optimizer that stepped has done so `times` times, or the watch has failed."""
        counts: dict[int, int] = {}
        for step in self.steps:
            counts[id(step.optimizer)] = counts.get(id(step.optimizer), 0) + (not step.skipped)
        return self.failed is not None or (bool(counts) and min(counts.values()) >= times)

    def result(self) -> Steps:
        """What was seen so far. Raises what ended a watch that forgives its own errors."""
        if self.failed is not None:
            raise self.failed
        self.name_next({})
        finish_names(self.backwards)
        columns = self._columns() if callable(self._columns) else self._columns
        seen = SeenSteps(self, columns, self._optimizers, self._weights, self._losses, self._rounds)
        return Steps(
            optimizers=tuple(name for name, each in seen.optimizers.items() if seen.steps_of(each)),
            moves=tuple(moves(seen)),
            weights=summed_weights(seen),
            findings=tuple(findings(seen)),
            notes=tuple(_notes(seen)),
            count=len(seen.steps),
        )


def _roots(columns: Mapping[str, Named]) -> Sequence[Any]:
    return [
        each for value in columns.values() for each in ([value] if hasattr(value, "modules") else parameters_of(value))
    ]


def _notes(seen: SeenSteps) -> Iterable[str]:
    """What is no fault, and has to be known to read the moves."""
    for name, optimizer in seen.optimizers.items():
        steps = seen.steps_of(optimizer)
        if not steps:
            yield f"{name} did not step"
            continue
        still = sum(bool(step.held) and all(held.rate == 0 for held in step.held.values()) for step in steps)
        if still:
            warming = "" if still == len(steps) else ", such as at the start of a warm-up"
            yield f"{name} moves nothing in {still} of {len(steps)} steps: its learning rate is 0 there{warming}"
        if skipped := next((step.skipped for step in steps if step.skipped), ""):
            yield f"{name}: {skipped}"

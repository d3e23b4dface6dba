"""A training loop that is watched: its first steps for faults, each hundredth one for the gradients of its losses."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Self

from torch import Tensor, nn
from torch.optim.optimizer import Optimizer

from audits.errors import AuditError
from audits.moves import Steps
from audits.remark import Remark
from audits.step.watching import StepWatcher
from audits.target import Named, Target
from audits.telemetry.measure import measured, present
from audits.telemetry.routing import RoutingAlarm
from audits.telemetry.sample import Sample
from audits.telemetry.sinks import sink

STEPS = 2
"""Steps of each optimizer that are watched for faults."""


class AuditWarning(UserWarning):
    """A finding or an alarm of a training that is watched.

    Examples:
        >>> import warnings
        >>> warnings.simplefilter("ignore", AuditWarning)
    """


class Watching:
    """What `watch` returns. Entered, it follows the training; `losses` tells it the losses of a step.

    Attributes:
        steps: What the first steps moved; None until they are over.
        findings: What is wrong with them.
        sample: The last sample.
        alarms: All alarms so far.

    Examples:
        >>> watching = watch(net, every=10)
        >>> watching.losses(losses(batch))
        >>> sorted(watching.sample.norms) == sorted(watching.sample.routing)
        True
    """

    def __init__(
        self,
        columns: Mapping[str, Named],
        *,
        every: int = 100,
        to: Iterable[Any] = (),
        weights: Mapping[str, float] | None = None,
        optimizers: Mapping[str, Optimizer] | None = None,
        conflicts: bool = True,
        check: bool = True,
        on_alarm: Callable[[str], Any] | None = None,
    ) -> None:
        if every < 1:
            raise AuditError(f"every: expected 1 or more, found {every}")
        self._columns, self._every, self._weights, self._conflicts = columns, every, dict(weights or {}), conflicts
        self._sinks, self._on_alarm = [sink(value) for value in to], on_alarm or _warn
        self._watcher = StepWatcher(columns, optimizers, weights=weights, losses=weights or ()) if check else None
        self._stack, self._step = ExitStack(), 0
        self._routing = RoutingAlarm()
        self._is_off = False
        self.steps: Steps | None = None
        self.sample: Sample | None = None
        self.alarms: list[str] = []

    @property
    def findings(self) -> Sequence[Remark]:
        """What is wrong with the first steps; empty until they are over."""
        return self.steps.findings if self.steps else ()

    def __enter__(self) -> Self:
        if self._watcher:
            self._watcher.forgives = True
            self._watcher.__enter__()
            poll = nn.modules.module.register_module_forward_pre_hook(lambda *_: self._end_of_check())
            self._stack.callback(poll.remove)
        return self

    def __exit__(self, *_: Any) -> None:
        self._check_is_over()
        self._stack.close()

    def losses(self, losses: Mapping[str, Tensor] | None = None, /, **named: Tensor) -> None:
        """Tell the losses of a step, before they go backward. At each hundredth call their gradients are measured.

        Args:
            losses: By name, each a tensor of one element that has its graph.
            named: The same as keywords.
        """
        given = {**(losses or {}), **named}
        self._end_of_check()
        if self._watcher and self.steps is None:
            nodes = {name: loss.grad_fn for name, loss in given.items() if loss.grad_fn is not None}
            self._watcher.name_next(nodes)
        number, self._step = self._step, self._step + 1
        if number % self._every == 0 and not self._is_off:
            self._measure(number, given)

    def gradients(self, name: str = "loss") -> None:
        """Tell that gradient is there, before the optimizer steps: for trainers that hide their losses.

        At each hundredth call its norms are measured. What it is the gradient of is called `name`.
        """
        self._end_of_check()
        number, self._step = self._step, self._step + 1
        if number % self._every == 0 and not self._is_off:
            self._take(lambda: present(number, name, self._columns))

    def _measure(self, number: int, losses: Mapping[str, Tensor]) -> None:
        self._take(lambda: measured(number, losses, self._columns, self._weights, conflicts=self._conflicts))

    def _take(self, measure: Callable[[], Sample]) -> None:
        """Whatever is raised ends the measuring, and not the training."""
        try:
            found = measure()
            number = found.step
            alarms = tuple(self._routing.changes(found))
            self.sample = Sample(number, found.norms, found.shares, found.cosines, alarms)
            for send in self._sinks:
                send(self.sample)
        except Exception as error:
            self._is_off = True
            _warn(
                f"gradients are not measured from here on: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
            )
            return
        for alarm in alarms:
            self.alarms.append(alarm)
            self._on_alarm(alarm)

    def _end_of_check(self) -> None:
        """Stop watching steps when each optimizer has made enough. Not from inside of a step: a hook would be removed
        while hooks run."""
        if self._watcher and self.steps is None and self._watcher.have_stepped(STEPS):
            self._check_is_over()

    def _check_is_over(self) -> None:
        if self._watcher is None or self.steps is not None:
            return
        self._watcher.__exit__(None, None, None)
        self._stack.close()
        try:
            self.steps = self._watcher.result() if self._watcher.backwards else Steps()
        except Exception as error:  # a watch is not worth a run
            self.steps = Steps()
            _warn(f"the steps could not be told: {type(error).__name__}: {error}")
        for finding in self.steps.findings:
            where = f" ({finding.place})" if finding.place and str(finding.place) not in finding.text else ""
            _warn(f"{finding.text}{where}")


def watch(
    modules: nn.Module | Mapping[str, Any],
    *,
    every: int = 100,
    to: Iterable[Any] = (),
    weights: Mapping[str, float] | None = None,
    optimizers: Mapping[str, Optimizer] | None = None,
    conflicts: bool = True,
    check: bool = True,
    on_alarm: Callable[[str], Any] | None = None,
) -> Watching:
    """Watching a training loop: its first steps for faults, and at some steps the gradients of its losses.

    Args:
        modules: The columns, as in `Target`.
        every: At how many calls of `Watching.losses` gradients are measured.
        to: Where samples go: paths of files of JSON lines, a SummaryWriter, `mlflow`, `wandb`, a logger of Lightning,
            or functions.
        weights: The weight of each loss in the sum that is trained.
        optimizers: What the optimizers are called.
        conflicts: Whether the cosines between losses are measured.
        check: Whether the first steps are watched for faults. Each is a warning.
        on_alarm: Called with the text when routing changes in mid-run. By default it is a warning.

    Returns:
        A context to train in.

    Raises:
        AuditError: An argument is of a wrong kind, or there is no parameter.

    Examples:
        >>> from audits import watch
        >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> with watch(net, every=1, optimizers={"sgd": optimizer}) as watching:
        ...     for _ in range(3):
        ...         found = losses(batch)
        ...         watching.losses(found)
        ...         optimizer.zero_grad()
        ...         sum(found.values()).backward()
        ...         optimizer.step()
        >>> sorted(watching.sample.routing)
        [('reconstruct', 'decoder'), ('reconstruct', 'encoder'), ('value', 'value')]
        >>> watching.steps.moved("sgd"), watching.alarms
        (('encoder', 'decoder', 'value'), [])
    """
    columns = Target(modules, dict).named_modules
    return Watching(
        columns,
        every=every,
        to=to,
        weights=weights,
        optimizers=optimizers,
        conflicts=conflicts,
        check=check,
        on_alarm=on_alarm,
    )


def _warn(text: str) -> None:
    warnings.warn(text, AuditWarning, stacklevel=2)

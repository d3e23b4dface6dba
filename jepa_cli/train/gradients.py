"""The gradients of the losses at regular steps of a training: norm, share and conflict by module."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from audits.files import explained, write_file
from audits.forward import forward
from audits.telemetry.measure import measured
from audits.telemetry.routing import RoutingAlarm
from audits.telemetry.sample import Sample
from jepa_world_model import processes
from jepa_world_model.gradient_flow.target import target_in_training
from jepa_world_model.states import Gates
from jepa_world_model.training.loggers.logger import Logger, shielded
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.trainer import Trainer


class GradientsWhileTraining(Observer):
    """After every N steps, the gradient of each enabled loss, on a copy of the model: training does not notice.

    A line of `gradients.jsonl` each time, and the same numbers to the services of the run. Where a loss has a path to
    another module than before, that is told.
    """

    def __init__(self, every: int, tell: Callable[[str], None], loggers: Sequence[Logger] = ()) -> None:
        self._every, self._tell, self._loggers = every, tell, loggers
        self._routing = RoutingAlarm()

    def on_start(self, run: RunFolder, trainer: Trainer) -> None:
        self._run = run
        if processes.is_first() and run.gradients.exists():
            self._forget_after(trainer.done)

    def on_step(self, trainer: Trainer) -> None:
        if trainer.done % self._every == 0 and processes.is_first():
            with processes.by_itself():
                found = _sample(trainer)
            self._keep(found)

    def _keep(self, found: Sample) -> None:
        for alarm in self._routing.changes(found):
            self._tell(alarm)
        with explained(self._run.gradients), self._run.gradients.open("a", encoding="utf-8") as file:
            file.write(f"{found.line()}\n")
        for logger in self._loggers:
            _send(logger, found)

    def _forget_after(self, step: int) -> None:
        """A run that is resumed measures again what came after its checkpoint."""
        lines = self._run.gradients.read_text(encoding="utf-8").splitlines(keepends=True)
        write_file(self._run.gradients, "".join(line for line in lines if _step(line) <= step))


@shielded
def _send(logger: Logger, found: Sample) -> None:
    logger.numbers(found.step, found.numbers())


def _sample(trainer: Trainer) -> Sample:
    config, target = trainer.config, target_in_training(trainer)
    (setting,) = target.settings([vars(Gates.of(config.model, config.train))])
    with forward(target, setting, losses=list(config.losses.enabled)) as run:
        return measured(trainer.done, run.losses, target.named_modules, target.weights)


def _step(line: str) -> int:
    """Of a line; that of a damaged one is 0, which stays."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 0

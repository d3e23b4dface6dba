"""Carries out a training that was asked for on the command line."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from jepa_cli.training_audit import AuditWhileTraining
from jepa_cli.training_view import TrainingView
from jepa_world_model import processes
from jepa_world_model.config_file import load_config
from jepa_world_model.errors import UserError
from jepa_world_model.model_config import Config
from jepa_world_model.run import resume_training, run_training
from jepa_world_model.training.loggers.registry import loggers_named
from jepa_world_model.training.observer import Observer, Observers
from jepa_world_model.training.outcome import Outcome
from jepa_world_model.training.run_folder import RunFolder


@dataclass(frozen=True)
class TrainRequest:
    """What the command line said."""

    config: Path | None
    overrides: list[str]
    out: Path | None
    resume: Path | None
    log: list[str] = field(default_factory=list)
    audit_every: int | None = None

    def loaded(self) -> Config:
        """The config that was asked for. Raises UserError where it is a mistake, or two things were asked for."""
        if self.resume is None:
            return load_config(self.config, self.overrides)
        asked = {"--config": self.config, "--out": self.out, "--set, --data, --steps and the like": self.overrides}
        others = [option for option, value in asked.items() if value]
        if others:
            raise UserError(
                f"--resume goes on with a run as it was begun, and takes no {', no '.join(others)}; "
                f"for other settings begin a new one: jepa train --config {self.resume}/config.toml --set ..."
            )
        return RunFolder.open(self.resume)[1]


def run_train(request: TrainRequest) -> Outcome:
    """Train, or go on. With several processes, the first alone speaks."""
    config = request.loaded()
    view = TrainingView() if processes.expected_rank() == 0 else None
    with ExitStack() as open_till_the_end:
        observers: list[Observer] = []
        if view:
            open_till_the_end.enter_context(view)
            view.warn(config)
            loggers = loggers_named(request.log, view.on_warning)
            observers = [view, *map(open_till_the_end.enter_context, loggers)]
        if request.audit_every:
            observers.append(AuditWhileTraining(request.audit_every, view.on_audit if view else print))
        observer = Observers(*observers)
        outcome = (
            resume_training(request.resume, observer) if request.resume else run_training(config, request.out, observer)
        )
    if view:
        view.show_outcome(outcome)
    return outcome

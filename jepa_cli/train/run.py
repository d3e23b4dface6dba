"""Carries out a training that was asked for on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from audits.errors import UserError
from jepa_cli.terminal.command import BAD_INPUT
from jepa_cli.train.audit import AuditWhileTraining
from jepa_cli.train.gradients import GradientsWhileTraining
from jepa_cli.train.view import TrainingView
from jepa_world_model import processes
from jepa_world_model.config_file import load_config, values_of
from jepa_world_model.model_config import Config
from jepa_world_model.run import resume_training, run_training
from jepa_world_model.toml_values import parse_value
from jepa_world_model.training.divergence import Diverged
from jepa_world_model.training.loggers.logger import Logger
from jepa_world_model.training.loggers.registry import loggers_named
from jepa_world_model.training.observer import Observer, Observers, StopTraining
from jepa_world_model.training.outcome import Outcome
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.trainer import Trainer

STOPPED = 1


@dataclass(frozen=True)
class TrainRequest:
    """What the command line said."""

    config: Path | None
    overrides: list[str]
    out: Path | None
    resume: Path | None
    log: list[str] = field(default_factory=list)
    audit_every: int | None = None
    gradients_every: int | None = None

    def loaded(self) -> Config:
        """The config that was asked for. Raises UserError where it is a mistake, or two things were asked for."""
        if self.resume is None:
            return load_config(self.config, [*self._sizes(), *self.overrides])
        asked = {"--config": self.config, "--out": self.out, "--set, --data, --steps and the like": self.overrides}
        others = [option for option, value in asked.items() if value]
        if others:
            raise UserError(
                f"--resume continues a run with its own settings, and takes no {', no '.join(others)}; "
                f"for other settings begin a new one: jepa train --config {self.resume}/config.toml --set ..."
            )
        return RunFolder.open(self.resume)[1]

    def _sizes(self) -> list[str]:
        """The table [model] of the run that --init names, unless --config has one of its own."""
        asked = [value for key, _, value in (each.partition("=") for each in self.overrides) if key == "train.init"]
        if self.config or not asked:
            return []
        _, config = RunFolder.open(Path(str(parse_value(asked[-1]))))
        keys = {key: value for key, value in values_of(config).items() if key.startswith("model.")}
        keys["model.pose_dim"] = config.model.p_dim  # a preset may give another one to what has none of its own
        return [f"{key}={json.dumps(value)}" for key, value in keys.items()]


class StartObserver(Observer):
    """Knows whether training has begun, for a process that reports nothing."""

    begun = False

    def on_start(self, run: RunFolder, trainer: Trainer) -> None:
        self.begun = True


def run_train(request: TrainRequest) -> Outcome:
    """Train, or resume. With several processes only the first reports; another one reports its own errors."""
    if processes.expected_rank() == 0:
        return _spoken(request)
    start = StartObserver()
    try:
        return _trained(request, [start, *_audits(request, print, ())])
    except UserError as error:
        if start.begun:
            raise UserError(f"process {processes.expected_rank()}: {error}") from error
        raise SystemExit(BAD_INPUT) from error
    except (Diverged, StopTraining) as stopped:
        raise SystemExit(STOPPED) from stopped
    except RuntimeError as error:
        if processes.is_loss_of_peer(error) and not start.begun:
            raise SystemExit(BAD_INPUT) from error
        raise


def _spoken(request: TrainRequest) -> Outcome:
    config = request.loaded()
    view = TrainingView()
    with ExitStack() as open_till_the_end:
        open_till_the_end.enter_context(view)
        view.warn(config)
        loggers = [open_till_the_end.enter_context(each) for each in loggers_named(request.log, view.on_warning)]
        outcome = _trained(request, [view, *loggers, *_audits(request, view.on_audit, loggers)])
    view.show_outcome(outcome)
    return outcome


def _trained(request: TrainRequest, observers: list[Observer]) -> Outcome:
    observer = Observers(*observers)
    if request.resume:
        return resume_training(request.resume, observer)
    return run_training(request.loaded(), request.out, observer)


def _audits(request: TrainRequest, tell: Callable[[str], None], loggers: Sequence[Logger]) -> list[Observer]:
    audits: list[Observer] = [AuditWhileTraining(request.audit_every, tell)] if request.audit_every else []
    if request.gradients_every:
        audits.append(GradientsWhileTraining(request.gradients_every, tell, loggers))
    return audits

"""Observers of a run: the terminal, status.json, a logging service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jepa_world_model.phases import Phase
from jepa_world_model.training.alarms import Alarm
from jepa_world_model.training.metrics import MetricRow
from jepa_world_model.training.validation import Validation

if TYPE_CHECKING:
    from jepa_world_model.training.outcome import Outcome
    from jepa_world_model.training.run_folder import RunFolder
    from jepa_world_model.training.trainer import Trainer


class StopTraining(Exception):
    """Raised by an observer to end the run. The state of the run is saved first."""


class Observer:
    """Override the methods for the events that you need."""

    def on_decoding(self, done: int, total: int) -> None:
        """Data of another format is being converted: so many trajectories are done."""

    def on_warning(self, message: str) -> None:
        """Something is not as expected; the run continues."""

    def on_start(self, run: RunFolder, trainer: Trainer) -> None:
        """Training is about to begin, or to go on at `trainer.done`."""

    def on_phase(self, phase: Phase) -> None:
        """A phase of the run begins, or goes on."""

    def on_embedding(self, done: int, total: int) -> None:
        """z of so many frames of the training data is computed."""

    def on_rows(self, rows: list[MetricRow]) -> None:
        """A few steps are done."""

    def on_step(self, trainer: Trainer) -> None:
        """A step is done."""

    def on_validation(self, validation: Validation) -> None:
        """The losses and vitals were measured on held-out windows."""

    def on_alarm(self, alarm: Alarm) -> None:
        """A number crossed its bound, for the first time."""

    def on_pictures(self, step: int, pictures: Sequence[Path]) -> None:
        """Pictures were drawn."""

    def on_end(self, outcome: Outcome) -> None:
        """The run is over, or was asked to stop."""


class Observers(Observer):
    """Several observers, called one after the other."""

    def __init__(self, *observers: Observer) -> None:
        self.all = observers

    def on_decoding(self, done: int, total: int) -> None:
        for each in self.all:
            each.on_decoding(done, total)

    def on_warning(self, message: str) -> None:
        for each in self.all:
            each.on_warning(message)

    def on_start(self, run: RunFolder, trainer: Trainer) -> None:
        for each in self.all:
            each.on_start(run, trainer)

    def on_phase(self, phase: Phase) -> None:
        for each in self.all:
            each.on_phase(phase)

    def on_embedding(self, done: int, total: int) -> None:
        for each in self.all:
            each.on_embedding(done, total)

    def on_rows(self, rows: list[MetricRow]) -> None:
        for each in self.all:
            each.on_rows(rows)

    def on_step(self, trainer: Trainer) -> None:
        for each in self.all:
            each.on_step(trainer)

    def on_validation(self, validation: Validation) -> None:
        for each in self.all:
            each.on_validation(validation)

    def on_alarm(self, alarm: Alarm) -> None:
        for each in self.all:
            each.on_alarm(alarm)

    def on_pictures(self, step: int, pictures: Sequence[Path]) -> None:
        for each in self.all:
            each.on_pictures(step, pictures)

    def on_end(self, outcome: Outcome) -> None:
        for each in self.all:
            each.on_end(outcome)

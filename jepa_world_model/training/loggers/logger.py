"""What every service is sent of a run, under the same names, and what happens when one fails."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import torch

from jepa_world_model import processes
from jepa_world_model.training.alarms import Alarm
from jepa_world_model.training.metrics import MetricRow
from jepa_world_model.training.observer import Observer, StopTraining
from jepa_world_model.training.random_states import random_states, restore_random_states
from jepa_world_model.training.validation import Validation

if TYPE_CHECKING:
    from jepa_world_model.model_config import Config
    from jepa_world_model.training.outcome import Outcome
    from jepa_world_model.training.run_folder import RunFolder
    from jepa_world_model.training.trainer import Trainer

TRAIN, VALIDATION, VITALS, ALARM, PICTURES = "train", "validation", "vitals", "alarm", "pictures"
CPU = torch.device("cpu")

P = ParamSpec("P")
L = TypeVar("L", bound="Logger")


class End(Enum):
    """How a session ended."""

    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    """Asked to stop; it may go on."""
    FAILED = "failed"


def shielded(tell: Callable[Concatenate[L, P], None]) -> Callable[Concatenate[L, P], None]:
    """Protect training from a service: an exception removes the service, random generators are restored.

    A service may raise anything, and no exception of its own is worth a run of days. Only StopTraining, which asks to
    end the run, and what is no Exception, such as an interrupt, pass through.
    """

    @wraps(tell)
    def telling(logger: L, *args: P.args, **kwargs: P.kwargs) -> None:
        if not logger.serving:
            return
        states = random_states(CPU)
        try:
            tell(logger, *args, **kwargs)
        except StopTraining:
            raise
        except Exception as failure:
            logger.serving = False
            logger.warn(f"{logger.name} is left out from here on: {_first_line(failure)}")
        finally:
            restore_random_states(states, CPU)

    return telling


class Logger(Observer):
    """One service. Override what it can take: `open`, `numbers`, `text`, `pictures`, `flush`, `close`.

    `with` closes it as failed where a run ends by an exception.
    """

    name = "logger"
    """As users call it."""

    def __init__(self, warn: Callable[[str], Any] = warnings.warn) -> None:
        """`warn` is called once, should the service fail."""
        self.warn = warn
        self.serving = False
        """Whether anything is sent to the service: between start and end of a run, unless the service failed."""

    def open(self, run: RunFolder, config: Config, step: int) -> None:
        """A run begins, or is resumed after `step`."""

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """By name, such as `train/jepa`: a number."""

    def text(self, step: int, name: str, text: str) -> None:
        """What is said in words, such as `alarm/collapse`."""

    def pictures(self, step: int, pictures: Mapping[str, Path]) -> None:
        """By name, such as `pictures/losses`: a file."""

    def flush(self) -> None:
        """Nothing more is sent for a while."""

    def close(self, end: End) -> None:
        """The run or its session has ended."""

    def __enter__(self):
        return self

    def __exit__(self, *error: object) -> None:
        self._end(End.FAILED)

    def on_start(self, run: RunFolder, trainer: Trainer) -> None:
        self.serving = processes.is_first()
        self._begin(run, trainer)

    @shielded
    def _begin(self, run: RunFolder, trainer: Trainer) -> None:
        self.open(run, trainer.config, trainer.done)

    @shielded
    def on_rows(self, rows: list[MetricRow]) -> None:
        for row in rows:
            values = {**row.losses, "total": row.total, "gradient_norm": row.gradient_norm}
            self.numbers(row.step, named(TRAIN, values))
        self.flush()

    @shielded
    def on_validation(self, validation: Validation) -> None:
        self.numbers(validation.step, named(VALIDATION, validation.losses) | named(VITALS, validation.vitals))
        self.flush()

    @shielded
    def on_alarm(self, alarm: Alarm) -> None:
        self.text(alarm.step, f"{ALARM}/{alarm.key.replace(':', '/')}", str(alarm))

    @shielded
    def on_pictures(self, step: int, pictures: Sequence[Path]) -> None:
        self.pictures(step, {f"{PICTURES}/{picture.stem}": picture for picture in pictures})
        self.flush()

    def on_end(self, outcome: Outcome) -> None:
        self._end(End.INTERRUPTED if outcome.interrupted else End.FINISHED)

    @shielded
    def _end(self, end: End) -> None:
        self.close(end)
        self.serving = False


def named(group: str, values: Mapping[str, float]) -> dict[str, float]:
    """Names as all services have them."""
    return {f"{group}/{name}": value for name, value in values.items()}


def _first_line(failure: Exception) -> str:
    kind = type(failure).__name__
    return f"{kind}: {str(failure).splitlines()[0]}" if str(failure) else kind

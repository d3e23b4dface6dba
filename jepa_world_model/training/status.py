"""status.json: the state of a run, for other processes. It is the only file that holds times."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from audits.files import CannotWrite, write_file
from jepa_world_model.runs.files import FAILED, FINISHED, INTERRUPTED, RUNNING, read_status
from jepa_world_model.training.metrics import MetricRow
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.outcome import Outcome

if TYPE_CHECKING:
    from jepa_world_model.training.run_folder import RunFolder
    from jepa_world_model.training.trainer import Trainer

SECONDS_BETWEEN = 1.0


class StatusFile(Observer):
    """Keeps status.json up to date. A status that cannot be written does not end the run."""

    def on_start(self, run: RunFolder, trainer: Trainer) -> None:
        before = read_status(run)
        self._run, self._trainer, self._begun = run, trainer, time.monotonic()
        self._seconds_before = before.get("seconds", 0.0) if trainer.done else 0.0
        self._started = _written(before["started"]) if trainer.done and "started" in before else _now()
        self._write(RUNNING)

    def on_rows(self, rows: list[MetricRow]) -> None:
        if time.monotonic() - self._written > SECONDS_BETWEEN:
            self._write(RUNNING)

    def on_end(self, outcome: Outcome) -> None:
        self._write(INTERRUPTED if outcome.interrupted else FINISHED)

    def interrupted(self) -> None:
        """Somebody did not wait for the end, or for its pictures."""
        self._write(INTERRUPTED)

    def failed(self, reason: str) -> None:
        """The run failed, for this reason."""
        self._write(FAILED, reason)

    @property
    def seconds(self) -> float:
        """Of all sessions together."""
        return self._seconds_before + time.monotonic() - self._begun

    def _write(self, state: str, reason: str = "") -> None:
        self._written = time.monotonic()
        train = self._trainer.config.train
        status = {
            "state": state,
            "step": self._trainer.done,
            "steps": train.steps,
            "seconds": round(self.seconds, 1),
            "started": self._started,
            "updated": _now(),
            "host": socket.gethostname(),
            "process": os.getpid(),
            **({"reason": reason} if reason else {}),
        }
        with suppress(CannotWrite):
            write_file(self._run.status, (json.dumps(status, indent=1) + "\n").encode())


def _now() -> str:
    return _written(datetime.now(UTC))


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")

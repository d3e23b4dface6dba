"""The gradient audit at regular steps of a training."""

from __future__ import annotations

import time
from collections.abc import Callable

from audits import AuditError, audit
from audits.contract import against
from audits.errors import UserError
from audits.formats.wording import counted
from jepa_cli.targets.documents import documented_table
from jepa_world_model import processes
from jepa_world_model.gradient_flow.target import target_in_training
from jepa_world_model.states import Gates
from jepa_world_model.training.observer import Observer, StopTraining
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.trainer import Trainer

MOST_DRIFTS = 8


class AuditWhileTraining(Observer):
    """Before the first step and after every N steps, checks that the enabled losses update what is documented.

    The first process audits, on a copy of the model; all of them stop when it finds drift.
    """

    def __init__(self, every: int, tell: Callable[[str], None]) -> None:
        self._every, self._tell = every, tell

    def on_start(self, run: RunFolder, trainer: Trainer) -> None:
        self._run = run
        self._audit(trainer)

    def on_step(self, trainer: Trainer) -> None:
        if trainer.done % self._every == 0:
            self._audit(trainer)

    def _audit(self, trainer: Trainer) -> None:
        try:
            found = self._drifts(trainer) if processes.is_first() else ""
        except AuditError as error:
            raise UserError(f"--audit-every: {error}") from error
        if drifts := processes.from_first(found):
            raise StopTraining(drifts)

    def _drifts(self, trainer: Trainer) -> str:
        """In words, or empty."""
        start = time.monotonic()
        config, table = trainer.config, documented_table()
        with processes.by_itself():
            found = audit(
                target_in_training(trainer),
                settings=[vars(Gates.of(config.model, config.train))],
                losses=list(config.losses.enabled),
            )
        compared = against(found, table, shape_matters=False)
        if compared.passed:
            losses = counted(len(found.losses), "loss")
            self._tell(f"step {trainer.done}: {losses} as documented, {time.monotonic() - start:.1f} s")
            return ""
        lines = [f"  {drift}" for drift in compared.drifts[:MOST_DRIFTS]]
        more = len(compared.drifts) - MOST_DRIFTS
        return "\n".join(
            [
                f"the gradient audit after step {trainer.done} found {counted(len(compared.drifts), 'drift')} "
                f"from {table}:",
                *lines,
                *([f"  and {more} more"] if more > 0 else []),
                f"  the run is saved; jepa audit-grads --checkpoint {self._run.path} says more",
            ]
        )

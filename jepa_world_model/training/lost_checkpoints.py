"""A run whose checkpoints were deleted is not begun again in its folder: that would throw away its metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jepa_world_model.errors import UserError
from jepa_world_model.runs.files import FINISHED, INTERRUPTED, read_status
from jepa_world_model.runs.metrics import newest

if TYPE_CHECKING:
    from jepa_world_model.model_config import TrainConfig
    from jepa_world_model.training.run_folder import RunFolder


def check_checkpoints(run: RunFolder, train: TrainConfig) -> None:
    """Raises UserError, before anything is changed, for a run without checkpoints that must have had one.

    A run that was killed before its first checkpoint begins again: its few rows come out the same.
    """
    if run.checkpoints.steps() or run.checkpoints.set_aside() or not _had_one(run, train):
        return
    raise UserError(
        f"{run.path} has no checkpoints any more, so it cannot go on; nothing was changed. Its config begins a new "
        f"run: jepa train --config {run.config} --out ELSEWHERE"
    )


def _had_one(run: RunFolder, train: TrainConfig) -> bool:
    """The first scheduled checkpoint is written before the rows of later steps; so is that of an end or a signal."""
    row, first = newest(run.metrics), min(train.checkpoint_every_steps, train.steps)
    if run.summary.exists() or (row and row["step"] > first):
        return True
    ended = read_status(run).get("state") in (FINISHED, INTERRUPTED)
    return ended and (run.weights.exists() or bool(row and row["step"] > 0))

"""The same metrics as TensorBoard events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jepa_world_model.errors import UserError
from jepa_world_model.training.metrics import Row
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.validation import Validation

if TYPE_CHECKING:
    from jepa_world_model.training.run_folder import RunFolder
    from jepa_world_model.training.trainer import Trainer


class TensorBoard(Observer):
    """Writes events into the run folder."""

    def __init__(self) -> None:
        """Raises UserError when TensorBoard is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as missing:
            raise UserError("--tensorboard needs TensorBoard: pip install 'jepa-cli[tensorboard]'") from missing
        self._new_writer = SummaryWriter

    def on_start(self, run: RunFolder, trainer: Trainer) -> None:
        self._writer = self._new_writer(run.tensorboard, purge_step=trainer.done + 1 if trainer.done else None)

    def on_rows(self, rows: list[Row]) -> None:
        for row in rows:
            for name, value in {**row.losses, "total": row.total, "gradient_norm": row.gradient_norm}.items():
                self._writer.add_scalar(f"train/{name}", value, row.step)

    def on_validation(self, validation: Validation) -> None:
        for name, value in validation.losses.items():
            self._writer.add_scalar(f"validation/{name}", value, validation.step)
        for name, value in validation.vitals.items():
            self._writer.add_scalar(f"vitals/{name}", value, validation.step)
        self._writer.flush()

    def on_pictures(self, step: int, pictures: Sequence[Path]) -> None:
        import numpy as np
        from PIL import Image

        for picture in pictures:
            with Image.open(picture) as image:
                self._writer.add_image(picture.stem, np.asarray(image.convert("RGB")), step, dataformats="HWC")
        self._writer.flush()

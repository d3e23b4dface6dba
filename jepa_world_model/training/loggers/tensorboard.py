"""TensorBoard: events in the run folder."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jepa_world_model.training.loggers.logger import TRAIN, End, Logger
from jepa_world_model.training.loggers.packages import need
from jepa_world_model.training.loggers.plain_config import plain

if TYPE_CHECKING:
    from jepa_world_model.model_config import Config
    from jepa_world_model.training.run_folder import RunFolder


class TensorBoard(Logger):
    """Writes `tensorboard/` into the run folder."""

    name = "tensorboard"

    def __init__(self, warn: Callable[[str], Any] = warnings.warn) -> None:
        """Raises UserError when TensorBoard is not installed."""
        super().__init__(warn)
        need(self.name, "tensorboard", "torch.utils.tensorboard")

    def open(self, run: RunFolder, config: Config, step: int) -> None:
        """Discard the events after `step` of a session that was killed."""
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer = SummaryWriter(run.tensorboard, purge_step=step + 1 if step else 0)
        if not step:
            self._hyperparameters(config)

    def _hyperparameters(self, config: Config) -> None:
        """Not by `add_hparams`: that writes a second file of events, and TensorBoard follows only the last one."""
        from torch.utils.tensorboard.summary import hparams

        for summary in hparams(plain(config), {f"{TRAIN}/total": 0.0}):
            self._writer.file_writer.add_summary(summary)  # pyright: ignore[reportOptionalMemberAccess]

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def text(self, step: int, name: str, text: str) -> None:
        self._writer.add_text(name, text, step)

    def pictures(self, step: int, pictures: Mapping[str, Path]) -> None:
        import numpy as np
        from PIL import Image

        for name, file in pictures.items():
            with Image.open(file) as image:
                self._writer.add_image(name, np.asarray(image.convert("RGB")), step, dataformats="HWC")

    def flush(self) -> None:
        self._writer.flush()

    def close(self, end: End) -> None:
        self._writer.close()

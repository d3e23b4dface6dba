"""Weights & Biases: online after a login, otherwise in the run folder until `wandb sync`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jepa_world_model.config_file import TABLES
from jepa_world_model.training.loggers.logger import End, Logger
from jepa_world_model.training.loggers.packages import need
from jepa_world_model.training.loggers.run_ids import recall, remember

if TYPE_CHECKING:
    from jepa_world_model.model_config import Config
    from jepa_world_model.training.run_folder import RunFolder

PROJECT = "jepa"
UPLOAD_SECONDS = 300.0
"""How long the end of a run waits for a network that does not answer."""


class WandB(Logger):
    """Writes `wandb/` into the run folder, and sends it where it can."""

    name = "wandb"

    def __init__(self, warn: Callable[[str], Any] = warnings.warn) -> None:
        """Raises UserError when W&B is not installed."""
        super().__init__(warn)
        need(self.name, "wandb")

    def open(self, run: RunFolder, config: Config, step: int) -> None:
        import wandb

        known = recall(run, self.name)
        self._run = wandb.init(
            id=known,
            resume="allow" if known else None,
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=run.path.resolve().name,
            dir=run.path,
            mode=self._mode(),
            config={table: asdict(config)[table] for table in TABLES},  # nested: W&B wants no dots in keys
            allow_val_change=True,
            reinit="create_new",
            settings=wandb.Settings(
                console="off",
                quiet=True,
                finish_timeout=wandb.setup().settings.finish_timeout or UPLOAD_SECONDS,
                finish_timeout_raises=True,
            ),
        )
        if not known:
            remember(run, self.name, self._run.id)

    def _mode(self) -> Literal["offline"] | None:
        """As the environment says. Without a login, offline: never ask on the terminal."""
        import wandb

        if wandb.setup().settings.mode != "online" or wandb.login(prompt=False, verify=False):
            return None
        self.warn("wandb: not logged in, so the run stays in its folder; `wandb sync` sends it later")
        return "offline"

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Leaves out what W&B has already from a session that was killed: its steps only grow."""
        if step >= self._run.starting_step:
            self._run.log(dict(values), step=step)

    def text(self, step: int, name: str, text: str) -> None:
        self._run.alert(name[:63], text)

    def pictures(self, step: int, pictures: Mapping[str, Path]) -> None:
        import wandb

        self._run.log({name: wandb.Image(str(file)) for name, file in pictures.items()}, step=step)

    def close(self, end: End) -> None:
        if end is End.INTERRUPTED:
            self._run.mark_preempting()
        self._run.finish(exit_code=0 if end is End.FINISHED else 1)

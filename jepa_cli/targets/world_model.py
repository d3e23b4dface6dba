"""The world model as a subject of the commands: of a config, or at the weights of a run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audits import AuditError
from audits.errors import nearest
from jepa_cli.targets.subject import ALL, ENABLED, GateValues, Subject, listed
from jepa_world_model.config_file import load_config
from jepa_world_model.gradient_flow.target import jepa_target, trained_target
from jepa_world_model.losses import LOSSES
from jepa_world_model.model_config import Config
from jepa_world_model.states import Gates

THREADS = "OMP_NUM_THREADS"
"""What a user sets who wants another number."""


@dataclass(frozen=True)
class WorldModelSubject(Subject):
    settings: Config

    @property
    def config(self) -> Config:
        return self.settings

    def losses(self, texts: Sequence[str]) -> list[str] | None:
        """Names in the order of declaration; None for all. Raises AuditError for one that is unknown."""
        asked = set(listed(texts))
        if unknown := sorted(asked - set(LOSSES) - {ALL, ENABLED}):
            told = (f"--losses: there is no loss {name!r}: {nearest(name, LOSSES)}" for name in unknown)
            raise AuditError("; ".join(told))
        if not asked or ALL in asked:
            return None
        enabled = {loss.name for loss in self.settings.enabled} if ENABLED in asked else set()
        return [name for name in LOSSES if name in asked | enabled]

    @property
    def own_gates(self) -> GateValues:
        return vars(Gates.of(self.settings.model, self.settings.train))


def configured(file: Path | None, overrides: Sequence[str]) -> WorldModelSubject:
    """A small untrained model, with all losses in one phase: phases change when a loss is trained, not where its
    gradient goes. Raises UserError for a config that has mistakes."""
    config = load_config(file, [*overrides, "train.perception_share=0"])
    _use_one_thread()
    return WorldModelSubject(jepa_target(config), config)


def _use_one_thread() -> None:
    """Operations on a model this small gain nothing from a second thread, and wait for it where cores are busy."""
    if THREADS not in os.environ:
        import torch

        torch.set_num_threads(1)


def trained(run: Path) -> WorldModelSubject:
    """A model at the weights of a run, on its data. Raises UserError for what is no run."""
    return WorldModelSubject(*trained_target(run))

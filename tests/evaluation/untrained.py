"""Run folders with weights that nobody trained, where a test needs a run and not what it can do."""

from __future__ import annotations

from pathlib import Path

import torch

from jepa_world_model.config_file import load_config
from jepa_world_model.model import WorldModel
from jepa_world_model.run import open_config_source
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.sealed import sealed
from tests.conftest import SMALL


def untrained_run(path: Path, *overrides: str) -> Path:
    """As a run leaves its folder, in a blink."""
    config = load_config(None, [*SMALL, *overrides])
    run = RunFolder.create(path, config)
    torch.manual_seed(0)
    model = WorldModel(config.model, open_config_source(config).spec)
    run.write(run.weights, sealed(model.state_dict(), {}))
    return path

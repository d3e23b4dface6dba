"""A folder for hostile inputs."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jepa_world_model.config_file import load_config
from jepa_world_model.run import run_training
from jepa_world_model.training.observer import Observer
from tests.conftest import SMALL
from tests.hostile.inputs import make_files


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current folder with two runs, a trainer, and files that are none."""
    monkeypatch.setattr("jepa_world_model.run.draw_pictures", lambda trainer, run: [])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    for name in ("run", "run2"):
        run_training(load_config(None, [*SMALL, "train.steps=1"]), Path(name), Observer())
    make_files(tmp_path)
    yield tmp_path
    sys.modules.pop("trainer", None)

"""What tests of whole runs share."""

from pathlib import Path

import pytest

from jepa_world_model import run as run_module
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.trainer import Trainer


@pytest.fixture
def quick_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of three pictures, which take most of a small run, one that is quickly drawn: what it shows, as it is."""

    def sketched(trainer: Trainer, run: RunFolder) -> list[Path]:
        picture = run.pictures / "losses.png"
        run.write(picture, run.metrics.read_bytes())
        return [picture]

    monkeypatch.setattr(run_module, "draw_pictures", sketched)

"""Nothing that a user types or opens ends in a traceback, a hang or a loss: every command with hostile inputs."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jepa_world_model.config_file import load_config
from jepa_world_model.run import run_training
from jepa_world_model.training.observer import Observer
from tests.conftest import SMALL
from tests.hostile.drive import complaints
from tests.hostile.inputs import BASES, OUTPUTS, commands, lines, make_files, settings

LINES, KEYS = list(lines()), list(settings())
PIECES = 4


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


def test_every_command_is_driven() -> None:
    assert {words for words, _ in commands()} <= BASES.keys()
    assert len(LINES) + len(KEYS) >= 500


@pytest.mark.parametrize("piece", range(PIECES))
def test_no_value_of_an_option_does_harm(piece: int, place: Path) -> None:
    found = {}
    for line in LINES[piece::PIECES]:
        named = [line[-1]] if line[-2] in ("--out", "--output") else []
        if wrong := complaints(line, (*OUTPUTS, *named)):
            found[" ".join(line)[:200]] = wrong
    assert found == {}


def test_no_setting_does_harm(place: Path) -> None:
    found = {key[:200]: wrong for key in KEYS if (wrong := complaints(["train", "--print-config", "--set", key]))}
    assert found == {}
